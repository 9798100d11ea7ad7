"""``tfmkit train``: weights from the command line, and what it refuses."""

import numpy as np
import pytest

from tfmkit.cli import main
from tfmkit.deep import DeepTFM
from tfmkit.pretraining import loop, stream
from tfmkit.pretraining.loop import Recipe


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
    strain = np.random.default_rng(0).normal(size=(2, 2, 19, 24))
    traction, std = model.predict(strain, return_std=True)
    assert traction.shape == std.shape == strain.shape
    assert np.isfinite(traction).all()
    assert (std > 0).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--updates", "0"], "updates"), (["--cells", "3"], "cells"), (["--leave-out", "dots"], "families")],
)
def test_bad_settings_are_refused_before_any_work(arguments, message, tmp_path, capsys):
    output = tmp_path / "new"
    assert main(["train", "small", *arguments, "-o", str(output)]) == 2
    assert message in capsys.readouterr().err
    assert not output.exists()
