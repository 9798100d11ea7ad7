"""ImageJ's regions of interest as masks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

import numpy as np
from numpy.typing import NDArray
from roifile import ROI_SUBTYPE, ROI_TYPE, ImagejRoi
from skimage.draw import ellipse

from tfmkit._validation import FloatArray
from tfmkit.io.images.polygon import inside_all
from tfmkit.io.silence import silence

# A region of a million vertices takes 8 MB; a bounding box of ImageJ cannot reach further than 2**16 pixels.
_LARGEST_REGION = 2**24
_END = ".roi"
_LARGEST_ARCHIVE = 2**27
_FARTHEST = 2.0**17
_BOXES = (ROI_TYPE.RECT, ROI_TYPE.OVAL)
_OUTLINES = (ROI_TYPE.POLYGON, ROI_TYPE.FREEHAND, ROI_TYPE.TRACED)
_NO_AREA = (ROI_SUBTYPE.TEXT, ROI_SUBTYPE.ARROW, ROI_SUBTYPE.IMAGE)


@dataclass(frozen=True)
class Place:
    """Frame, channel and plane that a region is bound to.

    Attributes
    ----------
    frame, channel, plane : int or None
        Numbers from 0; None if the region holds for all of them.
    """

    frame: int | None = None
    channel: int | None = None
    plane: int | None = None

    def includes(self, frame: int | None, channel: int | None) -> bool:
        """Tell whether the region holds for an image.

        Parameters
        ----------
        frame, channel : int or None
            Numbers of the image, from 0; None for any.

        Returns
        -------
        bool
            False if the region is bound to another frame or channel.
        """
        pairs = ((self.frame, frame), (self.channel, channel))
        return all(own is None or wanted is None or own == wanted for own, wanted in pairs)


def place_of(region: ImagejRoi, n_channels: int = 1) -> Place:
    """Return the frame, channel and plane that ImageJ has bound a region to.

    Parameters
    ----------
    region : ImagejRoi
        The region.
    n_channels : int, default=1
        Number of channels of the images.

    Returns
    -------
    Place
        Its place; everywhere for a region that is bound to nothing.

    Notes
    -----
    ImageJ counts from 1, and 0 means all. A region of a hyperstack has `c_position`, `z_position` and `t_position`; one
    of a plain stack has only `position`, the number of the image, in which channels run fastest. ImageJ calls the
    frames of a plain stack planes, so that a region that is bound to a plane and to no frame is bound to that frame.
    """
    channel, plane, frame = (
        number - 1 if number > 0 else None for number in (region.c_position, region.z_position, region.t_position)
    )
    if channel is None and plane is None and frame is None and region.position > 0:
        frame, channel = divmod(region.position - 1, n_channels)
        return Place(frame, channel if n_channels > 1 else None)
    # A hyperstack numbers the only plane and the only channel 1.
    return Place(plane if frame is None else frame, channel, plane)


def read_roi(path: Path) -> Iterator[tuple[str, ImagejRoi]]:
    """Read one region.

    Parameters
    ----------
    path : Path
        A `.roi` file.

    Yields
    ------
    name : str
        The name of the region, or of the file where it has none.
    region : ImagejRoi
        The region.

    Raises
    ------
    ValueError
        If it is too large.
    """
    if path.stat().st_size > _LARGEST_REGION:
        raise ValueError(f"it has more than {_LARGEST_REGION} bytes")
    with silence("roifile"):
        yield _parse(path.read_bytes(), path.stem)


def read_roi_archive(path: Path) -> Iterator[tuple[str, ImagejRoi]]:
    """Read a set of regions without unpacking it to disk.

    Parameters
    ----------
    path : Path
        A `.zip` of `.roi` files.

    Yields
    ------
    name : str
        The name of the region, or of its file where it has none.
    region : ImagejRoi
        The region.

    Raises
    ------
    ValueError
        If it or a region is too large, or a name in it leads out of it.
    """
    with ZipFile(path) as archive, silence("roifile"):
        entries = [entry for entry in archive.infolist() if entry.filename.lower().endswith(_END)]
        # Files that macOS puts beside others are not regions.
        entries = [entry for entry in entries if not entry.filename.startswith("__MACOSX/")]
        if sum(entry.file_size for entry in entries) > _LARGEST_ARCHIVE:
            raise ValueError(f"its regions unpack to more than {_LARGEST_ARCHIVE} bytes")
        for entry in entries:
            *folders, name = entry.filename.replace("\\", "/").split("/")
            if folders[:1] == [""] or ".." in folders:
                raise ValueError(f"a name in it leads out of it: {entry.filename!r}")
            if entry.file_size > _LARGEST_REGION:
                raise ValueError(f"{entry.filename!r} unpacks to more than {_LARGEST_REGION} bytes")
            yield _parse(archive.read(entry), name[: -len(_END)])


def rasterise(region: ImagejRoi, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return the pixels whose centres lie inside a region.

    Parameters
    ----------
    region : ImagejRoi
        A polygon, freehand or traced outline, rectangle, oval, or a combination of polygons.
    shape : (int, int)
        Height and width in pixels.

    Returns
    -------
    ndarray of shape (height, width)
        True inside.

    Raises
    ------
    ValueError
        If the region encloses no area, or its coordinates are no numbers of pixels.

    Notes
    -----
    ImageJ counts from the corner of a pixel, so that the centre of the first one is at (0.5, 0.5).
    """
    if region.subtype in _NO_AREA or region.roitype not in (*_OUTLINES, *_BOXES):
        raise ValueError(f"it is a {region.roitype.name} {region.subtype.name}, which encloses no area")
    if region.multi_coordinates is not None:
        # A combination is a path: a hole is an outline within an outline.
        outlines = [_check(np.asarray(outline, dtype=float)) - 0.5 for outline in region.coordinates(multi=True)]
        return inside_all(outlines, shape)
    if region.roitype in _OUTLINES:
        return _inside(np.asarray(region.coordinates(), dtype=float), shape)
    left, top, right, bottom = _box(region)
    if region.roitype is ROI_TYPE.RECT:
        return _inside(np.array([[left, top], [right, top], [right, bottom], [left, bottom]]), shape)
    mask = np.zeros(shape, dtype=bool)
    mask[ellipse((top + bottom - 1) / 2, (left + right - 1) / 2, (bottom - top) / 2, (right - left) / 2, shape)] = True
    return mask


def _box(region: ImagejRoi) -> tuple[float, ...]:
    """Return left, top, right and bottom."""
    if region.subpixelrect:
        box = (region.xd, region.yd, region.xd + region.widthd, region.yd + region.heightd)
    else:
        box = (float(region.left), float(region.top), float(region.right), float(region.bottom))
    left, top, right, bottom = _check(np.array(box)).tolist()
    if not (right > left and bottom > top):
        raise ValueError(f"its box runs from ({left}, {top}) to ({right}, {bottom})")
    return left, top, right, bottom


def _parse(content: bytes, name: str) -> tuple[str, ImagejRoi]:
    region = ImagejRoi.frombytes(content)
    return region.name or name, region


def _inside(outline: FloatArray, shape: tuple[int, int]) -> NDArray[np.bool_]:
    return inside_all([_check(outline) - 0.5], shape)


def _check(coordinates: FloatArray) -> FloatArray:
    # Written so that NaN fails too.
    if not (np.abs(coordinates) <= _FARTHEST).all():
        raise ValueError(f"its coordinates are not within {_FARTHEST:g} px of the image")
    return coordinates
