"""Training fields that are measured in images of beads: how they are made, kept and read."""

import numpy as np
import pytest
import torch

from tfmkit.cli import main
from tfmkit.deep import read_weights
from tfmkit.deep.pretraining import fourier_unet, measured, stream
from tfmkit.deep.pretraining.cells import training_cells
from tfmkit.deep.pretraining.fourier_unet import Recipe
from tfmkit.deep.pretraining.measured import MeasuredFields, make_files, read_fields
from tfmkit.gel import ForwardOperator
from tfmkit.metrics import relative_rmse


@pytest.fixture
def few(monkeypatch):
    for name, value in {"FIELDS_PER_FILE": 6, "_SIDES": (96, 128), "_NODES": (16, 20), "_SPACINGS": (6, 8)}.items():
        monkeypatch.setattr(measured, name, value)


@pytest.fixture(scope="module")
def cells():
    return training_cells(100, seed=0)


@pytest.fixture
def folder(few, cells, tmp_path):
    list(make_files(cells, tmp_path / "fields", range(2), seed=3))
    return tmp_path / "fields"


def test_a_file_depends_on_its_seed_and_number_alone(few, cells, folder, tmp_path):
    again = list(make_files(cells, tmp_path / "again", range(1, 2), seed=3))
    assert [path.name for path in again] == ["3-00001.safetensors"]
    for one, other in zip(read_fields(again[0])[:2], read_fields(folder / again[0].name)[:2], strict=True):
        assert torch.equal(one, other)


def test_files_that_are_there_are_not_made_again(cells, folder):
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert set(make_files(cells, folder, range(2), seed=3)) == set(before)
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_displacement_is_that_of_the_traction_as_far_as_piv_sees_it(folder):
    for path in folder.iterdir():
        displacement, traction, header = read_fields(path)
        assert len(displacement) == len(traction) == len(header["fields"])
        operator = ForwardOperator(tuple(traction.shape[2:]), young=1.0, poisson=header["poisson"])
        exact = operator.apply(traction.double().numpy())
        error = relative_rmse(exact, displacement.double().numpy(), multioutput="raw_values")
        stated = np.array([field["error"] for field in header["fields"]])
        assert np.isfinite(error).all()
        assert np.median(error) < max(0.3, 2 * np.median(stated))


def test_chunks_are_reproducible_and_of_unit_size(folder):
    one, other = (MeasuredFields(folder, 2, seed=5, parts=4).chunk(3) for _ in range(2))
    assert torch.equal(one.displacement, other.displacement)
    assert len(one.displacement) % 4 == 0
    np.testing.assert_allclose(one.displacement.square().mean((1, 2, 3)), 1, rtol=1e-4)


def test_left_out_profiles_take_the_blobs_with_them(folder):
    fields = MeasuredFields(folder, 2, seed=5, leave_out=("hertz",))
    assert fields.left_out == {"hertz", "blob"}
    families = [field["family"] for path in folder.iterdir() for field in read_fields(path)[2]["fields"]]
    kept = sum(name not in fields.left_out for name in families)
    assert sum(len(fields.chunk(number).displacement) for number in range(2)) in range(kept, 2 * len(families))


def test_more_files_than_there_are_is_an_error(folder):
    with pytest.raises(ValueError, match="Expected 3 files of measured fields"):
        MeasuredFields(folder, 3, seed=0)


def test_a_network_trains_on_both_sources(few, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(stream, "SHAPES", ((16, 16),))
    recipe = Recipe(widths=(4, 6), blocks=1, n_updates=6, pixels=4 * 256, chunk=2)
    monkeypatch.setitem(fourier_unet.RECIPES, "small", recipe)
    fields, common = str(tmp_path / "fields"), ["--cells", "100"]
    assert main(["train", "fields", "--files", "2", *common, "-o", fields]) == 0
    assert main(["train", "small", "--measured", fields, *common, "--device", "cpu", "-o", str(tmp_path / "new")]) == 0
    assert read_weights(tmp_path / "new" / "small.safetensors").settings["recipe"]["measured"] == 2
    assert main(["train", "small", "--measured", str(tmp_path / "none"), *common, "-o", str(tmp_path / "other")]) == 2
    assert "train fields" in capsys.readouterr().err
