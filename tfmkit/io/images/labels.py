"""From the pixels of a mask image to a number for each cell: 0 outside, 1, 2, 3... inside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter, minimum_filter
from skimage.measure import label

from tfmkit.io.images.series import ImageSeries

# An image with more values is a photograph rather than a picture of labels.
_MOST_LABELS = 1000
# Share of the brightest value that a JPEG may add to black, or take from white.
_NOISE = 0.25
# Share of the pixels in cells that may belong to thin pieces in a picture of labels, unless it has few values.
_MOST_THIN = 0.02
_FEW_LABELS = 20
_WHITE = 255
_ALPHA = "alpha"


def read_labels(images: ImageSeries, frame: int) -> NDArray[np.int64]:
    """Read a frame of a mask or label image.

    Parameters
    ----------
    images : ImageSeries
        The file, opened by `open_labels`.
    frame : int
        Frame, from 0.

    Returns
    -------
    ndarray of shape (height, width)
        0 outside of cells, and the number of the cell inside: the value in the file, or 1 for a mask with soft edges,
        which are cut at half of the brightest value.

    Raises
    ------
    ValueError
        If the image is damaged, or is neither a mask nor a picture of labels.

    Notes
    -----
    A cell in a picture of labels is solid: it has a spot of 3 x 3 pixels of one value. In a mask that was resized,
    drawn with soft edges, or once a JPEG, only black and white are solid, and many thin pieces of other values lie
    between.
    """
    planes = {name: images.read(frame, number) for number, name in enumerate(images.channels)}
    alpha = planes.pop(_ALPHA, np.ones(images.shape))
    colours = np.stack(list(planes.values()))
    visible = alpha > alpha.max() / 2
    if visible.all() or not visible.any():
        return _number(_one_plane(colours, images.path), images.path)
    if (colours[:, visible] == colours[:, visible][:, :1]).all():
        # A cell drawn in one colour differs from its surroundings in transparency alone.
        return visible.astype(np.int64)
    return _number(_one_plane(np.where(visible, colours, 0), images.path), images.path)


def _one_plane(colours: NDArray[Any], path: Path) -> NDArray[Any]:
    """Return the only plane, that of equal colours, or the mask of a single colour on black."""
    if (colours == colours[0]).all():
        return colours[0]
    different = np.unique(colours.reshape(len(colours), -1), axis=1)
    if different.shape[1] == 2 and not different[:, 0].any():
        return colours.max(axis=0)
    raise ValueError(
        f"Expected a mask or labels in {path}, got channels that differ: save it in grey, 0 outside of cells."
    )


def _number(grey: NDArray[Any], path: Path) -> NDArray[np.int64]:
    """Return the numbers of cells; a mask has one."""
    grey = grey.astype(np.uint8) if grey.dtype == bool else grey
    values = np.unique(grey[grey != 0])
    if not values.size:
        return np.zeros(grey.shape, dtype=np.int64)
    whole = bool((values % 1 == 0).all())
    if values[0] > 0 and (values.size == 1 or (grey == 0).any()):
        few = whole and values.size <= _MOST_LABELS
        # Resizing leaves white that differs in its last digits; 8 bits do not show them.
        scaled = grey if few else np.rint(grey / float(values[-1]) * _WHITE).astype(np.int64)
        solid, thin = _pieces(scaled)
        if _has_soft_edges(scaled, solid, thin):
            return (grey > float(values[-1]) / 2).astype(np.int64)
        if few and (values.size <= _FEW_LABELS or _share_of_thin(grey, thin) <= _MOST_THIN):
            return grey.astype(np.int64)
    raise ValueError(
        f"Expected a mask of black and white, or 0 and the numbers of at most {_MOST_LABELS} cells in {path}, got "
        f"{values.size} other values from {values[0]:g} to {values[-1]:g}."
    )


def _pieces(grey: NDArray[Any]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the numbered pieces of one value that have a solid spot of 3 x 3 pixels, and those that have none."""
    pieces = label(grey, connectivity=2).astype(np.intp)
    solid = np.zeros(pieces.max() + 1, dtype=bool)
    solid[pieces[maximum_filter(grey, 3) == minimum_filter(grey, 3)]] = True
    solid[0] = False
    return np.where(solid[pieces], pieces, 0), np.where(solid[pieces], 0, pieces)


def _has_soft_edges(grey: NDArray[Any], solid: NDArray[np.intp], thin: NDArray[np.intp]) -> bool:
    """Tell whether an image is a mask whose values between black and white are edges or noise."""
    n_solid, n_thin = (np.unique(pieces[pieces > 0]).size for pieces in (solid, thin))
    relative = grey / grey.max()
    between = (solid > 0) & (relative > _NOISE) & (relative < 1 - _NOISE)
    white = (solid > 0) & (relative >= 1 - _NOISE)
    return bool(n_thin > n_solid and white.any() and between.sum() <= _MOST_THIN * white.sum())


def _share_of_thin(grey: NDArray[Any], thin: NDArray[np.intp]) -> float:
    """Return the share of the pixels in cells that belong to thin pieces, long lines of one value not counted."""
    sizes = np.bincount(thin.ravel())
    return float((sizes[thin] < 3)[thin > 0].sum() / (grey != 0).sum())
