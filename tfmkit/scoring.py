"""Scorers made from the metrics, by name; a greater score is always better.

A scorer requests the metadata of its metric (`mask` or `patches`). With metadata routing enabled,
``cross_validate(..., scoring=get_scorer("neg_relative_rmse"), params={"mask": mask})`` splits the mask together with
the fields. The displacement residual has no scorer on purpose: a solver that fits the noise has the best residual.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from sklearn import config_context
from sklearn.metrics import make_scorer

from tfmkit import metrics
from tfmkit._validation import check_choice


def get_scorer(name: str) -> Callable[..., float]:
    """Return the scorer with this name.

    Parameters
    ----------
    name : str
        One of :func:`get_scorer_names`.

    Returns
    -------
    callable
        Scorer with the signature ``scorer(estimator, X, y)``, for the parameter `scoring` of scikit-learn's searches
        and cross-validations. It requests the metadata of its metric: `mask` (True at the pixels that count) or
        `patches` (labels of the adhesions).

    Raises
    ------
    ValueError
        If no scorer has this name.

    Examples
    --------
    >>> get_scorer("neg_relative_rmse")
    make_scorer(relative_rmse, greater_is_better=False, response_method='predict')
    """
    metric, greater_is_better, metadata = _SCORERS[check_choice(name, "name", get_scorer_names())]
    scorer = make_scorer(metric, greater_is_better=greater_is_better)
    # Requests can be set only while routing is enabled; without routing they have no effect.
    with config_context(enable_metadata_routing=True):
        return scorer.set_score_request(**{metadata: True})


def get_scorer_names() -> tuple[str, ...]:
    """Return the names of all scorers.

    Returns
    -------
    tuple of str
        Names for :func:`get_scorer`, sorted.
    """
    return tuple(sorted(_SCORERS))


def _mean_absolute(metric: Callable[..., Any], *args: Any, **kwargs: Any) -> float:
    """Return the mean over fields of the absolute value, so that deviations of opposite sign do not cancel."""
    return float(np.abs(metric(*args, multioutput="raw_values", **kwargs)).mean())


# Name -> metric, whether greater is better, name of the metadata.
_SCORERS: dict[str, tuple[Callable[..., Any], bool, str]] = {
    "neg_relative_rmse": (metrics.relative_rmse, False, "mask"),
    "neg_mean_normalized_error": (metrics.mean_normalized_error, False, "mask"),
    "neg_absolute_dtma": (partial(_mean_absolute, metrics.dtma), False, "patches"),
    "neg_dtmb": (metrics.dtmb, False, "patches"),
    "snr": (metrics.snr, True, "patches"),
    "neg_absolute_dma": (partial(_mean_absolute, metrics.dma), False, "patches"),
    "neg_dta": (metrics.dta, False, "patches"),
    "csta": (metrics.csta, True, "patches"),
}
