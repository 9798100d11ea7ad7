"""The noise of a displacement field, measured on the field itself.

Traction is confined to the cell, noise is everywhere. In a band of short waves the unregularised traction is therefore
pure noise over most of the field, and a low quantile of its squared length tells how strong. Four bands give the
spectrum of the noise. Towards longer waves it is continued as a Gaussian, which is flat for white noise and right for
the noise of overlapping interrogation windows, through the two neighbouring bands that look most like noise: noise has
the same strength everywhere, so that the median of its squared length over the low quantile is a known number.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from tfmkit.gel.operator import wavenumbers
from tfmkit.gel.symbol import Symbol, gains, interleave, multiply_in_place
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


def noise_bands(spectrum: NDArray[Any], shape: Shape, poisson: float) -> tuple[Array, Array]:
    """Measure the power of the noise in four bands.

    Parameters
    ----------
    spectrum : ndarray of shape (n_fields, 2, height, width // 2 + 1)
        From `tfmkit.noise.spectrum.tapered_spectrum`.
    shape : (int, int)
        Height and width of the field.
    poisson : float
        Poisson ratio.

    Returns
    -------
    levels : ndarray of shape (n_fields, 4)
        Variance of white noise that would be as strong in the band, in squared pixels per component.
    excess : ndarray of shape (n_fields, 4)
        Median of the squared traction over its low quantile, relative to what it is for noise: 1 or more.

    Notes
    -----
    The squared length of a Gaussian vector with variance ``s`` per component has the quantile ``-2 s log(1 - q)``.
    Where the cell's own waves are everywhere, the levels are too high: see `without_signal`.
    """
    expected = -2 * np.log1p([-_QUANTILE, -0.5])
    quantiles = np.empty((len(spectrum), len(BANDS), 2))
    step = max(1, _CHUNK_BYTES // spectrum[0].nbytes)
    for start in range(0, len(spectrum), step):
        some = slice(start, start + step)
        for i, (factors, power) in enumerate(_band_filters(shape, poisson, spectrum.real.dtype.name)):
            quantiles[some, i] = _quantiles(_squared_traction(spectrum[some], factors, shape)) / (expected * power)
    low, median = np.moveaxis(quantiles, -1, 0)
    excess = np.divide(median, low, out=np.full_like(low, np.inf), where=low > 0)
    return low, excess


def without_signal(levels: Array, excess: Array, shape: Shape, *, most_excess: float = np.inf) -> Array:
    """Bound the levels of the two bands of longer waves by what the other two promise, where waves of the cell hide it.

    Parameters
    ----------
    levels : ndarray of shape (n_fields, 4)
        From `noise_bands`.
    excess : ndarray of shape (n_fields, 4)
        From `noise_bands`.
    shape : (int, int)
        Height and width of the field. With a side under 40 pixels all levels are bounded.
    most_excess : float, default=inf
        Levels are bounded as well where neither of the middle bands has an excess as low as this. What is left can be
        far too low under noise that is correlated over several pixels.

    Returns
    -------
    ndarray of shape (n_fields, 4)
        The levels, lower where bounded: as of noise that is Gaussian in the two bands of shorter waves.
    """
    signal = (excess[:, 1:3].min(axis=1) > most_excess) | (min(shape) < _LEAST_SIDE)
    spreads, seen = _gaussian_noise()
    logs = np.log(np.maximum(levels, np.finfo(float).tiny))
    spread = np.interp(logs[:, 2] - logs[:, 3], seen[2] - seen[3], spreads)
    promised = [logs[:, 2] + np.interp(spread, spreads, seen[i] - seen[2]) for i in (0, 1)]
    bounded = np.exp(np.minimum(logs, np.stack([*promised, logs[:, 2], logs[:, 3]], axis=1)))
    return np.where(signal[:, None], bounded, levels)


def _squared_traction(spectrum: NDArray[Any], factors: Symbol, shape: Shape) -> NDArray[Any]:
    """Squared length of the traction in a band, away from the border; shape (n_fields, n_vectors)."""
    rows, columns, weight = _sample(shape, spectrum.real.dtype.name)
    band = spectrum[..., : factors[0].shape[-1] // 2].copy()
    multiply_in_place(band, factors)
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
    # What rises is the signal of the shortest waves: the ratio of two bands is taken for that of white noise then.
    slopes = np.stack(
        [np.interp(logs[:, i] - logs[:, i + 1], seen[i] - seen[i + 1], spreads) for i in range(len(BANDS) - 1)]
    )[..., None]
    below = np.where(excess[:, :1] < excess[:, 2:3], slopes[0], slopes[1])
    at_first = logs[:, 1:2] - np.interp(below, spreads, seen[1]) - below * squares[1]
    at_second = at_first - slopes[1] * (squares[2] - squares[1])
    power = at_first - np.where(wanted > squares[1], slopes[1], below) * (wanted - squares[1])
    power = np.where(wanted > squares[2], at_second - slopes[2] * (wanted - squares[2]), power)
    return np.asarray(np.exp(power))


def correlation_length(noise: Array, n_vectors: Array) -> Array:
    """Return the standard deviation of the Gaussian that makes white noise as correlated as measured.

    Parameters
    ----------
    noise : ndarray of shape (n_fields, n_rings)
        Power of the noise per wave vector and component, from long waves to short ones.
    n_vectors : ndarray of shape (n_rings,)
        Number of wave vectors in each ring.

    Returns
    -------
    ndarray of shape (n_fields,)
        Lengths in pixels, in steps of a quarter, so that fields may share a filter; 0 for white noise.

    Notes
    -----
    The power of the longest waves over the mean power is the sum of the autocorrelation, ``4 pi s^2`` for white noise
    under a Gaussian of standard deviation ``s``; less the 1 that a vector has with itself.
    """
    mean = noise @ n_vectors / n_vectors.sum()
    shared = np.divide(noise[:, 0], mean, out=np.ones_like(mean), where=mean > 0)
    return np.asarray(np.rint(4 * np.sqrt(np.maximum(shared - 1, 0) / (4 * np.pi))) / 4)


@lru_cache(maxsize=1)
def _gaussian_noise() -> tuple[Array, Array]:
    """Squares of correlation lengths, and the logarithm of what each band sees of noise of power ``exp(-(s k)^2)``.

    A band is wide: of noise that falls with k it sees more than there is at its centre.
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
    """Rows and columns away from the border, and what undoes the square of the taper there."""
    window = taper(shape)
    inside_y, inside_x = (np.flatnonzero(line > _LEAST_TAPER * line.max()) for line in (window.max(1), window.max(0)))
    rows, columns = slice(inside_y[0], inside_y[-1] + 1), slice(inside_x[0], inside_x[-1] + 1)
    return rows, columns, (np.square(window).sum() / window[rows, columns] ** 2).astype(dtype)


@lru_cache(maxsize=16)
def _band_filters(shape: Shape, poisson: float, dtype: str) -> list[tuple[Symbol, float]]:
    """Filters to the traction of every band, as wide as it is, and what variance white noise of 1 gets from them."""
    ky, kx = np.broadcast_arrays(*wavenumbers(shape))
    k = np.hypot(ky, kx)
    k[0, 0] = 1
    cos, sin = kx / k, ky / k
    filters = []
    for centre in BANDS:
        along, across = _band(k, centre) / gains(k, poisson)
        along[0, 0] = across[0, 0] = 0
        cross = (along - across) * cos * sin
        cross[np.isclose(np.abs(ky), np.pi) | np.isclose(kx, np.pi)] = 0
        symbol = (along * cos**2 + across * sin**2, along * sin**2 + across * cos**2, cross)
        full = np.full(k.shape, 2.0)
        full[:, 0] = 1
        full[:, -1] = 2 - (shape[1] % 2 == 0)
        power = float((full * (along**2 + across**2)).sum()) / (2 * shape[0] * shape[1])
        used = 1 + np.flatnonzero(along.any(axis=0))[-1]
        xx, yy, xy = (part[:, :used] for part in symbol)
        filters.append((interleave((xx, yy, xy), dtype), power))
    return filters
