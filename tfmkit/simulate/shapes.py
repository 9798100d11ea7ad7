"""Cell borders on a grid: their size and place, their polygon and their interior."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmkit.simulate.circuit import COSINES, N_ANGLES, SINES

Array = NDArray[np.floating[Any]]


def fit_border(radii: Array, shape: tuple[int, int], longest_side: Array) -> tuple[Array, Array]:
    """Scale borders, and move the middles of their bounding boxes to the middle of the grid.

    Parameters
    ----------
    radii : ndarray of shape (n_cells, 360)
        Borders about their centres, in any unit.
    shape : (int, int)
        Height and width of the grid.
    longest_side : ndarray of shape (n_cells,)
        Longest side of the bounding boxes, in pixels.

    Returns
    -------
    scaled : ndarray of shape (n_cells, 360)
        The borders in pixels.
    centres : ndarray of shape (n_cells, 2)
        Their centres (x, y) in pixels; the middle of pixel (0, 0) is at (0, 0).
    """
    outline = np.stack([radii * COSINES, radii * SINES], axis=1)
    low, high = outline.min(axis=2), outline.max(axis=2)
    scale = longest_side / (high - low).max(axis=1)
    middle = (np.array(shape[::-1]) - 1) / 2
    return radii * scale[:, None], middle - scale[:, None] * (low + high) / 2


def border_polygons(radii: Array, centres: Array) -> Array:
    """Return the corners of borders.

    Parameters
    ----------
    radii : ndarray of shape (n_cells, 360)
        Distance of the border from the centre at each degree, in pixels.
    centres : ndarray of shape (n_cells, 2)
        Centres (x, y) in pixels.

    Returns
    -------
    ndarray of shape (n_cells, 360, 2)
        Corners (x, y) in pixels.
    """
    return np.stack([radii * COSINES, radii * SINES], axis=2) + centres[:, None]


def interior(radii: Array, centres: Array, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Find the pixels with their middle inside a border.

    Parameters
    ----------
    radii : ndarray of shape (n_cells, 360)
        Distance of the border from the centre at each degree, in pixels; linear in the angle between degrees.
    centres : ndarray of shape (n_cells, 2)
        Centres (x, y) in pixels.
    shape : (int, int)
        Height and width of the grid.

    Returns
    -------
    ndarray of shape (n_cells, height, width)
        True inside.
    """
    if not len(radii):
        return np.zeros((0, *shape), dtype=bool)
    corners = border_polygons(radii, centres)
    # Only the part of the grid that some cell reaches is tested.
    left, top = np.clip(np.floor(corners.min(axis=(0, 1))), 0, None).astype(int)
    right, bottom = np.ceil(corners.max(axis=(0, 1))).astype(int) + 1
    window = np.s_[top : min(bottom, shape[0]), left : min(right, shape[1])]
    rows, columns = np.arange(shape[0])[window[0]], np.arange(shape[1])[window[1]]
    y = (rows - centres[:, 1, None])[:, :, None].astype(np.float32)
    x = (columns - centres[:, 0, None])[:, None, :].astype(np.float32)
    degrees = np.arctan2(y, x) * np.float32(180 / np.pi)
    degrees += np.float32(N_ANGLES) * (degrees < 0)
    first = np.minimum(degrees.astype(np.intp), N_ANGLES - 1)
    closed = np.concatenate([radii, radii[:, :1]], axis=1).astype(np.float32)
    flat, at = closed.ravel(), first + (np.arange(len(radii)) * (N_ANGLES + 1))[:, None, None]
    start = flat.take(at)
    border = start + (degrees - first) * (flat.take(at + 1) - start)
    inside = np.zeros((len(radii), *shape), dtype=bool)
    inside[(slice(None), *window)] = x * x + y * y <= border * border
    return inside
