"""Continuation of a displacement field past its border.

The gel goes on past the border of the field, the discrete Fourier transform thinks that it repeats. The edge values
are continued outwards under a linear taper, a fifth of the field wide on every side; what is left of the wrap then
happens outside.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import scipy.fft
from array_api_compat import device as device_of
from array_api_compat import is_torch_array
from numpy.typing import NDArray

# Width of the continuation on either side over that of the field.
MARGIN = 0.2


def extended_grid(shape: tuple[int, int]) -> tuple[int, int]:
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


def extend(field: Any, grid: tuple[int, int]) -> Any:
    """Continue fields past their border by their edge values under a linear taper.

    Parameters
    ----------
    field : array of shape (..., height, width)
        Real fields (numpy or torch).
    grid : (int, int)
        Height and width of the result; those of the field give the field itself.

    Returns
    -------
    array of shape (..., grid[0], grid[1])
        The field in the first rows and columns. The continuation of its last row follows, then, by the period of the
        transform, the one of its first row; likewise along the columns.

    Notes
    -----
    Both continuations are of one width, so that mirroring commutes with them; where an odd number of rows is to be
    filled, the middle one is 0.

    Examples
    --------
    >>> import numpy as np
    >>> extend(np.array([[1.0, 2.0]]), (1, 7)).round(2)
    array([[1.  , 2.  , 1.33, 0.67, 0.  , 0.33, 0.67]])
    """
    if tuple(field.shape[-2:]) == tuple(grid):
        return field
    rows, weight_y = _continuation(field.shape[-2], grid[0])
    columns, weight_x = _continuation(field.shape[-1], grid[1])
    window = weight_y[:, None] * weight_x
    if is_torch_array(field):
        return field[..., rows[:, None], columns] * field.new_tensor(window, device=device_of(field))
    window = window.astype(field.dtype)
    return field.take(rows, axis=-2).take(columns, axis=-1) * window


@lru_cache(maxsize=64)
def _continuation(n: int, total: int) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Source pixel and weight of every pixel of one continued axis."""
    margin = (total - n) // 2
    fall = 1 - np.arange(1, margin + 1) / (margin + 1)
    source = np.zeros(total, dtype=np.intp)
    source[:n] = np.arange(n)
    source[n : n + margin] = n - 1
    weight = np.zeros(total)
    weight[:n] = 1
    weight[n : n + margin] = fall
    weight[total - margin :] = fall[::-1]
    return source, weight
