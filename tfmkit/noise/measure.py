"""The noise of displacement fields, measured on the fields themselves: its spectrum, its level and its correlation.

Spectra are sums over rings of wave vectors. A quadratic inverse scales the longitudinal and the transverse part of a
displacement by factors that depend on ``|k|`` alone. By Parseval's theorem, residual norms, solution norms and degrees
of freedom of a whole path of lambdas are therefore sums over rings of one power spectrum.

Traction is confined to the cell. Noise is everywhere. In a band of short waves the unregularised traction is therefore
noise over most of the field, and a low quantile of its squared length gives the power of that noise. Four bands sample
the spectrum of the noise. Towards longer waves it is continued as a Gaussian through two neighbouring bands. A Gaussian
is flat for white noise, and right for the noise of overlapping interrogation windows. The two bands that look most like
noise are taken: noise has the same strength everywhere, so the ratio of the median of its squared length to the low
quantile is a known number.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import scipy.fft
import scipy.sparse
from numpy.typing import NDArray

from tfmkit.gel.gel import Gel
from tfmkit.gel.layer import gains
from tfmkit.gel.symbol import Interleaved, Shape, Symbol, at_nyquist, wavenumbers

Array = NDArray[np.float64]
Fields = NDArray[np.floating[Any]]

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
# Noise below this share of the displacement is not worth resolving: the grid itself errs by as much.
_FLOOR = 2e-3
# Part of the field, at either end, over which the taper rises.
_RAMP = 0.25
# Multiple of the noise above which there is signal; correlated noise is measured to about this factor.
_CERTAIN = 4.0


class Rings(NamedTuple):
    """Rings of wave vectors of about one length.

    Attributes
    ----------
    wavenumber : ndarray of shape (n_rings,)
        Root mean square length of the wave vectors, in rad per pixel.
    n_vectors : ndarray of shape (n_rings,)
        Number of wave vectors.
    pixel : ndarray of shape (n_rings,)
        Mean transfer function of an average over the pixel, ``sinc(kx / 2) sinc(ky / 2)``.
    pixel_square : ndarray of shape (n_rings,)
        Mean of its square.
    k : ndarray of shape (height, width // 2 + 1)
        Lengths of the wave vectors of the half plane.
    cos_square, sin_cos : ndarray of shape (height, width // 2 + 1)
        Squared cosine of the direction of the wave vectors, and sine times cosine.
    sums : sparse array of shape (n_rings, height * (width // 2 + 1))
        The map from the half plane to sums over rings.
    """

    wavenumber: Array
    n_vectors: Array
    pixel: Array
    pixel_square: Array
    k: Array
    cos_square: NDArray[np.float32]
    sin_cos: NDArray[np.float32]
    sums: Any

    def mean(self, power: NDArray[Any]) -> Array:
        """Average a ring spectrum over all wave vectors.

        Parameters
        ----------
        power : ndarray of shape (..., n_rings)
            Power per wave vector.

        Returns
        -------
        ndarray of shape (...)
            Mean power: the variance of a field with this spectrum.
        """
        return np.asarray(power @ self.n_vectors / self.n_vectors.sum())

    def average(self, plane: Array) -> Array:
        """Average a function of the wave vector over each ring.

        Parameters
        ----------
        plane : ndarray of shape (height, width // 2 + 1)
            Its values on the half plane.

        Returns
        -------
        ndarray of shape (n_rings,)
            Its means.
        """
        return np.asarray(self.sums @ plane.ravel() / self.n_vectors)

    def power(self, spectrum: NDArray[Any]) -> Array:
        """Sum the power of the longitudinal and the transverse part of spectra over rings.

        Parameters
        ----------
        spectrum : ndarray of shape (n_fields, 2, height, width // 2 + 1)
            From `tapered_spectrum`.

        Returns
        -------
        ndarray of shape (n_fields, 2, n_rings)
            Power along the wave vector and across it.
        """
        x, y = spectrum[:, 0], spectrum[:, 1]
        squared_x, squared_y = x.real**2 + x.imag**2, y.real**2 + y.imag**2
        total = squared_x + squared_y
        along = self.cos_square * (squared_x - squared_y) + squared_y
        along = along + 2 * self.sin_cos * (x.real * y.real + x.imag * y.imag)
        power = np.stack([along, total - along], axis=1)
        rings = self.sums @ power.reshape(-1, power.shape[-2] * power.shape[-1]).T
        return np.asarray(rings.T.reshape(len(spectrum), 2, -1), dtype=float)


@lru_cache(maxsize=16)
def rings_of(shape: Shape) -> Rings:
    """Return the rings of a grid; their width is half the spacing of the wave vectors along the longer side.

    Parameters
    ----------
    shape : (int, int)
        Height and width of the field.

    Returns
    -------
    Rings
        The rings, from long waves to short ones; ``k = 0`` belongs to none.
    """
    ky, kx = np.broadcast_arrays(*wavenumbers(shape))
    k = np.hypot(ky, kx)
    inside = k > 0
    cos, sin = (np.divide(part, k, out=np.zeros_like(k), where=inside) for part in (kx, ky))
    sin_cos = np.where(at_nyquist(shape), 0, sin * cos)
    sums = _sums(k, shape)
    count = np.asarray(sums.sum(axis=1)).ravel()
    pixel = np.sinc(ky / (2 * np.pi)) * np.sinc(kx / (2 * np.pi))
    square, mean, mean_square = (sums @ plane.ravel() / count for plane in (ky**2 + kx**2, pixel, pixel**2))
    directions = (cos**2).astype(np.float32), sin_cos.astype(np.float32)
    return Rings(np.sqrt(square), count, mean, mean_square, k, *directions, sums)


def _sums(k: Array, shape: Shape) -> Any:
    """Sparse matrix of sums over rings; a wave vector inside the half plane stands for its mirror image too."""
    inside = k > 0
    _, ring = np.unique(np.floor(k[inside] * max(shape) / np.pi), return_inverse=True)
    twice = np.full(k.shape, 2.0)
    twice[:, 0] = 1
    if shape[1] % 2 == 0:
        twice[:, -1] = 1
    where = (ring, np.flatnonzero(inside))
    return scipy.sparse.csr_array((twice[inside].astype(np.float32), where), shape=(ring.max() + 1, k.size))


def tapered_spectrum(displacement: NDArray[Any]) -> NDArray[Any]:
    """Transform fields under a cosine taper, which takes their wrap away.

    Parameters
    ----------
    displacement : ndarray of shape (n_fields, 2, height, width)
        Displacement in pixels.

    Returns
    -------
    ndarray of shape (n_fields, 2, height, width // 2 + 1)
        Half spectra, scaled so that white noise of variance 1 has a mean power of 1 at every wave vector.
    """
    window = taper(displacement.shape[-2:])
    window = (window / np.sqrt(np.square(window).sum())).astype(displacement.dtype)
    return np.asarray(scipy.fft.rfft2(displacement * window, overwrite_x=True))


@lru_cache(maxsize=16)
def taper(shape: Shape) -> Array:
    """Return the taper: 1 in the middle of the field, falling to 0 over a quarter of it on every side.

    Parameters
    ----------
    shape : (int, int)
        Height and width of the field.

    Returns
    -------
    ndarray of shape (height, width)
        Weights in (0, 1].
    """
    rise = (np.minimum(np.arange(n), np.arange(n)[::-1]) + 0.5 for n in shape)
    along_y, along_x = (0.5 * (1 - np.cos(np.pi * np.clip(r / (_RAMP * len(r)), 0, 1))) for r in rise)
    return np.asarray(along_y[:, None] * along_x)


def signal_power(power: Array, noise: Array, rings: Rings, gain: Array, depth: float) -> Array:
    """Return the power of the signal that stands out from the noise, for beads below the surface.

    Parameters
    ----------
    power : ndarray of shape (n_fields, 2, n_rings)
        From `ring_power`.
    noise : ndarray of shape (n_fields, n_rings)
        Power of the noise per wave vector and component.
    rings : Rings
        The rings.
    gain : ndarray of shape (2, n_rings)
        From `gains`.
    depth : float
        Depth of the beads in pixels, > 0.

    Returns
    -------
    ndarray of shape (n_fields, 2, n_rings)
        Power above four times the noise and its standard deviation, or 0; per traction at most that of the strongest
        ring of waves longer than ``2 pi depth``, which the depth weakens by less than ``e``.
    """
    signal = clear_power(power, noise[:, None], rings)
    per_traction = rings.n_vectors * gain**2
    clear = rings.wavenumber * depth <= 1
    strongest = (signal / per_traction).max(axis=(1, 2), where=clear, initial=0)
    return np.asarray(np.minimum(signal, strongest[:, None, None] * per_traction))


def clear_power(power: Array, noise: Array, rings: Rings) -> Array:
    """Return the power above four times the noise and its standard deviation.

    Parameters
    ----------
    power : ndarray of shape (..., n_rings)
        Power on the rings.
    noise : ndarray of shape (..., n_rings)
        Power of the noise per wave vector.
    rings : Rings
        The rings.

    Returns
    -------
    ndarray of shape (..., n_rings)
        The rest of the power, 0 or more.
    """
    above = _CERTAIN * (1 + np.sqrt(2 / rings.n_vectors))
    return np.maximum(power - noise * rings.n_vectors * above, 0)


def noise_bands(spectrum: NDArray[Any], shape: Shape, gel: Gel) -> tuple[Array, Array]:
    """Measure the power of the noise in four bands.

    Parameters
    ----------
    spectrum : ndarray of shape (n_fields, 2, height, width // 2 + 1)
        From `tfmkit.noise.measure.tapered_spectrum`.
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
    k = rings_of(shape).k.copy()
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


def spectrum_noise(
    spectrum: NDArray[Any], shape: Shape, gel: Gel, *, most_excess: float | None = np.inf
) -> NDArray[np.float64]:
    """Measure the power of the noise on every ring of tapered spectra.

    Parameters
    ----------
    spectrum : ndarray of shape (n_fields, 2, height, width // 2 + 1)
        From `tfmkit.noise.measure.tapered_spectrum`.
    shape : (int, int)
        Height and width of the field.
    gel : Gel
        The gel.
    most_excess : float or None, default=inf
        As for `tfmkit.noise.measure.cap_levels`; None caps no level.

    Returns
    -------
    ndarray of shape (n_fields, n_rings)
        Power per wave vector and component, in the squared unit of the displacement: the variance of white noise.
    """
    levels, excess = noise_bands(spectrum, shape, gel)
    if most_excess is not None:
        levels = cap_levels(levels, excess, shape, most_excess=most_excess)
    return noise_power(levels, excess, rings_of(shape).wavenumber)


def noise_spectrum(displacement: Fields, gel: Gel, noise: float | None = None) -> NDArray[np.float64]:
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
        Power per wave vector and component on the rings of `tfmkit.noise.measure`, in the squared unit of
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


def stated_level(noise: Fields) -> NDArray[np.float64]:
    """Return the noise level of fields whose vectors have a standard deviation each.

    Parameters
    ----------
    noise : ndarray of shape (n_fields, 2, height, width)
        Standard deviation of each component of each vector, NaN where it is not known.

    Returns
    -------
    ndarray of shape (n_fields,)
        Root of the mean square of those that are known; NaN for a field without any.
    """
    known = np.isfinite(noise)
    count = known.sum(axis=(1, 2, 3))
    squares = np.where(known, np.square(noise, dtype=float), 0).sum(axis=(1, 2, 3))
    return np.sqrt(np.divide(squares, count, out=np.full(len(count), np.nan), where=count > 0))


def noise_level(displacement: Fields, gel: Gel, noise: float | Fields | None = None) -> NDArray[np.float64]:
    """Return the noise level of fields: measured, or a known one.

    Parameters
    ----------
    displacement : ndarray of shape (n_fields, 2, height, width)
        Displacement.
    gel : Gel
        The gel.
    noise : float or ndarray of shape (n_fields, 2, height, width), optional
        Standard deviation per component, of all vectors or of each, NaN where it is not known. By default, and for
        fields where nothing is known, the noise is measured.

    Returns
    -------
    ndarray of shape (n_fields,)
        Standard deviation per component, in the unit of `displacement`.
    """
    if isinstance(noise, np.ndarray):
        stated = stated_level(noise)
        return (
            stated
            if np.isfinite(stated).all()
            else np.where(np.isfinite(stated), stated, noise_level(displacement, gel))
        )
    if noise is not None:
        return np.full(len(displacement), float(noise))
    return level_of(noise_spectrum(displacement, gel), (displacement.shape[-2], displacement.shape[-1]))


def effective_noise(displacement: Fields, noise: float) -> float:
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
