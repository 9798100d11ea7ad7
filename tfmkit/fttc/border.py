"""Continuation of a displacement field past its border.

The gel goes on past the border of the field, the discrete Fourier transform thinks that it repeats. What the traction
inside moves outside is known well enough from a coarse inversion, on square cells of four pixels a side: its far field
is continued from the open gel, and only the rest, what the coarse traction does not explain along the border, by its
edge values under a linear taper. Both have faded where the transform wraps, a fifth of the field away on every side.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import scipy.fft
from array_api_compat import is_torch_array
from numpy.typing import NDArray

from tfmkit.gel.layer import HALF_SPACE, Layer
from tfmkit.gel.operator import green_symbol, irfft2, multiply, padded_grid, regularised_inverse, rfft2

Shape = tuple[int, int]

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


def extend(displacement: Any, grid: Shape, *, poisson: float, layer: Layer = HALF_SPACE) -> Any:
    """Continue displacement past its border as the gel does, but for what leaves no trace inside.

    Parameters
    ----------
    displacement : array of shape (n_fields, 2, height, width)
        Displacement in pixels (numpy or torch).
    grid : (int, int)
        Height and width of the result; those of the field give the field itself.
    poisson : float
        Poisson ratio.
    layer : Layer, default=HALF_SPACE
        Thickness of the gel and depth of the beads, in pixels.

    Returns
    -------
    array of shape (n_fields, 2, grid[0], grid[1])
        The field in the first rows and columns. The continuation past its last row follows, then, by the period of the
        transform, the one before its first row; likewise along the columns.

    Notes
    -----
    Linear, and free of the lambda of the inversion that follows. Both continuations are of one width, so that mirroring
    commutes with them.
    """
    shape = tuple(displacement.shape[-2:])
    if shape == tuple(grid):
        return displacement
    cells = _map(displacement, *map(_cell_means, shape)) / _COARSE
    far = _COARSE * _far_field(cells, grid, poisson, Layer(layer.thickness / _COARSE, layer.depth / _COARSE))
    far = _map(far, *map(_interpolation, shape, grid, far.shape[-2:]))
    return far + _taper_out(displacement - far[..., : shape[0], : shape[1]], grid)


def _far_field(cells: Any, extended: Shape, poisson: float, layer: Layer) -> Any:
    """Displacement of the open gel under the traction of a coarse field; what lies before the first cell comes last."""
    shape = cells.shape[-2:]
    grid = extended_grid(shape)
    inverse = regularised_inverse(
        green_symbol(grid, poisson, boundary="periodic", like=cells, layer=layer), _COARSE_LAM
    )
    traction = irfft2(multiply(inverse, rfft2(_taper_out(cells, grid), grid)), grid)[..., : shape[0], : shape[1]]
    # Beside the cells, half of what is continued, and one for the interpolation.
    reach = tuple((n + -(-total // _COARSE)) // 2 + 2 for n, total in zip(shape, extended, strict=True))
    symbol = green_symbol(reach, poisson, boundary="open", like=cells, layer=layer)
    grid = padded_grid(reach)
    return irfft2(multiply(symbol, rfft2(traction, grid)), grid)


def _taper_out(field: Any, grid: Shape) -> Any:
    """Continue fields past their border by their edge values under a linear taper."""
    return _map(field, *map(_taper, field.shape[-2:], grid))


def _map(field: Any, rows: _Taps, columns: _Taps) -> Any:
    """Apply one sparse map along the rows and one along the columns."""
    for taps, axis in ((rows, -2), (columns, -1)):
        weights = taps.weight[:, None] if axis == -2 else taps.weight
        terms = (
            _take(field, taps.source[:, i], axis) * _like(weights[..., i], field) for i in range(taps.source.shape[1])
        )
        field = sum(terms, next(terms))
    return field


def _take(field: Any, index: NDArray[np.intp], axis: int) -> Any:
    if is_torch_array(field):
        return field[..., index, :] if axis == -2 else field[..., index]
    return field.take(index, axis=axis)


def _like(weights: NDArray[np.float64], field: Any) -> Any:
    return field.new_tensor(weights) if is_torch_array(field) else weights.astype(field.dtype)


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
    """Linear interpolation between the middles of cells, fading to 0 in the outer half of the continuation."""
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
    """Edge values under a linear taper; where an odd number of pixels is to be filled, the middle one is 0."""
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
