"""Checkpoints of wrong types: each is refused by its file, its key, and the value that it has."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tfmkit.deep.calibration import Calibration
from tfmkit.deep.files import read_tensors, write_tensors
from tfmkit.deep.training_state import read_training, write_training

DESCRIPTION = {"lr": "0.1"}


def training():
    network = torch.nn.Linear(3, 2)
    return network, torch.optim.AdamW(network.parameters(), lr=0.1)


@pytest.fixture
def checkpoint(tmp_path):
    """A file after one step."""
    network, optimizer = training()
    network(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    path = tmp_path / "a.safetensors"
    write_training(path, network, optimizer, kept={}, description=DESCRIPTION, progress={"update": 1})
    return path


def test_a_good_one_is_read(checkpoint):
    assert read_training(checkpoint, *training(), DESCRIPTION) == ({}, {"update": 1})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"training": [1]}, r"Expected training in .*a\.safetensors as dict, got \[1\]"),
        ({"progress": None}, "Expected progress in .* as dict, got None"),
        ({"optimizer": "adam"}, "Expected optimizer in .* as dict, got 'adam'"),
        ({"optimizer": {"numbers": {}}}, "Expected groups in .* as list, got None"),
        ({"optimizer": {"numbers": 3, "groups": []}}, "Expected numbers in .* as dict, got 3"),
        ({"optimizer": {"numbers": {"x/y": 1}, "groups": []}}, "Expected the state of AdamW in .*a.safetensors"),
        ({"optimizer": {"numbers": {}, "groups": [3]}}, "Expected the state of AdamW in .*a.safetensors"),
        ({"optimizer": {"numbers": {}, "groups": [{}]}}, "Expected the state of AdamW in .*a.safetensors"),
    ],
)
def test_wrong_types_are_named(checkpoint, change, message):
    tensors, header = read_tensors(checkpoint)
    write_tensors(checkpoint, tensors, {**header, **change})
    with pytest.raises(ValueError, match=message):
        read_training(checkpoint, *training(), DESCRIPTION)


def test_tensors_of_no_group_are_named(checkpoint):
    tensors, header = read_tensors(checkpoint)
    write_tensors(checkpoint, {**tensors, "other/weight": torch.zeros(1)}, header)
    with pytest.raises(ValueError, match="got other/weight"):
        read_training(checkpoint, *training(), DESCRIPTION)


@pytest.mark.parametrize(
    "change", [{"spread": [0.0] * 6}, {"misfit_limit": 10**400}, {"centre": "x"}, {"hidden": None}, {"output": [[1.0]]}]
)
def test_calibrations_of_wrong_values(change):
    good = Calibration((0.0,) * 6, (1.0,) * 6, ((0.0,) * 7,) * 8, ((0.0,) * 9,), 0.3).as_dict()
    assert np.isfinite(Calibration.from_dict(good, "a").misfit_limit)
    with pytest.raises(ValueError, match=r"in a\.safetensors"):
        Calibration.from_dict({**good, **change}, "a.safetensors")
