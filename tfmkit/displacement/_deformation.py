"""Deforming an image: cubic splines give its values between its pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tfmkit._validation import FloatArray

# Rings of coefficients around the image. Splines just outside the image need them.
_FRAME = 3
# Rows that are sampled together. The data of a few rows stay in the cache of the processor.
_ROWS = 32


class DeformableImage:
    """An image that can be sampled between its pixels, by cubic splines.

    Parameters
    ----------
    image : ndarray of shape (height, width)
        Image.
    valid : ndarray of shape (height, width)
        True where the image counts.

    Notes
    -----
    Inside the image the values are those of ``scipy.ndimage.map_coordinates``. They come four times faster, and
    sampling takes most of the time of a measurement.
    """

    def __init__(self, image: NDArray[np.float32], valid: NDArray[np.bool_]) -> None:
        coefficients = ndimage.spline_filter(image, order=3, output=np.float32, mode="mirror")
        self._coefficients = np.pad(coefficients, _FRAME, mode="reflect")
        self._shape = image.shape
        self._valid = None if valid.all() else valid

    def sample(self, displacement: FloatArray) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Sample the image where a displacement field leads.

        Parameters
        ----------
        displacement : ndarray of shape (2, height, width)
            Displacement (x, y) of each pixel, in pixels.

        Returns
        -------
        image : ndarray of shape (height, width), float32
            ``image(x + u(x))``. Outside the image the values are near those of its edge and mean nothing.
        valid : ndarray of shape (height, width)
            True where that lies inside the image and counts.
        """
        height, width = self._shape
        rows = np.arange(height, dtype=np.float32)[:, None] + displacement[1].astype(np.float32, copy=False)
        columns = np.arange(width, dtype=np.float32) + displacement[0].astype(np.float32, copy=False)
        valid = (rows >= 0) & (rows <= height - 1) & (columns >= 0) & (columns <= width - 1)
        if self._valid is not None:
            nearest = np.rint(rows).astype(int).clip(0, height - 1), np.rint(columns).astype(int).clip(0, width - 1)
            valid &= self._valid[nearest]
        moved = np.empty(self._shape, dtype=np.float32)
        for first in range(0, height, _ROWS):
            band = slice(first, first + _ROWS)
            moved[band] = self._look_up(rows[band], columns[band])
        return moved, valid

    def _look_up(self, rows: NDArray[np.float32], columns: NDArray[np.float32]) -> NDArray[np.float32]:
        height, width = self._shape
        rows, columns = np.clip(rows, -1, height), np.clip(columns, -1, width)
        whole = np.floor(rows), np.floor(columns)
        along_y, along_x = _spline_weights(rows - whole[0]), _spline_weights(columns - whole[1])
        stride, flat = self._coefficients.shape[1], self._coefficients.ravel()
        corner = (whole[0].astype(np.intp) + (_FRAME - 1)) * stride + whole[1].astype(np.intp) + (_FRAME - 1)
        result, line, value = np.zeros_like(rows), np.empty_like(rows), np.empty_like(rows)
        for row, weight in enumerate(along_y):
            line[:] = 0
            for column, across in enumerate(along_x):
                # No index lies outside. The mode "clip" is there because it needs no buffer.
                flat[row * stride + column :].take(corner, out=value, mode="clip")
                value *= across
                line += value
            line *= weight
            result += line
        return result


def _spline_weights(share: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
    """Return the weights of the four nodes around a position that lies `share` beyond the second node."""
    square, rest = share * share, 1 - share
    first = rest * rest
    first *= rest
    first *= np.float32(1 / 6)
    last = square * share
    second = last * np.float32(0.5)
    second -= square
    second += np.float32(2 / 3)
    last *= np.float32(1 / 6)
    return first, second, 1 - first - second - last, last
