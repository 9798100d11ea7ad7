"""Pixels inside polygons, in time proportional to their boxes: libraries test every pixel against every edge."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tfmkit._validation import FloatArray

# Crossings of edges with rows; an outline of any cell has some ten thousand.
_MOST_CROSSINGS = 2**24


def inside(x: FloatArray, y: FloatArray, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return the pixels whose centres lie inside a polygon.

    Parameters
    ----------
    x, y : ndarray of shape (n_points,)
        Corners of the polygon in pixels; the centre of the first pixel is at (0, 0).
    shape : (int, int)
        Height and width of the image in pixels.

    Returns
    -------
    ndarray of shape (height, width)
        True inside.

    Raises
    ------
    ValueError
        If the outline crosses the rows of the image more than some ten million times.
    """
    return inside_all([np.stack([x, y], axis=1)], shape)


def inside_all(outlines: Sequence[FloatArray], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return the pixels whose centres lie inside an odd number of polygons, so that a polygon in another is a hole.

    Parameters
    ----------
    outlines : sequence of ndarray of shape (n_points, 2)
        Corners (x, y) of each polygon in pixels; the centre of the first pixel is at (0, 0).
    shape : (int, int)
        Height and width of the image in pixels.

    Returns
    -------
    ndarray of shape (height, width)
        True inside.

    Raises
    ------
    ValueError
        If the outlines cross the rows of the image more than some ten million times.

    Notes
    -----
    A ray to the right of a pixel inside cuts the edges an odd number of times.
    """
    mask = np.zeros(shape, dtype=bool)
    starts, ends = _edges(outlines)
    if not starts.size:
        return mask
    # Only the box around the polygons is looked at: a file may hold a hundred thousand small ones.
    low = np.clip(np.floor(starts.min(axis=0)), 0, shape[::-1]).astype(int)
    high = np.clip(np.ceil(starts.max(axis=0)) + 1, low, shape[::-1]).astype(int)
    width, height = high - low
    (x, y), (next_x, next_y) = starts.T, ends.T
    # An edge crosses the rows from its upper end, which belongs to it, to its lower one, which does not.
    first = np.clip(np.ceil(np.minimum(y, next_y)), low[1], high[1]).astype(int)
    counts = np.clip(np.ceil(np.maximum(y, next_y)), low[1], high[1]).astype(int) - first
    if counts.sum() > _MOST_CROSSINGS:
        raise ValueError(f"its outline crosses rows of the image {counts.sum()} times")
    edge = np.repeat(np.arange(x.size), counts)
    rows = np.arange(edge.size) - np.repeat(np.cumsum(counts) - counts, counts) + first[edge]
    crossings = x[edge] + (rows - y[edge]) * (next_x[edge] - x[edge]) / (next_y[edge] - y[edge])
    # The pixels left of a crossing are those before this column.
    columns = np.clip(np.ceil(crossings), low[0], high[0]).astype(int) - low[0]
    places = (rows - low[1]) * (width + 1) + columns
    passed = np.bincount(places, minlength=height * (width + 1)).reshape(height, width + 1)
    mask[low[1] : high[1], low[0] : high[0]] = passed[:, ::-1].cumsum(axis=1)[:, ::-1][:, 1:] % 2 == 1
    return mask


def _edges(outlines: Sequence[FloatArray]) -> tuple[FloatArray, FloatArray]:
    """Return the starts and ends of all edges; the last edge of a polygon ends at its first corner."""
    sizes = np.array([len(outline) for outline in outlines if len(outline)])
    if not sizes.size:
        return np.zeros((0, 2)), np.zeros((0, 2))
    starts = np.concatenate([outline for outline in outlines if len(outline)])
    following = np.arange(1, len(starts) + 1)
    following[np.cumsum(sizes) - 1] = np.cumsum(sizes) - sizes
    return starts, starts[following]
