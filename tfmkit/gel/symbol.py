"""Symbols: the gel in Fourier space, one symmetric 2 x 2 matrix for every wave vector."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmkit.gel.half_space import combine, fourier_basis
from tfmkit.gel.layer import HALF_SPACE, Layer, layer_factors, layer_symbol
from tfmkit.gel.operator import green_symbol, padded_grid, wavenumbers

Array = NDArray[np.float64]
Shape = tuple[int, int]

Symbol = tuple[Any, Any, Any]

# Part of the power of the longest waves that correlated noise keeps at all others.
_WHITE_SHARE = 1e-3

# Deep beads see nothing of short waves; a gain of 0 would have no inverse.
_LEAST_GAIN = 1e-100

# Reciprocal lattice vectors on either side that are folded into the band; the next ones change a symbol by under 1 %.
_FOLDS = 3


def penalty(grid: Shape, order: float, noise_correlation: float = 0.0) -> NDArray[np.float64]:
    """Return the weight of the squared traction at every frequency, for a lambda of 1.

    Parameters
    ----------
    grid : (int, int)
        Grid of the transform.
    order : float
        Order of the penalty, >= 0.
    noise_correlation : float, default=0.0
        As for `penalty_weight`.

    Returns
    -------
    ndarray of shape (height, width // 2 + 1)
        Weights of `penalty_weight`.
    """
    ky, kx = wavenumbers(grid)
    return penalty_weight(np.hypot(ky, kx), order, noise_correlation)


def penalty_weight(wavenumber: NDArray[np.float64], order: float, noise_correlation: Any = 0.0) -> NDArray[np.float64]:
    """Return the weight of the squared traction at given wave numbers, for a lambda of 1.

    Parameters
    ----------
    wavenumber : ndarray of shape (...)
        Lengths of wave vectors in rad per pixel.
    order : float
        Order of the penalty, >= 0.
    noise_correlation : float or array, default=0.0
        Standard deviation, in pixels, of the Gaussian that correlates the noise; 0 for white noise.

    Returns
    -------
    ndarray of shape (...)
        Products ``|k|^(2 order) n(k)`` with the shape ``n`` of the noise's power, 1 for white noise.

    Notes
    -----
    Minimising ``<u - K tau, N^-1 (u - K tau)> + lam ||k|^order tau|^2``, the data weighed by the covariance ``N`` of
    the noise, is minimising ``|u - K tau|^2 + lam |N^(1/2) |k|^order tau|^2`` frequency by frequency. Noise smoothed
    by a Gaussian has the power ``exp(-(s k)^2)``; a thousandth of white noise keeps the shortest waves in check.
    """
    noise = _WHITE_SHARE + (1 - _WHITE_SHARE) * np.exp(-((noise_correlation * wavenumber) ** 2))
    return np.asarray(wavenumber ** (2 * order) * noise)


def interleave(symbol: Symbol, dtype: str, scale: float = 1.0) -> Symbol:
    """Return a real symbol with every factor twice in a row, for the real and the imaginary part.

    Parameters
    ----------
    symbol : tuple of ndarrays of shape (height, width // 2 + 1)
        Its entries.
    dtype : {"float32", "float64"}
        Precision of the result.
    scale : float, default=1.0
        Factor on the result.

    Returns
    -------
    tuple of ndarrays of shape (height, 2 * (width // 2 + 1))
        The entries for `multiply_in_place`.
    """
    xx, yy, xy = (np.repeat(part * scale, 2, axis=-1).astype(dtype) for part in symbol)
    return xx, yy, xy


def multiply_in_place(spectrum: NDArray[Any], factors: Symbol) -> None:
    """Multiply vector spectra by an interleaved symmetric 2 x 2 symbol.

    Parameters
    ----------
    spectrum : ndarray of shape (n_fields, 2, height, width // 2 + 1)
        Complex spectra, overwritten.
    factors : tuple of three ndarrays
        From `interleave`.
    """
    xx, yy, xy = factors
    # Seen as pairs of reals, a complex number times a real one is two multiplications instead of four.
    parts = spectrum.view(spectrum.real.dtype)
    x, y = parts[:, 0], parts[:, 1]
    into_x, into_y = xy * y, xy * x
    x *= xx
    x += into_x
    y *= yy
    y += into_y


def gains(wavenumber: Array, poisson: float, layer: Layer = HALF_SPACE) -> Array:
    """Return the symbol's two eigenvalues.

    Parameters
    ----------
    wavenumber : ndarray of shape (...)
        Lengths of wave vectors in rad per pixel.
    poisson : float
        Poisson ratio.
    layer : Layer, default=HALF_SPACE
        Thickness of the gel and depth of the beads, in pixels.

    Returns
    -------
    ndarray of shape (2, ...)
        Displacement over traction along the wave vector, ``2 (1 - nu^2) / k`` at the surface of the half-space, and
        across it, ``2 (1 + nu) / k``; never 0.
    """
    if layer != HALF_SPACE:
        factors = np.stack(layer_factors(wavenumber, poisson=poisson, **layer._asdict()))
        return np.where(np.abs(factors) < _LEAST_GAIN, _LEAST_GAIN, factors)
    across = 2 * (1 + poisson) / wavenumber
    return np.stack([(1 - poisson) * across, across])


def bandlimited_symbol(shape: Shape, poisson: float, layer: Layer = HALF_SPACE) -> Symbol:
    """Return the symbol of the open operator for band-limited traction.

    Parameters
    ----------
    shape : (int, int)
        Height and width of the field.
    poisson : float
        Poisson ratio.
    layer : Layer, default=HALF_SPACE
        Thickness of the gel and depth of the beads, in pixels.

    Returns
    -------
    tuple of three ndarrays
        ``Gxx``, ``Gyy`` and ``Gxy`` on the zero-padded grid of `tfmkit.gel.operator`.

    Notes
    -----
    The pixel-integrated tensor takes the traction as constant on every pixel and so sharpens what is fitted with it.
    This one differs from it by a short-ranged kernel: the analytic symbol less that of the pixel tensor on an endless
    lattice, ``sum_m sinc((k + 2 pi m) / 2) K~(k + 2 pi m)``.
    """
    pixel = green_symbol(shape, poisson, boundary="open", like=np.empty(0), layer=layer)
    xx, yy, xy = (a + b for a, b in zip(pixel, _correction(padded_grid(shape), poisson, layer), strict=True))
    return xx, yy, xy


def _correction(grid: Shape, poisson: float, layer: Layer) -> Array:
    def analytic(ky: Array, kx: Array) -> Array:
        if layer == HALF_SPACE:
            return np.stack(combine(fourier_basis(ky, kx), poisson))
        return np.stack(layer_symbol(ky, kx, poisson=poisson, **layer._asdict()))

    ky, kx = wavenumbers(grid)
    symbol = analytic(ky, kx)
    for fold_y in range(-_FOLDS, _FOLDS + 1):
        for fold_x in range(-_FOLDS, _FOLDS + 1):
            y, x = ky + 2 * np.pi * fold_y, kx + 2 * np.pi * fold_x
            symbol -= analytic(y, x) * np.sinc(y / (2 * np.pi)) * np.sinc(x / (2 * np.pi))
    # A real field cannot carry a cross term at the Nyquist row and column.
    symbol[2, np.isclose(np.abs(ky[:, 0]), np.pi)] = 0
    symbol[2, :, np.isclose(kx[0], np.pi)] = 0
    return symbol
