"""From a list of points to a regular grid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import griddata
from scipy.spatial import QhullError, cKDTree

from tfmkit._validation import FloatArray

# Positions printed with few digits (10.33, 20.67, 31) still count as evenly spaced.
_TOLERANCE = 0.01
# Positions may be rounded to whole pixels, as long as these are small beside the step.
_COARSEST_ROUNDING = 0.25
_MOST_DIGITS = 7
# Scattered points have nearly as many different x as points: no grid, and their product would not fit in memory.
_MOST_HOLES = 4


def grid_axes(points: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the axes of the square grid that `points` lie on.

    Parameters
    ----------
    points : ndarray of shape (n_points, 2)
        Positions (x, y), in any order; some grid points may be absent.

    Returns
    -------
    x : ndarray of shape (width,)
        Columns, ascending.
    y : ndarray of shape (height,)
        Rows, ascending.

    Raises
    ------
    ValueError
        If the points do not lie on an evenly spaced square grid.
    """
    x, y = (np.unique(positions) for positions in points.T)
    if min(x.size, y.size) < 2:
        raise ValueError(f"Expected points on a grid, got {x.size} column(s) and {y.size} row(s).")
    if x.size * y.size > _MOST_HOLES * len(points):
        raise ValueError(
            f"Expected points on a grid, got {len(points)} points with {x.size} different x and {y.size} different y."
        )
    steps = np.concatenate([np.diff(x), np.diff(y)])
    step = np.median(steps)
    even = np.abs(steps - step).max() <= _TOLERANCE * step
    if not even and not _is_rounded_grid(x, y):
        raise ValueError(
            f"Expected an evenly spaced square grid, got steps from {steps.min():g} to {steps.max():g} px."
        )
    return x, y


def grid_step(x: FloatArray, y: FloatArray) -> float:
    """Return the distance between neighbouring points of a square grid.

    Parameters
    ----------
    x, y : ndarray of shape (width,) and (height,)
        Axes of the grid.

    Returns
    -------
    float
        Slope of the line through all positions, mean of x and y, so that rounded positions do no harm.
    """
    return float(np.mean([_slope(axis) for axis in (x, y)]))


def _slope(axis: FloatArray) -> float:
    steps = np.diff(axis)
    if np.ptp(steps) == 0:
        return float(steps[0])
    number = np.arange(axis.size) - (axis.size - 1) / 2
    return float(number @ axis / (number @ number))


def _is_rounded_grid(x: FloatArray, y: FloatArray) -> bool:
    """Tell whether positions are those of an even square grid, rounded to their last digit."""
    slopes = [_slope(axis) for axis in (x, y)]
    digit = next((10.0**-power for power in range(_MOST_DIGITS) if _are_multiples((x, y), 10.0**-power)), 0.0)
    if digit > _COARSEST_ROUNDING * min(slopes):
        return False
    off = max(float(np.ptp(axis - slope * np.arange(axis.size))) for axis, slope in zip((x, y), slopes, strict=True))
    # Both slopes are off by as much as rounding shifts the ends of the axes.
    unlike = abs(slopes[0] - slopes[1]) * (min(x.size, y.size) - 1)
    return off <= 1.3 * digit and unlike <= 2 * digit


def _are_multiples(axes: tuple[FloatArray, ...], digit: float) -> bool:
    return all(bool((np.abs(axis / digit - np.rint(axis / digit)) < 1e-6).all()) for axis in axes)


def fill_grid(
    points: FloatArray, vectors: FloatArray, x: FloatArray, y: FloatArray
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Put vectors where their points are on the grid.

    Parameters
    ----------
    points : ndarray of shape (n_points, 2)
        Positions (x, y), each on the grid.
    vectors : ndarray of shape (n_points, 2)
        The vectors.
    x, y : ndarray of shape (width,) and (height,)
        Axes of the grid.

    Returns
    -------
    field : ndarray of shape (2, height, width)
        The vectors, zero where no point is.
    present : ndarray of shape (height, width)
        True where a point is.

    Raises
    ------
    ValueError
        If two points share a place.
    """
    columns, rows = np.searchsorted(x, points[:, 0]), np.searchsorted(y, points[:, 1])
    count = np.zeros((y.size, x.size), dtype=int)
    np.add.at(count, (rows, columns), 1)
    if count.max() > 1:
        row, column = np.argwhere(count > 1)[0]
        raise ValueError(f"Expected one vector per grid point, got {count.max()} at x={x[column]:g}, y={y[row]:g}.")
    field = np.zeros((2, y.size, x.size))
    field[:, rows, columns] = vectors.T
    return field, count == 1


def interpolate_onto(points: FloatArray, vectors: FloatArray, x: FloatArray, y: FloatArray) -> FloatArray:
    """Return vectors at the points of a grid: linear between scattered points, the nearest vector around them.

    Parameters
    ----------
    points : ndarray of shape (n_points, 2)
        Positions (x, y).
    vectors : ndarray of shape (n_points, 2)
        The vectors.
    x, y : ndarray of shape (width,) and (height,)
        Axes of the grid.

    Returns
    -------
    ndarray of shape (2, height, width)
        The field.

    Raises
    ------
    ValueError
        If there are too few points, or all lie on one line.
    """
    targets = np.stack(np.meshgrid(x, y), axis=-1)
    try:
        linear = griddata(points, vectors, targets, method="linear")
    except (QhullError, ValueError) as error:
        raise ValueError(f"Expected points that span an area, got {len(points)} that do not.") from error
    nearest = griddata(points, vectors, targets, method="nearest")
    return np.moveaxis(np.where(np.isfinite(linear), linear, nearest), -1, 0)


def beside_points(points: FloatArray, x: FloatArray, y: FloatArray) -> NDArray[np.bool_]:
    """Tell which points of a grid lie within one step of a scattered point.

    Parameters
    ----------
    points : ndarray of shape (n_points, 2)
        Positions (x, y); may be none.
    x, y : ndarray of shape (width,) and (height,)
        Axes of the grid.

    Returns
    -------
    ndarray of shape (height, width)
        True where a vector that is interpolated from these points counts as measured.
    """
    if not len(points):
        return np.zeros((y.size, x.size), dtype=bool)
    distance, _ = cKDTree(points).query(np.stack(np.meshgrid(x, y), axis=-1))
    return np.asarray(distance <= grid_step(x, y))


def refuse_holes(present: NDArray[np.bool_], x: FloatArray, y: FloatArray, path: Path) -> None:
    """Refuse a grid with points that have no vector.

    Parameters
    ----------
    present : ndarray of shape (height, width)
        True where there is a vector.
    x, y : ndarray of shape (width,) and (height,)
        Axes of the grid.
    path : Path
        File, for the error message.

    Raises
    ------
    ValueError
        If there is a hole; the message says where the first one is, and the remedy.
    """
    if not present.all():
        row, column = np.argwhere(~present)[0]
        raise ValueError(
            f"Expected a vector at every grid point, got {(~present).sum()} hole(s) in {path}, the first at "
            f"x={x[column]:g}, y={y[row]:g}. interpolate=True (--interpolate) fills them in from their neighbours."
        )


def even_axes(points: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the axes of a square grid as dense as scattered points, over the area that they cover.

    Parameters
    ----------
    points : ndarray of shape (n_points, 2)
        Positions (x, y).

    Returns
    -------
    x : ndarray of shape (width,)
        Columns, ascending.
    y : ndarray of shape (height,)
        Rows, ascending.

    Raises
    ------
    ValueError
        If there are too few points, all lie on one line or in one place, or one lies far from the others.
    """
    low = points.min(axis=0)
    extent = points.max(axis=0) - low
    if len(points) < 3 or extent.min() <= 0:
        raise ValueError(f"Expected points that span an area, got {len(points)} that do not.")
    # The median distance to the nearest neighbour is the step itself on a jittered grid; it is kept from making
    # more grid points than there are measurements where points crowd together.
    distances, _ = cKDTree(points).query(points, k=[2])
    step = max(float(np.median(distances)), float(np.sqrt(extent.prod() / len(points))))
    sides = extent / step + 1
    # Wide and flat areas, such as those of a cloud and one far point, have more grid points than measurements.
    if not sides.prod() <= _MOST_HOLES * len(points) + sides.size:
        raise ValueError(
            f"Expected points that are scattered over an area, got {len(points)} on {extent[0]:g} x {extent[1]:g} px: "
            "remove points that lie far from the others."
        )
    x, y = (start + step * np.arange(int(length / step + 1e-9) + 1) for start, length in zip(low, extent, strict=True))
    return x, y
