"""Gaussian posterior of the traction on a regular gel, and resampled sums of a sparse one.

The prior of the traction is Gaussian with the power ``alpha |k|^(-2 order)`` per wave vector, the noise of the
displacement white with the variance ``1 / beta``. The posterior is then Gaussian too: independent along and across
every wave vector, its mean the quadratic inverse with ``lam = 1 / (alpha beta)``.

References
----------
.. [1] D. J. C. MacKay, Neural Comput. 4, 415 (1992): the evidence.
.. [2] Y. Huang et al., Sci. Rep. 9, 539 (2019): Bayesian traction force microscopy.
.. [3] J. M. Bardsley et al., SIAM J. Sci. Comput. 36, A1895 (2014): randomise, then optimise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from tfmkit.inversion.objective import SparseProblem, convolve
from tfmkit.inversion.proximal import elastic_net
from tfmkit.inversion.spectrum import gains, ring_power, rings_of, tapered_spectrum
from tfmkit.operators import wavenumbers

Array = NDArray[np.floating[Any]]

# The search is bounded: no noise and no signal both end in a finite lambda.
LAM_RANGE = (1e-6, 1e6)
_LAMS = np.geomspace(*LAM_RANGE, 241)


def evidence(displacement: Array, noise: Array, *, poisson: float, order: float) -> Array:
    """Evaluate the log evidence of fields along the search path of lambda.

    Parameters
    ----------
    displacement : ndarray of shape (n_fields, 2, height, width)
        Displacement in pixels.
    noise : ndarray of shape (n_fields,)
        Standard deviation of the noise per component, in pixels, > 0.
    poisson : float
        Poisson ratio.
    order : float
        Order of the prior.

    Returns
    -------
    ndarray of shape (n_fields, n_lams)
        Log evidence up to a constant, at ``numpy.geomspace(*LAM_RANGE, n_lams)``.

    Notes
    -----
    The power of a displacement mode with gain ``g`` is Gaussian with the variance
    ``v = noise^2 (1 + g^2 / (lam |k|^(2 order)))``, so that the log evidence is ``-1/2 sum (log v + power / v)``.
    """
    shape = (displacement.shape[-2], displacement.shape[-1])
    rings = rings_of(shape)
    power = ring_power(tapered_spectrum(displacement), shape) / np.square(noise)[:, None, None]
    signal = np.square(gains(rings.wavenumber, poisson)) / rings.wavenumber ** (2 * order)
    variance = 1 + signal / _LAMS[:, None, None]
    constant = (rings.n_vectors * np.log(variance)).sum(axis=(1, 2))
    return np.asarray(-0.5 * (constant + np.einsum("ncr,lcr->nl", power, 1 / variance)))


def evidence_lam(displacement: Array, noise: Array, *, poisson: float, order: float) -> Array:
    """Return the lambda with the largest evidence, the noise being known.

    Parameters
    ----------
    displacement : ndarray of shape (n_fields, 2, height, width)
        Displacement in pixels.
    noise : ndarray of shape (n_fields,)
        Standard deviation of the noise per component, in pixels, > 0.
    poisson : float
        Poisson ratio.
    order : float
        Order of the prior.

    Returns
    -------
    ndarray of shape (n_fields,)
        Lambda, within `LAM_RANGE`.
    """
    return np.asarray(_LAMS[evidence(displacement, noise, poisson=poisson, order=order).argmax(axis=1)])


def posterior_std(shape: tuple[int, int], lam: float, noise: float, *, poisson: float, order: float) -> Array:
    """Return the posterior standard deviation of the traction at a pixel.

    Parameters
    ----------
    shape : (int, int)
        Height and width of the field.
    lam : float
        Regularisation, > 0.
    noise : float
        Standard deviation of the noise per component, in pixels.
    poisson : float
        Poisson ratio.
    order : float
        Order of the prior.

    Returns
    -------
    ndarray of shape (2,)
        Standard deviation of both components, over Young's modulus; the same at every pixel.

    Notes
    -----
    The variance of a mode is ``noise^2 / (g^2 + lam |k|^(2 order))``; that of a pixel is its mean over the wave
    vectors, each turned into x and y.
    """
    ky, kx = (2 * np.pi * np.fft.fftfreq(n) for n in shape)
    ky, kx = np.meshgrid(ky, kx, indexing="ij")
    k = np.hypot(ky, kx)
    inside = k > 0
    along, across = 1 / (np.square(gains(k[inside], poisson)) + lam * k[inside] ** (2 * order))
    turn = np.square(np.stack([kx, ky])[:, inside] / k[inside])
    variance = (turn * along + (1 - turn) * across).sum(axis=1) / k.size
    return np.asarray(noise * np.sqrt(variance))


def posterior_samples(
    shape: tuple[int, int], lam: float, noise: float, *, poisson: float, order: float, n_samples: int, rng: Any
) -> Array:
    """Draw deviations of the traction from its posterior mean.

    Parameters
    ----------
    shape : (int, int)
        Height and width of the field.
    lam : float
        Regularisation, > 0.
    noise : float
        Standard deviation of the noise per component, in pixels.
    poisson : float
        Poisson ratio.
    order : float
        Order of the prior.
    n_samples : int
        Number of draws.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    ndarray of shape (n_samples, 2, height, width)
        Deviations over Young's modulus, with the variances of `posterior_std` and their correlation between pixels.
    """
    ky, kx = wavenumbers(shape)
    k = np.hypot(ky, kx)
    k[0, 0] = 1
    along, across = noise / np.sqrt(np.square(gains(k, poisson)) + lam * k ** (2 * order))
    along[0, 0] = across[0, 0] = 0
    white_x, white_y = np.moveaxis(scipy.fft.rfft2(rng.standard_normal((n_samples, 2, *shape))), 1, 0)
    # White noise stays white however it is turned: its part along k gets one deviation, that across the other.
    parallel = (along - across) * (kx * white_x + ky * white_y) / k**2
    spectrum = np.stack([across * white_x + parallel * kx, across * white_y + parallel * ky], axis=1)
    return np.asarray(scipy.fft.irfft2(spectrum, s=shape))


def resample(
    problem: SparseProblem,
    traction: Array,
    noise: float,
    statistics: Callable[[Array], Array],
    *,
    n_samples: int,
    rng: np.random.Generator,
) -> Array:
    """Recover a traction again and again from its own displacement under fresh noise.

    Parameters
    ----------
    problem : SparseProblem
        Penalties.
    traction : ndarray of shape (2, height, width)
        Their minimiser for the measured field.
    noise : float
        Standard deviation of the noise per component, in pixels.
    statistics : callable
        Maps a traction to an ndarray of shape (n_statistics,).
    n_samples : int
        Number of recoveries.
    rng : numpy.random.Generator
        Source of the noise.

    Returns
    -------
    ndarray of shape (n_samples, n_statistics)
        Statistics of every recovered traction.
    """
    clean, samples = convolve(problem, traction), []
    for _ in range(n_samples):
        fresh = clean + (noise * rng.standard_normal(clean.shape)).astype(clean.dtype)
        recovered = elastic_net(replace(problem, displacement=fresh), start=traction, tol=0.2, max_iter=60)
        samples.append(statistics(recovered.traction))
    return np.stack(samples)


def pivot(estimate: Array, samples: Array) -> tuple[Array, Array]:
    """Turn resampled statistics into a centre and a standard deviation of the truth.

    Parameters
    ----------
    estimate : ndarray of shape (n_statistics,)
        Statistics of the recovered traction.
    samples : ndarray of shape (n_samples, n_statistics)
        From `resample`, at least 2.

    Returns
    -------
    centre : ndarray of shape (n_statistics,)
        The estimate less its bias.
    std : ndarray of shape (n_statistics,)
        Its uncertainty.

    Notes
    -----
    What a recovery does to the recovered traction it has done to the true one. The recovered one is sparser, so that
    the bias of the samples overstates the true one: by 1.2 to 1.5 on simulated adhesion cells. Three quarters of it
    are taken off, and a quarter is added to the spread of the samples in quadrature.
    """
    bias = samples.mean(axis=0) - estimate
    return estimate - 0.75 * bias, np.hypot(samples.std(axis=0, ddof=1), 0.25 * bias)
