"""The noise level of displacement fields, measured on the fields themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmkit.noise.bands import noise_bands, noise_power, without_signal
from tfmkit.noise.spectrum import rings_of, tapered_spectrum

Array = NDArray[np.floating[Any]]

# Noise below this share of the displacement is not worth resolving: the grid itself errs by as much.
_FLOOR = 2e-3


def noise_spectrum(displacement: Array, poisson: float) -> Array:
    """Estimate the spectrum of the noise, white or correlated, from the data.

    Parameters
    ----------
    displacement : ndarray of shape (n_fields, 2, height, width)
        Displacement.
    poisson : float
        Poisson ratio.

    Returns
    -------
    ndarray of shape (n_fields, n_rings)
        Power per wave vector and component on the rings of `tfmkit.noise.spectrum`, in the squared unit of
        `displacement`: the variance of white noise.
    """
    shape = (displacement.shape[-2], displacement.shape[-1])
    levels, excess = noise_bands(tapered_spectrum(displacement), shape, poisson)
    return noise_power(without_signal(levels, excess, shape), excess, rings_of(shape).wavenumber)


def mean_level(power: Array, shape: tuple[int, int]) -> Array:
    """Return the standard deviation of noise with a given spectrum.

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
    n_vectors = rings_of(shape).n_vectors
    return np.asarray(np.sqrt(power @ n_vectors / n_vectors.sum()))


def noise_level(displacement: Array, poisson: float) -> Array:
    """Estimate the standard deviation of the noise, white or correlated, from the data.

    Parameters
    ----------
    displacement : ndarray of shape (n_fields, 2, height, width)
        Displacement.
    poisson : float
        Poisson ratio.

    Returns
    -------
    ndarray of shape (n_fields,)
        Standard deviation per component, in the unit of `displacement`.
    """
    shape = (displacement.shape[-2], displacement.shape[-1])
    return mean_level(noise_spectrum(displacement, poisson), shape)


def effective_noise(displacement: Array, noise: float) -> float:
    """Return the noise that is worth resolving.

    Parameters
    ----------
    displacement : ndarray of shape (2, height, width)
        Displacement in pixels.
    noise : float
        Standard deviation of its noise per component.

    Returns
    -------
    float
        `noise`, or a small share of the root mean square of the displacement if that is more.
    """
    rms = float(np.sqrt(np.mean(displacement**2, dtype=float)))
    return max(noise, _FLOOR * rms, float(np.finfo(np.float32).tiny))
