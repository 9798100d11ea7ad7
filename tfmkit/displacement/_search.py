"""The search for displacements of many pixels: correlation of large windows, then finer and finer steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.fft
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from tfmkit._validation import FloatArray
from tfmkit.displacement._deformation import DeformableImage
from tfmkit.displacement._images import MIN_IMAGE_SIDE, Image, Prepared
from tfmkit.displacement._lattice import Lattice, bin_image, resample
from tfmkit.displacement._least_squares import Comparison, refine
from tfmkit.displacement._match import MEDIAN_THRESHOLD, Match, normalised_median, replace

# A correlation peak has to stand out by this factor from the next one to be believed.
PEAK_RATIO = 1.2
# Binning of the images, coarsest first. Bins of 4 px still show beads or clusters of beads.
_FACTORS = (4, 2)
# Nodes, windows and steps on binned images, in bins.
_SPACING = 4
_SIGMAS = [6.0, 4.0, 3.0, 3.0]
_WINDOW = 32
# Share of valid pixels from which a bin counts: all of them, but for rounding.
_FULL = 0.999
# Half side of the neighbourhood of the highest peak in which no second peak is looked for.
_PEAK_RADIUS = 2
# Rows of windows are correlated in turn, to bound memory: about this many values at a time.
_VALUES_PER_CHUNK = 4_000_000


def find_displacement(prepared: Prepared, lattice: Lattice) -> FloatArray:
    """Find displacements of up to dozens of pixels to within a fraction of a pixel.

    Parameters
    ----------
    prepared : Prepared
        The images.
    lattice : Lattice
        Nodes of the result.

    Returns
    -------
    ndarray of shape (2, n_y, n_x)
        Displacement (x, y) at the nodes, in pixels.
    """
    factors = [factor for factor in _FACTORS if min(lattice.shape) // factor >= MIN_IMAGE_SIDE] or [1]
    field, grid = _correlate_coarsely(
        *(bin_image(image, factors[0]) for image in (prepared.relaxed, prepared.deformed))
    )
    for index, factor in enumerate(factors):
        first, second = bin_image(prepared.relaxed, factor), bin_image(prepared.deformed, factor)
        counts = bin_image(prepared.valid.astype(np.float32), factor) > _FULL
        coarse = Lattice(first.shape, _SPACING)
        field = resample(field, grid, coarse.positions())
        field = refine(Comparison(first, first, second, counts, outlying=np.inf), field, coarse, _SIGMAS)
        match = Match(first, second, counts, coarse)
        field = replace(field, match.outliers(field, match.correlation(field)))
        following = factors[index + 1] if index + 1 < len(factors) else 1
        step = factor // following
        # The middle of a bin lies between its pixels or finer bins.
        rows, columns = (position * step + (step - 1) / 2 for position in coarse.positions())
        grid = rows, columns
        field = field * np.float32(step)
    return resample(field, grid, lattice.positions())


def without_outliers(field: FloatArray, also: NDArray[np.bool_] | None = None) -> FloatArray:
    """Replace vectors that the normalised median test refuses.

    Parameters
    ----------
    field : ndarray of shape (2, n_y, n_x)
        Displacement in pixels or bins.
    also : ndarray of shape (n_y, n_x), optional
        Further vectors to replace.

    Returns
    -------
    ndarray of shape (2, n_y, n_x)
        The field without outliers.
    """
    bad = normalised_median(field) > MEDIAN_THRESHOLD
    return replace(field, bad if also is None else bad | also)


def _correlate_coarsely(first: Image, second: Image) -> tuple[FloatArray, tuple[FloatArray, FloatArray]]:
    """Correlate large windows, then smaller ones; return displacements in bins, and where they are."""
    largest = _WINDOW if min(first.shape) >= 2 * _WINDOW else _WINDOW // 2
    height, width = first.shape
    grid = np.linspace(0, height - 1, 4), np.linspace(0, width - 1, 4)
    field = np.zeros((2, 4, 4), dtype=np.float32)
    target = DeformableImage(second, np.ones(second.shape, dtype=bool))
    pixels = np.arange(height, dtype=float), np.arange(width, dtype=float)
    for side in (largest, largest // 2):
        moved, inside = target.sample(resample(field, grid, pixels))
        starts = _starts(height, side), _starts(width, side)
        step, ratio = correlate_windows(first, np.where(inside, moved, 0), starts, (side, side))
        wanted = starts[0] + (side - 1) / 2, starts[1] + (side - 1) / 2
        known = resample(field, grid, wanted)
        field, grid = without_outliers(known + step, ratio < PEAK_RATIO), wanted
    return field, grid


def _starts(length: int, side: int) -> NDArray[np.intp]:
    """Return at least four evenly spread first pixels of windows, as the cubic spline through them needs."""
    n_windows = max(4, (length - side) // (side // 4) + 1)
    return np.linspace(0, length - side, n_windows).round().astype(np.intp)


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
