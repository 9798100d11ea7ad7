"""Weights of a network as one safetensors file that says which network they belong to.

The header holds one entry, ``tfmkit``: a JSON object with the format's version, the network's name and parameters,
the settings of its training, the versions that made it and a checksum. Nothing in the file is ever executed.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

import tfmkit
from tfmkit.deep.calibration import Calibration
from tfmkit.io import write_json, writing

FORMAT = 1
SUFFIX = ".safetensors"


class Weights(NamedTuple):
    """A network's weights and where they come from.

    Attributes
    ----------
    network : str
        Name of the network in :data:`tfmkit.deep.networks.NETWORKS`.
    params : dict
        What its constructor takes.
    settings : dict
        How it was trained.
    tensors : dict of str to Tensor
        Its state.
    checksum : str
        SHA-256 of the state as it is in the file.
    """

    network: str
    params: dict[str, Any]
    settings: dict[str, Any]
    tensors: dict[str, Tensor]
    checksum: str


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
    """Return the file of packaged weights, or the file itself.

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
        If it is neither.
    """
    packaged = packaged_weights()
    path = packaged.get(str(name), Path(name))
    if path.suffix != SUFFIX:
        known = ", ".join(packaged) or "none"
        raise ValueError(f"Expected a {SUFFIX} file or the name of packaged weights ({known}), got {str(name)!r}.")
    return path


def write_weights(
    path: str | os.PathLike[str],
    module: nn.Module,
    *,
    network: str,
    params: Mapping[str, Any],
    settings: Mapping[str, Any],
    half: bool = False,
) -> str:
    """Write the weights of a network.

    Parameters
    ----------
    path : path-like
        File to write; one that is there is replaced when the new one is complete.
    module : torch.nn.Module
        The network.
    network : str
        Its name in :data:`tfmkit.deep.networks.NETWORKS`.
    params : mapping
        What its constructor was given; numbers, strings and sequences of them.
    settings : mapping
        How it was trained, of the same kind.
    half : bool, default=False
        Whether to store 16-bit numbers.

    Returns
    -------
    str
        Checksum of the weights, for `write_calibration`.
    """
    tensors = {
        name: value.half() if half and value.is_floating_point() else value
        for name, value in module.state_dict().items()
    }
    header = {
        "format": FORMAT,
        "network": network,
        "params": dict(params),
        "settings": dict(settings),
        "versions": {"tfmkit": tfmkit.__version__, "torch": str(torch.__version__)},
    }
    return write_tensors(path, tensors, header)


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
        If the file is missing, damaged, no weights of tfmkit, or holds numbers that are not finite.
    """
    tensors, header = read_tensors(path)
    checksum = _checksum(tensors)
    try:
        network, params, settings = str(header["network"]), dict(header["params"]), dict(header["settings"])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"Expected weights of a tfmkit network in {path}, but its header lacks {error}.") from error
    for name, value in tensors.items():
        if value.is_floating_point() and not value.isfinite().all():
            raise ValueError(f"Expected finite weights in {path}, got NaN or inf in {name}.")
    tensors = {name: value.float() if value.is_floating_point() else value for name, value in tensors.items()}
    return Weights(network, params, settings, tensors, checksum)


def load_state(module: nn.Module, tensors: Mapping[str, Tensor], source: str) -> None:
    """Put weights into a network.

    Parameters
    ----------
    module : torch.nn.Module
        The network.
    tensors : mapping of str to Tensor
        Its new state.
    source : str
        Where they come from, for the error message.

    Raises
    ------
    ValueError
        If the weights belong to another architecture; the network then keeps its old ones.
    """
    wanted = {name: tuple(value.shape) for name, value in module.state_dict().items()}
    got = {name: tuple(value.shape) for name, value in tensors.items()}
    for name in sorted(wanted.keys() | got.keys()):
        if wanted.get(name) != got.get(name):
            raise ValueError(
                f"Expected weights of this {type(module).__name__} in {source}, but {name} has shape "
                f"{wanted.get(name, 'none')} in the network and {got.get(name, 'none')} in the file."
            )
    module.load_state_dict(dict(tensors))


def write_calibration(path: Path, calibration: Calibration | None, checksum: str) -> None:
    """Write a calibration beside the weights that it belongs to; none takes one away that is there.

    Parameters
    ----------
    path : Path
        The file of the weights.
    calibration : Calibration or None
        The calibration.
    checksum : str
        Checksum of the weights.
    """
    beside = path.with_suffix(".json")
    if calibration is None:
        beside.unlink(missing_ok=True)
    else:
        write_json(beside, {"weights": checksum, **calibration.as_dict()})


def read_calibration(path: Path, checksum: str) -> Calibration | None:
    """Read the calibration beside a file of weights.

    Parameters
    ----------
    path : Path
        The file of the weights.
    checksum : str
        Checksum of the weights.

    Returns
    -------
    Calibration or None
        The calibration, if there is one.

    Raises
    ------
    ValueError
        If it is damaged or belongs to other weights.
    """
    beside = path.with_suffix(".json")
    if not beside.exists():
        return None
    try:
        values = json.loads(beside.read_text())
    except ValueError as error:
        raise ValueError(f"Expected a calibration in {beside}, but it is damaged: {error}.") from error
    if not isinstance(values, dict) or values.get("weights") != checksum:
        raise ValueError(f"Expected the calibration of {path.name} in {beside}, got that of other weights.")
    return Calibration.from_dict(values, str(beside))


def write_tensors(path: str | os.PathLike[str], tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> str:
    """Write tensors and a JSON header to a safetensors file, completely or not at all.

    Parameters
    ----------
    path : path-like
        File to write.
    tensors : mapping of str to Tensor
        Tensors on any device.
    header : mapping
        What JSON can hold.

    Returns
    -------
    str
        Checksum of the tensors.
    """
    plain = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    checksum = _checksum(plain)
    with writing(path) as temporary:
        # One entry only: safetensors does not keep the order of several, and equal weights make equal files.
        save_file(plain, temporary, metadata={"tfmkit": json.dumps({**header, "checksum": checksum})})
    return checksum


def read_tensors(path: str | os.PathLike[str]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what :func:`write_tensors` wrote.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    tensors : dict of str to Tensor
        Tensors on the CPU.
    header : dict
        The header.

    Raises
    ------
    ValueError
        If the file is missing, damaged, or made by something else.
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
    except json.JSONDecodeError as error:
        raise ValueError(f"Expected a JSON header in {path}, but it is damaged: {error}.") from error
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise ValueError(f"Expected format {FORMAT} in the header of {path}, got {header!r:.80}.")
    if header.pop("checksum", None) != _checksum(tensors):
        raise ValueError(f"Expected the tensors in {path} to match their checksum, but they are damaged.")
    return tensors, header


def _checksum(tensors: Mapping[str, Tensor]) -> str:
    state = hashlib.sha256()
    for name, value in sorted(tensors.items()):
        state.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        state.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return state.hexdigest()
