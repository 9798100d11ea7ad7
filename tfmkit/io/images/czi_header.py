"""The list of images at the end of a `.czi` file, checked before the package czifile trusts its numbers."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

# Every part of a file begins with its name and its sizes.
_PART, _NAME = 32, b"ZISRAWDIRECTORY"
# Places of the position of the list, in the file, and of the number of axes, in an entry of the list.
_POSITION, _N_AXES = 84, 28
# Bytes before the first entry of the list, of an entry without its axes, of an axis, and before the copy of an entry in
# the part of an image.
_FIRST, _ENTRY, _AXIS, _COPY = 128, 32, 20, 16


def check_directory(path: Path) -> None:
    """Refuse a file whose list of images cannot be true: czifile asks for any memory that it claims.

    Parameters
    ----------
    path : Path
        A `.czi` file.

    Raises
    ------
    ValueError
        If the list is missing, longer than the file, or unlike the images.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        start = _number(file, _POSITION, "<q")
        file.seek(max(start, 0))
        if file.read(_PART).rstrip(b"\0")[: len(_NAME)] != _NAME:
            raise ValueError("it has no list of its images, as if its recording was cut off: save it again in ZEN")
        count, place = _number(file, start + _PART, "<i"), start + _PART + _FIRST
        for _ in range(count):
            n_axes, image = _number(file, place + _N_AXES, "<i"), _number(file, place + 6, "<q")
            place += _ENTRY + _AXIS * n_axes
            if n_axes < 0 or place > size or _number(file, image + _PART + _COPY + _N_AXES, "<i") != n_axes:
                raise ValueError("its list of images is damaged")


def _number(file: BinaryIO, place: int, form: str) -> int:
    file.seek(max(place, 0))
    data = file.read(struct.calcsize(form))
    if len(data) < struct.calcsize(form):
        raise ValueError("its list of images is damaged")
    return int(struct.unpack(form, data)[0])
