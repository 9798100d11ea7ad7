"""Files that other programs write and read back: OpenPIV, Fiji's FTTC, MATLAB, OME-TIFF."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from scipy.io import loadmat, savemat

from tfmkit.io import (
    open_images,
    read_displacement,
    read_fiji_traction,
    read_openpiv,
    write_easy_tfm,
    write_fiji_displacement,
    write_fiji_traction,
    write_ome_tiff,
)

HEIGHT, WIDTH, STEP = 9, 11, 16
X, Y = 24.0 + STEP * np.arange(WIDTH), 40.0 + STEP * np.arange(HEIGHT)


@pytest.fixture
def field() -> np.ndarray:
    """Return a field whose every number is different."""
    return np.random.default_rng(0).normal(size=(2, HEIGHT, WIDTH))


def openpiv(path, field, *, physical=True, n_columns=6, header=True, flags=None, mask=None):
    """Write what `openpiv.tools.save` writes: rows from the top, with y and v turned up where `physical`."""
    x, y = np.meshgrid(X, Y[::-1] if physical else Y)
    zeros = np.zeros((HEIGHT, WIDTH))
    v = -field[1] if physical else field[1]
    columns = [x, y, field[0], v, zeros if flags is None else flags, zeros if mask is None else mask][:n_columns]
    names = "\t".join(["x", "y", "u", "v", "flags", "mask"][:n_columns])
    table = np.stack([column.ravel() for column in columns], axis=1)
    np.savetxt(path, table, delimiter="\t", header=names if header else "", fmt="%.17g")
    return path


@pytest.mark.parametrize("physical", [True, False])
@pytest.mark.parametrize(("n_columns", "header"), [(6, True), (5, True), (4, True), (6, False), (5, False)])
def test_openpiv(tmp_path, field, physical, n_columns, header):
    data = read_displacement(openpiv(tmp_path / "a.txt", field, physical=physical, n_columns=n_columns, header=header))
    assert data.layout == "openpiv"
    np.testing.assert_array_equal(data.displacement[0], field)
    np.testing.assert_array_equal(data.y, Y)
    assert data.spacing == STEP
    assert data.measured.all()


def test_openpiv_outliers_are_replaced_and_told(tmp_path, field):
    flags = np.zeros((HEIGHT, WIDTH))
    flags[3, 4], flags[5, 6] = 1, 2
    data = read_openpiv(openpiv(tmp_path / "a.txt", field, flags=flags))
    np.testing.assert_array_equal(data.displacement[0], field)
    assert np.argwhere(~data.measured[0]).tolist() == [[3, 4], [5, 6]]


def test_openpiv_masked_places_and_nan_are_holes(tmp_path, field):
    mask = np.zeros((HEIGHT, WIDTH))
    mask[2, 2] = 1
    field[0, 7, 8] = np.nan
    path = openpiv(tmp_path / "a.txt", field, mask=mask)
    with pytest.raises(ValueError, match=r"2 hole\(s\) in .*a.txt.*x=56, y=72"):
        read_displacement(path)
    data = read_displacement(path, interpolate=True)
    assert np.argwhere(~data.measured[0]).tolist() == [[2, 2], [7, 8]]
    assert np.isfinite(data.displacement).all()


def test_openpiv_refuses(tmp_path, field):
    path = openpiv(tmp_path / "a.txt", field)
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], *lines[-20:], *lines[1:-20]]))
    with pytest.raises(ValueError, match="no order of y"):
        read_displacement(path)
    field[1, 2, 2] = np.inf
    with pytest.raises(ValueError, match=r"finite numbers in .*line\(s\) \[26\]"):
        read_displacement(openpiv(path, field))


def test_fiji_traction_round_trip(tmp_path, field):
    write_fiji_traction(tmp_path / "Traction_a.txt", 1000 * field, X, Y)
    data = read_fiji_traction(tmp_path / "Traction_a.txt")
    np.testing.assert_array_equal(data.traction, 1000 * field[None])
    np.testing.assert_array_equal(data.x, X)
    np.testing.assert_array_equal(data.y, Y)
    assert data.spacing == STEP
    first = [float(word) for word in (tmp_path / "Traction_a.txt").read_text().splitlines()[1].split()]
    assert first == [40, 40, *(1000 * field[:, 0, 1]), np.hypot(*(1000 * field[:, 0, 1]))]


def test_fiji_displacement_round_trip(tmp_path, field):
    write_fiji_displacement(tmp_path / "a_PIV3_disp.txt", field, X, Y)
    data = read_displacement(tmp_path / "a_PIV3_disp.txt")
    assert data.layout == "fiji-piv"
    np.testing.assert_array_equal(data.displacement[0], field)


def test_fiji_displacement_says_what_was_filled_in(tmp_path, field):
    measured = np.ones((HEIGHT, WIDTH), dtype=bool)
    measured[3, 5] = False
    write_fiji_displacement(tmp_path / "a_PIV3_disp.txt", field, X, Y, measured)
    data = read_displacement(tmp_path / "a_PIV3_disp.txt")
    np.testing.assert_array_equal(data.displacement[0], field)
    np.testing.assert_array_equal(data.measured[0], measured)


def test_traction_is_not_taken_for_displacement(tmp_path, field):
    write_fiji_traction(tmp_path / "Traction_a.txt", field, X, Y)
    with pytest.raises(ValueError, match="read_fiji_traction"):
        read_displacement(tmp_path / "Traction_a.txt")
    write_fiji_displacement(tmp_path / "a.txt", field, X, Y)
    with pytest.raises(ValueError, match="no length of a vector"):
        read_fiji_traction(tmp_path / "a.txt")


@pytest.mark.parametrize("n_frames", [1, 3])
@pytest.mark.parametrize("with_traction", [False, True])
def test_matlab_round_trip(tmp_path, n_frames, with_traction):
    fields, traction = np.random.default_rng(1).normal(size=(2, n_frames, 2, HEIGHT, WIDTH))
    write_easy_tfm(tmp_path / "a.mat", fields, X, Y, traction=traction if with_traction else None)
    data = read_displacement(tmp_path / "a.mat")
    np.testing.assert_array_equal(data.displacement, fields)
    np.testing.assert_array_equal(data.x, X)
    np.testing.assert_array_equal(data.y, Y)
    if with_traction:
        np.testing.assert_array_equal(data.traction, traction)
    else:
        assert data.traction is None


def test_matlab_traction_at_other_places_is_not_read(tmp_path, field):
    write_easy_tfm(tmp_path / "a.mat", field[None], X, Y, traction=field[None])
    variables = loadmat(tmp_path / "a.mat")
    # Both lists hold the same points in another order: the vectors of one do not belong to the points of the other.
    variables["TFM_results"]["pos"][0, 0] = variables["TFM_results"]["pos"][0, 0][::-1]
    savemat(tmp_path / "b.mat", {name: variables[name] for name in ("input_data", "TFM_results")})
    assert read_displacement(tmp_path / "a.mat").traction is not None
    assert read_displacement(tmp_path / "b.mat").traction is None


def test_matlab_fields_are_those_of_the_program(tmp_path, field):
    write_easy_tfm(tmp_path / "a.mat", field[None], X, Y, traction=100 * field[None])
    variables = loadmat(tmp_path / "a.mat", squeeze_me=True, struct_as_record=False)
    results = variables["TFM_results"]
    assert results.pos.shape == results.traction.shape == (HEIGHT * WIDTH, 2)
    np.testing.assert_allclose(results.traction_magnitude, np.hypot(*results.traction.T))
    at = np.flatnonzero((results.pos == [X[3], Y[5]]).all(axis=1)).item()
    np.testing.assert_array_equal(results.traction[at], 100 * field[:, 5, 3])
    np.testing.assert_array_equal(variables["input_data"].displacement.vec[at], field[:, 5, 3])


@pytest.mark.parametrize(
    "write",
    [
        lambda path, field, x: write_fiji_traction(path, field, x, Y),
        lambda path, field, x: write_fiji_displacement(path, field, x, Y),
        lambda path, field, x: write_easy_tfm(path, field[None], x, Y),
    ],
)
def test_writers_refuse(tmp_path, field, write):
    with pytest.raises(ValueError, match="Expected 11 x and 9 y"):
        write(tmp_path / "a", field, X[1:])
    field[0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="finite"):
        write(tmp_path / "a", field, X)
    assert not list(tmp_path.iterdir())


def test_ome_tiff_holds_named_channels_and_scale(tmp_path):
    images = np.random.default_rng(2).normal(size=(3, 2, HEIGHT, WIDTH))
    names = ("tx_Pa", "<script>&'\"")
    write_ome_tiff(tmp_path / "a.ome.tif", images, channels=names, pixel_size=0.32, interval=12.0)
    with open_images(tmp_path / "a.ome.tif") as read:
        assert (read.channels, read.pixel_size, read.interval, read.dtype) == (names, 0.32, 12.0, np.float32)
        np.testing.assert_array_equal(read.read(2, 1), images[2, 1].astype(np.float32))
    with tifffile.TiffFile(tmp_path / "a.ome.tif") as file:
        assert file.series[0].axes == "TCYX"
    first = (tmp_path / "a.ome.tif").read_bytes()
    write_ome_tiff(tmp_path / "a.ome.tif", images, channels=names, pixel_size=0.32, interval=12.0)
    assert (tmp_path / "a.ome.tif").read_bytes() == first
    write_ome_tiff(tmp_path / "a.ome.tif", images + 1, channels=names, pixel_size=0.32, interval=12.0)
    assert (tmp_path / "a.ome.tif").read_bytes() != first


@pytest.mark.parametrize(
    ("images", "options", "message"),
    [
        (np.zeros((9, 11)), {"channels": ("a",)}, "n_channels"),
        (np.zeros((1, 1, 9, 11), dtype=complex), {"channels": ("a",)}, "real numbers"),
        (np.zeros((1, 2, 9, 11)), {"channels": ("a",)}, "each of 2 channels"),
        (np.zeros((1, 1, 9, 11)), {"channels": ("a\0b",)}, "printable"),
        (np.zeros((1, 1, 9, 11)), {"channels": ("a",), "pixel_size": 0.0}, "pixel_size"),
        (np.zeros((1, 1, 9, 11)), {"channels": ("a",), "interval": np.nan}, "interval"),
    ],
)
def test_ome_tiff_refuses(tmp_path, images, options, message):
    with pytest.raises(ValueError, match=message):
        write_ome_tiff(tmp_path / "a.ome.tif", images, **options)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("shape", [(12, 9), (9, 12)])
def test_axes_of_pytfm_have_the_lengths_of_the_field(tmp_path, shape):
    for part in "uv":
        np.save(tmp_path / f"1{part}.npy", np.zeros(shape))
    data = read_displacement(tmp_path / "1u.npy", spacing=8.0)
    np.testing.assert_array_equal(data.y, 8.0 * np.arange(shape[0]))
    np.testing.assert_array_equal(data.x, 8.0 * np.arange(shape[1]))
