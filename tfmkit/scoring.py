"""Scorers made from the metrics, by name: greater is always better.

A scorer asks for the metadata that its metric takes (`mask` or `patches`). With metadata routing enabled,
``cross_validate(..., scoring=get_scorer("neg_relative_rmse"), params={"mask": mask})`` cuts the mask along with
the folds. There is deliberately no scorer of the displacement residual: the solver that fits the noise wins it.
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
        Scorer with the signature ``scorer(estimator, X, y)``, for `scoring` of scikit-learn's searches and
        cross-validations. It requests `mask` (pixels that count) or `patches` (labels of the adhesions)
        where its metric has them.

    Raises
    ------
    ValueError
        If there is no such scorer.

    Examples
    --------
    >>> get_scorer("neg_relative_rmse")
    make_scorer(relative_rmse, greater_is_better=False, response_method='predict')
    """
    metric, greater_is_better, metadata = _SCORERS[check_choice(name, "name", get_scorer_names())]
    scorer = make_scorer(metric, greater_is_better=greater_is_better)
    # Requests can be set only while routing is enabled; they do no harm where it is not.
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
    """Return the mean over fields of a signed metric's size: deviations of opposite sign must not cancel."""
    return float(np.abs(metric(*args, multioutput="raw_values", **kwargs)).mean())


# Name -> metric, whether greater is better, the metadata that it takes.
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
