"""Run estimators on the same noisy cells and tabulate every error."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted
from tqdm.auto import tqdm

from tfmkit import methods
from tfmkit import metrics as field_metrics
from tfmkit._validation import FloatArray, check_choice, check_mask, check_number, check_pair, root_stream
from tfmkit.base import find_gel, predict_inside
from tfmkit.benchmark.oracle import OracleLambda
from tfmkit.fttc import FTTC
from tfmkit.simulate import add_noise

NoiseModel = Callable[[FloatArray, float, np.random.Generator], FloatArray]
Metric = Callable[[FloatArray, FloatArray], Any]

ORACLE_ORDERS = (0.0, 0.5, 1.0, 1.5, 2.0)

# Name -> metric and the metadata that it needs.
METRICS: dict[str, tuple[Callable[..., Any], str | None]] = {
    "relative_rmse": (field_metrics.relative_rmse, None),
    "mean_normalized_error": (field_metrics.mean_normalized_error, None),
    "relative_rmse_inside": (field_metrics.relative_rmse, "mask"),
    "mean_normalized_error_inside": (field_metrics.mean_normalized_error, "mask"),
    "dtma": (field_metrics.dtma, "patches"),
    "dtmb": (field_metrics.dtmb, "patches"),
    "snr": (field_metrics.snr, "patches"),
    "dma": (field_metrics.dma, "patches"),
    "dta": (field_metrics.dta, "patches"),
    "csta": (field_metrics.csta, "patches"),
}


def add_vector_noise(displacement: FloatArray, level: float, rng: np.random.Generator) -> FloatArray:
    """Add white Gaussian noise, given as the size of the noise vector.

    Parameters
    ----------
    displacement : ndarray of shape (n_fields, 2, height, width)
        Displacement.
    level : float
        Root-mean-square length of the noise vectors, in the unit of the displacement; each component gets
        level / sqrt(2), as in the paper.
    rng : numpy.random.Generator
        Source of the noise.

    Returns
    -------
    ndarray of shape (n_fields, 2, height, width)
        Noisy displacement, in the precision of `displacement`.
    """
    return add_noise(displacement, level, random_state=rng)


def default_estimators(*, young: float = 10_670.0, poisson: float = 0.45, spacing: float = 1.0) -> dict[str, Any]:
    """Return the methods that `compare` runs by default, for a gel and a grid.

    Parameters
    ----------
    young : float, default=10670.0
        Young's modulus of the gel, in the unit of the traction.
    poisson : float, default=0.45
        Poisson ratio of the gel.
    spacing : float, default=1.0
        Distance between grid points, in the unit of the displacement.

    Returns
    -------
    dict of str to estimator
        `FTTCCV`, `ElasticNetTFM`, and `DeepTFM` with its packaged weights.
    """
    gel = {"young": young, "poisson": poisson, "spacing": spacing}
    return {name: methods.TRACTION[name].make(**gel) for name in methods.DEFAULT_TRACTION}


def compare(
    displacement: ArrayLike,
    traction: ArrayLike,
    estimators: Mapping[str, Any] | None = None,
    *,
    noise: Sequence[float] = (0.0,),
    noise_model: NoiseModel = add_vector_noise,
    mask: ArrayLike | None = None,
    patches: ArrayLike | None = None,
    metrics: Sequence[str] | None = None,
    oracle: bool = True,
    random_state: Any = None,
    progress: bool = True,
) -> pd.DataFrame:
    """Return the errors of estimators on the same cells under the same noise, one row per number.

    Parameters
    ----------
    displacement : array-like of shape (n_fields, 2, height, width)
        Displacement without noise.
    traction : array-like of shape (n_fields, 2, height, width)
        True traction.
    estimators : mapping of str to estimator, optional
        Estimators by name. A fitted estimator is used as it is. An unfitted one is cloned and fitted to the noisy
        displacement, without the true traction; an estimator that learns from tractions must be fitted. By default
        :func:`default_estimators`, for the gel of the paper.
    noise : sequence of float, default=(0.0,)
        Noise levels, >= 0, in the meaning of `noise_model`. Every estimator gets the same noise.
    noise_model : callable, default=add_vector_noise
        Function of displacement, level and random generator that returns noisy displacement.
    mask : array-like of shape (n_fields, height, width) or (height, width), optional
        True inside the cell, for the metrics inside the cell and for estimators that request it in `predict`.
    patches : array-like of int of shape (n_fields, height, width), optional
        Labels of the adhesions, for the metrics over adhesions.
    metrics : sequence of str, optional
        Names from :data:`METRICS`. By default all metrics that do not need a missing mask or missing patches.
    oracle : bool, default=True
        Whether to add FTTC with the lambda and the order that give the least error over the whole field, for every
        field (:class:`OracleLambda`). It is not added if `estimators` has an oracle of its own. Its gel is that of
        the first estimator with the parameters of a gel.
    random_state : int, Generator, RandomState or None, default=None
        Seed of the noise.
    progress : bool, default=True
        Whether to show a progress bar on a terminal.

    Returns
    -------
    DataFrame
        Columns `estimator`, `noise`, `cell` (position in `displacement`), `metric`, `value` and `seconds` (time per
        cell to predict the whole batch, with the fit of estimators that come unfitted).

    Raises
    ------
    ValueError
        If an argument is not as described.
    """
    clean, truth = check_pair(displacement, traction)
    levels = [check_number(level, "noise", low=0) for level in np.ravel(noise)]
    if not levels:
        raise ValueError("Expected at least one noise level, got none.")
    if mask is not None:
        mask = check_mask(mask, clean.shape)
    measures = _measures(metrics, {"mask": mask, "patches": patches})
    contenders = _check_estimators(default_estimators() if estimators is None else estimators, oracle)
    rng = root_stream(random_state)
    tables = []
    with tqdm(total=len(levels) * len(contenders), disable=None if progress else True) as bar:
        for level in levels:
            noisy = noise_model(clean, level, rng)
            for name, estimator in contenders.items():
                bar.set_description(f"{name}, noise {level:g}")
                recovered, seconds = _recover(estimator, noisy, truth, mask)
                tables.append(_rows(name, level, seconds, {key: m(truth, recovered) for key, m in measures.items()}))
                bar.update()
    return pd.concat(tables, ignore_index=True)


def _measures(names: Sequence[str] | None, metadata: dict[str, Any]) -> dict[str, Metric]:
    """Return metrics of (truth, recovered) per field, with their metadata filled in."""
    if names is None:
        names = [name for name, (_, needed) in METRICS.items() if needed is None or metadata[needed] is not None]
    measures: dict[str, Metric] = {}
    for name in names:
        metric, needed = METRICS[check_choice(name, "each metric", tuple(METRICS))]
        if needed is not None and metadata[needed] is None:
            raise ValueError(f"Expected {needed} for the metric {name!r}, got none.")
        extra = {needed: metadata[needed]} if needed is not None else {}
        measures[name] = partial(metric, multioutput="raw_values", **extra)
    if not measures:
        raise ValueError("Expected at least one metric, got none.")
    return measures


def _check_estimators(estimators: Any, oracle: bool) -> dict[str, Any]:
    """Return the checked estimators, with the oracle of FTTC where it is asked for and they have none."""
    if not isinstance(estimators, Mapping) or not estimators:
        raise ValueError(f"Expected a mapping of names to estimators, got {estimators!r}.")
    for name, estimator in estimators.items():
        learns = get_tags(estimator).target_tags.required and not _is_oracle(estimator)
        if learns and not _is_fitted(estimator):
            raise ValueError(f"Expected a fitted estimator: {name!r} learns from tractions and has seen none.")
    if not oracle or any(map(_is_oracle, estimators.values())):
        return dict(estimators)
    gels = [gel for gel in map(find_gel, estimators.values()) if gel is not None]
    baseline = OracleLambda(FTTC(**(asdict(gels[0]) if gels else {})), orders=ORACLE_ORDERS)
    return {baseline.label: baseline, **estimators}


def _recover(
    estimator: Any, noisy: FloatArray, traction: FloatArray, mask: ArrayLike | None
) -> tuple[FloatArray, float]:
    """Return the traction recovered from the noisy displacement, and the seconds per field."""
    if _is_oracle(estimator):
        # The search for the best lambda needs the truth and is not part of the method: it is not timed.
        estimator = clone(estimator).fit(noisy, traction)
    start = perf_counter()
    if not _is_fitted(estimator):
        estimator = clone(estimator).fit(noisy)
    recovered = predict_inside(estimator, noisy, mask)
    return recovered, (perf_counter() - start) / len(noisy)


def _is_oracle(estimator: Any) -> bool:
    return getattr(estimator, "needs_truth", False)


def _is_fitted(estimator: Any) -> bool:
    try:
        check_is_fitted(estimator)
    except NotFittedError:
        return False
    return True


def _rows(name: str, level: float, seconds: float, values: Mapping[str, FloatArray]) -> pd.DataFrame:
    columns = ("cell", "metric", "value")
    parts = [
        pd.DataFrame(dict(zip(columns, (np.arange(len(value)), metric, value), strict=True)))
        for metric, value in values.items()
    ]
    table = pd.concat(parts, ignore_index=True)
    table.insert(0, "estimator", name)
    table.insert(1, "noise", level)
    return table.assign(seconds=seconds)
