"""Noise spectrum, noise level and noise correlation of displacement fields, measured on the fields themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmkit.gel.fourier import Shape
from tfmkit.gel.gel import Gel
from tfmkit.noise.bands import cap_levels, noise_bands, noise_power
from tfmkit.noise.spectrum import Rings, rings_of, tapered_spectrum

Array = NDArray[np.floating[Any]]

# Noise below this share of the displacement is not worth resolving: the grid itself errs by as much.
_FLOOR = 2e-3


def spectrum_noise(
    spectrum: NDArray[Any], shape: Shape, gel: Gel, *, most_excess: float | None = np.inf
) -> NDArray[np.float64]:
    """Measure the power of the noise on every ring of tapered spectra.

    Parameters
    ----------
    spectrum : ndarray of shape (n_fields, 2, height, width // 2 + 1)
        From `tfmkit.noise.spectrum.tapered_spectrum`.
    shape : (int, int)
        Height and width of the field.
    gel : Gel
        The gel.
    most_excess : float or None, default=inf
        As for `tfmkit.noise.bands.cap_levels`; None caps no level.

    Returns
    -------
    ndarray of shape (n_fields, n_rings)
        Power per wave vector and component, in the squared unit of the displacement: the variance of white noise.
    """
    levels, excess = noise_bands(spectrum, shape, gel)
    if most_excess is not None:
        levels = cap_levels(levels, excess, shape, most_excess=most_excess)
    return noise_power(levels, excess, rings_of(shape).wavenumber)


def noise_spectrum(displacement: Array, gel: Gel, noise: float | None = None) -> NDArray[np.float64]:
    """Return the spectrum of the noise of fields: measured, or that of a known level of white noise.

    Parameters
    ----------
    displacement : ndarray of shape (n_fields, 2, height, width)
        Displacement.
    gel : Gel
        The gel.
    noise : float, optional
        Standard deviation of white noise per component, in the unit of `displacement`; by default the noise is
        measured.

    Returns
    -------
    ndarray of shape (n_fields, n_rings)
        Power per wave vector and component on the rings of `tfmkit.noise.spectrum`, in the squared unit of
        `displacement`.
    """
    shape = (displacement.shape[-2], displacement.shape[-1])
    if noise is not None:
        return np.full((len(displacement), len(rings_of(shape).n_vectors)), noise**2)
    return spectrum_noise(tapered_spectrum(displacement), shape, gel)


def level_of(power: Array, shape: Shape) -> NDArray[np.float64]:
    """Return the noise level of a spectrum.

    Parameters
    ----------
    power : ndarray of shape (..., n_rings)
        From `noise_spectrum`.
    shape : (int, int)
        Height and width of the field.

    Returns
    -------
    ndarray of shape (...)
        Standard deviation per component.
    """
    return np.sqrt(rings_of(shape).mean(power))


def noise_level(displacement: Array, gel: Gel, noise: float | None = None) -> NDArray[np.float64]:
    """Return the noise level of fields: measured, or a known one.

    Parameters
    ----------
    displacement : ndarray of shape (n_fields, 2, height, width)
        Displacement.
    gel : Gel
        The gel.
    noise : float, optional
        As for `noise_spectrum`.

    Returns
    -------
    ndarray of shape (n_fields,)
        Standard deviation per component, in the unit of `displacement`.
    """
    if noise is not None:
        return np.full(len(displacement), float(noise))
    return level_of(noise_spectrum(displacement, gel), (displacement.shape[-2], displacement.shape[-1]))


def effective_noise(displacement: Array, noise: float) -> float:
    """Return the noise level that is worth resolving.

    Parameters
    ----------
    displacement : ndarray of shape (2, height, width)
        Displacement in pixels.
    noise : float
        Standard deviation of its noise per component.

    Returns
    -------
    float
        `noise`, or 0.2 % of the root mean square of the displacement if that is more.
    """
    rms = float(np.sqrt(np.mean(displacement**2, dtype=float)))
    return max(noise, _FLOOR * rms, float(np.finfo(np.float32).tiny))


def sharing_vectors(noise: Array, rings: Rings) -> NDArray[np.float64]:
    """Return the number of vectors that share their noise.

    Parameters
    ----------
    noise : ndarray of shape (n_fields, n_rings)
        Power of the noise per wave vector and component, from long waves to short ones.
    rings : Rings
        The rings.

    Returns
    -------
    ndarray of shape (n_fields,)
        1 for white noise; 1 for no noise, too.

    Notes
    -----
    The power of the longest waves over the mean power is the sum of the autocorrelation. It is ``4 pi s^2`` for white
    noise under a Gaussian of standard deviation ``s``.
    """
    mean = rings.mean(noise)
    return np.divide(noise[:, 0], mean, out=np.ones_like(mean), where=mean > 0)


def correlation_length(noise: Array, rings: Rings) -> NDArray[np.float64]:
    """Return the standard deviation of the Gaussian that makes white noise as correlated as the noise of fields.

    Parameters
    ----------
    noise : ndarray of shape (n_fields, n_rings)
        Power of the noise per wave vector and component, from long waves to short ones.
    rings : Rings
        The rings.

    Returns
    -------
    ndarray of shape (n_fields,)
        Lengths in pixels, in steps of a quarter, so that fields may share a filter; 0 for white noise.

    Notes
    -----
    A Gaussian of standard deviation ``s`` makes ``4 pi s^2`` vectors share their noise (`sharing_vectors`), besides the
    1 that a vector shares with itself.
    """
    return np.rint(4 * np.sqrt(np.maximum(sharing_vectors(noise, rings) - 1, 0) / (4 * np.pi))) / 4
