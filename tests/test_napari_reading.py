"""Files and folders become layers with their scale and units."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from batch_images import SIDE, settings, write_position

from tfmkit.batch import run
from tfmkit.cli import main as command_line
from tfmkit.datasets import fetch
from tfmkit.io import write_fiji_traction, write_ome_tiff, write_ome_zarr
from tfmkit.napari.frame import Origin
from tfmkit.napari.layers import Place, vector_layer
from tfmkit.napari.reading import METADATA, get_reader
from tfmkit.napari.sample_data import measured_sheet, simulated_cell


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    made = tmp_path_factory.mktemp("images")
    write_position(made / "a", n_frames=3)
    return made


def layers_of(path: Path) -> dict[str, tuple]:
    """Return the layers of a path by their names, read in the way of napari."""
    read = get_reader(str(path))
    assert read is not None
    return {options["name"]: (data, options, kind) for data, options, kind in read(str(path))}


def test_movie_is_read_frame_by_frame(folder):
    data, options, kind = layers_of(folder / "a" / "deformed.tif")["deformed"]
    assert kind == "image"
    assert data.shape == (3, SIDE, SIDE)
    assert not isinstance(data, np.ndarray)
    assert options["scale"] == (1, 0.2, 0.2)
    assert options["units"] == ("pixel", "µm", "µm")
    about = options["metadata"][METADATA]
    assert about["origin"] == Origin(folder / "a" / "deformed.tif", 3)
    assert (about["pixel_size"], about["interval"]) == (pytest.approx(0.2), 30.0)
    assert np.asarray(data[1]).shape == (SIDE, SIDE)


def test_image_without_scale_is_in_pixels(folder):
    data, options, _ = layers_of(folder / "a" / "plain.tif")["plain"]
    assert isinstance(data, np.ndarray)
    assert (options["scale"], options["units"]) == ((1.0, 1.0), ("pixel", "pixel"))


def test_channels_are_layers_and_planes_along_z_are_projected(tmp_path):
    import tifffile

    stack = np.random.default_rng(0).integers(0, 255, (4, 2, 16, 18)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "stack.tif", stack, imagej=True, metadata={"axes": "ZCYX"})
    layers = layers_of(tmp_path / "stack.tif")
    assert list(layers) == ["stack 0", "stack 1"]
    data, options, _ = layers["stack 1"]
    assert np.array_equal(data, stack[:, 1].max(axis=0))
    assert options["metadata"][METADATA]["origin"] == Origin(tmp_path / "stack.tif", 1, 1, "max")


def test_zarr_is_a_folder_of_images(tmp_path):
    pytest.importorskip("zarr")
    images = np.random.default_rng(0).integers(0, 255, (2, 1, 16, 18)).astype(np.uint8)
    write_ome_zarr(tmp_path / "beads.zarr", images, channels=("beads",), pixel_size=0.3)
    data, options, _ = layers_of(tmp_path / "beads.zarr")["beads"]
    assert np.array_equal(np.asarray(data), images[:, 0])
    assert options["scale"] == pytest.approx((1, 0.3, 0.3))


def test_results_of_a_batch(folder, tmp_path):
    sections = settings(folder, input={"mask": "{position}/mask.tif", "cell": "{position}/cell.tif"})
    results = run(sections, results=tmp_path / "results")
    layers = layers_of(tmp_path / "results")
    assert list(layers) == [
        "relaxed", "deformed", "cell", "traction (Pa)", "traction vectors (Pa)", "displacement (px)", "cells"
    ]  # fmt: skip
    items = list(results.items())
    maps, grid = items[2].fields(), items[2].record["grid"]
    data, options, kind = layers["traction (Pa)"]
    assert kind == "image"
    assert np.array_equal(data[2], np.hypot(maps["tx_Pa"], maps["ty_Pa"]))
    step = 0.2 * grid["spacing_px"]
    assert options["scale"] == pytest.approx((1, step, step))
    assert options["translate"] == pytest.approx((0, 0.2 * grid["y0_px"], 0.2 * grid["x0_px"]))
    data, options, kind = layers["displacement (px)"]
    assert kind == "vectors"
    last = data[data[:, 0, 0] == 2]
    assert np.array_equal(last[:, 1, 2].reshape(maps["ux_px"].shape), maps["ux_px"])
    assert np.array_equal(last[:, 1, 1].reshape(maps["ux_px"].shape), maps["uy_px"])
    data, options, kind = layers["cells"]
    assert kind == "labels"
    assert np.unique(data).tolist() == [0, 1, 2]
    assert layers["cell"][0].shape == (3, SIDE, SIDE)
    assert layers["cell"][1]["scale"] == pytest.approx((1, 0.2, 0.2))


def test_results_with_two_grids_get_layers_for_each(folder, tmp_path):
    both = tmp_path / "both"
    write_position(both / "a", n_frames=1)
    write_position(both / "b", n_frames=1)
    small = np.zeros((1, 1, 64, 80), np.float32)
    small[0, 0] = np.random.default_rng(0).random((64, 80))
    for name in ("relaxed.tif", "deformed.tif"):
        write_ome_tiff(both / "b" / name, small, channels=("beads",), pixel_size=0.2)
    run(settings(both), results=tmp_path / "results")
    names = list(layers_of(tmp_path / "results"))
    assert "traction (Pa), grid 1" in names
    assert "traction (Pa), grid 2" in names


def test_folder_without_results_is_left_to_others(folder):
    assert get_reader(str(folder)) is None


def test_several_files_are_left_to_others(folder):
    assert get_reader([str(folder / "a" / "plain.tif"), str(folder / "a" / "cell.tif")]) is None


def test_displacement_and_traction_of_the_command_line(tmp_path, capsys):
    assert command_line(["simulate", "-n", "1", "--family", "adhesion", "-o", str(tmp_path / "cell.npz")]) == 0
    layers = layers_of(tmp_path / "cell.npz")
    assert layers["displacement (px)"][2] == "vectors"
    arguments = ["--young", "8000", "--poisson", "0.4", "--pixel-size", "0.2", "-o", str(tmp_path / "out")]
    assert command_line(["traction", str(tmp_path / "cell.npz"), *arguments]) == 0
    data, options, kind = layers_of(tmp_path / "out" / "traction.tif")["traction (Pa)"]
    assert kind == "image"
    assert data.ndim == 2
    assert options["units"] == ("µm", "µm")


def test_traction_table_of_fiji(tmp_path):
    traction = np.random.default_rng(0).normal(size=(2, 9, 12))
    path = tmp_path / "Traction_1.txt"
    write_fiji_traction(path, traction, 4.0 * np.arange(12), 4.0 * np.arange(9))
    layers = layers_of(path)
    assert np.allclose(layers["traction (Pa)"][0], np.hypot(*traction), rtol=1e-4)
    assert layers["traction vectors (Pa)"][1]["scale"] == (4.0, 4.0)


def test_damaged_file_is_named(tmp_path):
    (tmp_path / "bad.tif").write_bytes(b"II*\0 damaged")
    with pytest.raises(ValueError, match=r"bad\.tif"):
        layers_of(tmp_path / "bad.tif")


def test_arrows_point_as_the_field_does():
    field = np.zeros((2, 3, 4))
    field[0, 1, 2] = 5.0
    data, options, _ = vector_layer(field, "displacement (px)", Place.of_pixels(0.5))
    longest = data[np.argmax(options["features"]["magnitude"])]
    assert longest.tolist() == [[1, 2], [0, 5]]
    assert options["scale"] == (0.5, 0.5)


def test_fine_grids_have_fewer_arrows():
    data, *_ = vector_layer(np.ones((2, 100, 200)), "traction vectors (Pa)", Place.of_pixels(None))
    assert len(data) == 20 * 40
    assert data[:, 0].max(axis=0).tolist() == [95, 195]


def test_simulated_cell_is_a_pair_with_its_gel():
    layers = simulated_cell()
    assert [options["name"] for _, options, _ in layers] == ["relaxed", "deformed"]
    assert {data.shape for data, _, _ in layers} == {(512, 512)}
    assert layers[0][1]["metadata"][METADATA]["gel"] == {"young": 10_670.0, "poisson": 0.45}


def test_measured_sheet_has_the_pixels_of_its_authors():
    try:
        fetch("mdck-movie")
    except ConnectionError as error:
        pytest.skip(str(error))
    (relaxed, first, _), (movie, second, _) = measured_sheet()
    assert movie.shape[1:] == relaxed.shape
    assert movie.shape[0] == 15
    assert (first["scale"], second["scale"]) == ((0.64, 0.64), (1.0, 0.64, 0.64))
