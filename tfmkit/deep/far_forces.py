"""Drift, and the displacement that forces beyond the border of a field make inside it."""

from __future__ import annotations

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
    height, width = fields.shape[2:]
    step = max(1, -(-max(height, width) // _MOST_POINTS))
    few = np.asarray(fields[:, :, ::step, ::step], dtype=float)
    functions, inverse = _functions((height, width), step, poisson)
    flat = few.reshape(len(few), -1)
    return (flat - (flat @ inverse.T) @ functions.T).reshape(few.shape)


@lru_cache(maxsize=8)
def _functions(shape: tuple[int, int], step: int, poisson: float) -> tuple[Array, Array]:
    """Return the functions as columns, each of length 1, and the map from fields to their weights."""
    y, x = np.meshgrid(*(np.arange(0.0, side, step) for side in shape), indexing="ij")
    centre_y, centre_x = y - y.mean(), x - x.mean()
    one, zero = np.ones_like(x), np.zeros_like(x)
    parts = [np.stack(pair) for pair in ((one, zero), (zero, one), (-centre_y, centre_x))]
    for place_x, place_y in _places(shape):
        dx, dy = x - place_x, y - place_y
        g_xx, g_yy, g_xy = combine(np.stack([dx**2, dy**2, dx * dy]) / np.hypot(dx, dy) ** 3, poisson)
        parts += [np.stack([g_xx, g_xy]), np.stack([g_xy, g_yy])]
    functions = np.stack([part.ravel() for part in parts], axis=1)
    functions /= np.linalg.norm(functions, axis=0)
    normal = functions.T @ functions + _RIDGE * np.eye(functions.shape[1])
    return functions, np.linalg.solve(normal, functions.T)


def _places(shape: tuple[int, int]) -> list[tuple[float, float]]:
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
