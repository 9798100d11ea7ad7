"""Masks and label images of sheets: their check, gaps between cells, and cells from drawn outlines."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from tfmkit._validation import check_number, unmasked

Labels = NDArray[np.int64]


def check_labels(labels: ArrayLike, shape: tuple[int, ...]) -> Labels:
    """Return a mask or a label image as one plane of whole numbers per field.

    Parameters
    ----------
    labels : array-like of shape (n_fields, height, width) or (height, width)
        True, or the number of a cell, inside the sheet; False or 0 outside.
    shape : tuple of int
        Shape of the fields, ``(n_fields, ..., height, width)``.

    Returns
    -------
    ndarray of shape (n_fields, height, width)
        Whole numbers >= 0.

    Raises
    ------
    ValueError
        If the shape does not fit or a value is not a whole number >= 0.
    """
    array = np.asarray(unmasked(labels))
    if array.dtype.kind not in "biuf":
        raise ValueError(f"Expected a mask or a label image of numbers, got dtype {array.dtype}.")
    wanted = (shape[0], *shape[-2:])
    if array.shape not in (wanted, wanted[1:]):
        raise ValueError(f"Expected a mask or a label image of shape {wanted} or {wanted[1:]}, got {array.shape}.")
    if array.dtype.kind == "f" and not (np.isfinite(array).all() and (array == np.rint(array)).all()):
        raise ValueError("Expected whole numbers in a mask or a label image, got fractions, NaN or inf.")
    if array.size and array.min() < 0:
        raise ValueError(f"Expected numbers >= 0 in a mask or a label image, got {array.min()}.")
    return np.broadcast_to(array.astype(np.int64), wanted)


def fill_gaps(labels: ArrayLike, width: float = 2.0) -> Labels:
    """Give the gaps between cells to the nearest cell.

    Label images often have lines of 0 between cells. A sheet that is cut into its cells holds no stress between them.

    Parameters
    ----------
    labels : array-like of shape (height, width)
        Number of the cell at each pixel, 0 outside.
    width : float, default=2.0
        Widest gap that is filled, in pixels.

    Returns
    -------
    ndarray of shape (height, width)
        The label image without the gaps. A gap that opens to the outside keeps its last pixels.

    Raises
    ------
    ValueError
        If `labels` is not a label image or `width` is negative.
    """
    image = _one_plane(labels)
    reach = check_number(width, "width", low=0) / 2
    outside = image == 0
    if outside.all() or reach == 0:
        return image
    # A closing of the sheet: grown by the reach and shrunk by it again. The field's border is not an outer border.
    margin = int(np.ceil(reach)) + 1
    distance, nearest = ndimage.distance_transform_edt(outside, return_indices=True)
    grown = np.pad(distance <= reach, margin, mode="edge")
    shrunk = ndimage.distance_transform_edt(grown)[margin:-margin, margin:-margin] > reach
    closed = image[tuple(nearest)]
    return np.where(outside & ~shrunk, 0, closed)


def widen(labels: ArrayLike, margin: float) -> Labels:
    """Let a sheet reach farther than the outlines of its cells.

    A measured traction is smoother than the true one, and a part of it lies outside of the cells. A sheet that ends at
    their outlines misses that part: the measured colony of `examples/plot_monolayer.py` then has 0.0032 N/m instead of
    0.0059 N/m.

    Parameters
    ----------
    labels : array-like of shape (height, width)
        Number of the cell at each pixel, 0 outside.
    margin : float
        Distance by which the sheet grows, in pixels, about the resolution of the displacement.

    Returns
    -------
    ndarray of shape (height, width)
        The label image; new pixels belong to the nearest cell.

    Raises
    ------
    ValueError
        If `labels` is not a label image or `margin` is negative.
    """
    image = _one_plane(labels)
    reach = check_number(margin, "margin", low=0)
    if not image.any():
        return image
    distance, nearest = ndimage.distance_transform_edt(image == 0, return_indices=True)
    return np.where(distance <= reach, image[tuple(nearest)], 0)


def cells_from_outlines(outlines: ArrayLike) -> Labels:
    """Number the cells that drawn lines enclose.

    Parameters
    ----------
    outlines : array-like of shape (height, width)
        True on the lines: the outer border of the sheet and the borders between cells.

    Returns
    -------
    ndarray of shape (height, width)
        Number of the cell, from 1, and 0 outside of the sheet. The lines themselves belong to the nearest cell.

    Raises
    ------
    ValueError
        If `outlines` is not a mask or the lines enclose nothing.
    """
    lines = _one_plane(outlines) > 0
    regions, n_regions = ndimage.label(~lines)
    outer = np.unique(np.concatenate([regions[0], regions[-1], regions[:, 0], regions[:, -1]]))
    inner = np.setdiff1d(np.arange(1, n_regions + 1), outer)
    if not inner.size:
        raise ValueError("Expected lines that enclose cells, got none that do. Close the gaps in the lines.")
    numbers = np.zeros(n_regions + 1, dtype=np.int64)
    numbers[inner] = np.arange(1, inner.size + 1)
    cells = numbers[regions]
    distance, nearest = ndimage.distance_transform_edt(cells == 0, return_indices=True)
    # The end of a line that lies farther from every cell than lines are wide is outside of the sheet.
    widest = 2 * ndimage.distance_transform_edt(lines).max()
    return np.where((cells > 0) | (lines & (distance <= widest)), cells[tuple(nearest)], 0)


def _one_plane(labels: ArrayLike) -> Labels:
    array = np.asarray(unmasked(labels))
    if array.ndim != 2:
        raise ValueError(f"Expected a label image of shape (height, width), got shape {array.shape}.")
    return check_labels(array, (1, *array.shape))[0].copy()


def cell_radius(labels: Labels) -> float:
    """Return the radius of a disc as large as the median cell.

    Parameters
    ----------
    labels : ndarray of shape (height, width)
        Number of the cell at each pixel, 0 outside.

    Returns
    -------
    float
        Radius in pixels, 0 without a cell.
    """
    counts: NDArray[Any] = np.bincount(labels.ravel())[1:]
    counts = counts[counts > 0]
    return float(np.sqrt(np.median(counts) / np.pi)) if counts.size else 0.0
