"""Scorers made from the metrics, by name; a greater score is always better.

A scorer requests the metadata of its metric (`mask` or `patches`). With metadata routing enabled,
``cross_validate(..., scoring=get_scorer("neg_relative_rmse"), params={"mask": mask})`` splits the mask together with
the fields. The displacement residual has no scorer on purpose: a solver that fits the noise has the best residual.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from types import FrameType
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


def refuse_table_scoring() -> None:
    """Raise an error if a search or cross-validation that is running scores fields by a metric of tables.

    scikit-learn's own metrics refuse 4-D arrays. Its searches and cross-validations catch that error in every fold,
    warn with a traceback, and continue with NaN. An estimator does not see the scorer, but it is cloned before the
    first fold. At this moment, this function reads `scoring` and `y` of the callers.

    Raises
    ------
    ValueError
        If a caller in `sklearn.model_selection` has 4-D targets and a scorer with a metric of scikit-learn.
    """
    for frame in _callers(sys._getframe(1)):
        if str(frame.f_globals.get("__name__")).startswith("sklearn.model_selection."):
            caller = frame.f_locals
            scoring = caller.get("scoring", getattr(caller.get("self"), "scoring", None))
            refused = [name for name in _table_scorers(scoring) if getattr(caller.get("y"), "ndim", 0) == 4]
            if refused:
                raise ValueError(
                    f"Expected a scorer of fields, got {', '.join(refused)}: the metrics of scikit-learn take tables "
                    "only. Leave scoring out for the estimator's own score (minus the relative error), or pass "
                    f"tfmkit.scoring.get_scorer(name) with one of {', '.join(map(repr, get_scorer_names()))}."
                )


def _callers(frame: FrameType | None) -> Iterator[FrameType]:
    while frame:
        yield frame
        frame = frame.f_back


def _table_scorers(scoring: Any) -> Iterator[str]:
    """Yield the names of the metrics of scikit-learn in a value of `scoring`."""
    if isinstance(scoring, str):
        yield repr(scoring)
    elif isinstance(scoring, (list, tuple, set, dict)):
        for part in scoring.values() if isinstance(scoring, dict) else scoring:
            yield from _table_scorers(part)
    else:
        metric = getattr(scoring, "_score_func", None)
        if getattr(metric, "__module__", "").startswith("sklearn."):
            yield repr(getattr(metric, "__name__", metric))


def _mean_absolute(metric: Callable[..., Any], *args: Any, **kwargs: Any) -> float:
    """Return the mean over fields of the absolute value, so that deviations of opposite sign do not cancel."""
    return float(np.abs(metric(*args, multioutput="raw_values", **kwargs)).mean())


# Name -> metric, whether greater is better, name of the metadata.
_SCORERS: dict[str, tuple[Callable[..., Any], bool, str]] = {
    "neg_relative_rmse": (metrics.relative_rmse, False, "mask"),
    "neg_mean_normalized_error": (metrics.mean_normalized_error, False, "mask"),
    "neg_absolute_dtma": (partial(_mean_absolute, metrics.dtma), False, "patches"),
    "neg_absolute_dtmb": (partial(_mean_absolute, metrics.dtmb), False, "patches"),
    "snr": (metrics.snr, True, "patches"),
    "neg_absolute_dma": (partial(_mean_absolute, metrics.dma), False, "patches"),
    "neg_dta": (metrics.dta, False, "patches"),
    "csta": (metrics.csta, True, "patches"),
}
