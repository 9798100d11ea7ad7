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
import scipy.fft

from tfmkit._validation import FloatArray
from tfmkit.bayes import BayesianFTTC
from tfmkit.fttc import FTTC, FTTCCV
from tfmkit.inversion.noise import noise_bands, noise_power
from tfmkit.inversion.spectrum import rings_of, tapered_spectrum
from tfmkit.operators import wavenumbers

_SHARED = ("young", "poisson", "spacing", "boundary", "tol", "max_iter", "thickness", "depth")


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
        Gaussian fields with the spectrum that `tfmkit.inversion.noise` finds in the field, in its unit and precision.
    level : float
        Standard deviation of that noise per component.
    """
    shape = (displacement.shape[-2], displacement.shape[-1])
    bands = noise_bands(tapered_spectrum(displacement[None]), shape, poisson)
    rings = rings_of(shape)
    level = np.sqrt(noise_power(*bands, rings.wavenumber)[0] @ rings.n_vectors / rings.n_vectors.sum())
    k = np.hypot(*wavenumbers(shape))
    amplitude = np.sqrt(noise_power(*bands, k.ravel())[0].reshape(k.shape))
    # A common shift is drift, not noise.
    amplitude[0, 0] = 0
    white = rng.standard_normal((n_samples, 2, *shape))
    draws = scipy.fft.irfft2(scipy.fft.rfft2(white) * amplitude, s=shape)
    return draws.astype(displacement.dtype), float(level)


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
    if isinstance(estimator, (FTTC, FTTCCV)):
        return traction + _linear_errors(estimator, displacement, noise)
    if std is None:
        return np.asarray(estimator.predict(displacement + noise))
    gel = {name: getattr(estimator, name) for name in ("young", "poisson", "spacing")}
    errors = _linear_errors(FTTCCV(**gel).fit(displacement[None]), displacement, noise)
    return traction + errors * (std / np.maximum(errors.std(axis=0), np.finfo(errors.dtype).tiny))


def _linear_errors(estimator: FTTC | FTTCCV, displacement: FloatArray, noise: FloatArray) -> FloatArray:
    """Invert noise with the lambda that was chosen for the displacement."""
    lam, order = (float(np.ravel(value)[0]) for value in (estimator.lam_, _order(estimator)))
    shared = {name: getattr(estimator, name) for name in _SHARED}
    return FTTC(lam, order=order, **shared).fit(displacement[None]).predict(noise)


def _order(estimator: FTTC | FTTCCV) -> Any:
    return estimator.order_ if isinstance(estimator, FTTCCV) else estimator.order
