"""Strict reading of a TOML file: every key is known, of its type and in its range, or an error says where it stands."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, field, fields
from pathlib import Path
from typing import Any

from tfmkit._validation import check_choice, check_count, check_number

# What checks the value of a key, given its name, and returns it.
Rule = Callable[[Any, str], Any]

_HEADER = re.compile(r"\s*\[\s*([A-Za-z0-9_-]+)\s*\]")
_KEY = re.compile(r"\s*([A-Za-z0-9_-]+)\s*=")


def setting(rule: Rule, default: Any = MISSING) -> Any:
    """Declare a key of a section: a field of a dataclass with the rule for its value."""
    metadata = {"rule": rule}
    return field(metadata=metadata) if default is MISSING else field(default=default, metadata=metadata)


def number(**interval: Any) -> Rule:
    """Return the rule for a number in an interval, the arguments those of `check_number`."""
    return lambda value, name: check_number(value, name, **interval)


def count(low: int) -> Rule:
    """Return the rule for an integer of at least `low`."""
    return lambda value, name: check_count(value, name, low=low)


def choice(*choices: str) -> Rule:
    """Return the rule for one of several words."""
    return lambda value, name: check_choice(value, name, choices)


def text(value: Any, name: str) -> str:
    """Return a text that is not empty."""
    if not isinstance(value, str) or not value:
        raise ValueError(f"Expected {name} to be a text that is not empty, got {value!r}.")
    return value


def switch(value: Any, name: str) -> bool:
    """Return true or false."""
    if not isinstance(value, bool):
        raise ValueError(f"Expected {name} to be true or false, got {value!r}.")
    return value


class Source:
    """Where settings come from, for messages that name the line.

    Parameters
    ----------
    name : str
        Name of the file, or what stands for it.
    lines : list of str
        Its lines; none where there is no file.
    """

    def __init__(self, name: str, lines: list[str]) -> None:
        self._name = name
        self._places: dict[tuple[str, str | None], int] = {}
        section = ""
        for line_number, line in enumerate(lines, start=1):
            if header := _HEADER.match(line):
                section = header[1]
                self._places.setdefault((section, None), line_number)
            elif key := _KEY.match(line):
                self._places.setdefault((section, key[1]), line_number)

    def where(self, section: str, key: str | None = None) -> str:
        """Return the place of a key, or of its section where the key is absent, as text."""
        line = self._places.get((section, key), self._places.get((section, None)))
        place = self._name if line is None else f"{self._name}, line {line}"
        return f"{place}, [{section}]" if section else place


def load_toml(path: Path) -> tuple[dict[str, Any], Source]:
    """Read a TOML file.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    values : dict
        What it says.
    source : Source
        Where it says so.

    Raises
    ------
    ValueError
        If it is no TOML.
    """
    try:
        content = path.read_text(encoding="utf-8-sig")
        return tomllib.loads(content), Source(str(path), content.splitlines())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"Expected a TOML file, got {path}: {error}.") from error


def refuse_unknown(values: Mapping[str, Any], allowed: list[str], section: str, source: Source) -> None:
    """Raise a ValueError that names the first key that is not allowed, and those that are."""
    for key in values:
        if key not in allowed:
            # At the top level the keys are the sections themselves.
            place = source.where(section, key) if section else source.where(key)
            raise ValueError(f"{place}: unknown key {key!r}; allowed are {', '.join(allowed)}.")


def read_section(kind: Any, values: Any, section: str, source: Source) -> Any:
    """Make the dataclass of a section from its keys.

    Parameters
    ----------
    kind : dataclass
        Class whose fields `setting` declared.
    values : mapping
        Keys and values of the section.
    section : str
        Its name.
    source : Source
        Where it stands.

    Returns
    -------
    dataclass
        An instance of `kind`.

    Raises
    ------
    ValueError
        If a key is unknown, missing, of another type or out of its range.
    """
    check_section(values, section, source)
    known: dict[str, Field[Any]] = {part.name: part for part in fields(kind)}
    refuse_unknown(values, list(known), section, source)
    checked = {}
    for name, part in known.items():
        if name in values:
            with_place = source.where(section, name)
            try:
                checked[name] = part.metadata["rule"](values[name], name)
            except ValueError as error:
                raise ValueError(f"{with_place}: {error}") from error
        elif part.default is MISSING:
            raise ValueError(f"{source.where(section)}: the key {name!r} is missing; it has no default.")
    return kind(**checked)


def check_section(values: Any, section: str, source: Source) -> None:
    """Raise a ValueError if what stands for a section is no table."""
    if not isinstance(values, Mapping):
        raise ValueError(f"{source.where(section)}: expected a section with keys, got {values!r}.")
