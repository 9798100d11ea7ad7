"""Pixels inside a polygon, in time proportional to its outline: libraries test every pixel against every edge."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tfmkit._validation import FloatArray

# Crossings of edges with rows; an outline of any cell has some ten thousand.
_MOST_CROSSINGS = 2**24


def inside(x: FloatArray, y: FloatArray, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return the pixels whose centres lie inside a polygon: a ray to the right cuts it an odd number of times.

    Parameters
    ----------
    x, y : ndarray of shape (n_points,)
        Corners of the polygon in pixels; the centre of the first pixel is at (0, 0).
    shape : (int, int)
        Height and width in pixels.

    Returns
    -------
    ndarray of shape (height, width)
        True inside.

    Raises
    ------
    ValueError
        If the outline crosses the rows of the image more than some ten million times.
    """
    height, width = shape
    next_x, next_y = np.roll(x, -1), np.roll(y, -1)
    # An edge crosses the rows from its upper end, which belongs to it, to its lower one, which does not.
    first = np.clip(np.ceil(np.minimum(y, next_y)), 0, height).astype(int)
    end = np.clip(np.ceil(np.maximum(y, next_y)), 0, height).astype(int)
    counts = end - first
    if counts.sum() > _MOST_CROSSINGS:
        raise ValueError(f"its outline crosses rows of the image {counts.sum()} times")
    edge = np.repeat(np.arange(x.size), counts)
    rows = np.arange(edge.size) - np.repeat(np.cumsum(counts) - counts, counts) + first[edge]
    crossings = x[edge] + (rows - y[edge]) * (next_x[edge] - x[edge]) / (next_y[edge] - y[edge])
    # The pixels left of a crossing are those before this column.
    columns = np.clip(np.ceil(crossings), 0, width).astype(int)
    passed = np.bincount(rows * (width + 1) + columns, minlength=height * (width + 1)).reshape(height, width + 1)
    return passed[:, ::-1].cumsum(axis=1)[:, ::-1][:, 1:] % 2 == 1
