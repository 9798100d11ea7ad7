"""The power of the noise of a displacement field in four bands of short waves, measured on the field itself.

Traction is confined to the cell. Noise is everywhere. In a band of short waves the unregularised traction is therefore
noise over most of the field, and a low quantile of its squared length gives the power of that noise. Four bands sample
the spectrum of the noise. Towards longer waves it is continued as a Gaussian through two neighbouring bands. A Gaussian
is flat for white noise, and right for the noise of overlapping interrogation windows. The two bands that look most like
noise are taken: noise has the same strength everywhere, so the ratio of the median of its squared length to the low
quantile is a known number.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from tfmkit.gel.fourier import wavenumber
from tfmkit.gel.gel import Gel
from tfmkit.gel.layer import gains
from tfmkit.gel.symbol import Interleaved, Symbol
from tfmkit.noise.spectrum import taper

Array = NDArray[np.float64]
Shape = tuple[int, int]

# Centres of the bands in rad per pixel; each falls to 0 at its neighbours'.
BANDS = (1.14, 1.70, 2.53, 3.77)
# Quantile of the squared traction in a band, low enough to lie outside the cell.
_QUANTILE = 0.1
# Fields measured at once: few enough to stay in the cache from one band to the next.
_CHUNK_BYTES = 1 << 20
# The taper weakens the noise towards the border; farther out than this along either side it is left out.
_LEAST_TAPER = 0.7
# On a smaller field the long waves of the cell reach everywhere, and no quantile is low enough to miss them.
_LEAST_SIDE = 40
# Largest square of a correlation length, in squared pixels; longer ones leave nothing to measure in the bands.
_LARGEST_SPREAD = 16.0


def noise_bands(spectrum: NDArray[Any], shape: Shape, gel: Gel) -> tuple[Array, Array]:
    """Measure the power of the noise in four bands.

    Parameters
    ----------
    spectrum : ndarray of shape (n_fields, 2, height, width // 2 + 1)
        From `tfmkit.noise.spectrum.tapered_spectrum`.
    shape : (int, int)
        Height and width of the field.
    gel : Gel
        The gel. Only its surface counts: a base or a depth damps traction, and does not spread it.

    Returns
    -------
    levels : ndarray of shape (n_fields, 4)
        Variance of white noise that would be as strong in the band, in squared pixels per component.
    excess : ndarray of shape (n_fields, 4)
        Median of the squared traction over its low quantile, relative to the same ratio of noise: 1 or more.

    Notes
    -----
    The squared length of a Gaussian vector with variance ``s`` per component has the quantile ``-2 s log(1 - q)``.
    Where the cell's own waves are everywhere, the levels are too high: see `cap_levels`.
    """
    expected = -2 * np.log1p([-_QUANTILE, -0.5])
    quantiles = np.empty((len(spectrum), len(BANDS), 2))
    step = max(1, _CHUNK_BYTES // spectrum[0].nbytes)
    filters = _band_filters(shape, gel.surface.dimensionless, spectrum.real.dtype.name)
    for start in range(0, len(spectrum), step):
        some = slice(start, start + step)
        for i, (factors, power) in enumerate(filters):
            quantiles[some, i] = _quantiles(_squared_traction(spectrum[some], factors, shape)) / (expected * power)
    low, median = np.moveaxis(quantiles, -1, 0)
    excess = np.divide(median, low, out=np.full_like(low, np.inf), where=low > 0)
    return low, excess


def cap_levels(levels: Array, excess: Array, shape: Shape, *, most_excess: float = np.inf) -> Array:
    """Cap the noise levels of the two bands of longer waves by a Gaussian through the two bands of shorter waves.

    Waves of the cell raise the levels of the longer waves. The cap takes them out where they are everywhere.

    Parameters
    ----------
    levels : ndarray of shape (n_fields, 4)
        From `noise_bands`.
    excess : ndarray of shape (n_fields, 4)
        From `noise_bands`.
    shape : (int, int)
        Height and width of the field. With a side under 40 pixels all levels are capped.
    most_excess : float, default=inf
        Levels are also capped where neither of the middle bands has an excess as low as this. The capped levels can be
        far too low under noise that is correlated over several pixels.

    Returns
    -------
    ndarray of shape (n_fields, 4)
        The levels, lower where they are capped.
    """
    signal = (excess[:, 1:3].min(axis=1) > most_excess) | (min(shape) < _LEAST_SIDE)
    spreads, seen = _gaussian_noise()
    logs = np.log(np.maximum(levels, np.finfo(float).tiny))
    spread = np.interp(logs[:, 2] - logs[:, 3], seen[2] - seen[3], spreads)
    capped = [logs[:, 2] + np.interp(spread, spreads, seen[i] - seen[2]) for i in (0, 1)]
    bounded = np.exp(np.minimum(logs, np.stack([*capped, logs[:, 2], logs[:, 3]], axis=1)))
    return np.where(signal[:, None], bounded, levels)


def _squared_traction(spectrum: NDArray[Any], factors: Interleaved, shape: Shape) -> NDArray[Any]:
    """Squared length of the traction in a band, away from the border; shape (n_fields, n_vectors)."""
    rows, columns, weight = _sample(shape, spectrum.real.dtype.name)
    band = spectrum[..., : factors.xx.shape[-1] // 2].copy()
    factors.multiply_in_place(band)
    band = scipy.fft.ifft(band, axis=-2, overwrite_x=True)[..., rows, :]
    traction = scipy.fft.irfft(band, n=shape[1])[..., columns]
    return np.asarray((traction[:, 0] ** 2 + traction[:, 1] ** 2) * weight).reshape(len(spectrum), -1)


def noise_power(levels: Array, excess: Array, wavenumber: Array) -> Array:
    """Continue the power of the noise from the bands to all wave numbers.

    Parameters
    ----------
    levels : ndarray of shape (n_fields, 4)
        From `noise_bands`.
    excess : ndarray of shape (n_fields, 4)
        From `noise_bands`.
    wavenumber : ndarray of shape (n_rings,)
        Lengths of wave vectors in rad per pixel.

    Returns
    -------
    ndarray of shape (n_fields, n_rings)
        Power, in the unit of `levels`; its logarithm is piecewise linear in ``k^2`` and nowhere rises.
    """
    squares, wanted = np.square(BANDS), np.square(wavenumber)
    logs = np.log(np.maximum(levels, np.finfo(float).tiny))
    spreads, seen = _gaussian_noise()
    # A spectrum that rises holds signal in its shortest waves. The ratio of two bands is then that of white noise.
    slopes = np.stack(
        [np.interp(logs[:, i] - logs[:, i + 1], seen[i] - seen[i + 1], spreads) for i in range(len(BANDS) - 1)]
    )[..., None]
    below = np.where(excess[:, :1] < excess[:, 2:3], slopes[0], slopes[1])
    at_first = logs[:, 1:2] - np.interp(below, spreads, seen[1]) - below * squares[1]
    at_second = at_first - slopes[1] * (squares[2] - squares[1])
    power = at_first - np.where(wanted > squares[1], slopes[1], below) * (wanted - squares[1])
    power = np.where(wanted > squares[2], at_second - slopes[2] * (wanted - squares[2]), power)
    return np.asarray(np.exp(power))


@lru_cache(maxsize=1)
def _gaussian_noise() -> tuple[Array, Array]:
    """Squares of correlation lengths, and the logarithm of the mean power of ``exp(-(s k)^2)`` in each band.

    A band is wide. The mean power of noise that falls with k is higher than the power at the centre of the band.
    """
    k = np.linspace(0, np.sqrt(2) * np.pi, 2001)[1:]
    on_grid = k * (np.pi / 2 - 2 * np.arccos(np.minimum(np.pi / k, 1)))
    weights = on_grid * k**2 * np.stack([_band(k, centre) for centre in BANDS]) ** 2
    spreads = np.concatenate([[0], np.geomspace(1e-3, _LARGEST_SPREAD, 400)])
    seen = weights @ np.exp(-spreads * k[:, None] ** 2) / weights.sum(axis=1, keepdims=True)
    return spreads, np.log(seen)


def _band(k: Array, centre: float) -> Array:
    """Return the gain of a band, 1 at its centre and 0 from its neighbours' on."""
    distance = np.minimum(np.abs(np.log(k / centre)) / np.log(BANDS[1] / BANDS[0]), 1)
    return np.asarray(np.cos(np.pi / 2 * distance) ** 2)


def _quantiles(values: NDArray[Any]) -> Array:
    """Low quantile and median of every row, shape (n_rows, 2); numpy sorts faster than it selects."""
    values.sort(axis=1)
    places = np.array([_QUANTILE, 0.5]) * (values.shape[1] - 1)
    lower = places.astype(int)
    part = places - lower
    return np.asarray((1 - part) * values[:, lower] + part * values[:, np.ceil(places).astype(int)])


@lru_cache(maxsize=16)
def _sample(shape: Shape, dtype: str) -> tuple[slice, slice, NDArray[Any]]:
    """Rows and columns away from the border, and the inverse square of the taper there."""
    window = taper(shape)
    inside_y, inside_x = (np.flatnonzero(line > _LEAST_TAPER * line.max()) for line in (window.max(1), window.max(0)))
    rows, columns = slice(inside_y[0], inside_y[-1] + 1), slice(inside_x[0], inside_x[-1] + 1)
    return rows, columns, (np.square(window).sum() / window[rows, columns] ** 2).astype(dtype)


@lru_cache(maxsize=16)
def _band_filters(shape: Shape, gel: Gel, dtype: str) -> list[tuple[Interleaved, float]]:
    """Filters to the traction of every band, and the variance that white noise of variance 1 gets from each.

    A filter is as wide as its band: columns of the half plane beyond it are left out.
    """
    k = wavenumber(shape)
    k[0, 0] = 1
    full = np.full(k.shape, 2.0)
    full[:, 0] = 1
    full[:, -1] = 2 - (shape[1] % 2 == 0)
    filters = []
    for centre in BANDS:
        along, across = _band(k, centre) / gains(k, gel)
        along[0, 0] = across[0, 0] = 0
        power = float((full * (along**2 + across**2)).sum()) / (2 * shape[0] * shape[1])
        used = 1 + np.flatnonzero(along.any(axis=0))[-1]
        symbol = Symbol.from_along_across(along, across, shape)
        filters.append((Symbol(*(entry[:, :used] for entry in symbol)).interleaved(dtype), power))
    return filters
