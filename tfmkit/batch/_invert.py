"""From one displacement field to traction, with error bars and what was chosen on the way."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmkit._validation import FloatArray
from tfmkit.batch._uncertainty import noise_draws, traction_draws
from tfmkit.fttc import FTTCCV


@dataclass(frozen=True, eq=False)
class Inversion:
    """Traction of one field.

    Attributes
    ----------
    traction : ndarray of shape (2, height, width)
        Traction in Pa.
    std : ndarray of shape (2, height, width) or None
        Its standard deviation; None where there are no draws.
    moved : ndarray of shape (n_samples, 2, height, width)
        Displacement under each draw of noise, in pixels.
    draws : ndarray of shape (n_samples, 2, height, width)
        Traction of each draw in Pa.
    noise : float
        Standard deviation of the displacement's noise per component, in pixels.
    choice : dict of str to float
        What the estimator chose: ``lam`` and ``order``, where it does.
    path : dict of str to list
        ``lams`` and ``criterion`` at the chosen order, where a path was searched.
    """

    traction: FloatArray
    std: FloatArray | None
    moved: FloatArray
    draws: FloatArray
    noise: float
    choice: dict[str, float] = field(default_factory=dict)
    path: dict[str, list[float]] = field(default_factory=dict)


def invert(displacement: FloatArray, estimator: Any, *, n_samples: int, rng: np.random.Generator) -> Inversion:
    """Recover the traction of one displacement field.

    Parameters
    ----------
    displacement : ndarray of shape (2, height, width)
        Displacement in pixels.
    estimator : estimator
        From `make_estimator`, its spacing in pixels.
    n_samples : int
        Draws behind the error bars; 0 for none.
    rng : numpy.random.Generator
        Source of the draws.

    Returns
    -------
    Inversion
        Traction in Pa, and how certain it is.
    """
    fields = displacement[None]
    if type(estimator).__name__ != "DeepTFM":
        estimator.fit(fields)
    traction, std = _predict(estimator, fields)
    noise, level = noise_draws(displacement, estimator.poisson, n_samples, rng)
    draws = np.empty((0, *displacement.shape), dtype=displacement.dtype)
    if n_samples:
        draws = traction_draws(estimator, displacement, traction, std, noise, rng)
        std = draws.std(axis=0, ddof=1) if std is None and n_samples > 1 else std
    choice = choice_of(estimator) | {
        name: float(values[0]) for name, values in doubts(estimator, fields, traction[None]).items()
    }
    return Inversion(traction, std, displacement + noise, draws, level, choice, _path(estimator))


def choice_of(estimator: Any) -> dict[str, float]:
    """Return what an estimator chose for the one field it was fitted to.

    Parameters
    ----------
    estimator : estimator
        Fitted estimator.

    Returns
    -------
    dict of str to float
        ``lam``, ``order`` and ``noise_correlation``, as far as it has them.
    """
    names = ("lam", "order", "noise_correlation")
    return {
        name: float(np.ravel(getattr(estimator, f"{name}_"))[0]) for name in names if hasattr(estimator, f"{name}_")
    }


def doubts(estimator: Any, displacement: FloatArray, traction: FloatArray) -> dict[str, NDArray[Any]]:
    """Return what tells that fields are unlike those that a network was trained on.

    Parameters
    ----------
    estimator : estimator
        Fitted estimator.
    displacement, traction : ndarray of shape (n_fields, 2, height, width)
        Displacement and what the estimator made of it.

    Returns
    -------
    dict of str to ndarray of shape (n_fields,)
        ``misfit`` and, of a calibrated network, ``foreign``; nothing if the estimator is no network.
    """
    if not hasattr(estimator, "is_foreign"):
        return {}
    misfit = estimator.misfit(displacement, traction)
    if estimator.calibration_ is None:
        return {"misfit": misfit}
    return {"misfit": misfit, "foreign": (misfit > estimator.calibration_.misfit_limit).astype(int)}


def _predict(estimator: Any, fields: FloatArray) -> tuple[FloatArray, FloatArray | None]:
    if hasattr(estimator, "sample_y") or type(estimator).__name__ == "DeepTFM":
        try:
            traction, std = estimator.predict(fields, return_std=True)
        except ValueError:
            # A network of one's own need not know how wrong it is.
            return estimator.predict(fields)[0], None
        return traction[0], std[0]
    return estimator.predict(fields)[0], None


def _path(estimator: Any) -> dict[str, list[float]]:
    if not isinstance(estimator, FTTCCV):
        return {}
    table = estimator.cv_results_
    chosen = table["order"] == np.ravel(estimator.order_)[0]
    chosen &= table["noise_correlation"][:, 0] == np.ravel(estimator.noise_correlation_)[0]
    return {"lams": table["lam"][chosen].tolist(), "criterion": table["score"][chosen, 0].tolist()}
