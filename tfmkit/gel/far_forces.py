"""Drift, and the displacement that forces beyond the border of a field make inside it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmkit.gel.half_space import combine

Array = NDArray[np.float64]

# Rings of point forces around the field: distance from the border and distance between forces, over the longer side.
_RINGS = ((1 / 16, 1 / 8), (1 / 4, 1 / 4), (1.0, 1.0))
# The displacement of far forces is smooth: this many grid points along a side are enough to fit it.
_MOST_POINTS = 48
# Share of the mean square of a basis function that is added, so that functions that are alike do no harm.
_RIDGE = 1e-6


def without_far_forces(fields: NDArray[Any], poisson: float) -> Array:
    """Take the part out of smooth fields that drift and forces beyond the border can make.

    Parameters
    ----------
    fields : ndarray of shape (n_fields, 2, height, width)
        Smooth displacement in any unit, such as the smooth part of a residual.
    poisson : float
        Poisson ratio of the gel.

    Returns
    -------
    ndarray of shape (n_fields, 2, rows, columns)
        The rest, on every n-th grid point, so that a side has about 48 points at most.

    Notes
    -----
    Least squares of shifts along x and y, a rotation, and the displacement of point forces on three rings around the
    field, on a half-space. They are about 150 functions. Fields of less than about 30 grid points a side are explained
    by them in part whatever they show.
    """
    few = _thin_out(fields)
    functions, inverse, _ = _functions(fields.shape[2:], poisson)
    flat = few.reshape(len(few), -1)
    return (flat - (flat @ inverse.T) @ functions.T).reshape(few.shape)


def far_forces(field: NDArray[Any], poisson: float) -> Array:
    """Return the part of a field that drift and forces beyond the border can make.

    Parameters
    ----------
    field : ndarray of shape (2, height, width)
        Displacement in any unit, such as a residual.
    poisson : float
        Poisson ratio of the gel.

    Returns
    -------
    ndarray of shape (2, height, width)
        The fit of `without_far_forces`, at every grid point.
    """
    shape = field.shape[1:]
    _, inverse, lengths = _functions(shape, poisson)
    weights = inverse @ _thin_out(field[None]).ravel() / lengths
    return np.asarray(sum(weight * part for weight, part in zip(weights, _parts(shape, 1, poisson), strict=True)))


def drift_of(fields: NDArray[Any]) -> Array:
    """Return the shift and rotation of smooth fields that least squares finds.

    Parameters
    ----------
    fields : ndarray of shape (n_fields, 2, height, width)
        Displacement in any unit.

    Returns
    -------
    ndarray of shape (n_fields, 2, height, width)
        Displacement of the drift.
    """
    functions = np.stack([part.ravel() for part in _drifts(fields.shape[2:], 1)], axis=1)
    functions /= np.linalg.norm(functions, axis=0)
    flat = fields.reshape(len(fields), -1)
    return ((flat @ functions) @ functions.T).reshape(fields.shape)


def _thin_out(fields: NDArray[Any]) -> Array:
    step = _step(fields.shape[2:])
    return np.asarray(fields[:, :, ::step, ::step], dtype=float)


def _step(shape: tuple[int, ...]) -> int:
    return max(1, -(-max(shape) // _MOST_POINTS))


@lru_cache(maxsize=8)
def _functions(shape: tuple[int, int], poisson: float) -> tuple[Array, Array, Array]:
    """Return the functions as columns of length 1, the map from fields to their weights, and their lengths before."""
    functions = np.stack([part.ravel() for part in _parts(shape, _step(shape), poisson)], axis=1)
    lengths = np.linalg.norm(functions, axis=0)
    functions /= lengths
    normal = functions.T @ functions + _RIDGE * np.eye(functions.shape[1])
    inverse = np.asarray(np.linalg.solve(normal, functions.T), dtype=float)
    return functions, inverse, np.asarray(lengths, dtype=float)


def _parts(shape: tuple[int, ...], step: int, poisson: float) -> Iterator[Array]:
    """Yield the displacement of each function on every n-th grid point."""
    yield from _drifts(shape, step)
    x, y = _points(shape, step)
    for place_x, place_y in _places(shape):
        dx, dy = x - place_x, y - place_y
        g_xx, g_yy, g_xy = combine(np.stack([dx**2, dy**2, dx * dy]) / np.hypot(dx, dy) ** 3, poisson)
        yield np.stack([g_xx, g_xy])
        yield np.stack([g_xy, g_yy])


def _drifts(shape: tuple[int, ...], step: int) -> Iterator[Array]:
    """Yield the displacement of shifts, and of a rotation about the middle."""
    x, y = _points(shape, step)
    one, zero = np.ones_like(x), np.zeros_like(x)
    middle_y, middle_x = ((side - 1) / 2 for side in shape)
    yield from (np.stack([one, zero]), np.stack([zero, one]), np.stack([middle_y - y, x - middle_x]))


def _points(shape: tuple[int, ...], step: int) -> tuple[Array, Array]:
    y, x = np.meshgrid(*(np.arange(0.0, side, step) for side in shape), indexing="ij")
    return x, y


def _places(shape: tuple[int, ...]) -> list[tuple[float, float]]:
    """Return the places (x, y) of the forces."""
    height, width = shape
    places = []
    for distance, spacing in _RINGS:
        out, gap = (max(shape) * share for share in (distance, spacing))
        x, y = (_line(-out, side - 1 + out, gap) for side in (width, height))
        places += [(at, end) for at in x for end in (y[0], y[-1])]
        places += [(end, at) for at in y[1:-1] for end in (x[0], x[-1])]
    return places


def _line(start: float, end: float, gap: float) -> list[float]:
    return np.linspace(start, end, max(2, round((end - start) / gap) + 1)).tolist()
