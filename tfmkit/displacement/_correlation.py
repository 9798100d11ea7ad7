"""Displacement of interrogation windows by cross-correlation: batched transforms and a sub-pixel peak."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.fft
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from tfmkit._validation import FloatArray

# Half side of the neighbourhood of the highest peak in which no second peak is looked for.
_PEAK_RADIUS = 2
# Rows of windows are correlated in turn, to bound memory: about this many values at a time.
_VALUES_PER_CHUNK = 4_000_000


def correlate_windows(
    first: FloatArray, second: FloatArray, starts: tuple[NDArray[np.intp], NDArray[np.intp]], size: tuple[int, int]
) -> tuple[FloatArray, FloatArray]:
    """Measure by how much the content of each window has moved.

    Parameters
    ----------
    first, second : ndarray of shape (height, width)
        The two images, without background.
    starts : (ndarray of int, ndarray of int)
        First row of each row of windows, first column of each column.
    size : (int, int)
        Rows and columns of a window.

    Returns
    -------
    displacement : ndarray of shape (2, n_rows, n_columns)
        Displacement (x, y) from the first to the second image in pixels, up to half a window.
    ratio : ndarray of shape (n_rows, n_columns)
        Height of the highest correlation peak over the second highest, >= 1; 1 where the window holds nothing.
    """
    windows = [sliding_window_view(image, size)[starts[0]][:, starts[1]] for image in (first, second)]
    n_rows = max(1, _VALUES_PER_CHUNK // (len(starts[1]) * size[0] * size[1]))
    parts = [
        _correlate(windows[0][row : row + n_rows], windows[1][row : row + n_rows])
        for row in range(0, len(starts[0]), n_rows)
    ]
    displacement, ratio = zip(*parts, strict=True)
    return np.concatenate(displacement, axis=1), np.concatenate(ratio, axis=0)


def _correlate(first: FloatArray, second: FloatArray) -> tuple[FloatArray, FloatArray]:
    size = first.shape[-2:]
    spectra = [scipy.fft.rfft2(w - w.mean(axis=(-2, -1), keepdims=True)) for w in (first, second)]
    plane = scipy.fft.irfft2(spectra[0].conj() * spectra[1], size)
    plane = np.roll(plane, (size[0] // 2, size[1] // 2), axis=(-2, -1))
    flat = plane.reshape(-1, *size)
    row, column = np.unravel_index(flat.reshape(len(flat), -1).argmax(axis=1), size)
    shift = np.stack(
        [column - size[1] // 2 + _subpixel(flat, row, column, 1), row - size[0] // 2 + _subpixel(flat, row, column, 0)]
    )
    ratio = _peak_ratio(flat, row, column)
    return shift.reshape(2, *plane.shape[:2]).astype(first.dtype), ratio.reshape(plane.shape[:2])


def _subpixel(planes: FloatArray, row: NDArray[Any], column: NDArray[Any], axis: int) -> FloatArray:
    """Return the offset of a Gaussian through the peak and its neighbours along one axis (Willert & Gharib 1991)."""
    index = np.arange(len(planes))
    position, size = (row, column)[axis], planes.shape[1 + axis]
    values = []
    for step in (-1, 0, 1):
        neighbour = np.clip(position + step, 0, size - 1)
        values.append(planes[index, neighbour, column] if axis == 0 else planes[index, row, neighbour])
    before, peak, after = np.log(np.maximum(values, 1e-6 * np.maximum(values[1], 1e-30)))
    curvature = before - 2 * peak + after
    inside = (position > 0) & (position < size - 1) & (curvature < 0)
    return np.where(inside, (before - after) / (2 * np.where(inside, curvature, 1)), 0)


def _peak_ratio(planes: FloatArray, row: NDArray[Any], column: NDArray[Any]) -> FloatArray:
    index = np.arange(len(planes))
    peak = planes[index, row, column]
    rest = planes.copy()
    offsets = np.arange(-_PEAK_RADIUS, _PEAK_RADIUS + 1)
    rows = np.clip(row[:, None] + offsets, 0, planes.shape[1] - 1)
    columns = np.clip(column[:, None] + offsets, 0, planes.shape[2] - 1)
    rest[index[:, None, None], rows[:, :, None], columns[:, None, :]] = -np.inf
    second = rest.max(axis=(1, 2))
    return np.where(peak > 0, peak / np.where(second > 0, second, np.maximum(peak, 1e-30) / 10), 1.0)
