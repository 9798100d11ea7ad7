"""The input files and the method of a result, as its settings name them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


def hash_files(paths: Iterable[Path]) -> dict[str, str]:
    """Return the SHA-256 of files.

    Parameters
    ----------
    paths : iterable of Path
        The files; a folder counts with all files in it.

    Returns
    -------
    dict of str to str
        Hexadecimal digits for each path.
    """
    digests = {}
    for path in paths:
        if path.is_dir():
            digests[str(path)] = _hash_folder(path)
        else:
            with path.open("rb") as file:
                digests[str(path)] = hashlib.file_digest(file, "sha256").hexdigest()
    return digests


def _hash_folder(folder: Path) -> str:
    """Return the SHA-256 of all files in a folder, with their names: an OME-Zarr is one."""
    parts = sorted(path for path in folder.rglob("*") if path.is_file())
    named = [(Path(part).relative_to(folder).as_posix(), digest) for part, digest in hash_files(parts).items()]
    return hashlib.sha256(repr(named).encode()).hexdigest()


def describe_method(name: str, defaults: Mapping[str, Any], estimator: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the name of a method and all of its parameters, defaults included.

    Parameters
    ----------
    name : str
        Name in `tfmkit.methods`.
    defaults : mapping
        Parameters of the method with their defaults.
    estimator : estimator
        Transformer or estimator of the method.
    given : mapping
        Parameters that the user gave.

    Returns
    -------
    dict of str to object
        Values that JSON can hold; other values, such as functions, as their text.
    """
    params = {**defaults, **estimator.get_params(deep=False), **given}
    return {"name": name, **{key: _plain(value) for key, value in params.items()}}


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return str(value)
