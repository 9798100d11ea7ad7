"""Pictures of other programs than microscopes: PNG, BMP and JPEG."""

from __future__ import annotations

import struct
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tfmkit.io.images.scale import Scale
from tfmkit.io.images.series import Arrangement, Planes
from tfmkit.io.limits import most_decoded

# Pillow's modes that hold one number per pixel, and those that become red, green and blue.
_GREY = ("1", "L", "I;16", "I;16B", "I", "F")
_COLOUR = ("RGB", "RGBA", "P")
# Numbers per pixel.
_SAMPLES = {"RGB": 3, "RGBA": 4}
_MOST_BYTES_PER_PIXEL = 4
_SIGNATURE, _CHUNK_HEAD, _CHECKSUM = 8, 8, 4


def open_picture(path: Path, kind: str, *, labels: bool = False) -> tuple[Planes, Scale]:
    """Open a picture.

    Parameters
    ----------
    path : Path
        The file.
    kind : str
        Its format: ``"PNG"``, ``"BMP"`` or ``"JPEG"``.
    labels : bool, default=False
        Whether a palette stays the numbers that the file holds and transparency becomes a channel. Otherwise a palette
        becomes colours and transparency is left out.

    Returns
    -------
    planes : Planes
        One frame, and a channel for each of red, green and blue where it has colours.
    scale : Scale
        Nothing: pictures have resolutions for printing only.

    Raises
    ------
    ValueError
        If the file is damaged, animated, or claims more than it can hold or than 1 GiB.
    """
    if kind == "PNG":
        _check_chunks(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with Image.open(path, formats=(kind,)) as image:
            width, height = image.size
            if width * height * _MOST_BYTES_PER_PIXEL > (limit := most_decoded(path.stat().st_size)):
                raise ValueError(f"it claims {height} x {width} pixels, more than the {limit} bytes that it can hold")
            if getattr(image, "n_frames", 1) > 1:
                raise ValueError("it is animated")
            if image.mode not in (*_GREY, *_COLOUR, "LA"):
                raise ValueError(f"its pixels are of the unknown kind {image.mode}")
            mode = _mode(image.mode, labels)
            dtype = np.asarray(Image.new(mode, (1, 1))).dtype.newbyteorder("=")
    colour = mode in _SAMPLES
    arrangement = Arrangement({"S": _SAMPLES[mode]} if colour else {})

    def _read(number: int) -> NDArray[Any]:
        with warnings.catch_warnings(), Image.open(path, formats=(kind,)) as opened:
            warnings.simplefilter("error")
            pixels = np.asarray(opened if opened.mode == mode else opened.convert(mode))
        return np.array(pixels[:, :, number] if colour else pixels, dtype=dtype)

    return Planes(arrangement, (height, width), dtype, _read, lambda: None), Scale()


def _mode(mode: str, labels: bool) -> str:
    """Return the mode of Pillow in which an image is read."""
    if labels:
        return "RGBA" if mode == "LA" else mode
    return "RGB" if mode in _COLOUR else "L" if mode == "LA" else mode


def _check_chunks(path: Path) -> None:
    """Refuse a file with a chunk that claims more bytes than there are: Pillow would allocate them."""
    size, position = path.stat().st_size, _SIGNATURE
    with path.open("rb") as file:
        while position < size:
            file.seek(position)
            head = file.read(_CHUNK_HEAD)
            if len(head) < _CHUNK_HEAD:
                raise ValueError("it is cut short")
            length, kind = struct.unpack(">I4s", head)
            position += _CHUNK_HEAD + length + _CHECKSUM
            if position > size:
                raise ValueError(f"a part of it claims {length} bytes, which the file's {size} bytes do not hold")
            if kind == b"IEND":
                return
    raise ValueError("it is cut short")
