"""Outlines of cells: ImageJ's regions, label images and masks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from roifile import ImagejRoi

from tfmkit._validation import check_shape
from tfmkit.io.images.opening import open_images
from tfmkit.io.images.roi import rasterise, read_roi, read_roi_archive

# All masks of one file together, a byte per pixel.
_LARGEST_MASKS = 2**30
# An image with more values than this is a photograph rather than a picture of labels.
_MOST_LABELS = 1000
_LONGEST_NAME = 100
# The second start is that of an archive of nothing.
_READERS = {b"Iout": read_roi, b"PK\3\4": read_roi_archive, b"PK\5\6": read_roi_archive}

_Regions = tuple[tuple[str, ...], NDArray[np.bool_]]


def read_regions(path: str | PathLike[str], shape: tuple[int, int], *, frame: int | None = None) -> _Regions:
    """Read the cells of an image.

    Parameters
    ----------
    path : str or path-like
        An ImageJ region (`.roi`), a set of them (`.zip`), or an image that `open_images` reads, of one channel or
        three equal ones: of 0 outside and one other value inside a single cell, or of 0 outside and a number for each
        cell.
    shape : (int, int)
        Height and width of the images that the regions belong to, in pixels. Regions are cut off at the border.
    frame : int, optional
        Which frame of a stack of masks; must be given where there are several.

    Returns
    -------
    names : tuple of str
        A name for each region: that of ImageJ, the label, or that of the file for a single mask. It is what the file
        says, so that it may hold any printable character.
    masks : ndarray of shape (n_regions, height, width)
        True inside.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is damaged or too large, an image is of another shape, or there is no region in it, or one that is
        a line, a point or outside of the image.

    Notes
    -----
    A pixel belongs to a region if its centre lies inside of it. Regions may overlap, but for those of a label image.
    """
    file = Path(path)
    wanted = check_shape(shape, min_side=1)
    if not file.is_file():
        raise FileNotFoundError(f"No such file: {file}")
    with file.open("rb") as opened:
        reader = _READERS.get(opened.read(4))
    names, masks = _labels(file, wanted, frame) if reader is None else _rois(file, reader, wanted)
    empty = [name for name, mask in zip(names, masks, strict=True) if not mask.any()]
    if empty or not names:
        got = f"{', '.join(map(repr, empty))} without a pixel in it" if names else "none"
        raise ValueError(f"Expected regions in {wanted[0]} x {wanted[1]} pixels from {file}, got {got}.")
    return names, masks


def _rois(path: Path, read: Callable[[Path], Iterator[tuple[str, ImagejRoi]]], shape: tuple[int, int]) -> _Regions:
    masks: dict[str, NDArray[np.bool_]] = {}
    try:
        for text, region in read(path):
            _check_size(len(masks) + 1, shape, path)
            plain = "".join(character if character.isprintable() else "?" for character in text[:_LONGEST_NAME])
            # Other programs than ImageJ's region manager write names twice.
            numbered = (plain if number == 1 else f"{plain}-{number}" for number in count(1))
            name = next(name for name in numbered if name not in masks)
            masks[name] = _mask(name, region, shape)
    except Exception as error:
        # Parsers of binary files raise whatever they stumble over on damaged bytes.
        raise ValueError(
            f"Expected regions, got {path} that cannot be read as such: {str(error).rstrip('.')}."
        ) from error
    return tuple(masks), np.array(list(masks.values()), dtype=bool).reshape(-1, *shape)


def _labels(path: Path, shape: tuple[int, int], frame: int | None) -> _Regions:
    with open_images(path) as images:
        if images.shape != shape:
            raise ValueError(f"Expected regions on {shape} pixels from {path}, got an image of {images.shape}.")
        if frame is None and images.n_frames > 1:
            raise ValueError(f"Expected frame, from 0, for {path}, which holds {images.n_frames} of them, got none.")
        first, *others = (images.read(frame or 0, channel) for channel in range(images.n_channels))
    if any(not np.array_equal(first, other) for other in others):
        raise ValueError(f"Expected a mask or labels in {path}, got channels that differ.")
    labels = np.unique(first)
    labels = labels[labels != 0]
    if labels.size > _MOST_LABELS or (labels < 0).any() or (labels % 1 != 0).any():
        raise ValueError(
            f"Expected 0 and the numbers of at most {_MOST_LABELS} cells in {path}, got {labels.size} other values "
            f"from {labels.min():g} to {labels.max():g}."
        )
    _check_size(labels.size, shape, path)
    names = (path.stem,) if labels.size == 1 else tuple(str(int(label)) for label in labels)
    return names, np.array([first == label for label in labels], dtype=bool).reshape(-1, *shape)


def _mask(name: str, region: ImagejRoi, shape: tuple[int, int]) -> NDArray[np.bool_]:
    try:
        return rasterise(region, shape)
    except ValueError as error:
        raise ValueError(f"region {name!r} is no cell: {error}") from error


def _check_size(n_regions: int, shape: tuple[int, int], path: Path) -> None:
    if n_regions * shape[0] * shape[1] > _LARGEST_MASKS:
        raise ValueError(
            f"Expected masks of at most {_LARGEST_MASKS} bytes from {path}, got {n_regions} or more regions of {shape} "
            "pixels."
        )
