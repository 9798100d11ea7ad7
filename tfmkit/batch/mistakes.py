"""Mistakes in the settings of a batch, each in words and with its line in the file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from tfmkit.methods import MethodError

_HEADER = re.compile(r"\s*\[\s*([A-Za-z0-9_-]+)\s*\]")
_BACKSLASH = re.compile(r'"[^"]*\\[^"]*"')
_KEY = re.compile(r"\s*([A-Za-z0-9_-]+)\s*=")
_SUBJECT = re.compile("^(Input|String) should")


def name_mistakes(refused: ValidationError, model: type[BaseModel], file: str, lines: list[str]) -> str:
    """Say in words why settings are refused.

    Parameters
    ----------
    refused : pydantic.ValidationError
        The errors.
    model : type of pydantic.BaseModel
        Model of the settings, with a field for each section.
    file : str
        Name of the file.
    lines : list of str
        Its lines; empty if the settings do not come from a file.

    Returns
    -------
    str
        One line for each mistake, with file, line and section, in the order of the file.
    """
    numbers = _line_numbers(lines)
    return "\n".join(
        message for _, message in sorted(_explain(error, model, file, numbers) for error in refused.errors())
    )


def advise_on_backslash(path: Path) -> str:
    """Say how a path of Windows is written, for a file that has one in double quotes.

    Parameters
    ----------
    path : Path
        The file of settings.

    Returns
    -------
    str
        A sentence with the line and a space before it; empty if no line has a backslash in double quotes.
    """
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    found = next((number for number, line in enumerate(lines, start=1) if _BACKSLASH.search(line)), None)
    if found is None:
        return ""
    return (
        f" Line {found} has a backslash in double quotes, where it starts a special character: write the path in "
        "single quotes, as in 'C:\\Users\\me', or with / in its place."
    )


def has_control_characters(section: Any) -> bool:
    """Tell whether a text in a section has tabs and the like, as paths have whose backslashes were taken for them.

    Parameters
    ----------
    section : object
        A section of the settings, or another value.

    Returns
    -------
    bool
        True if one of its texts cannot be printed.
    """
    values = section.values() if isinstance(section, Mapping) else [section]
    return any(isinstance(value, str) and not value.isprintable() for value in values)


def _line_numbers(lines: list[str]) -> dict[tuple[str, str], int]:
    """Return the line of every section and key; a key before the first section belongs to the section ``""``."""
    numbers: dict[tuple[str, str], int] = {}
    section = ""
    for number, line in enumerate(lines, start=1):
        if header := _HEADER.match(line):
            section = header[1]
            numbers.setdefault((section, ""), number)
        elif key := _KEY.match(line):
            numbers.setdefault((section, key[1]), number)
    return numbers


def _explain(
    error: ErrorDetails, model: type[BaseModel], file: str, numbers: Mapping[tuple[str, str], int]
) -> tuple[int, str]:
    """Return the line that an error is about, and a message that names file, line and section."""
    section, key = (*map(str, error["loc"]), "", "")[:2]
    reason = error.get("ctx", {}).get("error")
    if isinstance(reason, MethodError):
        key = reason.key or ""
    places = ((section, key), (section, ""), ("", section))
    line = next((numbers[place] for place in places if place in numbers), 0)
    where = f"{file}, line {line}" if line else file
    message = _in_words(error, model, section, key) if reason is None else str(reason)
    return line, f"{where}, [{section}]: {message}"


def _in_words(error: ErrorDetails, model: type[BaseModel], section: str, key: str) -> str:
    if error["type"] == "extra_forbidden":
        # A section that may be absent is a union with None.
        annotation: Any = model.model_fields[section].annotation if key else model
        section_model = next(iter(get_args(annotation)), annotation)
        return f"unknown key {key or section!r}; allowed are {', '.join(section_model.model_fields)}."
    if error["type"] == "missing":
        return f"the key {key!r} is missing; it has no default." if key else f"the section [{section}] is missing."
    if not key:
        return f"expected a section with keys, got {error['input']!r}."
    wanted = _SUBJECT.sub("to", error["msg"]).replace("a valid boolean", "true or false")
    return f"Expected {key} {wanted}, got {error['input']!r}."
