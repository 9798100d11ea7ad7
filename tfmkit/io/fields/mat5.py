"""Variables of MATLAB files of versions 5 to 7.

A reader of these files in C trusts their headers, and a damaged one can end the process. This one checks every header
against the bytes that follow it. The format is that of MATLAB's "MAT-File Format", version 5.
"""

from __future__ import annotations

import math
import struct
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfmkit.io.limits import DEEPEST, most_in_file, most_objects

_HEADER = 128
# Types of the data of an element, and their numbers in the file.
_NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_TEXTS = {1: "latin-1", 2: "latin-1", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}
_MATRIX, _COMPRESSED = 14, 15
# Classes of matrices; 6 to 15 are numbers.
_CELL, _STRUCT, _CHAR, _NUMERIC = 1, 2, 4, range(6, 16)
_COMPLEX = 0x800
_MOST_AXES = 32
_TOO_MUCH = "its variables unpack to more bytes than it can hold"


class _Element(NamedTuple):
    """Data of one element: the number of its type, and its bytes."""

    kind: int
    data: memoryview


def load_mat5(path: Path) -> dict[str, Any]:
    """Return the variables of a MATLAB file of version 5, 6 or 7.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    dict of str to object
        Arrays, lists, dictionaries and texts, as `tfmkit.io.fields.mat.load_mat` describes them; None for anything
        else.

    Raises
    ------
    ValueError
        If a header does not fit its data, variables are nested too deep, or they unpack to more than the file can hold.
    """
    content = path.read_bytes()
    order = {b"IM": "<", b"MI": ">"}.get(content[_HEADER - 2 : _HEADER])
    if order is None:
        raise ValueError("its header is cut short or says no order of bytes")
    reader = _Reader(order, len(content))
    left = memoryview(content)[_HEADER:]
    variables = {}
    while left:
        element, left = reader.split(left)
        if element.kind == _COMPRESSED:
            element, _ = reader.split(reader.unpack(element.data))
        if element.kind != _MATRIX:
            raise ValueError(f"expected a variable, got an element of type {element.kind}")
        name, value = reader.matrix(element.data)
        # MATLAB keeps the workspace of functions under no name.
        if name:
            variables[name] = value
    return variables


class _Reader:
    """The elements of one file, with one limit for all of them together."""

    def __init__(self, order: str, size: int) -> None:
        self.order = order
        self.bytes_left, self.objects_left = most_in_file(size), most_objects(size)

    def split(self, data: memoryview) -> tuple[_Element, memoryview]:
        """Return the first element, and the bytes behind it."""
        if len(data) < 8:
            raise ValueError("an element is cut short")
        kind, size = struct.unpack(f"{self.order}II", data[:8])
        start = 8
        if kind >> 16:
            # A small element: four bytes of data at most, whose number shares the place of the type.
            kind, size, start = kind & 0xFFFF, kind >> 16, 4
        if size > len(data) - start or (start == 4 and size > 4):
            raise ValueError(f"an element claims {size} bytes, more than there are")
        # All but compressed elements end at a multiple of 8 bytes.
        end = start + size if kind == _COMPRESSED else -(-(start + size) // 8) * 8
        return _Element(kind, data[start : start + size]), data[end:]

    def unpack(self, data: memoryview) -> memoryview:
        """Return the bytes of a compressed element."""
        stream = zlib.decompressobj()
        content = stream.decompress(data, self.bytes_left)
        if stream.unconsumed_tail:
            raise ValueError(_TOO_MUCH)
        if not stream.eof:
            raise ValueError("a compressed variable is cut short")
        return memoryview(content)

    def claim(self, n_bytes: int) -> None:
        """Count the memory of a variable."""
        self.bytes_left -= n_bytes
        if self.bytes_left < 0:
            raise ValueError(_TOO_MUCH)

    def matrix(self, data: memoryview, depth: int = 0) -> tuple[str, Any]:
        """Return the name and the value of a matrix, which may hold others."""
        self.objects_left -= 1
        if depth > DEEPEST or self.objects_left < 0:
            raise ValueError("its variables are nested too deep, or are too many")
        if not data:
            return "", np.zeros((0, 0))
        flags, data = self.split(data)
        kind = int(self.numbers(flags, 2)[0])
        if (kind & 0xFF) not in (_CELL, _STRUCT, _CHAR, *_NUMERIC):
            return "", None
        axes, data = self.split(data)
        shape = [int(side) for side in self.numbers(axes)]
        if not 2 <= len(shape) <= _MOST_AXES or min(shape) < 0:
            raise ValueError(f"a matrix has the shape {shape[:_MOST_AXES]}")
        name, data = self.split(data)
        return bytes(name.data).decode("latin-1"), self.value(kind, shape, data, depth)

    def value(self, kind: int, shape: list[int], data: memoryview, depth: int) -> Any:
        """Return the value of a matrix by its class."""
        if (kind & 0xFF) == _CELL:
            return [cell for (cell,) in self.cells(shape, 1, data, depth)]
        if (kind & 0xFF) == _STRUCT:
            return self.struct(shape, data, depth)
        element, _ = self.split(data)
        if (kind & 0xFF) == _CHAR:
            return self.text(element) if shape[0] <= 1 else None
        if kind & _COMPLEX:
            return None
        numbers = self.numbers(element, math.prod(shape))
        # They become float64.
        self.claim(8 * numbers.size)
        return numbers.reshape(shape, order="F")

    def struct(self, shape: list[int], data: memoryview, depth: int) -> list[dict[str, Any]]:
        """Return the elements of a struct array as mappings from fields to values."""
        size, data = self.split(data)
        length = int(self.numbers(size, 1)[0])
        names, data = self.split(data)
        if length < 1 or len(names.data) % length:
            raise ValueError(f"names of fields take {len(names.data)} bytes, {length} each")
        starts = range(0, len(names.data), length)
        fields = [bytes(names.data[start : start + length]).partition(b"\0")[0].decode("latin-1") for start in starts]
        return [dict(zip(fields, values, strict=True)) for values in self.cells(shape, len(fields), data, depth)]

    def cells(self, shape: list[int], n_parts: int, data: memoryview, depth: int) -> list[list[Any]]:
        """Return the matrices in each of the cells of an array, row by row; in the file they lie column by column."""
        if math.prod(shape) > self.objects_left:
            raise ValueError(f"{math.prod(shape)} cells are more than it can hold")
        cells = np.empty(math.prod(shape), dtype=object)
        for number in range(cells.size):
            cells[number] = []
            for _ in range(n_parts):
                element, data = self.split(data)
                if element.kind != _MATRIX:
                    raise ValueError(f"expected a matrix, got an element of type {element.kind}")
                cells[number].append(self.matrix(element.data, depth + 1)[1])
        return list(cells.reshape(shape, order="F").flat)

    def numbers(self, element: _Element, count: int | None = None) -> NDArray[Any]:
        """Return the numbers of an element; they have the type in which they were stored."""
        if element.kind not in _NUMBERS:
            raise ValueError(f"expected numbers, got an element of type {element.kind}")
        dtype = np.dtype(f"{self.order}{_NUMBERS[element.kind]}")
        if len(element.data) % dtype.itemsize or count not in (None, len(element.data) // dtype.itemsize):
            raise ValueError(f"expected {count} numbers of {dtype.itemsize} bytes, got {len(element.data)} bytes")
        return np.frombuffer(element.data, dtype)

    def text(self, element: _Element) -> str:
        """Return the text of an element."""
        if element.kind not in _TEXTS:
            raise ValueError(f"expected a text, got an element of type {element.kind}")
        self.claim(4 * len(element.data))
        code = _TEXTS[element.kind]
        end = "" if code in ("latin-1", "utf-8") else {"<": "-le", ">": "-be"}[self.order]
        return bytes(element.data).decode(code + end)
