"""Settings of a batch written as a TOML file, for programs that make experiments."""

from __future__ import annotations

import json
from collections.abc import Mapping
from os import PathLike
from typing import Any

from tfmkit.io import writing


def write_config(path: str | PathLike[str], sections: Mapping[str, Mapping[str, Any]]) -> None:
    """Write settings as a TOML file.

    Parameters
    ----------
    path : path-like
        The ``.toml`` file; it is replaced once the new one is complete.
    sections : mapping of str to mapping
        Keys and values of each section, as `read_config` takes them. Keys whose value is None are left out.

    Raises
    ------
    TypeError
        If a value is not a text, a number, a truth value, or a list of these.

    Notes
    -----
    Numbers are written so that they read back as the same. The settings are not checked: `read_config` does so.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from tfmkit.batch import write_config
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder) / "experiment.toml"
    ...     write_config(file, {"gel": {"young": 8000.0, "poisson": 0.45, "thickness": None}})
    ...     print(file.read_text(encoding="utf-8"), end="")
    [gel]
    young = 8000.0
    poisson = 0.45
    """
    blocks = [
        "\n".join([f"[{name}]", *(f"{key} = {_toml(value)}" for key, value in keys.items() if value is not None)])
        for name, keys in sections.items()
    ]
    with writing(path) as temporary:
        temporary.write_text("\n\n".join(blocks) + "\n", encoding="utf-8")


def _toml(value: Any) -> str:
    """Return a value in the words of TOML, which for texts are those of JSON."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, str):
        # JSON leaves this one control character as it is.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_toml, value))}]"
    raise TypeError(f"Expected a text, a number, a truth value or a list of these, got {value!r}.")
