"""Good checkpoints, weights and folders of results, and the functions that read all of each."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.damaged_files import SUBJECTS, Subject, mutate_json
from benchmarks.damaged_vendors import VENDORS
from benchmarks.mutators import mutate_values
from tfmkit.batch import find_doubtful, read_results, run
from tfmkit.deep.calibration import Calibration
from tfmkit.deep.files import Weights, load_state, read_tensors, read_weights, write_tensors, write_weights
from tfmkit.deep.networks import make_network
from tfmkit.deep.training_state import read_training, write_training
from tfmkit.io import write_fiji_displacement

_PARAMS: dict[str, Any] = {"widths": [2, 2], "blocks": 1, "steps": 1}
_DESCRIPTION = {"lr": "0.1", "seed": 3}


def _network() -> Any:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return make_network("fourier_unet", **_PARAMS)


def _calibration() -> Calibration:
    rng = np.random.default_rng(0)
    rows = [tuple(map(tuple, rng.normal(size=shape).tolist())) for shape in ((8, 7), (1, 9))]
    return Calibration((0.0,) * 6, (1.0,) * 6, rows[0], rows[1], 0.3)


def _write_weights(folder: Path) -> Path:
    state = _network().state_dict()
    write_weights(folder / "a.safetensors", Weights("fourier_unet", _PARAMS, {"seed": 1}, state, _calibration()))
    return folder / "a.safetensors"


def _read_weights(path: Path) -> None:
    weights = read_weights(path)
    load_state(make_network(weights.network, **weights.params), weights.tensors, str(path))
    if weights.calibration is not None:
        field = np.random.default_rng(0).normal(size=(1, 2, 16, 16))
        np.testing.assert_array_equal(np.isfinite(weights.calibration.factor(field, np.ones_like(field))), True)


def _training() -> tuple[Any, Any]:
    network = torch.nn.Linear(3, 2)
    return network, torch.optim.AdamW(network.parameters(), lr=0.1)


def _write_checkpoint(folder: Path) -> Path:
    network, optimizer = _training()
    network(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    kept = {name: value.detach().clone() for name, value in network.named_parameters()}
    progress = {"update": 3, "history": [{"train_loss": 0.5}]}
    path = folder / "training.safetensors"
    write_training(path, network, optimizer, kept=kept, description=_DESCRIPTION, progress=progress)
    return path


def _read_checkpoint(path: Path) -> None:
    read_training(path, *_training(), _DESCRIPTION)


def _forge(content: bytes, rng: np.random.Generator, *, folder: list[Path]) -> bytes:
    """Damage a value of a header and give the file a checksum that fits: such a file was made on purpose."""
    path = folder[0] / "forged.safetensors"
    path.write_bytes(content)
    tensors, header = read_tensors(path)
    try:
        write_tensors(path, tensors, mutate_values({k: v for k, v in header.items() if k != "checksum"}, rng))
    except (ValueError, AttributeError, TypeError):
        # No header at all.
        return content[:-1]
    return path.read_bytes()


def _results(folder: Path) -> Path:
    """Return results of two displacement files."""
    fields = np.random.default_rng(0).normal(size=(2, 2, 9, 11))
    images = folder / "images"
    images.mkdir()
    for number, field in enumerate(fields, start=1):
        write_fiji_displacement(images / f"d_{number}.txt", field, 10.0 * np.arange(11), 10.0 * np.arange(9))
    run(_config(images), results=folder / "results")
    return folder / "results"


def _config(images: Path) -> dict[str, Any]:
    return {
        "input": {"folder": str(images), "displacement": "d_{frame}.txt", "pixel_size": 0.2},
        "gel": {"young": 8000.0, "poisson": 0.4},
        "traction": {"estimator": "FTTC", "lam": 0.1},
        "run": {"jobs": 1, "samples": 2},
    }


def _write_result(folder: Path, *, name: str) -> Path:
    return _results(folder) / name


def _read_results(path: Path, *, depth: int) -> None:
    results = read_results(path.parents[depth])
    repr(results), results.remarks, find_doubtful(results.table)
    for item in results.items():
        item.fields(), item.previews()


def _resume(path: Path, *, depth: int) -> None:
    results = path.parents[depth]
    table = run(_config(results.parent / "images"), results=results).table
    np.testing.assert_array_equal(table["frame"], [1, 2])


_RESULTS = {
    "table.parquet": 0, "failures.csv": 0, "remarks.csv": 0, "settings.json": 0, "items/all_0001.json": 1,
    "fields/all_0001.ome.tif": 1,
}  # fmt: skip
_KEPT = {"displacement/all_0001.npz": 1, "items/all_0001.json": 1, "fields/all_0001.ome.tif": 1}


def all_subjects(scratch: Path) -> dict[str, Subject]:
    """Return everything that can be damaged; `scratch` is a folder for forged headers."""
    forge = partial(_forge, folder=[scratch])
    return {
        **SUBJECTS,
        **VENDORS,
        "weights": Subject(_write_weights, _read_weights),
        "weights_forged": Subject(_write_weights, _read_weights, forge),
        "checkpoint": Subject(_write_checkpoint, _read_checkpoint),
        "checkpoint_forged": Subject(_write_checkpoint, _read_checkpoint, forge),
        **{
            f"results/{name}": Subject(partial(_write_result, name=name), partial(_read_results, depth=depth))
            for name, depth in _RESULTS.items()
        },
        "results/settings_values": Subject(
            partial(_write_result, name="settings.json"), partial(_read_results, depth=0), mutate_json
        ),
        **{
            f"resume/{name}": Subject(partial(_write_result, name=name), partial(_resume, depth=depth))
            for name, depth in _KEPT.items()
        },
    }
