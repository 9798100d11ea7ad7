"""``tfmkit train``: weights from the command line, and what it refuses."""

import numpy as np
import pytest

from tfmkit.cli import main
from tfmkit.deep import DeepTFM, read_weights
from tfmkit.deep.pretraining import loop, stream
from tfmkit.deep.pretraining.loop import Recipe


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setattr(stream, "SHAPES", ((16, 16), (18, 24)))
    recipe = Recipe(widths=(4, 6), blocks=1, n_updates=4, pixels=4 * 256, chunk=2)
    monkeypatch.setitem(loop.RECIPES, "small", recipe)


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
    monkeypatch.setattr(loop, "REFINEMENT", {"n_updates": 2, "pixels": 2 * 256, "lr": 1e-9})
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
    assert main(["train", "tracnet", "--start", "tracnet", "-o", str(tmp_path / "new")]) == 2
    assert "anew" in capsys.readouterr().err
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
