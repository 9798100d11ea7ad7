"""Bead and cell images of microscopes."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from os import PathLike
from pathlib import Path

import numpy as np

from tfmkit._validation import check_number
from tfmkit.io.images.nd2 import open_nd2
from tfmkit.io.images.ome_zarr import is_zarr, open_zarr
from tfmkit.io.images.picture import open_picture
from tfmkit.io.images.scale import Scale, is_square, square_pixel
from tfmkit.io.images.series import ImageSeries, Planes, ZChoice, channel_names
from tfmkit.io.images.tiff import open_tiff
from tfmkit.io.images.vendors import open_czi, open_lif
from tfmkit.io.units import check_pixel_size

# An image narrower than this is a row of channels or frames.
_LEAST_SIDE = 5
_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_PICTURE_STARTS = {b"\x89PNG": "PNG", b"BM": "BMP", b"\xff\xd8\xff": "JPEG"}
_JPEG_START = b"\xff\xd8\xff"
# Microscope formats that other packages read.
_VENDOR_STARTS: dict[bytes, Callable[[Path, ZChoice, int | None], tuple[Planes, Scale]]] = {
    b"\xda\xce\xbe\x0a": open_nd2,
    b"\0\0\0\x0cjP  ": open_nd2,
    b"ZISRAW": open_czi,
    b"p\0\0\0": open_lif,
}


def open_images(
    path: str | PathLike[str],
    *,
    pixel_size: float | None = None,
    interval: float | None = None,
    z: ZChoice = None,
    position: int | None = None,
) -> ImageSeries:
    """Open a file of images by frame and channel, without loading them.

    Parameters
    ----------
    path : str or path-like
        A TIFF file (plain, OME-TIFF or an ImageJ stack), a PNG, BMP or JPEG, or, with the extra of its name, an `.nd2`
        (``tfmkit[nd2]``), `.czi`, `.lif`, or the folder of an OME-Zarr (``tfmkit[zarr]``). It is recognised by its
        content. Pixels are unsigned or signed integers or floats.
    pixel_size : float, optional
        Side of a pixel in micrometres; replaces the number in the file.
    interval : float, optional
        Seconds from frame to frame; replaces the number in the file.
    z : int, "time", "channel" or "max", optional
        Which plane of a Z stack, from 0; must be given if there is one. A number is ignored if the file has only one
        plane. ``"max"`` is the maximum of all planes. ``"time"`` says that the planes are frames, which programs
        store as depth or as channels when they are not told; ``"channel"`` says that they are channels.
    position : int, optional
        Which of several positions (or images of different size), from 0, which must be chosen if there are several.

    Returns
    -------
    ImageSeries
        The images; use it in a ``with`` statement.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is damaged, of no known format, or claims more than it holds or than 1 GiB per image.

    Warns
    -----
    UserWarning
        If the file is a JPEG, which loses detail.

    Notes
    -----
    An axis without a name, such as the pages of a plain TIFF, is time; a second one is channels. Red, green and blue
    that lie side by side in the file are channels. Three or four planes one after the other, which TIFF also calls
    red, green and blue, are frames if the file has the description of Python's tifffile; else `z` must say.
    The size of a pixel comes from OME-XML, ImageJ's description or the resolution tags; a resolution per inch or
    centimetre that means pixels larger than 5 um is one for printing (72, 300 dpi) and says nothing.
    An OME-TIFF of one position may name the files of others; an image that is spread over several files is refused.
    Compressions are deflate, PackBits and, with the extra ``tfmkit[codecs]``, LZW and Zstandard.

    Examples
    --------
    >>> import numpy as np
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from tfmkit.io import open_images, write_ome_tiff
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder) / "beads.ome.tif"
    ...     write_ome_tiff(file, np.ones((3, 1, 8, 9)), channels=("beads",), pixel_size=0.1)
    ...     with open_images(file) as images:
    ...         images.n_frames, images.channels, images.pixel_size, images.read(2).shape
    (3, ('beads',), 0.1, (8, 9))
    """
    file = Path(path)
    if not file.is_file() and not is_zarr(file):
        raise FileNotFoundError(f"No such file: {file}")
    given = None if pixel_size is None else check_pixel_size(pixel_size)
    step = None if interval is None else check_number(interval, "interval", low=0, include_low=False)
    series = _open_series(file, z, position, given, step, labels=False)
    if _start(file).startswith(_JPEG_START):
        warnings.warn(f"{file} is a JPEG, whose noise moves beads: use the TIFF that it was made from.", stacklevel=2)
    return series


def open_labels(path: str | PathLike[str]) -> ImageSeries:
    """Open an image of masks or labels.

    Parameters
    ----------
    path : str or path-like
        An image file, as in `open_images`.

    Returns
    -------
    ImageSeries
        The images. A PNG keeps the numbers of its palette, and its transparency as the channel ``"alpha"``. Planes
        along Z are frames, and the pixel size is neither read nor needed.

    Raises
    ------
    ValueError
        If the file is damaged, or of no known format.
    """
    return _open_series(Path(path), z="time", position=None, pixel_size=1.0, interval=1.0, labels=True)


def _open_series(
    path: Path, z: ZChoice, position: int | None, pixel_size: float | None, interval: float | None, *, labels: bool
) -> ImageSeries:
    try:
        planes, scale = _open(path, z, position, labels)
        try:
            return _series(path, planes, scale, pixel_size, interval)
        except BaseException:
            planes.close()
            raise
    except Exception as error:
        # Parsers of binary files raise errors of any kind on damaged bytes.
        raise ValueError(
            f"Expected an image file, got {path} that cannot be read as one: {str(error).rstrip('.')}."
        ) from error


def _open(path: Path, z: ZChoice, position: int | None, labels: bool) -> tuple[Planes, Scale]:
    if is_zarr(path):
        return open_zarr(path, z, position)
    start = _start(path)
    if start.startswith(_TIFF_STARTS):
        return open_tiff(path, z, position)
    for begin, kind in _PICTURE_STARTS.items():
        if start.startswith(begin):
            return open_picture(path, kind, labels=labels)
    for begin, opener in _VENDOR_STARTS.items():
        if start.startswith(begin):
            return opener(path, z, position)
    if not start:
        raise ValueError("it is empty")
    raise ValueError(
        "it is neither TIFF nor PNG nor BMP, JPEG, .nd2, .czi, .lif or OME-Zarr: save it as OME-TIFF in the program of "
        "the microscope or in Fiji"
    )


def _start(path: Path) -> bytes:
    """Return the first bytes of a file; none of a folder."""
    if path.is_dir():
        return b""
    with path.open("rb") as file:
        return file.read(8)


def _series(path: Path, planes: Planes, scale: Scale, pixel_size: float | None, interval: float | None) -> ImageSeries:
    if planes.dtype.kind not in "uifb":
        raise ValueError(f"its pixels are of type {planes.dtype}, not real numbers")
    if min(planes.shape) < _LEAST_SIDE:
        raise ValueError(
            f"its images have {planes.shape[0]} x {planes.shape[1]} pixels; if its last axis is channels or frames, "
            "save it with the axes in the order of frame, channel, height, width"
        )
    arrangement = planes.arrangement
    return ImageSeries(
        path=path,
        n_frames=arrangement.n_frames,
        channels=channel_names(scale.channels, arrangement),
        shape=planes.shape,
        dtype=np.dtype(planes.dtype).newbyteorder("="),
        pixel_size=square_pixel(scale.pixel_size) if pixel_size is None else pixel_size,
        interval=scale.interval if interval is None else interval,
        stated_pixel_size=square_pixel(scale.pixel_size) if is_square(scale.pixel_size) else None,
        _read=planes.image,
        _close=planes.close,
    )
