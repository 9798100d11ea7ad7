"""Settings, headers and records that are nested too deep: errors name their file, or are passed over."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tfmkit.batch import read_config, read_results
from tfmkit.deep.files import read_tensors
from tfmkit.io import read_displacement, write_fiji_displacement

DEEP = "[" * 100_000 + "]" * 100_000


def test_settings_of_a_batch(tmp_path):
    path = tmp_path / "a.toml"
    path.write_text(f"x = {DEEP}")
    with pytest.raises(ValueError, match=r"Expected a TOML file, got .*a\.toml"):
        read_config(path)


def test_settings_of_results(tmp_path):
    (tmp_path / "settings.json").write_text(DEEP)
    with pytest.raises(ValueError, match=r"settings\.json cannot be read"):
        read_results(tmp_path)


def test_settings_beside_a_displacement_file(tmp_path):
    axis = np.arange(9.0)
    write_fiji_displacement(tmp_path / "displacement_1.txt", np.ones((2, 9, 9)), axis, axis)
    (tmp_path / "settings.json").write_text(DEEP)
    assert read_displacement(tmp_path / "displacement_1.txt").displacement.shape == (1, 2, 9, 9)


def test_headers_of_weights(tmp_path):
    path = tmp_path / "a.safetensors"
    save_file({"a": torch.zeros(1)}, path, metadata={"tfmkit": DEEP})
    with pytest.raises(ValueError, match=r"Expected a JSON header in .*a\.safetensors"):
        read_tensors(path)
