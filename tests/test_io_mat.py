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
    # Grid points that lie beside a point are measured; a random cloud has gaps.
    assert data.measured.mean() > 0.9


def cells_of(parts):
    """Return MATLAB's cell array of one column."""
    cells = np.empty((len(parts), 1), dtype=object)
    for number, part in enumerate(parts):
        cells[number, 0] = part
    return cells


@pytest.mark.parametrize("noise", [[], np.zeros((0, 0)), {}, "one frame"])
def test_easy_tfm_without_noise(tmp_path, noise):
    frames = [frame_of(0), frame_of(1)]
    data = np.array([[(f["pos"], f["vec"]) for f in frames]], dtype=[("pos", "O"), ("vec", "O")])
    if isinstance(noise, str):
        empty = np.zeros((0, 2))
        noise = np.array([[(frames[0]["pos"], frames[0]["vec"]), (empty, empty)]], dtype=[("pos", "O"), ("vec", "O")])
    savemat(tmp_path / "a.mat", {"input_data": {"displacement": data, "noise": noise}})
    read = read_displacement(tmp_path / "a.mat")
    assert read.noise is None
    np.testing.assert_array_equal(read.displacement, [on_grid(frame) for frame in frames])


def test_empty_noise_of_a_file_of_version_7_3(tmp_path):
    path = save_struct_hdf5(tmp_path / "a.mat", [frame_of(0)])
    with h5py.File(path, "a") as file:
        empty = file.create_dataset("input_data/noise", data=np.zeros(2, dtype=np.uint64))
        empty.attrs["MATLAB_empty"] = np.uint8(1)
    assert read_displacement(path).noise is None


@pytest.mark.parametrize("save", [save_struct, save_struct_hdf5])
def test_missing_vectors_are_holes(tmp_path, save):
    frames = [frame_of(0), frame_of(1)]
    frames[1]["vec"][13] = np.nan
    frames[0]["vec"][7, 0] = np.nan
    data = read_displacement(save(tmp_path / "a.mat", frames))
    assert np.argwhere(~data.measured).tolist() == [[0, 7 % SIDE, 7 // SIDE], [1, 13 % SIDE, 13 // SIDE]]
    assert np.isfinite(data.displacement).all()
    np.testing.assert_array_equal(data.displacement[1][:, data.measured[1]], on_grid(frames[1])[:, data.measured[1]])


@pytest.mark.parametrize("scattered", [False, True])
@pytest.mark.parametrize("n_frames", [1, 2])
def test_displfield(tmp_path, scattered, n_frames):
    rng = np.random.default_rng(0)
    frames = []
    for number in range(n_frames):
        pos = rng.uniform(0, 200, size=(800, 2)) if scattered else frame_of(0)["pos"].astype(float)
        vec = np.stack([0.01 * pos[:, 0] + number, 1 - 0.02 * pos[:, 1]], axis=1)
        vec[40 + number] = np.nan
        frames.append({"pos": pos, "vec": vec})
    parts = np.array([[(f["pos"], f["vec"], 1.0) for f in frames]], dtype=[("pos", "O"), ("vec", "O"), ("par", "O")])
    savemat(tmp_path / "displField.mat", {"displField": parts})
    data = read_displacement(tmp_path / "displField.mat")
    assert data.layout == "displfield"
    x, y = np.meshgrid(data.x, data.y)
    inner = (slice(None), slice(3, -3), slice(3, -3))
    for number in range(n_frames):
        expected = np.stack([0.01 * x + number, 1 - 0.02 * y])
        np.testing.assert_allclose(data.displacement[number][inner], expected[inner], atol=1e-9)
    if scattered:
        assert data.measured.mean() > 0.9
    else:
        assert data.measured.sum() == n_frames * (SIDE**2 - 1)


def pivlab(path, n_frames=2, *, calibrated=False, filtered=False, hdf5=False):
    """Write what PIVlab exports; return the field of each frame."""
    x, y = np.meshgrid(24.0 + 16 * np.arange(12), 32.0 + 16 * np.arange(9))
    fields = np.random.default_rng(0).normal(size=(n_frames, 2, 9, 12))
    types = np.ones((n_frames, 9, 12))
    types[:, 2, 3], types[:, 4, 5] = 0, 2
    xy, uv = (1e-7, 3e-7) if calibrated else (1.0, 1.0)
    measured = fields.copy()
    measured[:, :, 2, 3] = np.nan
    empty = np.zeros((0, 0))
    variables = {
        "x": [x * xy] * n_frames,
        "y": [y * xy] * n_frames,
        "u_original": [field[0] * uv for field in (2 * fields if filtered else measured)],
        "v_original": [field[1] * uv for field in (2 * fields if filtered else measured)],
        "typevector_original": list(types),
        "u_filtered": [field[0] * uv for field in measured] if filtered else [empty] * n_frames,
        "v_filtered": [field[1] * uv for field in measured] if filtered else [empty] * n_frames,
        "typevector_filtered": list(types) if filtered else [empty] * n_frames,
    }
    if hdf5:
        with h5py.File(path, "w", userblock_size=512) as file:
            for name, parts in variables.items():
                cells = file.create_dataset(name, (1, n_frames), dtype=h5py.ref_dtype)
                for number, part in enumerate(parts):
                    file[f"#refs#/{name}{number}"] = np.zeros(2) if part.size == 0 else part.T
                    if part.size == 0:
                        file[f"#refs#/{name}{number}"].attrs["MATLAB_empty"] = 1
                    cells[0, number] = file[f"#refs#/{name}{number}"].ref
        return fields
    units = "[m] respectively [m/s]" if calibrated else "[px] respectively [px/frame]"
    cells = {name: cells_of(parts) for name, parts in variables.items()}
    savemat(path, {**cells, "units": units, "calxy": xy, "calu": uv})
    return fields


@pytest.mark.parametrize("n_frames", [1, 3])
@pytest.mark.parametrize("options", [{}, {"calibrated": True}, {"filtered": True}, {"hdf5": True}])
def test_pivlab(tmp_path, n_frames, options):
    fields = pivlab(tmp_path / "PIVlab.mat", n_frames, **options)
    data = read_displacement(tmp_path / "PIVlab.mat")
    assert data.layout == "pivlab"
    assert np.argwhere(~data.measured).tolist() == [[number, 2, 3] for number in range(n_frames)]
    there = data.measured[0]
    for number in range(n_frames):
        np.testing.assert_allclose(data.displacement[number][:, there], fields[number][:, there], rtol=1e-9)
    np.testing.assert_allclose(data.x, 24 + 16 * np.arange(12))
    assert data.spacing == pytest.approx(16)


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
    with pytest.raises(ValueError, match="a.mat.*claims 1099511627776 bytes"):
        read_displacement(tmp_path / "a.mat")


def test_measured_cells(measured_data):
    data = read_displacement(measured_data / "easy_to_use_tfm" / "input_data.mat")
    assert data.displacement.shape == (2, 2, 51, 51)
    assert data.spacing == 10
    np.testing.assert_allclose(data.noise, 0.0505, atol=0.001)
