"""Pixels inside polygons, in time proportional to their boxes: libraries test every pixel against every edge."""

from __future__ import annotations

import math
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
    starts, following = _edges(outlines)
    if not starts.size:
        return mask
    # Only the box around the polygons is looked at: a file may hold a hundred thousand small ones.
    low, high = starts.min(axis=0).tolist(), starts.max(axis=0).tolist()
    (left, right), (top, bottom) = map(_span, low, high, shape[::-1])
    # An edge crosses the rows from its upper end, which belongs to it, to its lower one, which does not.
    ends = _ceil(starts[:, 1], top, bottom)
    next_ends = ends[following]
    counts = np.abs(next_ends - ends)
    n_crossings = int(counts.sum())
    if n_crossings > _MOST_CROSSINGS:
        raise ValueError(f"its outline crosses rows of the image {n_crossings} times")
    edge = np.repeat(np.arange(ends.size), counts)
    rows = np.arange(n_crossings) + (np.maximum(ends, next_ends) - counts.cumsum())[edge]
    (x, y), (step_x, step_y) = starts[edge].T, (starts[following] - starts)[edge].T
    crossings = x + (rows - y) * step_x / step_y
    # The pixels left of a crossing are those before this column.
    columns = _ceil(crossings, left, right) - left
    width, height = right - left, bottom - top
    places = (rows - top) * (width + 1) + columns
    passed = np.bincount(places, minlength=height * (width + 1)).reshape(height, width + 1)
    # A row is crossed an even number of times, so that as many crossings are odd to the left as to the right.
    mask[top:bottom, left:right] = passed[:, :width].cumsum(axis=1) & 1
    return mask


def _span(lowest: float, highest: float, side: int) -> tuple[int, int]:
    """Return the first pixel of an image that corners may hold, and the one after the last."""
    low = min(max(math.floor(lowest), 0), side)
    return low, min(max(math.ceil(highest) + 1, low), side)


def _ceil(values: FloatArray, low: int, high: int) -> NDArray[np.intp]:
    return np.minimum(np.maximum(np.ceil(values), low), high).astype(int)


def _edges(outlines: Sequence[FloatArray]) -> tuple[FloatArray, NDArray[np.intp]]:
    """Return the corners of all polygons, and the number of the corner that follows each one in its polygon."""
    filled = [outline for outline in outlines if len(outline)]
    if not filled:
        return np.zeros((0, 2)), np.zeros(0, dtype=int)
    starts = filled[0] if len(filled) == 1 else np.concatenate(filled)
    following = np.arange(1, len(starts) + 1)
    first = 0
    for outline in filled:
        following[first + len(outline) - 1] = first
        first += len(outline)
    return starts, following
