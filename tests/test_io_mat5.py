"""The reader of MATLAB files of versions 5 to 7 against SciPy's, and files that lie in it."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from scipy.io import loadmat, savemat
from scipy.io.matlab import mat_struct
from scipy.sparse import csc_array

from tfmkit.io import read_displacement
from tfmkit.io.fields.mat import load_mat

HEADER = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM"


def structs(shape, **fields):
    array = np.empty(shape, dtype=[(name, object) for name in fields])
    for number, place in enumerate(np.ndindex(shape)):
        array[place] = tuple(make(number) for make in fields.values())
    return array


def cells(shape):
    array = np.empty(shape, dtype=object)
    for number, place in enumerate(np.ndindex(shape)):
        array[place] = np.arange(number)
    return array


VARIABLES = {
    "double": np.arange(24.0).reshape(2, 3, 4),
    "small": np.array([[1.0, 2.0]]),
    "empty": np.zeros((0, 2)),
    "text": "displacement in µm",
    "no_text": "",
    "cells": cells((2, 3)),
    "nested": {"a": {"b": structs((1, 4), pos=np.arange, vec=lambda n: cells((1, n)))}},
    "matrix_of_structs": structs((2, 3), number=float),
    "logical": np.array([[True, False]]),
    **{f"type_{code}": np.array([[1, 2, 3]], dtype=code) for code in ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8")},
    "single": np.array([[1.5, np.nan]], dtype=np.float32),
    "an_empty_struct": {},
}


def plain(value):
    """Return a value of SciPy's reader as `load_mat` describes it."""
    if isinstance(value, mat_struct):
        return {name: plain(getattr(value, name)) for name in value._fieldnames}
    if isinstance(value, np.ndarray) and value.dtype == object:
        return [plain(part) for part in value.flat]
    if isinstance(value, np.ndarray) and value.dtype.kind == "U":
        return "".join(value.flat)
    return value


def same(one, other):
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
    return one == other


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("name", VARIABLES)
def test_values_are_those_of_scipy(tmp_path, name, compressed):
    savemat(tmp_path / "a.mat", {"first": 1.0, name: VARIABLES[name], "last": 2.0}, do_compression=compressed)
    found = load_mat(tmp_path / "a.mat")
    wanted = {key: plain(value) for key, value in loadmat(tmp_path / "a.mat", struct_as_record=False).items()}
    assert list(found) == ["first", name, "last"]
    assert same(found, {key: wanted[key] for key in found})


def test_measured_files(measured_data):
    files = [*measured_data.glob("easy_to_use_tfm/*.mat"), *measured_data.glob("bism/*.mat")]
    assert files
    for file in files:
        wanted = loadmat(file, struct_as_record=False)
        assert same(load_mat(file), {name: plain(value) for name, value in wanted.items() if name[0] != "_"})


def test_other_classes_are_none(tmp_path):
    savemat(tmp_path / "a.mat", {"sparse": csc_array(np.eye(3)), "complex": np.array([1j]), "number": 3.0})
    found = load_mat(tmp_path / "a.mat")
    assert found["complex"] is None
    assert "sparse" not in found
    assert found["number"].tolist() == [[3.0]]


def test_version_4(tmp_path):
    savemat(tmp_path / "a.mat", {"dspl": np.arange(20.0).reshape(4, 5)}, format="4")
    np.testing.assert_array_equal(load_mat(tmp_path / "a.mat")["dspl"], np.arange(20.0).reshape(4, 5))


def element(kind, data, order="<", size=None):
    padding = b"" if kind == 15 else bytes(-len(data) % 8)
    return struct.pack(f"{order}II", kind, len(data) if size is None else size) + data + padding


def matrix(code, *parts, shape=(1, 1), name=b"dspl", order="<"):
    flags, sides = struct.pack(f"{order}II", code, 0), struct.pack(f"{order}{len(shape)}i", *shape)
    head = element(6, flags, order) + element(5, sides, order) + element(1, name, order)
    return element(14, head + b"".join(parts), order)


def test_numbers_of_the_other_order_of_bytes(tmp_path):
    data = np.arange(6, dtype=">f8")
    content = matrix(6, element(9, data.tobytes(), ">"), shape=(2, 3), order=">")
    (tmp_path / "a.mat").write_bytes(HEADER[:124] + b"\x01\x00MI" + content)
    np.testing.assert_array_equal(load_mat(tmp_path / "a.mat")["dspl"], data.reshape(2, 3, order="F"))


def nested(depth):
    """Return a cell in a cell in a cell, and so on."""
    head = matrix(1)[8:]
    # The innermost first; each counts the bytes of all that it holds.
    starts = [struct.pack("<II", 14, (len(head) + 8) * (number + 1)) + head for number in range(depth)]
    return b"".join(reversed(starts)) + element(14, b"")


LIES = {
    "nested": ("nested too deep", nested(20_000)),
    "compressed_nested": ("nested too deep", element(15, zlib.compress(nested(20_000)))),
    "size": ("claims 4294967295 bytes", element(14, bytes(64), size=2**32 - 1)),
    "small": ("claims 9 bytes", matrix(6, struct.pack("<I", 9 << 16 | 1) + bytes(12))),
    "shape": ("expected 4611686014132420609 numbers", matrix(6, element(9, bytes(8)), shape=(2**31 - 1, 2**31 - 1))),
    "negative": ("has the shape", matrix(6, element(9, bytes(8)), shape=(-1, -1))),
    "axes": ("has the shape", matrix(6, element(9, bytes(8)), shape=(1,) * 33)),
    "cells": ("cells are more", matrix(1, shape=(2**31 - 1, 2**31 - 1))),
    "cells_of_nothing": ("cells are more", matrix(2, element(5, b"\1\0\0\0"), element(1, b""), shape=(2**31 - 1, 1))),
    "names": ("names of fields", matrix(2, element(5, b"\0\0\0\0"), element(1, b"a"))),
    "type": ("element of type 99", matrix(6, element(99, bytes(8)))),
    "no_matrix": ("element of type 9", element(9, bytes(8))),
    "cut": ("cut short", HEADER[:5]),
    "bomb": ("unpack to more", element(15, zlib.compress(bytes(2**28)))),
    "many": ("too many", element(15, zlib.compress(matrix(1, element(14, b"") * 20_000, shape=(1, 9_999))))),
    "no_stream": ("cannot be read", element(15, b"no stream")),
    "half_a_stream": ("cut short", element(15, zlib.compress(bytes(99))[:-6])),
}


@pytest.mark.parametrize("name", LIES)
def test_lies_are_refused(tmp_path, name):
    reason, content = LIES[name]
    (tmp_path / "a.mat").write_bytes(HEADER + content)
    if name == "many":
        (tmp_path / "a.mat").write_bytes(HEADER + content + content)
    with pytest.raises(ValueError, match=rf"a\.mat.*{reason}"):
        read_displacement(tmp_path / "a.mat")
