"""The noise of a displacement field, measured on the field itself.

Traction is confined to the cell, noise is everywhere. In a band of short waves the unregularised traction is therefore
pure noise over most of the field, and a low quantile of its squared length tells how strong. Three bands give the
spectrum of the noise; towards longer waves it is continued as a Gaussian, which is flat for white noise and right for
the noise of overlapping interrogation windows.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from tfmkit.inversion.fourier import Symbol, interleave, multiply_in_place
from tfmkit.inversion.spectrum import gains, taper
from tfmkit.operators import wavenumbers

Array = NDArray[np.float64]
Shape = tuple[int, int]

# Centres of the three bands in rad per pixel; each falls to 0 at its neighbours'.
BANDS = (1.70, 2.53, 3.77)
# Quantile of the squared traction in a band, low enough to lie outside the cell.
_QUANTILE = 0.1
# The taper weakens the noise towards the border; farther out than this it is left out.
_LEAST_TAPER = 0.5


def noise_bands(spectrum: NDArray[Any], shape: Shape, poisson: float) -> Array:
    """Measure the power of the noise in three bands.

    Parameters
    ----------
    spectrum : ndarray of shape (n_fields, 2, height, width // 2 + 1)
        From `tfmkit.inversion.spectrum.tapered_spectrum`.
    shape : (int, int)
        Height and width of the field.
    poisson : float
        Poisson ratio.

    Returns
    -------
    ndarray of shape (n_fields, 3)
        Variance of white noise that would be as strong in the band, in squared pixels per component.

    Notes
    -----
    The squared length of a Gaussian vector with variance ``s`` per component has the quantile ``-2 s log(1 - q)``.
    """
    window = taper(shape)
    inside = (window > _LEAST_TAPER).ravel()
    weight = (np.sqrt(np.square(window).sum()) / window).ravel()[inside].astype(spectrum.real.dtype)
    levels = []
    for factors, power in _band_filters(shape, poisson, spectrum.real.dtype.name):
        band = spectrum.copy()
        multiply_in_place(band, factors)
        traction = scipy.fft.irfft2(band, s=shape, overwrite_x=True).reshape(len(spectrum), 2, -1)[..., inside] * weight
        squared = np.square(traction).sum(axis=1)
        levels.append(np.quantile(squared, _QUANTILE, axis=1) / (-2 * np.log1p(-_QUANTILE) * power))
    return np.stack(levels, axis=1).astype(float)


def noise_power(levels: Array, wavenumber: Array) -> Array:
    """Interpolate the power of the noise between the bands.

    Parameters
    ----------
    levels : ndarray of shape (n_fields, 3)
        From `noise_bands`.
    wavenumber : ndarray of shape (n_rings,)
        Lengths of wave vectors in rad per pixel.

    Returns
    -------
    ndarray of shape (n_fields, n_rings)
        Power, in the unit of `levels`; its logarithm is linear in ``k^2`` between the bands and below them.
    """
    squares, wanted = np.square(BANDS), np.square(wavenumber)
    logs = np.log(np.maximum(levels, np.finfo(float).tiny))
    slopes = np.diff(logs, axis=1) / np.diff(squares)
    # Noise does not grow with the wave number; what looks so is the signal of the shortest waves.
    slopes = np.minimum(slopes, 0)
    lower = logs[:, 1:2] + slopes[:, :1] * (wanted - squares[1])
    upper = logs[:, 1:2] + slopes[:, 1:] * (wanted - squares[1])
    return np.asarray(np.exp(np.where(wanted < squares[1], lower, upper)))


@lru_cache(maxsize=16)
def _band_filters(shape: Shape, poisson: float, dtype: str) -> list[tuple[Symbol, float]]:
    """Filters to the traction of every band, and the variance they make of white noise of variance 1."""
    ky, kx = np.broadcast_arrays(*wavenumbers(shape))
    k = np.hypot(ky, kx)
    k[0, 0] = 1
    cos, sin = kx / k, ky / k
    step = np.log(BANDS[1] / BANDS[0])
    filters = []
    for centre in BANDS:
        distance = np.minimum(np.abs(np.log(k / centre)) / step, 1)
        along, across = np.cos(np.pi / 2 * distance) ** 2 / gains(k, poisson)
        along[0, 0] = across[0, 0] = 0
        symbol = (along * cos**2 + across * sin**2, along * sin**2 + across * cos**2, (along - across) * cos * sin)
        full = np.full(k.shape, 2.0)
        full[:, 0] = 1
        full[:, -1] = 2 - (shape[1] % 2 == 0)
        power = float((full * (along**2 + across**2)).sum()) / (2 * shape[0] * shape[1])
        filters.append((interleave(symbol, dtype), power))
    return filters
