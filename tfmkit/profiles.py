"""Values along a line, and as a function of the distance from the edge of a cell or a sheet."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from tfmkit._validation import FloatArray, check_number


def sample_line(
    maps: ArrayLike, start: tuple[float, float], end: tuple[float, float], *, spacing: float = 1.0
) -> tuple[FloatArray, FloatArray]:
    """Return the values of maps along a straight line.

    Parameters
    ----------
    maps : array-like of shape (n_frames, height, width) or (height, width)
        One quantity on the grid, such as the length of the traction.
    start, end : (float, float)
        Ends (x, y) of the line in grid points, from the centre of the first.
    spacing : float, default=1.0
        Distance between grid points.

    Returns
    -------
    distance : ndarray of shape (n_points,)
        Distance from the start in the unit of `spacing`, one point per grid point of length.
    values : ndarray of shape (n_frames, n_points) or (n_points,)
        Values, interpolated linearly.

    Raises
    ------
    ValueError
        If the maps are not finite or have another number of axes, or the line leaves the grid or has no length.

    Examples
    --------
    >>> distance, values = sample_line(np.arange(12.0).reshape(3, 4), (0, 1), (3, 1), spacing=0.5)
    >>> distance.tolist(), values.tolist()
    ([0.0, 0.5, 1.0, 1.5], [4.0, 5.0, 6.0, 7.0])
    """
    fields = _check_maps(maps)
    step = check_number(spacing, "spacing", low=0, include_low=False)
    ends = np.array([start, end], dtype=float)
    limits = np.array(fields.shape[:-3:-1]) - 1
    if ends.shape != (2, 2) or not (np.isfinite(ends).all() and (ends >= 0).all() and (ends <= limits).all()):
        raise ValueError(f"Expected ends (x, y) from (0, 0) to {tuple(limits.tolist())}, got {start} and {end}.")
    length = float(np.linalg.norm(ends[1] - ends[0]))
    if length == 0:
        raise ValueError(f"Expected a line with a length, got {start} twice.")
    share = np.linspace(0, 1, int(np.ceil(length - 1e-9)) + 1)
    x, y = (ends[0] + share[:, None] * (ends[1] - ends[0])).T
    layers = fields.reshape(-1, *fields.shape[-2:])
    values = [ndimage.map_coordinates(layer, [y, x], order=1, mode="nearest") for layer in layers]
    return share * length * step, np.stack(values).reshape(*fields.shape[:-2], -1)


def average_from_edge(maps: ArrayLike, mask: ArrayLike, *, spacing: float = 1.0) -> tuple[FloatArray, FloatArray]:
    """Return the mean of maps at each distance from the edge of a mask.

    Parameters
    ----------
    maps : array-like of shape (n_frames, height, width) or (height, width)
        One quantity on the grid.
    mask : array-like of shape (height, width)
        True inside the cell or the sheet. Where a sheet leaves the field, the border of the field is not an edge.
    spacing : float, default=1.0
        Distance between grid points.

    Returns
    -------
    distance : ndarray of shape (n_distances,)
        Distances from the edge in the unit of `spacing`: half a grid point and on in steps of one; negative
        outside.
    values : ndarray of shape (n_frames, n_distances) or (n_distances,)
        Means over the grid points at each of these distances, half a step more or less.

    Raises
    ------
    ValueError
        If the maps are not finite or have another number of axes, or the mask does not fit or has no edge.
    """
    fields = _check_maps(maps)
    step = check_number(spacing, "spacing", low=0, include_low=False)
    inside = np.asarray(mask, dtype=bool)
    if inside.shape != fields.shape[-2:] or inside.all() or not inside.any():
        raise ValueError(f"Expected a mask of shape {fields.shape[-2:]} with an edge, got shape {inside.shape}.")
    bins, count = _distance_bins(inside)
    kept = np.flatnonzero(count)
    flat = fields.reshape(-1, inside.size)
    sums = np.stack([np.bincount(bins.ravel() - bins.min(), weights=field) for field in flat])
    values = (sums[:, kept] / count[kept]).reshape(*fields.shape[:-2], -1)
    return step * (kept + float(bins.min()) + 0.5), values


def _distance_bins(inside: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the bin of every grid point by its distance from the edge, and the number of points in each bin."""
    # The edge lies between grid points: the first ones inside are in bin 0, the first ones outside in bin -1.
    within, beyond = (ndimage.distance_transform_edt(side).astype(np.int64) for side in (inside, ~inside))
    bins = np.where(inside, within - 1, -beyond)
    return bins, np.bincount(bins.ravel() - bins.min())


def _check_maps(maps: ArrayLike) -> FloatArray:
    fields = np.asarray(maps, dtype=float)
    if fields.ndim not in (2, 3) or not fields.size or not np.isfinite(fields).all():
        raise ValueError(
            f"Expected finite maps (height, width) or (n_frames, height, width), got shape {fields.shape}."
        )
    return fields
