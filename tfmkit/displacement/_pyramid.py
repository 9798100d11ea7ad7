"""From nothing to within a bead's width: correlation of large windows on binned images, then ever finer steps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tfmkit._validation import FloatArray
from tfmkit.displacement._correlation import correlate_windows
from tfmkit.displacement._deformation import DeformableImage
from tfmkit.displacement._grid import resample
from tfmkit.displacement._images import MIN_IMAGE_SIDE, Image, Prepared, bin_image
from tfmkit.displacement._lattice import Lattice
from tfmkit.displacement._least_squares import Comparison, refine
from tfmkit.displacement._match import Match
from tfmkit.displacement._outliers import MEDIAN_THRESHOLD, normalised_median, replace

# A correlation peak has to stand out by this factor from the next one to be believed.
PEAK_RATIO = 1.2
# Binning of the images, coarsest first. Bins still show beads, or clusters of them, at 4 px.
_FACTORS = (4, 2)
# Nodes, windows and steps on binned images, in bins.
_SPACING = 4
_SIGMAS = [6.0, 4.0, 3.0, 3.0]
_WINDOW = 32
# Share of valid pixels from which a bin counts: all of them, but for rounding.
_FULL = 0.999


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
        # The middle of a bin lies between the pixels, or finer bins, that it is made of.
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
