"""The state of a training in one file, from which the training goes on as if it had never been interrupted.

The state is that of the network, the optimizer's moments, a second set of weights that the training keeps (the best
ones, or their running mean), a description of the training and its progress. The file has the format of
`tfmkit.deep.files` and is replaced as a whole, so a training that is killed at any moment leaves its last complete
state behind. States of random generators are not part of it: trainings derive their random numbers from the seed and
the number of the epoch or chunk.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import Optimizer

from tfmkit.deep.files import load_state, read_tensors, write_tensors

FILE_NAME = "training.safetensors"
# Parameters of DeepTFM that may change between the start of a training and its continuation. The weights are described
# by their checksum, not by their name.
_FREE = frozenset(
    {
        "average_turns",
        "balanced",
        "callbacks",
        "checkpoint_dir",
        "device",
        "max_epochs",
        "use_caching",
        "verbose",
        "warm_start",
    }
    | {"balanced", "weights"}
)


def write_training(
    path: Path,
    module: nn.Module,
    optimizer: Optimizer,
    *,
    kept: Mapping[str, Tensor],
    description: Mapping[str, Any],
    progress: Mapping[str, Any],
) -> None:
    """Write the state of a training.

    Parameters
    ----------
    path : Path
        File to write; its folder is made where it is missing.
    module : torch.nn.Module
        The network.
    optimizer : torch.optim.Optimizer
        Its optimizer.
    kept : mapping of str to Tensor
        The second set of weights; may be empty.
    description : mapping
        All that decides the course of the training, as values that JSON can hold.
    progress : mapping
        The place that the training has reached, as values that JSON can hold.

    Raises
    ------
    ValueError
        If the state of the optimizer is more than tensors and numbers, as that of LBFGS is.
    """
    moments, options = _flatten_optimizer(optimizer)
    groups = {"weights": module.state_dict(), "kept": kept, "optimizer": moments}
    tensors = {f"{group}/{name}": value for group, values in groups.items() for name, value in values.items()}
    write_tensors(path, tensors, {"training": dict(description), "progress": dict(progress), "optimizer": options})


def read_training(
    path: Path,
    module: nn.Module,
    optimizer: Optimizer,
    description: Mapping[str, Any],
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Bring a fresh network and its optimizer to the state in a file.

    Parameters
    ----------
    path : Path
        A file that :func:`write_training` wrote.
    module : torch.nn.Module
        The network.
    optimizer : torch.optim.Optimizer
        An optimizer of the same class for it.
    description : mapping
        All that decides the course of the training that is to go on.

    Returns
    -------
    kept : dict of str to Tensor
        The second set of weights, on the device of the network.
    progress : dict
        The place that the training had reached.

    Raises
    ------
    ValueError
        If the file is damaged, not the state of a training, or that of another training.
    """
    tensors, header = read_tensors(path)
    if not {"training", "progress", "optimizer"} <= header.keys():
        raise ValueError(f"Expected the state of a training in {path}, got weights without one.")
    found, progress, options = (entry(header, name, dict, path) for name in ("training", "progress", "optimizer"))
    wanted = json.loads(json.dumps(dict(description)))
    differing = sorted(name for name in found.keys() | wanted.keys() if found.get(name) != wanted.get(name))
    if differing:
        raise ValueError(
            f"Expected the folder to be empty or to hold this very training, but {path} differs in "
            f"{', '.join(differing)}. Choose another folder or delete the file."
        )
    groups: dict[str, dict[str, Tensor]] = {"weights": {}, "kept": {}, "optimizer": {}}
    for name, value in tensors.items():
        group, _, key = name.partition("/")
        if group not in groups:
            raise ValueError(f"Expected tensors of {', '.join(groups)} in {path}, got {name}.")
        groups[group][key] = value
    load_state(module, groups["weights"], str(path))
    _restore_optimizer(optimizer, groups["optimizer"], options, path)
    device = next(module.parameters()).device
    return {name: value.to(device) for name, value in groups["kept"].items()}, progress


def entry(values: Mapping[str, Any], name: str, kind: type, path: Path) -> Any:
    """Return an entry of a file of JSON, checked.

    Parameters
    ----------
    values : mapping
        The entries.
    name : str
        Name of the entry.
    kind : type
        Type that it must have.
    path : Path
        The file.

    Returns
    -------
    object
        The entry.

    Raises
    ------
    ValueError
        If it is missing or of another type.
    """
    value = values.get(name)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise ValueError(f"Expected {name} in {path} as {kind.__name__}, got {value!r:.80}.")
    return value


def describe_params(params: Mapping[str, Any]) -> dict[str, str]:
    """Describe the parameters of a DeepTFM that decide the course of a training, for comparison with another one.

    Parameters
    ----------
    params : mapping
        Parameters of the estimator.

    Returns
    -------
    dict of str to str
        One text per parameter.
    """
    left_out = ("_", "callbacks__", "iterator_valid")
    return {
        name: _describe(value)
        for name, value in sorted(params.items())
        if name not in _FREE and not name.startswith(left_out)
    }


def digest(*arrays: NDArray[Any]) -> str:
    """Return a digest of arrays: equal data give an equal text.

    Parameters
    ----------
    *arrays : ndarray
        The data.

    Returns
    -------
    str
        SHA-256 of shapes, types and values.
    """
    state = hashlib.sha256()
    for array in arrays:
        state.update(str((array.shape, array.dtype)).encode())
        state.update(np.ascontiguousarray(array).data)
    return state.hexdigest()


def _flatten_optimizer(optimizer: Optimizer) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Split the state of an optimizer into tensors, named ``parameter/moment``, and values that JSON can hold."""
    state = optimizer.state_dict()
    entries = {f"{index}/{name}": value for index, part in state["state"].items() for name, value in part.items()}
    tensors = {name: value for name, value in entries.items() if isinstance(value, Tensor)}
    numbers = {name: value for name, value in entries.items() if name not in tensors}
    options = {"numbers": numbers, "groups": state["param_groups"]}
    try:
        json.dumps(options)
    except TypeError as error:
        raise ValueError(
            f"Expected an optimizer whose state is tensors and numbers, so that its training can be written to a file, "
            f"got {type(optimizer).__name__}: {error}."
        ) from error
    return tensors, options


def _restore_optimizer(
    optimizer: Optimizer, tensors: Mapping[str, Tensor], options: Mapping[str, Any], path: Path
) -> None:
    """Give an optimizer the state that `_flatten_optimizer` took from another one."""
    numbers, parts = entry(options, "numbers", dict, path), entry(options, "groups", list, path)
    try:
        state: dict[int, dict[str, Any]] = {}
        for key, value in (*tensors.items(), *numbers.items()):
            index, _, name = key.partition("/")
            state.setdefault(int(index), {})[name] = value
        # JSON has no tuples, and some optimizers want one.
        groups = [
            {name: tuple(each) if isinstance(each, list) and name != "params" else each for name, each in group.items()}
            for group in parts
        ]
        optimizer.load_state_dict({"state": state, "param_groups": groups})
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"Expected the state of {type(optimizer).__name__} in {path}, got one that it cannot take: {error!r}."
        ) from error


def _describe(value: Any) -> str:
    if value is None or isinstance(value, (bool, int, float, str)):
        return repr(value)
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_describe(item) for item in value)}]"
    named = value if hasattr(value, "__qualname__") else type(value)
    return f"{named.__module__}.{named.__qualname__}"
