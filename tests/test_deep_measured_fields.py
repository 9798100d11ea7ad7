"""Training fields that are measured in images of beads: how they are made, kept and read."""

import numpy as np
import pytest
import torch

from tfmkit.cli import main
from tfmkit.deep import read_weights
from tfmkit.deep.files import write_tensors
from tfmkit.deep.networks.fourier_unet import FourierUNet, constant_noise, noise_level, tell_noise
from tfmkit.deep.pretraining import fourier_unet, measured, stream
from tfmkit.deep.pretraining.cells import training_cells
from tfmkit.deep.pretraining.fourier_unet import Recipe
from tfmkit.deep.pretraining.measured import MeasuredFields, every_third, field_files, make_files, read_fields
from tfmkit.deep.pretraining.stream import Batch
from tfmkit.deep.pretraining.told import ToldStream, withhold_noise
from tfmkit.gel import ForwardOperator, Gel
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
    one, other = read_fields(again[0])[0], read_fields(folder / again[0].name)[0]
    assert set(one) == {"displacement", "noise", "traction"}
    for name in one:
        np.testing.assert_array_equal(one[name], other[name])


def test_files_that_are_there_are_not_made_again(cells, folder):
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert set(make_files(cells, folder, range(2), seed=3)) == set(before)
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_displacement_is_that_of_the_traction_as_far_as_piv_sees_it(folder):
    for path in folder.iterdir():
        fields, header = read_fields(path)
        displacement, traction = (fields[name].astype(float) for name in ("displacement", "traction"))
        assert len(displacement) == len(traction) == len(header["fields"])
        operator = ForwardOperator(tuple(traction.shape[2:]), young=1.0, poisson=header["poisson"])
        exact = operator.apply(traction)
        # Half of the fields have drifted.
        drift = np.median(displacement - exact, axis=(2, 3), keepdims=True)
        error = relative_rmse(exact, displacement - drift, multioutput="raw_values")
        stated = np.array([field["error"] for field in header["fields"]])
        assert np.isfinite(error).all()
        assert np.median(error) < max(0.3, 2 * np.median(stated))


def test_chunks_are_reproducible_and_of_unit_size(folder):
    one, other = (MeasuredFields(folder, 2, seed=5, n_fields=2).chunk(3) for _ in range(2))
    assert torch.equal(one.displacement, other.displacement)
    assert len(one.displacement) == 2
    np.testing.assert_allclose(one.displacement.square().mean((1, 2, 3)), 1, rtol=1e-4)


def test_left_out_profiles_take_the_blobs_with_them(folder):
    fields = MeasuredFields(folder, 2, seed=5, leave_out=("hertz",))
    assert fields.left_out == {"hertz", "blob"}
    families = [field["family"] for path in folder.iterdir() for field in read_fields(path)[1]["fields"]]
    kept = sum(name not in fields.left_out for name in families)
    assert sum(len(fields.chunk(number).displacement) for number in range(2)) in range(kept, 2 * len(families))


def test_more_files_than_there_are_is_an_error(folder):
    with pytest.raises(ValueError, match="Expected 3 files of measured fields"):
        MeasuredFields(folder, 3, seed=0)


@pytest.mark.parametrize("place", [0.001, 0.01, 0.02, 0.1, 0.3, 0.6, 0.999])
def test_a_file_with_a_flipped_bit_is_refused(folder, place):
    path = folder / "3-00000.safetensors"
    damaged = bytearray(path.read_bytes())
    damaged[int(place * len(damaged))] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(ValueError, match=r"3-00000\.safetensors"):
        read_fields(path)


def test_other_files_of_the_one_format_are_refused(folder):
    path = folder / "3-00000.safetensors"
    write_tensors(path, {"displacement": torch.ones(2)}, {"poisson": 0.5})
    with pytest.raises(ValueError, match=r"Expected a file of `tfmkit train fields` at .*3-00000\.safetensors"):
        read_fields(path)


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


def test_noise_is_stated_for_every_vector_that_was_not_replaced(folder):
    batch = MeasuredFields(folder, 2, seed=5).chunk(0)
    known = torch.isfinite(batch.noise)
    assert known.float().mean() > 0.7
    assert (batch.noise[known] > 0).all()
    assert batch.noise.shape == batch.displacement.shape


def test_most_fields_balance_their_forces(few, cells, tmp_path):
    shares = []
    for path in make_files(cells, tmp_path, range(3), seed=4):
        traction = read_fields(path)[0]["traction"].astype(float)
        lengths = np.hypot(traction[:, 0], traction[:, 1]).sum(axis=(1, 2))
        shares += (np.hypot(*traction.sum(axis=(2, 3)).T) / lengths).tolist()
    assert np.median(shares) < 0.02


def test_a_network_that_is_told_the_noise_starts_as_the_one_that_is_not():
    torch.manual_seed(0)
    plain, told = FourierUNet((4, 8), 1), FourierUNet((4, 8), 1, noise=True)
    for unet in plain.unets:
        torch.nn.init.normal_(unet.leave.weight, std=0.1)
    told.load_state_dict(tell_noise(plain.state_dict(), (4, 8)))
    displacement, noise = torch.randn(2, 2, 16, 20), torch.rand(2, 2, 16, 20)
    for one, other in zip(
        plain(displacement, Gel(poisson=0.45)), told(displacement, Gel(poisson=0.45), noise), strict=True
    ):
        assert torch.equal(one, other)


def test_a_network_that_needs_the_noise_says_so():
    with pytest.raises(ValueError, match="Expected the standard deviation"):
        FourierUNet((4, 8), 1, noise=True)(torch.randn(1, 2, 16, 16), Gel())
    with pytest.raises(ValueError, match="noise"):
        FourierUNet((4, 8), 1, noise="sometimes")


def test_a_network_that_takes_noise_estimates_it_where_it_is_not_told():
    torch.manual_seed(0)
    network = FourierUNet((4, 8), 1, noise="optional")
    for unet in network.unets:
        torch.nn.init.normal_(unet.leave.weight, std=0.1)
    noisy = torch.randn(2, 2, 24, 24)
    level = noise_level(noisy).exp()
    # White noise of unit variance, up to the scatter of a median of 1152 values.
    torch.testing.assert_close(level, torch.ones(2), rtol=0.15, atol=0)
    assert torch.equal(
        network(noisy, Gel(poisson=0.45))[0],
        network(noisy, Gel(poisson=0.45), level[:, None, None, None].expand_as(noisy))[0],
    )


def test_noise_is_withheld_from_the_chosen_fields_alone():
    fields = Batch(torch.randn(3, 2, 16, 16), torch.randn(3, 2, 16, 16), Gel(), torch.rand(3, 2, 16, 16))
    withheld = withhold_noise(fields, torch.tensor([False, True, False]))
    assert torch.equal(withheld.noise[[0, 2]], fields.noise[[0, 2]])
    assert torch.equal(withheld.noise[1], constant_noise(fields.displacement)[1])
    assert torch.equal(withheld.displacement, fields.displacement)


def test_replaced_vectors_count_as_most_uncertain():
    torch.manual_seed(0)
    told = FourierUNet((4, 8), 1, noise=True)
    for unet in told.unets:
        torch.nn.init.normal_(unet.leave.weight, std=0.1)
    displacement, noise = torch.randn(1, 2, 16, 16), torch.full((1, 2, 16, 16), 0.1)
    noise[..., 3, 3] = float("nan")
    bound = noise.nan_to_num(nan=100.0)
    assert torch.equal(told(displacement, Gel(poisson=0.45), noise)[0], told(displacement, Gel(poisson=0.45), bound)[0])
    assert not torch.equal(
        told(displacement, Gel(poisson=0.45), noise)[0],
        told(displacement, Gel(poisson=0.45), noise.nan_to_num(nan=0.1))[0],
    )


def test_a_coarser_grid_keeps_the_physics():
    rng = np.random.default_rng(0)
    fine = np.repeat(np.repeat(rng.normal(size=(1, 2, 12, 12)), 3, axis=-1), 3, axis=-2)
    moved = ForwardOperator(36, young=1.0).apply(fine)
    coarse = every_third({"displacement": moved, "noise": np.abs(moved), "traction": fine})
    assert coarse["traction"].shape == coarse["displacement"].shape == (1, 2, 12, 12)
    expected = ForwardOperator(12, young=1.0).apply(coarse["traction"].astype(float))
    assert relative_rmse(expected, coarse["displacement"]) < 0.01
    np.testing.assert_allclose(coarse["noise"], np.abs(coarse["displacement"]))


def test_the_told_stream_states_the_noise_it_draws(cells, monkeypatch):
    monkeypatch.setattr(stream, "SHAPES", ((40, 40),))
    source = ToldStream(cells, seed=1, pixels=8 * 1600, parts=2, missing=0.5)
    one, other = source.chunk(4), source.chunk(4)
    assert torch.equal(one.displacement, other.displacement)
    np.testing.assert_allclose(one.displacement.square().mean((1, 2, 3)), 1, rtol=1e-4)
    lost, stated = torch.isnan(one.noise), one.noise[torch.isfinite(one.noise)]
    assert 0 < lost.float().mean() < 0.08
    assert (stated > 0).all()
    clean, _ = source.clean(4)
    scale = (one.traction / clean.traction).flatten(1).nanmedian(1).values[:, None, None, None]
    error = (one.displacement - scale * clean.displacement)[~lost]
    assert 0.5 < error.abs().median() / (0.67 * stated.median()) < 2


def test_file_that_is_being_written_is_not_a_training_file(tmp_path):
    for name in ("3-00001.safetensors", "3-00000.safetensors", ".1f-3-00002.safetensors", "notes.txt"):
        (tmp_path / name).touch()
    assert [path.name for path in field_files(tmp_path)] == ["3-00000.safetensors", "3-00001.safetensors"]
