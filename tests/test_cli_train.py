"""``tfmkit train``: weights from the command line, and what it refuses."""

from functools import partial

import numpy as np
import pytest

from tfmkit.cli import main
from tfmkit.deep import DeepTFM, read_weights
from tfmkit.deep.pretraining import fourier_unet, stream, tracnet
from tfmkit.deep.pretraining.fourier_unet import Recipe


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setattr(stream, "SHAPES", ((16, 16), (18, 24)))
    recipe = Recipe(widths=(4, 6), blocks=1, n_updates=4, pixels=4 * 256, chunk=2)
    monkeypatch.setitem(fourier_unet.RECIPES, "small", recipe)


def test_trained_weights_serve_every_gel_and_grid(tiny, tmp_path, capsys):
    arguments = ["train", "small", "--cells", "100", "--leave-out", "disc", "--device", "cpu", "-o", str(tmp_path)]
    assert main(arguments) == 0
    assert "small.safetensors" in capsys.readouterr().out
    model = DeepTFM.from_pretrained(tmp_path / "small.safetensors", poisson=0.3, young=1_000.0)
    displacement = np.random.default_rng(0).normal(size=(2, 2, 19, 24))
    traction, std = model.predict(displacement, return_std=True)
    assert traction.shape == std.shape == displacement.shape
    assert np.isfinite(traction).all()
    assert (std > 0).all()


def test_the_papers_network_is_trained_on_its_cells_and_goes_on(tmp_path, monkeypatch, capsys):
    for name, value in {"_PAPER_SIDE": 16, "_PAPER_CELLS": 6, "_PAPER_BATCH": 3}.items():
        monkeypatch.setattr(f"tfmkit.cli.train.{name}", value)
    for updates in ("1", "4"):
        assert main(["train", "tracnet", "--updates", updates, "--device", "cpu", "-o", str(tmp_path)]) == 0
    assert "tracnet.safetensors" in capsys.readouterr().out
    weights = read_weights(tmp_path / "tracnet.safetensors")
    assert weights.settings["epochs"] == 2
    assert weights.settings["poisson"] == 0.45
    assert main(["train", "tracnet", "--leave-out", "disc", "-o", str(tmp_path / "other")]) == 2
    assert not (tmp_path / "other").exists()


def test_weights_are_refined_from_where_they_are(tiny, tmp_path, monkeypatch):
    first, second = tmp_path / "first", tmp_path / "second"
    common = ["train", "small", "--cells", "100", "--device", "cpu"]
    assert main([*common, "-o", str(first)]) == 0
    monkeypatch.setattr(fourier_unet, "REFINEMENT", {"n_updates": 2, "pixels": 2 * 256, "lr": 1e-9})
    start = str(first / "small.safetensors")
    assert main([*common, "--start", start, "-o", str(second)]) == 0
    before, after = read_weights(start), read_weights(second / "small.safetensors")
    assert after.settings["recipe"]["start"] == before.checksum
    assert after.settings["start"] == before.settings
    for name, value in before.tensors.items():
        assert np.allclose(after.tensors[name].float(), value.float(), atol=1e-5)


def test_only_weights_of_the_recipes_network_are_refined(tiny, tmp_path, capsys):
    assert main(["train", "small", "--start", "default", "-o", str(tmp_path / "new")]) == 2
    assert "fourier_unet" in capsys.readouterr().err
    assert main(["train", "tracnet", "--start", "default", "-o", str(tmp_path / "new")]) == 2
    assert "Expected weights of tracnet" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_tracnet_is_trained_as_the_paper_says_and_refined(tmp_path, monkeypatch):
    paper = partial(tracnet.PaperRecipe, n_cells=2, n_angles=3, n_round=1, side=16, batch=3, epochs=1)
    monkeypatch.setattr(tracnet, "PaperRecipe", paper)
    common = ["train", "tracnet", "--device", "cpu"]
    assert main([*common, "--recipe", "paper", "--bfloat16", "-o", str(tmp_path / "paper")]) == 0
    start = tmp_path / "paper" / "tracnet.safetensors"
    first = read_weights(start)
    assert first.params == {"second_norm": False}
    assert first.settings["recipe"]["n_angles"] == 3
    model = DeepTFM.from_pretrained(start)
    assert np.isfinite(model.predict(np.random.default_rng(0).normal(size=(1, 2, 24, 24)))).all()
    monkeypatch.setattr(tracnet, "Refinement", partial(tracnet.Refinement, side=24, window=16, batch=2))
    arguments = ["--start", str(start), "--updates", "2", "--cells", "100", "-o", str(tmp_path / "more")]
    assert main([*common, *arguments]) == 0
    second = read_weights(tmp_path / "more" / "tracnet.safetensors")
    assert second.settings["recipe"]["start"] == first.checksum
    assert second.settings["start"] == first.settings
    assert second.params == first.params


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["tracnet", "--bfloat16"], "--bfloat16 beside"),
        (["tracnet", "--recipe", "paper", "--start", "tracnet"], "random weights"),
        (["tracnet", "--recipe", "paper", "--updates", "3"], "numbers of cells and updates"),
        (["small", "--recipe", "paper"], "tracnet alone"),
        (["small", "--bfloat16"], "tracnet alone"),
        (["small", "--paper-cells"], "tracnet alone"),
        (["tracnet", "--paper-cells"], "beside --start"),
        (["tracnet", "--paper-cells", "--start", "tracnet", "--cells", "200"], "without --cells"),
    ],
)
def test_options_of_another_training_are_refused(arguments, message, tmp_path, capsys):
    assert main(["train", *arguments, "-o", str(tmp_path / "new")]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--updates", "0"], "updates"), (["--cells", "3"], "cells"), (["--leave-out", "dots"], "families")],
)
def test_bad_settings_are_refused_before_any_work(arguments, message, tmp_path, capsys):
    output = tmp_path / "new"
    assert main(["train", "small", *arguments, "-o", str(output)]) == 2
    assert message in capsys.readouterr().err
    assert not output.exists()
