"""Fields of noise that are as strong and as correlated as the measured one, and what they do to traction.

Error bars of sums over a cell need the correlation of errors between pixels, so they are taken from draws:

- `BayesianFTTC` draws from its posterior, which knows noise and prior.
- A linear inverse (`FTTC`, `FTTCCV` at the chosen lambda) turns fields of noise into fields of error. What
  regularisation itself takes away is not in them.
- `ElasticNetTFM` recovers the displacement again under every field of noise; nor is its bias in the draws.
- `DeepTFM` knows the standard deviation of every pixel. The errors of a linear inverse, scaled to it pixel by pixel,
  stand for how they hang together.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tfmkit._validation import FloatArray
from tfmkit.bayes import BayesianFTTC
from tfmkit.fttc import FTTC, FTTCCV
from tfmkit.gel import Gel
from tfmkit.noise.draw import draw_noise
from tfmkit.noise.measure import level_of, noise_spectrum

_SHARED = ("young", "poisson", "spacing", "boundary", "tol", "max_iter", "thickness", "depth")
_CHOSEN = ("lam", "order", "noise_correlation")


def noise_draws(
    displacement: FloatArray, poisson: float, n_samples: int, rng: np.random.Generator
) -> tuple[FloatArray, float]:
    """Measure the noise of a displacement field and draw more of the kind.

    Parameters
    ----------
    displacement : ndarray of shape (2, height, width)
        Displacement.
    poisson : float
        Poisson ratio.
    n_samples : int
        Number of draws.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    draws : ndarray of shape (n_samples, 2, height, width)
        Gaussian fields with the spectrum that `tfmkit.noise.measure` finds in the field, in its unit and precision.
    level : float
        Standard deviation of that noise per component.
    """
    power = noise_spectrum(displacement[None], Gel(poisson=poisson))[0]
    level = float(level_of(power, (displacement.shape[-2], displacement.shape[-1])))
    like = np.broadcast_to(displacement, (n_samples, *displacement.shape))
    return draw_noise(power, like, rng), level


def traction_draws(
    estimator: Any,
    displacement: FloatArray,
    traction: FloatArray,
    std: FloatArray | None,
    noise: FloatArray,
    rng: np.random.Generator,
) -> FloatArray:
    """Return tractions that the displacement might as well have come from.

    Parameters
    ----------
    estimator : estimator
        Fitted to `displacement`.
    displacement : ndarray of shape (2, height, width)
        Displacement.
    traction : ndarray of shape (2, height, width)
        What the estimator recovered.
    std : ndarray of shape (2, height, width) or None
        Standard deviation that the estimator itself gives.
    noise : ndarray of shape (n_samples, 2, height, width)
        From `noise_draws`.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    ndarray of shape (n_samples, 2, height, width)
        Draws about the recovered traction.
    """
    if isinstance(estimator, BayesianFTTC):
        return estimator.sample_y(displacement[None], len(noise), rng)[:, 0]
    if isinstance(estimator, FTTC):
        return traction + estimator.predict(noise)
    if isinstance(estimator, FTTCCV):
        return traction + _at_choice(estimator, displacement).predict(noise)
    if std is None:
        return np.asarray(estimator.predict(displacement + noise))
    gel = {name: getattr(estimator, name) for name in ("young", "poisson", "spacing")}
    errors = _at_choice(FTTCCV(**gel).fit(displacement[None]), displacement).predict(noise)
    return traction + errors * (std / np.maximum(errors.std(axis=0), np.finfo(errors.dtype).tiny))


def _at_choice(estimator: FTTCCV, displacement: FloatArray) -> FTTC:
    """Return the linear inverse that was chosen for a field."""
    shared = {name: getattr(estimator, name) for name in _SHARED}
    chosen: dict[str, Any] = {name: float(np.ravel(getattr(estimator, f"{name}_"))[0]) for name in _CHOSEN}
    return FTTC(**chosen, **shared).fit(displacement[None])
