"""Gaussian posterior of the traction.

The prior of the traction is Gaussian with the power ``alpha |k|^(-2 order)`` per wave vector, the noise of the
displacement white with the variance ``1 / beta``. The posterior is then Gaussian too: independent along and across
every wave vector, its mean the quadratic inverse with ``lam = 1 / (alpha beta)``.

References
----------
.. [1] D. J. C. MacKay, Neural Comput. 4, 415 (1992): the evidence.
.. [2] Y. Huang et al., Sci. Rep. 9, 539 (2019): Bayesian traction force microscopy.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from tfmkit.fttc.penalty import Penalty, penalty_at
from tfmkit.fttc.search import search, warn_of_ends
from tfmkit.gel.gel import Gel
from tfmkit.gel.layer import gains
from tfmkit.gel.symbol import Shape, wavenumber, wavenumbers
from tfmkit.noise.measure import rings_of, tapered_spectrum

Array = NDArray[np.floating[Any]]

# The path that the search begins with. It grows by `MOST_DECADES` at each end at most: no noise and no signal both end
# in a finite lambda.
LAM_RANGE = (1e-6, 1e6)
_LAMS = np.geomspace(*LAM_RANGE, 241)


def evidence(displacement: Array, noise: Array, gel: Gel, *, order: float, lams: Array | None = None) -> Array:
    """Evaluate the log evidence of fields along a path of lambdas.

    Parameters
    ----------
    displacement : ndarray of shape (n_fields, 2, height, width)
        Displacement in pixels.
    noise : ndarray of shape (n_fields,)
        Standard deviation of the noise per component, in pixels, > 0.
    gel : Gel
        The gel.
    order : float
        Order of the prior.
    lams : ndarray of shape (n_lams,), optional
        The path, > 0; ``numpy.geomspace(*LAM_RANGE, 241)`` if it is not given.

    Returns
    -------
    ndarray of shape (n_fields, n_lams)
        Log evidence up to a constant.

    Notes
    -----
    The power of a displacement mode with gain ``g`` is Gaussian with the variance
    ``v = noise^2 (1 + g^2 / (lam |k|^(2 order)))``, so that the log evidence is ``-1/2 sum (log v + power / v)``.
    """
    shape = (displacement.shape[-2], displacement.shape[-1])
    rings = rings_of(shape)
    power = rings.power(tapered_spectrum(displacement)) / np.square(noise)[:, None, None]
    signal = np.square(gains(rings.wavenumber, gel)) / penalty_at(rings.wavenumber, order)
    variance = 1 + signal / np.asarray(_LAMS if lams is None else lams, float)[:, None, None]
    constant = (rings.n_vectors * np.log(variance)).sum(axis=(1, 2))
    return np.asarray(-0.5 * (constant + np.einsum("ncr,lcr->nl", power, 1 / variance)))


def evidence_lam(displacement: Array, noise: Array, gel: Gel, *, order: float) -> Array:
    """Return the lambda with the largest evidence, the noise being known.

    Parameters
    ----------
    displacement : ndarray of shape (n_fields, 2, height, width)
        Displacement in pixels.
    noise : ndarray of shape (n_fields,)
        Standard deviation of the noise per component, in pixels, > 0.
    gel : Gel
        The gel.
    order : float
        Order of the prior.

    Returns
    -------
    ndarray of shape (n_fields,)
        Lambda, within `LAM_RANGE` or at most three decades beyond it.

    Warns
    -----
    ConvergenceWarning
        If the evidence of a field is largest at an end of the path, after the path has grown.
    """

    def _score(lams: NDArray[np.float64], fields: NDArray[np.intp]) -> NDArray[np.float64]:
        found = evidence(displacement[fields], noise[fields], gel, order=order, lams=lams)
        return -found.T[None].astype(np.float64)

    found = search(_score, _LAMS, len(displacement), grow=True)
    # A field at rest has no lambda to choose.
    at_end = found.at_end & displacement.any(axis=(1, 2, 3))
    warn_of_ends(at_end, found.lams, "'evidence'", "State the noise, or use FTTCCV.", stacklevel=5)
    return np.asarray(found.lams[found.table[0].argmin(axis=0)])


def posterior_std(shape: Shape, noise: float, gel: Gel, prior: Penalty) -> Array:
    """Return the posterior standard deviation of the traction at a pixel.

    Parameters
    ----------
    shape : (int, int)
        Height and width of the field.
    noise : float
        Standard deviation of the noise per component, in pixels.
    gel : Gel
        The gel.
    prior : Penalty
        Lambda, > 0, and order of the prior.

    Returns
    -------
    ndarray of shape (2,)
        Standard deviation of both components, over Young's modulus; the same at every pixel.

    Notes
    -----
    The variance of a mode is ``noise^2 / (g^2 + lam |k|^(2 order))``. That of a pixel is its mean over the wave
    vectors, each turned into x and y.
    """
    ky, kx = (2 * np.pi * np.fft.fftfreq(n) for n in shape)
    ky, kx = np.meshgrid(ky, kx, indexing="ij")
    k = np.hypot(ky, kx)
    inside = k > 0
    along, across = np.square(_deviations(k[inside], noise, gel, prior))
    turn = np.square(np.stack([kx, ky])[:, inside] / k[inside])
    return np.sqrt((turn * along + (1 - turn) * across).sum(axis=1) / k.size)


def posterior_samples(shape: Shape, noise: float, gel: Gel, prior: Penalty, *, n_samples: int, rng: Any) -> Array:
    """Draw deviations of the traction from its posterior mean.

    Parameters
    ----------
    shape : (int, int)
        Height and width of the field.
    noise : float
        Standard deviation of the noise per component, in pixels.
    gel : Gel
        The gel.
    prior : Penalty
        Lambda, > 0, and order of the prior.
    n_samples : int
        Number of draws.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    ndarray of shape (n_samples, 2, height, width)
        Deviations over Young's modulus, with the variances of `posterior_std` and their correlation between pixels.
    """
    return _samples(shape, _deviations(_inside(shape), noise, gel, prior), n_samples, rng)


def unseen_samples(shape: Shape, noise: float, gel: Gel, prior: Penalty, *, n_samples: int, rng: Any) -> Array:
    """Draw the part of the deviations that the noise of the displacement does not make.

    Parameters
    ----------
    shape : (int, int)
        Height and width of the field.
    noise : float
        Standard deviation of the noise per component, in pixels.
    gel : Gel
        The gel.
    prior : Penalty
        Lambda, > 0, and order of the prior.
    n_samples : int
        Number of draws.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    ndarray of shape (n_samples, 2, height, width)
        Deviations over Young's modulus.

    Notes
    -----
    The estimate is ``R u`` with ``R = g / (g^2 + lam p)``, and its deviation is ``R n - (1 - R g) t``: noise, and
    traction of the prior that is smoothed away. The variance of the second part is ``lam p / (g^2 + lam p)`` times that
    of both parts under white noise, ``noise^2 / (g^2 + lam p)``.
    """
    k = _inside(shape)
    penalised = prior.lam * penalty_at(k, prior.order)
    share = np.sqrt(penalised / (np.square(gains(k, gel)) + penalised))
    return _samples(shape, share * _deviations(k, noise, gel, prior), n_samples, rng)


def _inside(shape: Shape) -> NDArray[np.float64]:
    """Return the lengths of the wave vectors, and 1 for the mean, which has no gain."""
    k = wavenumber(shape)
    k[0, 0] = 1
    return k


def _samples(shape: Shape, deviations: Array, n_samples: int, rng: Any) -> Array:
    """Draw fields whose modes along and across the wave vector have standard deviations."""
    ky, kx = wavenumbers(shape)
    along, across = deviations
    along[0, 0] = across[0, 0] = 0
    white_x, white_y = np.moveaxis(scipy.fft.rfft2(rng.standard_normal((n_samples, 2, *shape))), 1, 0)
    # White noise stays white however it is turned: its part along k gets one deviation, that across the other.
    parallel = (along - across) * (kx * white_x + ky * white_y) / _inside(shape) ** 2
    spectrum = np.stack([across * white_x + parallel * kx, across * white_y + parallel * ky], axis=1)
    return np.asarray(scipy.fft.irfft2(spectrum, s=shape))


def _deviations(k: NDArray[np.float64], noise: float, gel: Gel, prior: Penalty) -> Array:
    """Posterior standard deviation of the modes along and across the wave vector."""
    return noise / np.sqrt(np.square(gains(k, gel)) + prior.lam * penalty_at(k, prior.order))
