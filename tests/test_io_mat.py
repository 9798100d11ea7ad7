"""MATLAB files: Easy-to-use TFM and Wang & Lin, both generations of the format."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from scipy.io import savemat

from tfmkit.io import read_displacement, read_easy_tfm, read_wang_lin

SIDE = 9


def frame_of(seed, n_points=SIDE * SIDE, dtype=np.uint16):
    """Make pos and vec of one frame on a grid with a step of 10, column by column."""
    x, y = np.meshgrid(1 + 10 * np.arange(SIDE), 1 + 10 * np.arange(SIDE), indexing="ij")
    pos = np.stack([x.ravel(), y.ravel()], axis=1).astype(dtype)
    return {"pos": pos[:n_points], "vec": np.random.default_rng(seed).normal(size=(n_points, 2))}


def save_struct(path, displacement, noise=None):
    """Write `input_data` as MATLAB does before version 7.3."""
    data = {
        "displacement": np.array([[(f["pos"], f["vec"]) for f in displacement]], dtype=[("pos", "O"), ("vec", "O")])
    }
    if noise is not None:
        data["noise"] = np.array([[(f["pos"], f["vec"]) for f in noise]], dtype=[("pos", "O"), ("vec", "O")])
    savemat(path, {"input_data": data})
    return path


def save_struct_hdf5(path, frames):
    """Write `input_data` as MATLAB 7.3 does: references from a struct array, plain data for a single struct."""
    with h5py.File(path, "w", userblock_size=512) as file:
        group = file.create_group("input_data/displacement")
        if len(frames) == 1:
            for part, value in frames[0].items():
                group[part] = value.T
            return path
        for part in ("pos", "vec"):
            references = group.create_dataset(part, (len(frames), 1), dtype=h5py.ref_dtype)
            for number, frame in enumerate(frames):
                file[f"#refs#/{part}{number}"] = frame[part].T
                references[number, 0] = file[f"#refs#/{part}{number}"].ref
    return path


def on_grid(frame):
    """Return the field that a frame of `frame_of` describes."""
    return frame["vec"].reshape(SIDE, SIDE, 2).transpose(2, 1, 0)


@pytest.mark.parametrize("n_frames", [1, 3])
@pytest.mark.parametrize("save", [save_struct, save_struct_hdf5])
def test_easy_tfm_grid(tmp_path, save, n_frames):
    frames = [frame_of(seed) for seed in range(n_frames)]
    data = read_displacement(save(tmp_path / "input.mat", frames))
    np.testing.assert_array_equal(data.displacement, [on_grid(frame) for frame in frames])
    assert data.layout == "easy-to-use-tfm"
    assert data.spacing == 10
    assert data.measured.all()
    assert data.noise is None


def test_easy_tfm_noise_is_the_spread_of_a_component(tmp_path):
    rng = np.random.default_rng(3)
    noise = [{"pos": frame_of(0)["pos"], "vec": 5 + sigma * rng.normal(size=(SIDE * SIDE, 2))} for sigma in (0.1, 0.4)]
    data = read_easy_tfm(save_struct(tmp_path / "a.mat", [frame_of(1), frame_of(2)], noise))
    np.testing.assert_allclose(data.noise, [0.1, 0.4], rtol=0.2)


def test_easy_tfm_hole_is_filled_and_told(tmp_path):
    frames = [frame_of(0), frame_of(1, n_points=SIDE * SIDE - 1)]
    data = read_easy_tfm(save_struct(tmp_path / "a.mat", frames))
    assert data.displacement.shape == (2, 2, SIDE, SIDE)
    assert np.argwhere(~data.measured).tolist() == [[1, SIDE - 1, SIDE - 1]]


def test_easy_tfm_scattered_points_are_interpolated(tmp_path):
    rng = np.random.default_rng(0)
    frames = []
    for _ in range(2):
        pos = rng.uniform(0, 200, size=(800, 2))
        frames.append({"pos": pos, "vec": np.stack([0.01 * pos[:, 0], 1 - 0.02 * pos[:, 1]], axis=1)})
    data = read_easy_tfm(save_struct(tmp_path / "a.mat", frames))
    x, y = np.meshgrid(data.x, data.y)
    inner = (slice(None), slice(None), slice(3, -3), slice(3, -3))
    expected = np.broadcast_to(np.stack([0.01 * x, 1 - 0.02 * y]), data.displacement.shape)
    np.testing.assert_allclose(data.displacement[inner], expected[inner], atol=1e-9)
    assert data.spacing == pytest.approx(200 / np.sqrt(800), rel=0.1)
    assert not data.measured.any()


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        ([{**frame_of(0), "vec": np.ones((4, 2))}], r"\(81, 2\) and \(4, 2\)"),
        ([{**frame_of(0), "vec": np.full((81, 2), np.nan)}], "finite"),
        ([{"pos": np.zeros((0, 2)), "vec": np.zeros((0, 2))}], "shape"),
        ([{"pos": np.ones((81, 2)), "vec": np.ones((81, 2))}], "span an area"),
        ([{**frame_of(0), "vec": "text"}], "Expected numbers"),
    ],
)
def test_easy_tfm_refuses(tmp_path, frames, message):
    with pytest.raises(ValueError, match=message):
        read_displacement(save_struct(tmp_path / "a.mat", frames))


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"other": 1.0}, "input_data.*dspl.*got other"),
        ({"input_data": 3.0}, "struct with a field 'displacement'"),
        ({"input_data": {"displacement": 3.0}}, "struct array"),
        ({"input_data": {"displacement": {"pos": 1.0}}}, "fields pos and vec"),
        ({"dspl": np.zeros((9, 9))}, "shape"),
        ({"dspl": np.zeros((9, 9, 2)), "brdx": [1.0, 2.0], "brdy": [1.0]}, "border points"),
    ],
)
def test_refuses_other_variables(tmp_path, variables, message):
    savemat(tmp_path / "a.mat", variables)
    with pytest.raises(ValueError, match=message):
        read_displacement(tmp_path / "a.mat")


def test_wang_lin_axes(tmp_path):
    rng = np.random.default_rng(0)
    dspl, trac = rng.normal(size=(2, 12, 10, 2))
    savemat(tmp_path / "a.mat", {"dspl": dspl, "trac": trac})
    data = read_wang_lin(tmp_path / "a.mat")
    assert data.displacement.shape == (1, 2, 10, 12)
    # Element (i, j) of the file is column i and row j counted from below; upwards becomes negative.
    assert data.displacement[0, 0, 10 - 1 - 4, 7] == dspl[7, 4, 0]
    assert data.displacement[0, 1, 10 - 1 - 4, 7] == -dspl[7, 4, 1]
    assert data.traction[0, 1, 9, 0] == -trac[0, 0, 1]
    assert data.spacing == 1
    assert data.mask is None


def test_wang_lin_border_encloses_the_cell(tmp_path):
    dspl = np.zeros((12, 10, 2))
    # Columns 3-6 and rows 1-4 from below, counted from 1, lie inside this rectangle.
    border = {"brdx": [2.5, 6.5, 6.5, 2.5], "brdy": [0.5, 0.5, 4.5, 4.5]}
    savemat(tmp_path / "a.mat", {"dspl": dspl, **border})
    mask = read_displacement(tmp_path / "a.mat").mask
    expected = np.zeros((1, 10, 12), dtype=bool)
    expected[0, 6:10, 2:6] = True
    np.testing.assert_array_equal(mask, expected)


def test_refuses_what_the_file_cannot_hold(tmp_path):
    with h5py.File(tmp_path / "a.mat", "w", userblock_size=512) as file:
        file.create_dataset("dspl", shape=(2, 2**18, 2**18), dtype="f4", chunks=(2, 64, 64))
    with pytest.raises(ValueError, match="a.mat.*claims 549755813888 bytes"):
        read_displacement(tmp_path / "a.mat")


def test_measured_cells(measured_data):
    data = read_displacement(measured_data / "easy_to_use_tfm" / "input_data.mat")
    assert data.displacement.shape == (2, 2, 51, 51)
    assert data.spacing == 10
    np.testing.assert_allclose(data.noise, 0.0505, atol=0.001)
