"""Outlines of cells: ImageJ's regions, label images and masks."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from roifile import ImagejRoi
from scipy.ndimage import binary_fill_holes

from tfmkit._validation import check_shape
from tfmkit.io.images.labels import read_labels
from tfmkit.io.images.opening import open_labels
from tfmkit.io.images.roi import Place, place_of, rasterise, read_roi, read_roi_archive

# All masks of one file together, a byte per pixel.
_LARGEST_MASKS = 2**30
_LONGEST_NAME = 100
# Regions without a cell that are named one by one.
_MOST_SKIPPED = 20
# A cell is seldom this small, in pixels, and a file seldom holds this many such cells.
_SLIVER, _MANY_SLIVERS = 20, 12
# Area inside the outer border of a cell over its own, from which on it is a line.
_HOLLOW = 3.0
# Values of white in a stack of masks.
_MASK_VALUES = (1, 255, 65535)
# The second start is that of an archive of nothing.
_READERS = {b"Iout": read_roi, b"PK\3\4": read_roi_archive, b"PK\5\6": read_roi_archive}

_Reader = Callable[[Path], Iterator[tuple[str, ImagejRoi]]]


@dataclass(frozen=True, eq=False)
class Regions:
    """Cells of one frame.

    Attributes
    ----------
    names : tuple of str
        A name for each cell.
    masks : ndarray of shape (n_cells, height, width)
        True inside.
    places : tuple of Place
        Frame, channel and plane that each cell is bound to.
    skipped : tuple of str
        A sentence for each region that is left out because it is not a cell, such as a point.
    doubts : tuple of str
        A sentence for each reason to doubt that the masks are cells.
    """

    names: tuple[str, ...]
    masks: NDArray[np.bool_]
    places: tuple[Place, ...]
    skipped: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


def read_regions(
    path: str | PathLike[str], shape: tuple[int, int], *, frame: int | None = None
) -> tuple[tuple[str, ...], NDArray[np.bool_]]:
    """Read the cells of an image.

    Parameters
    ----------
    path : str or path-like
        An ImageJ region (`.roi`), a set of them (`.zip`), or an image that `open_images` reads: a mask, which is
        0 outside and one other value inside a single cell, or 0 outside and a number for each cell.
    shape : (int, int)
        Height and width of the images that the regions belong to, in pixels. Regions are cut off at the border.
    frame : int, optional
        Frame, from 0. It must be given for a stack of masks. With it, regions of ImageJ that are bound to another
        frame are left out; without it, all regions are read.

    Returns
    -------
    names : tuple of str
        A name for each region: the name in ImageJ, the label, or the name of the file for a single mask. It may hold
        any printable character.
    masks : ndarray of shape (n_regions, height, width)
        True inside. None at all for a frame without a cell.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is damaged or too large, an image is of another shape, or there is no region in it.

    Warns
    -----
    UserWarning
        If a region is left out because it encloses no area, or the masks are doubtful.

    See Also
    --------
    read_region_set : The same, with the frame, channel and plane of each region.

    Notes
    -----
    A pixel belongs to a region if its centre lies inside. Regions may overlap, except those of a label image.
    """
    regions = read_region_set(path, shape, frame=frame)
    for sentence in (*regions.skipped, *regions.doubts):
        warnings.warn(sentence, stacklevel=2)
    return regions.names, regions.masks


def read_region_set(
    path: str | PathLike[str],
    shape: tuple[int, int],
    *,
    frame: int | None = None,
    channel: int | None = None,
    n_channels: int = 1,
) -> Regions:
    """Read the cells of an image with all that the file knows about them.

    Parameters
    ----------
    path : str or path-like
        A file of regions or masks, as in `read_regions`.
    shape : (int, int)
        Height and width of the images that the regions belong to, in pixels.
    frame : int, optional
        Frame, from 0; regions bound to another frame are left out.
    channel : int, optional
        Channel, from 0. If any region is bound to it, those bound to other channels are left out.
    n_channels : int, default=1
        Number of channels of the images, which ImageJ counts when it numbers the images of a stack.

    Returns
    -------
    Regions
        Cells of the frame; none if all regions are bound to other frames or the frame of a stack is empty.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is damaged or too large, an image is of another shape, or there is no region in it.
    """
    file = Path(path)
    wanted = check_shape(shape, min_side=1)
    if not file.is_file():
        raise FileNotFoundError(f"No such file: {file}")
    with file.open("rb") as opened:
        reader = _READERS.get(opened.read(4))
    if reader is None:
        return _from_image(file, wanted, frame)
    found = list(_parse(file, reader, n_channels))
    channels = {place.channel for _, _, place in found}
    only = channel if channel in channels else None
    chosen = [(name, roi, place) for name, roi, place in found if place.includes(frame, only)]
    return _from_rois(file, chosen, wanted, found_any=len(found) > len(chosen))


def _parse(path: Path, read: _Reader, n_channels: int) -> Iterator[tuple[str, ImagejRoi, Place]]:
    names: set[str] = set()
    numbers: dict[str, Iterator[int]] = {}
    try:
        for text, region in read(path):
            plain = "".join(character if character.isprintable() else "?" for character in text[:_LONGEST_NAME])
            # Other programs than ImageJ's region manager write names twice.
            numbered = (plain if number == 1 else f"{plain}-{number}" for number in numbers.setdefault(plain, count(1)))
            name = next(name for name in numbered if name not in names)
            names.add(name)
            yield name, region, place_of(region, n_channels)
    except Exception as error:
        # Parsers of binary files raise errors of any kind on damaged bytes.
        raise ValueError(
            f"Expected regions, got {path} that cannot be read as such: {str(error).rstrip('.')}."
        ) from error


def _from_rois(
    path: Path, regions: list[tuple[str, ImagejRoi, Place]], shape: tuple[int, int], *, found_any: bool
) -> Regions:
    names: list[str] = []
    places, skipped = [], []
    # Memory that is never written is never taken.
    masks = np.zeros((min(len(regions), _LARGEST_MASKS // (shape[0] * shape[1])), *shape), dtype=bool)
    for name, region, place in regions:
        _check_size(len(names) + 1, shape, path)
        try:
            mask = rasterise(region, shape)
        except Exception as error:  # noqa: BLE001 - damaged outlines raise errors of any kind
            skipped.append(f"region {name!r} is no cell: {str(error).rstrip('.')}")
            continue
        if mask.any():
            masks[len(names)] = mask
            names.append(name)
            places.append(place)
        else:
            skipped.append(f"region {name!r} is without a pixel in it: it lies outside of the image or is too small")
    if not names and not found_any:
        got = "; ".join(skipped[:_MOST_SKIPPED]) or "none"
        raise ValueError(f"Expected regions in {shape[0]} x {shape[1]} pixels from {path}, got {got}.")
    left_out = tuple(f"{path}: {sentence}. It is left out." for sentence in skipped[:_MOST_SKIPPED])
    if len(skipped) > _MOST_SKIPPED:
        left_out += (f"{path}: {len(skipped) - _MOST_SKIPPED} more regions are no cells. They are left out.",)
    return Regions(tuple(names), masks[: len(names)], tuple(places), left_out)


def _from_image(path: Path, shape: tuple[int, int], frame: int | None) -> Regions:
    with open_labels(path) as images:
        if images.shape != shape:
            raise ValueError(f"Expected regions on {shape} pixels from {path}, got an image of {images.shape}.")
        if frame is None and images.n_frames > 1:
            raise ValueError(f"Expected frame, from 0, for {path}, which holds {images.n_frames} of them, got none.")
        labels = read_labels(images, frame if frame is not None and images.n_frames > 1 else 0)
        several = images.n_frames > 1
    numbers = np.unique(labels[labels != 0])
    if not numbers.size and not several:
        raise ValueError(f"Expected regions in {shape[0]} x {shape[1]} pixels from {path}, got none.")
    _check_size(numbers.size, shape, path)
    # A single mask has the name of the file; in a stack of labels a cell keeps its number from frame to frame.
    single = numbers.size == 1 and (not several or numbers[0] in _MASK_VALUES)
    names = (path.stem,) if single else tuple(map(str, numbers.tolist()))
    masks = _stack([labels == number for number in numbers], shape)
    return Regions(names, masks, (Place(frame if several else None),) * len(names), (), _doubts(masks, names, path))


def _doubts(masks: NDArray[np.bool_], names: tuple[str, ...], path: Path) -> tuple[str, ...]:
    """Return reasons to doubt that masks are cells."""
    around = np.all(masks[:, [0, 0, -1, -1], [0, -1, 0, -1]], axis=1).tolist()
    doubts = [
        f"{path}: cell {name!r} reaches all four corners of the image. If the mask is inverted, save it with 0 outside "
        "of the cell."
        for name, outside in zip(names, around, strict=True)
        if outside
    ]
    doubts += [
        f"{path}: cell {name!r} is a line around an area. If it is the outline of the cell, fill it."
        # Where there are many, they are labels.
        for name, mask in zip(names[:_MANY_SLIVERS], masks, strict=False)
        if binary_fill_holes(mask).sum() > _HOLLOW * mask.sum()
    ]
    slivers = int((masks.sum(axis=(1, 2)) < _SLIVER).sum())
    if slivers >= _MANY_SLIVERS:
        doubts.append(
            f"{path}: {slivers} of {len(names)} cells have less than {_SLIVER} pixels. If it is one mask with soft "
            "edges, save it as black and white."
        )
    return tuple(doubts)


def _stack(masks: list[NDArray[np.bool_]], shape: tuple[int, int]) -> NDArray[np.bool_]:
    return np.array(masks, dtype=bool).reshape(-1, *shape)


def _check_size(n_regions: int, shape: tuple[int, int], path: Path) -> None:
    if n_regions * shape[0] * shape[1] > _LARGEST_MASKS:
        raise ValueError(
            f"Expected masks of at most {_LARGEST_MASKS} bytes from {path}, got {n_regions} or more regions of {shape} "
            "pixels."
        )
