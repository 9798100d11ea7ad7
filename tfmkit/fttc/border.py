"""Continuation of a displacement field past its border.

The gel goes on past the border of the field. The discrete Fourier transform takes the field as repeated. The
displacement outside the field is extrapolated in two parts. The first is the far field of a coarse traction, inverted
on square cells of four pixels a side and displaced on the open gel. The second is the rest of the displacement at the
edge, continued by its edge values under a linear taper. Both have faded where the transform wraps, a fifth of the field
away on every side.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from tfmkit.gel.gel import Gel
from tfmkit.gel.operator import green_symbol
from tfmkit.gel.symbol import Shape, irfft2, padded_grid, rfft2

Array = NDArray[np.floating[Any]]

# Width of the continuation on either side over that of the field.
MARGIN = 0.2
# Pixels along a side of the cells of the coarse inversion, and its dimensionless lambda.
_COARSE = 4
_COARSE_LAM = 0.1


class _Taps(NamedTuple):
    """A sparse linear map along one axis: every output is a weighted sum of a few inputs."""

    source: NDArray[np.intp]  # (n_out, n_taps)
    weight: NDArray[np.float64]  # (n_out, n_taps)


def extended_grid(shape: Shape) -> Shape:
    """Return the grid of the continued field.

    Parameters
    ----------
    shape : (int, int)
        Height and width of the field.

    Returns
    -------
    (int, int)
        Height and width, both quick to transform.
    """
    height, width = (scipy.fft.next_fast_len(n + 2 * int(np.ceil(MARGIN * n)), real=True) for n in shape)
    return height, width


def extend(displacement: Array, grid: Shape, gel: Gel) -> Array:
    """Extrapolate the displacement by the far field of a coarse traction and a tapered edge.

    Parameters
    ----------
    displacement : ndarray of shape (n_fields, 2, height, width)
        Displacement in pixels.
    grid : (int, int)
        Height and width of the result; those of the field give the field itself.
    gel : Gel
        The gel.

    Returns
    -------
    ndarray of shape (n_fields, 2, grid[0], grid[1])
        The field in the first rows and columns. The continuation past its last row follows. Then comes, by the period
        of the transform, the continuation before its first row; likewise along the columns.

    Notes
    -----
    The continuation is linear, and does not depend on the lambda of the inversion that follows. It has one width on
    both sides, so that mirroring the field mirrors the continuation.
    """
    shape = (displacement.shape[-2], displacement.shape[-1])
    if shape == tuple(grid):
        return displacement
    cells = _map(displacement, *map(_cell_means, shape)) / _COARSE
    far = _COARSE * _far_field(cells, grid, gel.on_grid(_COARSE))
    far = _map(far, *map(_interpolation, shape, grid, far.shape[-2:]))
    return far + _taper_out(displacement - far[..., : shape[0], : shape[1]], grid)


def _far_field(cells: Array, extended: Shape, gel: Gel) -> Array:
    """Displacement of the open gel under the traction of a coarse field; the part before the first cell comes last."""
    shape = (cells.shape[-2], cells.shape[-1])
    grid = extended_grid(shape)
    inverse = green_symbol(grid, gel, boundary="periodic", like=cells).regularised_inverse(_COARSE_LAM)
    traction = inverse.convolve(_taper_out(cells, grid), grid)[..., : shape[0], : shape[1]]
    # Beside the cells, half of the continuation, and one for the interpolation.
    reach = (_reach(shape[0], extended[0]), _reach(shape[1], extended[1]))
    symbol = green_symbol(reach, gel, boundary="open", like=cells)
    grid = padded_grid(reach)
    return np.asarray(irfft2(symbol.multiply(rfft2(traction, grid)), grid))


def _reach(n_cells: int, total: int) -> int:
    return (n_cells + -(-total // _COARSE)) // 2 + 2


def _taper_out(field: Array, grid: Shape) -> Array:
    """Continue fields past their border by their edge values under a linear taper."""
    return _map(field, *map(_taper, field.shape[-2:], grid))


def _map(field: Array, rows: _Taps, columns: _Taps) -> Array:
    """Apply one sparse map along the rows and one along the columns."""
    for taps, axis in ((rows, -2), (columns, -1)):
        weights = (taps.weight[:, None] if axis == -2 else taps.weight).astype(field.dtype)
        terms = (field.take(taps.source[:, i], axis=axis) * weights[..., i] for i in range(taps.source.shape[1]))
        field = sum(terms, next(terms))
    return field


@lru_cache(maxsize=64)
def _cell_means(n: int) -> _Taps:
    """Means over the cells of an axis; the outer cells stand out by one length on either side and see edge values."""
    n_cells = -(-n // _COARSE)
    start = np.arange(n_cells) * _COARSE - (n_cells * _COARSE - n) / 2
    source = np.floor(start).astype(np.intp)[:, None] + np.arange(_COARSE + 1)
    overlap = np.minimum(source + 1, start[:, None] + _COARSE) - np.maximum(source, start[:, None])
    return _Taps(np.clip(source, 0, n - 1), overlap / _COARSE)


@lru_cache(maxsize=64)
def _interpolation(n: int, total: int, n_cells_total: int) -> _Taps:
    """Linear interpolation between the middles of cells. It fades to 0 in the outer half of the continuation."""
    margin = (total - n) // 2
    pixel = np.arange(total)
    place = np.where(pixel < total - margin, pixel, pixel - total)
    n_cells = -(-n // _COARSE)
    at = (place + 0.5 + (n_cells * _COARSE - n) / 2) / _COARSE - 0.5
    lower = np.floor(at).astype(np.intp)
    part = at - lower
    outside = np.clip(np.maximum(place - n + 1, -place) / (margin + 1), 0, 1)
    fade = np.sin(np.pi * np.minimum(1 - outside, 0.5)) ** 2
    source = np.stack([lower, lower + 1], axis=1) % n_cells_total
    return _Taps(source, np.stack([(1 - part) * fade, part * fade], axis=1))


@lru_cache(maxsize=64)
def _taper(n: int, total: int) -> _Taps:
    """Edge values under a linear taper. Where an odd number of pixels is filled, the middle one is 0."""
    margin = (total - n) // 2
    fall = 1 - np.arange(1, margin + 1) / (margin + 1)
    source = np.zeros(total, dtype=np.intp)
    source[:n] = np.arange(n)
    source[n : n + margin] = n - 1
    weight = np.zeros(total)
    weight[:n] = 1
    weight[n : n + margin] = fall
    weight[total - margin :] = fall[::-1]
    return _Taps(source[:, None], weight[:, None])
