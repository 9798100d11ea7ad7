"""NumPy files."""

from __future__ import annotations

import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tfmkit.io import DisplacementData, read_arrays, read_displacement


@pytest.fixture
def fields() -> np.ndarray:
    """Return three fields."""
    return np.random.default_rng(0).normal(size=(3, 2, 9, 12))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_npy(tmp_path, fields, dtype):
    np.save(tmp_path / "a.npy", fields.astype(dtype))
    data = read_displacement(tmp_path / "a.npy")
    np.testing.assert_array_equal(data.displacement, fields.astype(dtype))
    assert data.displacement.dtype == dtype
    assert data.spacing == 1
    assert (data.x.size, data.y.size) == (12, 9)


def test_a_header_with_an_unknown_escape_is_refused_without_a_warning(tmp_path, fields):
    np.save(tmp_path / "a.npy", fields)
    content = (tmp_path / "a.npy").read_bytes().replace(b"'descr'", rb"'de\Xr'")
    (tmp_path / "a.npy").write_bytes(content)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        with pytest.raises(ValueError, match=r"a\.npy that cannot be read"):
            read_displacement(tmp_path / "a.npy")
    assert told == []


def test_single_field_and_spacing(tmp_path, fields):
    np.save(tmp_path / "a.npy", fields[0])
    data = read_displacement(tmp_path / "a.npy", spacing=8.0)
    assert data.displacement.shape == (1, 2, 9, 12)
    assert data.x[1] == 8


@pytest.mark.parametrize("name", ["displacement", "strain", "X", "anything"])
def test_npz(tmp_path, fields, name):
    np.savez(tmp_path / "a.npz", **{name: fields})
    np.testing.assert_array_equal(read_arrays(tmp_path / "a.npz").displacement, fields)


def test_npz_prefers_the_name_that_says_it(tmp_path, fields):
    np.savez(tmp_path / "a.npz", other=fields[:1], displacement=fields)
    assert len(read_arrays(tmp_path / "a.npz").displacement) == 3
    np.savez(tmp_path / "b.npz", one=fields, two=fields)
    with pytest.raises(ValueError, match="one array or one named"):
        read_arrays(tmp_path / "b.npz")


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((9, 12)), r"got \(9, 12\)"),
        (np.zeros((3, 9, 12)), "2, height, width"),
        (np.full((2, 9, 12), np.nan), "finite"),
        (np.zeros((2, 9, 12), dtype=complex), "real numbers"),
        (np.array([{"a": 1}]), "cannot be read"),
        (np.array("text"), "real numbers"),
    ],
)
def test_refuses(tmp_path, array, message):
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(ValueError, match=message):
        read_displacement(tmp_path / "a.npy")


def test_data_checks_that_its_parts_fit(fields):
    axes = {"x": np.arange(12.0), "y": np.arange(9.0), "sources": (Path("a.npy"),), "layout": "numpy", "spacing": 1.0}
    DisplacementData(fields, **axes)
    for change in (
        {"x": np.arange(9.0)},
        {"spacing": 0.0},
        {"mask": np.ones((2, 9, 12), dtype=bool)},
        {"noise": np.ones(2)},
        {"traction": fields[:2]},
    ):
        with pytest.raises(ValueError, match="Expected"):
            DisplacementData(fields, **{**axes, **change})


def claim(path, n_columns):
    """Write an array whose header says that it has more columns."""
    np.save(path, np.zeros((2, 9, 12)))
    content = path.read_bytes()
    assert content.count(b"(2, 9, 12), }        ") == 1
    path.write_bytes(content.replace(b"(2, 9, 12), }        ", f"(2, 9, {n_columns}), }}".ljust(21).encode()))


@pytest.mark.parametrize("n_columns", [13, 2**30])
def test_refuses_what_the_file_cannot_hold(tmp_path, n_columns):
    claim(tmp_path / "a.npy", n_columns)
    with pytest.raises(ValueError, match=f"a.npy.*claims {2 * 9 * n_columns * 8} bytes"):
        read_displacement(tmp_path / "a.npy")
    claim(tmp_path / "displacement.npy", 2**30)
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.write(tmp_path / "displacement.npy", "displacement.npy")
    with pytest.raises(ValueError, match="a.npz.*claims"):
        read_displacement(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("name", "array"), [("x", np.array(["a"] * 12)), ("y", np.arange(8.0)), ("measured", np.ones((9, 11), dtype=bool))]
)
def test_refuses_grids_that_do_not_fit(tmp_path, fields, name, array):
    grid = {"x": np.arange(12.0), "y": np.arange(9.0), "measured": np.ones((3, 9, 12), dtype=bool)}
    np.savez(tmp_path / "a.npz", displacement=fields, **grid)
    assert read_arrays(tmp_path / "a.npz").measured.all()
    np.savez(tmp_path / "a.npz", displacement=fields, **{**grid, name: array})
    with pytest.raises(ValueError, match="a.npz"):
        read_arrays(tmp_path / "a.npz")


@pytest.mark.parametrize("shape", [(9, 11, 2), (3, 9, 11, 2)])
@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_components_at_the_end_are_told(tmp_path, shape, suffix):
    array = np.random.default_rng(0).normal(size=shape)
    (np.save if suffix == ".npy" else np.savez)(tmp_path / f"a{suffix}", array)
    with pytest.raises(ValueError, match="channels last"):
        read_displacement(tmp_path / f"a{suffix}")
    np.save(tmp_path / "b.npy", np.moveaxis(array, -1, -3))
    assert read_displacement(tmp_path / "b.npy").displacement.shape[-2:] == (9, 11)


def test_the_arrays_of_an_archive_share_one_limit(tmp_path, monkeypatch):
    np.savez(tmp_path / "a.npz", **{name: np.zeros((2, 9, 12)) for name in ("displacement", "x", "y", "measured")})
    monkeypatch.setattr("tfmkit.io.fields.arrays.most_in_file", lambda size: 2 * 1728)
    with pytest.raises(ValueError, match="claims 1728 bytes, more than the 0 that it can hold"):
        read_arrays(tmp_path / "a.npz")


def test_displacement_is_read_and_not_another_array_beside_it(tmp_path):
    field = np.random.default_rng(0).normal(size=(3, 2, 9, 11))
    for name, others in (("displacement", ("strain", "X", "u", "v")), ("strain", ("X", "u", "v")), ("X", ("u", "v"))):
        np.savez(tmp_path / "a.npz", **dict.fromkeys(others, 7 * field), **{name: field})
        np.testing.assert_array_equal(read_displacement(tmp_path / "a.npz").displacement, field)
