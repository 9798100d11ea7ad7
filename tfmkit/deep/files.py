"""The one file format of networks: a safetensors file with a JSON header and a checksum over both.

Weights, the state of an interrupted training and measured training fields are such files. Nothing in them is ever
executed. The safetensors metadata hold one entry, ``tfmkit``: a JSON object with the version of the format, the
checksum and the other fields of the header. Weights name in the header their network, its parameters, the settings of
the training, the versions that made them and, where there is one, the calibration.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

import tfmkit
from tfmkit.deep.calibration import Calibration
from tfmkit.deep.networks import make_network
from tfmkit.io import writing

FORMAT = 2
SUFFIX = ".safetensors"


class Weights(NamedTuple):
    """The weights of a network and their origin.

    Attributes
    ----------
    network : str
        Name of the network in :data:`tfmkit.deep.networks.NETWORKS`.
    params : dict
        Parameters of its constructor: numbers, strings and sequences of them.
    settings : dict
        Settings of its training, of the same types.
    tensors : dict of str to Tensor
        State of the network.
    calibration : Calibration or None, default=None
        Calibration of its intervals.
    checksum : str, default=""
        Checksum of the file that they were read from.
    """

    network: str
    params: dict[str, Any]
    settings: dict[str, Any]
    tensors: dict[str, Tensor]
    calibration: Calibration | None = None
    checksum: str = ""


def packaged_weights() -> dict[str, Path]:
    """List the weights that come with tfmkit.

    Returns
    -------
    dict of str to Path
        The file of each name.
    """
    folder = Path(str(files("tfmkit"))) / "weights"
    return {path.stem: path for path in sorted(folder.glob(f"*{SUFFIX}"))}


def find_weights(name: str | os.PathLike[str]) -> Path:
    """Return the path of a file of weights.

    Parameters
    ----------
    name : str or path-like
        Name of packaged weights, or a ``.safetensors`` file.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ValueError
        If `name` is neither.
    """
    packaged = packaged_weights()
    path = packaged.get(str(name), Path(name))
    if path.suffix != SUFFIX:
        known = ", ".join(packaged) or "none"
        raise ValueError(f"Expected a {SUFFIX} file or the name of packaged weights ({known}), got {str(name)!r}.")
    return path


def load_weights(name: str | os.PathLike[str]) -> Weights:
    """Return weights, and read their file only once per process.

    Parameters
    ----------
    name : str or path-like
        Name of packaged weights, or a ``.safetensors`` file.

    Returns
    -------
    Weights
        The weights. All callers share them: copy the tensors before you change them.

    Raises
    ------
    ValueError
        If there are no such weights, or the file is damaged.
    """
    path = find_weights(name)
    if not path.exists():
        return read_weights(path)
    state = path.stat()
    return _read_once(path.resolve(), state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=8)
def _read_once(path: Path, mtime_ns: int, size: int) -> Weights:  # noqa: ARG001 (a file that changes is read again)
    return read_weights(path)


def write_weights(path: str | os.PathLike[str], weights: Weights, *, half: bool = False) -> None:
    """Write the weights of a network.

    Parameters
    ----------
    path : path-like
        File to write.
    weights : Weights
        The weights; the checksum is computed anew.
    half : bool, default=False
        Whether to store 16-bit numbers.
    """
    tensors = {
        name: value.half() if half and value.is_floating_point() else value for name, value in weights.tensors.items()
    }
    header: dict[str, Any] = {
        "network": weights.network,
        "params": dict(weights.params),
        "settings": dict(weights.settings),
        "versions": {"tfmkit": tfmkit.__version__, "torch": str(torch.__version__)},
    }
    if weights.calibration is not None:
        header["calibration"] = weights.calibration.as_dict()
    write_tensors(path, tensors, header)


def read_weights(path: str | os.PathLike[str]) -> Weights:
    """Read the weights of a network.

    Parameters
    ----------
    path : path-like
        A file that :func:`write_weights` made.

    Returns
    -------
    Weights
        Weights as 32-bit numbers, on the CPU.

    Raises
    ------
    ValueError
        If the file is missing, damaged, not a file of weights, or holds numbers that are not finite, or if its network
        has other weights.
    """
    tensors, header = read_tensors(path)
    try:
        network, params, settings = str(header["network"]), dict(header["params"]), dict(header["settings"])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"Expected weights of a tfmkit network in {path}, but its header lacks {error}.") from error
    for name, value in tensors.items():
        if value.is_floating_point() and not value.isfinite().all():
            raise ValueError(f"Expected finite weights in {path}, got NaN or inf in {name}.")
    _check_network(network, params, tensors, str(path))
    tensors = {name: value.float() if value.is_floating_point() else value for name, value in tensors.items()}
    values = header.get("calibration")
    calibration = None if values is None else Calibration.from_dict(values, str(path))
    return Weights(network, params, settings, tensors, calibration, header["checksum"])


def load_state(module: nn.Module, tensors: Mapping[str, Tensor], source: str) -> None:
    """Copy weights into a network.

    Parameters
    ----------
    module : torch.nn.Module
        The network.
    tensors : mapping of str to Tensor
        Its new state.
    source : str
        Origin of the weights, for the error message.

    Raises
    ------
    ValueError
        If the weights belong to another architecture; the network then keeps its old ones.
    """
    _check_shapes(module, tensors, source)
    module.load_state_dict(dict(tensors))


def _check_network(network: str, params: Mapping[str, Any], tensors: Mapping[str, Tensor], source: str) -> None:
    """Refuse a network that is not that of the tensors, before it takes memory."""
    # No number of layers or channels is above that of the tensors or of their sides.
    largest = max([len(tensors), *(side for tensor in tensors.values() for side in tensor.shape)])
    numbers = [number for value in params.values() for number in (value if isinstance(value, list) else [value])]
    if any(isinstance(number, int) and number > largest for number in numbers):
        raise ValueError(f"Expected parameters of a network of {len(tensors)} tensors in {source}, got {params}.")
    with torch.device("meta"):
        _check_shapes(make_network(network, **params), tensors, source)


def _check_shapes(module: nn.Module, tensors: Mapping[str, Tensor], source: str) -> None:
    wanted = {name: tuple(value.shape) for name, value in module.state_dict().items()}
    got = {name: tuple(value.shape) for name, value in tensors.items()}
    for name in sorted(wanted.keys() | got.keys()):
        if wanted.get(name) != got.get(name):
            raise ValueError(
                f"Expected weights of this {type(module).__name__} in {source}, but {name} has shape "
                f"{wanted.get(name, 'none')} in the network and {got.get(name, 'none')} in the file."
            )


def write_tensors(path: str | os.PathLike[str], tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> None:
    """Write tensors and a header to a file, completely or not at all.

    Parameters
    ----------
    path : path-like
        File to write; its folder is made where needed.
    tensors : mapping of str to Tensor
        Tensors on any device.
    header : mapping
        Values that JSON can hold.
    """
    plain = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    # Through JSON and back, so that the checksum is taken of the header as a reader will see it.
    described = json.loads(json.dumps({**header, "format": FORMAT}))
    described["checksum"] = _checksum(plain, described)
    with writing(path) as temporary:
        # One entry only: safetensors does not keep the order of several, and equal weights make equal files.
        save_file(plain, temporary, metadata={"tfmkit": json.dumps(described)})


def read_tensors(path: str | os.PathLike[str]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read a file that :func:`write_tensors` wrote.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    tensors : dict of str to Tensor
        Tensors on the CPU.
    header : dict
        The header, with the fields ``format`` and ``checksum``.

    Raises
    ------
    ValueError
        If the file is missing, damaged, or made by another program.
    """
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (SafetensorError, OSError) as error:
        raise ValueError(f"Expected a safetensors file at {path}, but it cannot be read: {error}.") from error
    if "tfmkit" not in metadata:
        raise ValueError(f"Expected a file written by tfmkit at {path}, but it has no tfmkit header.")
    try:
        header = json.loads(metadata["tfmkit"])
    except (ValueError, RecursionError) as error:
        raise ValueError(f"Expected a JSON header in {path}, but it is damaged: {error}.") from error
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise ValueError(f"Expected format {FORMAT} in the header of {path}, got {header!r:.80}.")
    if header.get("checksum") != _checksum(tensors, header):
        raise ValueError(f"Expected the contents of {path} to match their checksum, but they are damaged.")
    return tensors, header


def _checksum(tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> str:
    """SHA-256 of the header without its checksum, and of all tensors in the order of their names."""
    state = hashlib.sha256()
    described = {name: value for name, value in header.items() if name != "checksum"}
    state.update(json.dumps(described, sort_keys=True).encode())
    for name, value in sorted(tensors.items()):
        state.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        state.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return state.hexdigest()
