"""Texts of other people's files, such as names of files and cells, made harmless for spreadsheets and terminals."""

from __future__ import annotations

import unicodedata
from typing import Any

# Spreadsheets compute cells that begin so.
_FORMULA = ("=", "+", "-", "@")


def printable(text: str) -> str:
    """Return a text without characters that steer a terminal.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    str
        The text with ? in the place of every character that is not printable, except the end of a line.

    Examples
    --------
    >>> print(printable("cell \\x1b[31m1"))
    cell ?[31m1
    """
    return "".join(character if character.isprintable() or character == "\n" else "?" for character in text)


def harmless_cell(value: Any) -> Any:
    """Return a value for a cell of a CSV table, which no spreadsheet computes.

    Parameters
    ----------
    value : object
        A number, or a text.

    Returns
    -------
    object
        A text that begins with =, +, - or @ gets an apostrophe in front, unless it is a number, and ? stands in the
        place of its control characters; every other value stays.

    Examples
    --------
    >>> harmless_cell("=1+1"), harmless_cell("-1.5"), harmless_cell(-1.5)
    ("'=1+1", '-1.5', -1.5)
    """
    if not isinstance(value, str):
        return value
    # Characters that only turn the direction of writing stay: a name has to be found again.
    text = "".join("?" if unicodedata.category(character) in ("Cc", "Cs") else character for character in value)
    return f"'{text}" if text.lstrip().startswith(_FORMULA) and not _is_number(text) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
