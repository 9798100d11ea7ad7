"""The sizes that a TIFF file claims for its images, checked against the size of the file before they are used."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

import numpy as np

from tfmkit.io.limits import LARGEST_IMAGE, most_decoded

_MOST_TAGS = 4096
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _SAMPLES = 256, 257, 258, 259, 277
_TILE_WIDTH, _TILE_HEIGHT, _DEPTH, _TILE_DEPTH = 322, 323, 32997, 32998
_SMALLER_COPIES = 330
_SEGMENTS = ((273, 279), (324, 325))  # offsets and byte counts of strips, and of tiles
_WANTED = {
    _WIDTH, _HEIGHT, _BITS, _COMPRESSION, _SAMPLES, _TILE_WIDTH, _TILE_HEIGHT, _DEPTH, _TILE_DEPTH,
    _SMALLER_COPIES, *(code for pair in _SEGMENTS for code in pair),
}  # fmt: skip
_INTEGERS = {1: "u1", 3: "u2", 4: "u4", 13: "u4", 16: "u8", 18: "u8"}
_BYTES_OF_KIND = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
# Those whose decoded size can be bounded before decoding: none, LZW, deflate (two numbers), PackBits, Zstandard.
_UNCOMPRESSED = 1
_COMPRESSIONS = (_UNCOMPRESSED, 5, 8, 32946, 32773, 50000)


@dataclass(frozen=True)
class Directory:
    """The claims of one image file directory.

    Attributes
    ----------
    offset : int
        Where in the file it starts.
    shape : tuple of int
        Height and width in pixels.
    bits : int
        Bits per pixel, all samples together.
    compression : int
        TIFF's number of the compression.
    """

    offset: int
    shape: tuple[int, int]
    bits: int
    compression: int


@dataclass(frozen=True)
class _Format:
    """Sizes that classic TIFF and BigTIFF do not share, as `struct` writes them."""

    order: str
    count: str
    address: str

    @property
    def inline(self) -> int:
        """Bytes of a value that stands in the tag itself."""
        return struct.calcsize(self.address)

    def read(self, file: BufferedReader, letter: str) -> int:
        """Return one unsigned integer."""
        return int(struct.unpack(self.order + letter, file.read(struct.calcsize(letter)))[0])


def read_directories(path: Path) -> list[Directory]:
    """Return the directories of a TIFF file in their order, without reading or allocating an image.

    Parameters
    ----------
    path : Path
        A classic TIFF or BigTIFF file.

    Returns
    -------
    list of Directory
        At least one.

    Raises
    ------
    ValueError
        If the file is not a TIFF file or is cut short, its directories form a cycle, or one claims more than the file
        can hold or than 1 GiB.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        try:
            directories = list(_walk(file, size))
        except struct.error as error:
            raise ValueError("it is cut short") from error
    if not directories:
        raise ValueError("it holds no image")
    return directories


def _walk(file: BufferedReader, size: int) -> Iterator[Directory]:
    form, offset = _start(file)
    seen: set[int] = set()
    while offset:
        if offset in seen:
            raise ValueError(f"its directories form a cycle: the one at byte {offset} comes again")
        if offset >= size:
            raise ValueError(f"it is cut short: a directory should start at byte {offset} of {size}")
        seen.add(offset)
        tags, following = _read_tags(file, form, offset, size)
        for copy in tags.get(_SMALLER_COPIES, []):
            _check(_read_tags(file, form, copy, size)[0], copy, size)
        yield _check(tags, offset, size)
        offset = following


def _start(file: BufferedReader) -> tuple[_Format, int]:
    order = {b"II": "<", b"MM": ">"}.get(file.read(2))
    if order is None:
        raise ValueError("it does not start as a TIFF file does")
    version = _Format(order, "H", "I").read(file, "H")
    if version not in (42, 43):
        raise ValueError(f"it is of TIFF version {version}, neither 42 nor 43")
    form = _Format(order, "H", "I") if version == 42 else _Format(order, "Q", "Q")
    file.seek(4 if version == 42 else 8)
    return form, form.read(file, form.address)


def _read_tags(file: BufferedReader, form: _Format, offset: int, size: int) -> tuple[dict[int, list[int]], int]:
    """Return the integers of the tags that describe the image, and the place of the next directory."""
    file.seek(offset)
    n_tags = form.read(file, form.count)
    if n_tags > _MOST_TAGS:
        raise ValueError(f"a directory claims {n_tags} tags, more than {_MOST_TAGS}")
    head = f"{form.order}HH{form.address}"
    length = struct.calcsize(head) + form.inline
    table = file.read(n_tags * length)
    following = form.read(file, form.address)
    tags: dict[int, list[int]] = {}
    total = 0
    for start in range(0, n_tags * length, length):
        code, kind, count = struct.unpack_from(head, table, start)
        n_bytes = count * _BYTES_OF_KIND.get(kind, 1)
        value = table[start + length - form.inline : start + length]
        if n_bytes > form.inline:
            position = struct.unpack(form.order + form.address, value)[0]
            total += n_bytes
            # Tags may share bytes, but all of them together do not hold more than there is.
            if position + n_bytes > size or total > size:
                raise ValueError(f"tag {code} claims {count} values, which the file's {size} bytes do not hold")
            if code in _WANTED:
                file.seek(position)
                value = file.read(n_bytes)
        if code in _WANTED and kind in _INTEGERS:
            tags[code] = np.frombuffer(value, dtype=form.order + _INTEGERS[kind], count=count).tolist()
    return tags, following


def _check(tags: dict[int, list[int]], offset: int, size: int) -> Directory:
    """Refuse a directory that claims more than the file can hold."""
    first = {code: values[0] for code, values in tags.items() if values}
    height, width = first.get(_HEIGHT, 0), first.get(_WIDTH, 0)
    if min(height, width) < 1:
        raise ValueError(f"an image claims {height} x {width} pixels")
    compression = first.get(_COMPRESSION, _UNCOMPRESSED)
    if compression not in _COMPRESSIONS:
        raise ValueError(
            f"it is compressed by TIFF's method {compression}; save it without compression or with deflate or LZW"
        )
    samples, depths = first.get(_SAMPLES, 1), tags.get(_BITS) or [1]
    bits = sum(depths) if len(depths) == samples else depths[0] * samples
    claimed = height * width * bits * max(first.get(_DEPTH, 1), 1) // 8
    tile = first.get(_TILE_HEIGHT, 0) * first.get(_TILE_WIDTH, 0) * max(first.get(_TILE_DEPTH, 1), 1) * bits // 8
    held = sum(_check_segments(tags, *codes, size) for codes in _SEGMENTS)
    limit = min(held, LARGEST_IMAGE) if compression == _UNCOMPRESSED else most_decoded(size)
    if claimed > limit or tile > most_decoded(size):
        raise ValueError(
            f"an image claims {height} x {width} pixels, {max(claimed, tile)} bytes, more than the {limit} that its "
            "data can hold"
        )
    return Directory(offset, (height, width), bits, compression)


def _check_segments(tags: dict[int, list[int]], offsets: int, counts: int, size: int) -> int:
    """Return how many bytes of image data the strips or tiles have."""
    starts, lengths = tags.get(offsets, []), tags.get(counts, [])
    if len(starts) == 1 and not lengths:
        return max(size - starts[0], 0)  # an old writer's single strip may leave its length out
    if len(starts) != len(lengths):
        raise ValueError(f"an image has {len(starts)} parts and {len(lengths)} lengths of them")
    if any(start + length > size for start, length in zip(starts, lengths, strict=True)):
        raise ValueError(f"it is cut short: an image should end after byte {size}")
    return sum(lengths)
