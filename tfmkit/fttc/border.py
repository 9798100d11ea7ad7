"""Continuation of a displacement field past its border.

The gel goes on past the border of the field. The discrete Fourier transform takes the field as repeated. The
displacement outside the field is extrapolated in two parts. The first is the far field of a coarse traction, inverted
on square cells of four pixels a side and displaced on the open gel. The second is the rest of the displacement at the
edge, continued by its edge values under a linear taper. Both have faded where the transform wraps, a fifth of the field
away on every side.

A far field that fades is not the far field of the open gel. Its inverse adds a smooth traction to the field: an even
push against the net force, and an inward pull that grows towards the border. That traction is known from the coarse
traction, and is taken off again.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from tfmkit.gel.gel import Gel
from tfmkit.gel.operator import bandlimited_symbol, green_symbol
from tfmkit.gel.symbol import Shape, Symbol, irfft2, padded_grid, rfft2

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


class Continuation(NamedTuple):
    """A continued field, and the traction that the fading of its far field costs.

    Attributes
    ----------
    displacement : ndarray of shape (n_fields, 2, grid[0], grid[1])
        The field in the first rows and columns. The continuation past its last row follows. Then comes, by the period
        of the transform, the continuation before its first row; likewise along the columns.
    faded : ndarray of shape (n_fields, 2, height, width)
        Traction over Young's modulus to add to the inverse of the displacement.
    """

    displacement: Array
    faded: Array


def extended_grid(shape: Shape) -> Shape:
    """Return the grid of the continued field.

    Parameters
    ----------
    shape : (int, int)
        Height and width of the field.

    Returns
    -------
    (int, int)
        Height and width, both quick to transform and whole numbers of coarse cells.
    """
    wanted = [-(-(n + 2 * int(np.ceil(MARGIN * n))) // _COARSE) for n in shape]
    height, width = (_COARSE * scipy.fft.next_fast_len(n_cells, real=True) for n_cells in wanted)
    return height, width


def extend(displacement: Array, grid: Shape, gel: Gel) -> Continuation:
    """Extrapolate the displacement by the far field of a coarse traction and a tapered edge.

    Parameters
    ----------
    displacement : ndarray of shape (n_fields, 2, height, width)
        Displacement in pixels.
    grid : (int, int)
        Height and width of the continued field, from `extended_grid`.
    gel : Gel
        The gel.

    Returns
    -------
    Continuation
        The continued field, and the traction that its inverse lacks.

    Notes
    -----
    The continuation is linear, and does not depend on the lambda of the inversion that follows. It has one width on
    both sides, so that mirroring the field mirrors the continuation.
    """
    shape = (displacement.shape[-2], displacement.shape[-1])
    gel = gel.on_grid(_COARSE)
    cells = _map(displacement, *map(_cell_means, shape)) / _COARSE
    traction = _coarse_traction(cells, gel)
    coarse = _far_field(traction, grid, gel)
    far = _COARSE * _map(coarse, *map(_interpolation, shape, grid, coarse.shape[-2:]))
    continued = far + _taper_out(displacement - far[..., : shape[0], : shape[1]], grid)
    # The inverse of deep beads lets short waves of the fading grow without bound. At the surface it does not, and the
    # traction that is lost is that of long waves, which are alike at both.
    if gel.depth:
        gel = replace(gel, depth=0.0)
        coarse = _far_field(traction, grid, gel)
    return Continuation(continued, _faded_traction(traction, coarse, shape, grid, gel))


def _coarse_traction(cells: Array, gel: Gel) -> Array:
    """Traction on the cells."""
    grid = extended_grid((cells.shape[-2], cells.shape[-1]))
    inverse = green_symbol(grid, gel, boundary="periodic", like=cells).regularised_inverse(_COARSE_LAM)
    return np.asarray(inverse.convolve(_taper_out(cells, grid), grid)[..., : cells.shape[-2], : cells.shape[-1]])


def _far_field(traction: Array, extended: Shape, gel: Gel) -> Array:
    """Displacement of the open gel under the traction of cells; the part before the first cell comes last."""
    # Beside the cells, half of the continuation, and one for the interpolation.
    reach = (_reach(traction.shape[-2], extended[0]), _reach(traction.shape[-1], extended[1]))
    grid = padded_grid(reach)
    return np.asarray(irfft2(_far_symbol(reach, gel, traction.dtype.name).multiply(rfft2(traction, grid)), grid))


@lru_cache(maxsize=16)
def _far_symbol(reach: Shape, gel: Gel, dtype: str) -> Symbol:
    """Symbol of the open gel that the analytic symbol of the inverse undoes, up to the border."""
    return Symbol(*(entry.astype(dtype) for entry in bandlimited_symbol(reach, gel)))


def _faded_traction(traction: Array, far: Array, shape: Shape, extended: Shape, gel: Gel) -> Array:
    """Traction of cells less the inverse of its faded far field, on the pixels of the field."""
    grid = (extended[0] // _COARSE, extended[1] // _COARSE)
    inverse = green_symbol(grid, gel, boundary="periodic", like=traction).regularised_inverse(0.0)
    lost = -inverse.convolve(_map(far, *map(_fading, shape, extended, far.shape[-2:])), grid)
    lost[..., : traction.shape[-2], : traction.shape[-1]] += traction
    taps = zip(map(_interpolation, shape, extended, grid), shape, strict=True)
    return _map(lost, *(_Taps(each.source[:n], each.weight[:n]) for each, n in taps))


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
    start = np.arange(n_cells) * _COARSE - _overhang(n)
    source = np.floor(start).astype(np.intp)[:, None] + np.arange(_COARSE + 1)
    overlap = np.minimum(source + 1, start[:, None] + _COARSE) - np.maximum(source, start[:, None])
    return _Taps(np.clip(source, 0, n - 1), overlap / _COARSE)


@lru_cache(maxsize=64)
def _interpolation(n: int, total: int, n_cells_total: int) -> _Taps:
    """Linear interpolation between the middles of cells. It fades to 0 in the outer half of the continuation."""
    place = _places(total, (total - n) // 2)
    at = (place + 0.5 + _overhang(n)) / _COARSE - 0.5
    lower = np.floor(at).astype(np.intp)
    part = at - lower
    fade = _fade(place, n, total)
    source = np.stack([lower, lower + 1], axis=1) % n_cells_total
    return _Taps(source, np.stack([(1 - part) * fade, part * fade], axis=1))


@lru_cache(maxsize=64)
def _fading(n: int, total: int, n_cells_total: int) -> _Taps:
    """Cells of the continued field, faded to 0 in the outer half of the continuation."""
    n_cells = total // _COARSE
    cell = _places(n_cells, (n_cells + -n // _COARSE) // 2)
    fade = _fade((cell + 0.5) * _COARSE - 0.5 - _overhang(n), n, total)
    return _Taps((cell % n_cells_total)[:, None], fade[:, None])


def _places(total: int, margin: int) -> NDArray[np.intp]:
    """Places along a continued axis, of which the last `margin` lie before the first."""
    index = np.arange(total)
    return np.where(index < total - margin, index, index - total)


def _overhang(n: int) -> float:
    """Pixels by which the outer cells stand out on either side."""
    return (-n % _COARSE) / 2


def _fade(place: NDArray[Any], n: int, total: int) -> NDArray[np.float64]:
    outside = np.clip(np.maximum(place - n + 1, -place) / ((total - n + 1) / 2), 0, 1)
    return np.asarray(np.sin(np.pi * np.minimum(1 - outside, 0.5)) ** 2)


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
