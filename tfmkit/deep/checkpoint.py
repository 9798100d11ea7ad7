"""The state of a training in one file, written after every epoch, from which it goes on as if never interrupted.

Weights, best weights and the optimizer's moments are tensors of a safetensors file; losses and step sizes go into its
JSON header. The file is replaced as a whole, so a training that is killed at any moment leaves the last complete
epoch behind. Random numbers are no part of it: every epoch starts its generator from the seed and its own number.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skorch.callbacks import Callback
from skorch.history import History
from torch import Tensor
from torch.optim import Optimizer

from tfmkit.deep.weights import FORMAT, load_state, read_tensors, write_tensors

FILE_NAME = "training.safetensors"
# Parameters that may change between the start of a training and its continuation.
FREE = frozenset(
    {"average_turns", "callbacks", "checkpoint_dir", "device", "max_epochs", "use_caching", "verbose", "warm_start"}
)


class Checkpoint(Callback):
    """Write the state of a training after every epoch, where the estimator has a `checkpoint_dir`."""

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:  # noqa: ARG002 (skorch gives more than it needs)
        """Write the state.

        Parameters
        ----------
        net : DeepTFM
            The estimator in training.
        **kwargs : dict
            Not used.
        """
        if net.checkpoint_dir is not None and net.training_ is not None:
            save_training(net, Path(net.checkpoint_dir) / FILE_NAME)


def save_training(net: Any, path: Path) -> None:
    """Write all that the next epoch needs.

    Parameters
    ----------
    net : DeepTFM
        The estimator in training.
    path : Path
        File to write; its folder is made where it is missing.

    Raises
    ------
    ValueError
        If the state of the optimizer is more than tensors and numbers.
    """
    moments, options = flatten_optimizer(net.optimizer_)
    tensors = {f"weights/{name}": value for name, value in net.module_.state_dict().items()}
    tensors |= {f"best/{name}": value for name, value in net.best_weights_.items()}
    tensors |= {f"optimizer/{name}": value for name, value in moments.items()}
    header = {
        "format": FORMAT,
        "training": net.training_,
        "seed": net.seed_,
        "history": [{**row, "batches": []} for row in net.history],
        "optimizer": options,
    }
    write_tensors(path, tensors, header)


def resume_training(net: Any, path: Path) -> None:
    """Bring a freshly initialised estimator to where a training stopped.

    Parameters
    ----------
    net : DeepTFM
        The estimator, its `training_` describing what is to be trained.
    path : Path
        A file that :func:`save_training` wrote.

    Raises
    ------
    ValueError
        If the file is damaged or belongs to a training with other data or settings.
    """
    tensors, header = read_tensors(path)
    if not {"training", "seed", "history", "optimizer"} <= header.keys():
        raise ValueError(f"Expected the state of a training in {path}, got another kind of file.")
    differing = sorted(
        name
        for name in header["training"].keys() | net.training_.keys()
        if header["training"].get(name) != net.training_.get(name)
    )
    if differing:
        raise ValueError(
            f"Expected checkpoint_dir to be empty or to hold this very training, but {path} differs in "
            f"{', '.join(differing)}. Choose another folder or delete the file."
        )
    parts: dict[str, dict[str, Tensor]] = {"weights": {}, "best": {}, "optimizer": {}}
    for name, value in tensors.items():
        part, _, key = name.partition("/")
        parts[part][key] = value
    load_state(net.module_, parts["weights"], str(path))
    restore_optimizer(net.optimizer_, parts["optimizer"], header["optimizer"])
    device = next(net.module_.parameters()).device
    net.best_weights_ = {name: value.to(device) for name, value in parts["best"].items()}
    net.history = History(header["history"])
    net.seed_ = int(header["seed"])


def describe_params(params: Mapping[str, Any]) -> dict[str, str]:
    """Describe the parameters that decide the course of a training, for comparison with another one.

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
        if name not in FREE and not name.startswith(left_out)
    }


def digest(*arrays: NDArray[Any]) -> str:
    """Return a digest of arrays: equal data, equal text.

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


def flatten_optimizer(optimizer: Optimizer) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Split the state of an optimizer into tensors and what JSON can hold.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
        The optimizer.

    Returns
    -------
    tensors : dict of str to Tensor
        Moments, named ``parameter/moment``.
    options : dict
        Numbers of the same kind and the options of the parameter groups.

    Raises
    ------
    ValueError
        If there is anything else in the state, as in that of LBFGS.
    """
    state = optimizer.state_dict()
    tensors: dict[str, Tensor] = {}
    numbers: dict[str, Any] = {}
    for index, moments in state["state"].items():
        for name, value in moments.items():
            if isinstance(value, Tensor):
                tensors[f"{index}/{name}"] = value
            else:
                numbers[f"{index}/{name}"] = value
    options = {"numbers": numbers, "groups": state["param_groups"]}
    try:
        json.dumps(options)
    except TypeError as error:
        raise ValueError(
            f"Expected an optimizer whose state is tensors and numbers for checkpoint_dir, "
            f"got {type(optimizer).__name__}: {error}."
        ) from error
    return tensors, options


def restore_optimizer(optimizer: Optimizer, tensors: Mapping[str, Tensor], options: Mapping[str, Any]) -> None:
    """Put the state that :func:`flatten_optimizer` took back into an optimizer.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
        An optimizer of the same parameters.
    tensors : mapping of str to Tensor
        Moments.
    options : mapping
        Numbers and options.
    """
    state: dict[int, dict[str, Any]] = {}
    for key, value in (*tensors.items(), *options["numbers"].items()):
        index, _, name = key.partition("/")
        state.setdefault(int(index), {})[name] = value
    # JSON has no tuples, and some optimizers want one.
    groups = [
        {name: tuple(value) if isinstance(value, list) and name != "params" else value for name, value in group.items()}
        for group in options["groups"]
    ]
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def _describe(value: Any) -> str:
    if value is None or isinstance(value, (bool, int, float, str)):
        return repr(value)
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_describe(item) for item in value)}]"
    named = value if hasattr(value, "__qualname__") else type(value)
    return f"{named.__module__}.{named.__qualname__}"
