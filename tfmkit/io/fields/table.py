"""Text files from any program: their encoding, their separators and their numbers."""

from __future__ import annotations

import codecs
import csv
import re
from dataclasses import dataclass
from io import StringIO
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmkit._validation import FloatArray
from tfmkit.io.units import is_pixel, micrometres

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# A number or a missing one; the decimal comma has been replaced.
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eEdD][+-]?\d+)?|[+-]?(nan|inf|infinity)|-?nan\(ind\)|na|", re.IGNORECASE)
_MISSING = ("-nan(ind)", "nan(ind)", "NaN(ind)", "-nan", "+nan", "Na", "na", "NAN")
# Words in the place of numbers.
_WORDS = {"true": "1", "false": "0", "-": "nan", "--": "nan", "n/a": "nan", "#n/a": "nan"}
# Tecplot's word before the names of columns.
_VARIABLES = re.compile(r"variables\s*=\s*", re.IGNORECASE)
# Lines of Tecplot that stand between the names and the numbers.
_ZONE = re.compile(r"(zone|strandid|solutiontime|datapacking)\b", re.IGNORECASE)
# Separator and decimal mark, the likeliest first; None is any white space.
_DIALECTS: tuple[tuple[str | None, str], ...] = (
    (None, "."), (",", "."), (";", "."), ("\t", "."), ("|", "."), (None, ","), (";", ","), ("\t", ","), (",", ","),
    ("|", ","),
)  # fmt: skip
_LEAST_COLUMNS = 4


@dataclass(frozen=True, eq=False)
class Table:
    """A text file of numbers.

    Attributes
    ----------
    path : Path
        The file.
    values : ndarray of shape (n_lines, n_columns)
        Its numbers, at least four a line; NaN where one is missing.
    lines : ndarray of shape (n_lines,)
        Where in the file they stand, counted from 1.
    names : tuple of str
        Names of the columns in the file; empty if it has none.
    commented : bool
        Whether the names stand in a comment.
    preamble : str
        All text above the numbers.
    """

    path: Path
    values: FloatArray
    lines: NDArray[np.int_]
    names: tuple[str, ...] = ()
    commented: bool = False
    preamble: str = ""

    def check_finite(self, columns: list[int], rows: NDArray[np.bool_] | slice = slice(None), hint: str = "") -> None:
        """Refuse numbers that are not finite, except in other columns and rows.

        Parameters
        ----------
        columns : list of int
            Columns that must be finite.
        rows : ndarray of shape (n_lines,) or slice, default=slice(None)
            Lines that must be finite.
        hint : str, default=""
            A sentence for the end of the message.

        Raises
        ------
        ValueError
            If a number is not finite; the message says in which line.
        """
        bad = self.lines[rows][~np.isfinite(self.values[:, columns][rows]).all(axis=1)]
        if bad.size:
            raise ValueError(f"Expected finite numbers in {self.path}, got others in line(s) {bad[:5].tolist()}.{hint}")


def read_text(path: Path) -> str:
    """Return the text of a file of any usual encoding.

    Parameters
    ----------
    path : Path
        A file in UTF-8, UTF-16 or, if it is neither, the Windows code page 1252.

    Returns
    -------
    str
        The text, with one kind of minus sign.

    Raises
    ------
    ValueError
        If the file is not text.
    """
    content = path.read_bytes()
    encodings = [name for mark, name in _MARKS if content.startswith(mark)]
    if not encodings and b"\0" in content[:64]:
        # Without a mark, the zero bytes of plain letters tell which of the two bytes comes first.
        encodings = ["utf-16-be" if content[:1] == b"\0" else "utf-16-le"]
    for encoding in encodings or ["utf-8", "cp1252"]:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return "\n".join(text.replace("\u2212", "-").splitlines())
    raise ValueError(f"Expected a text table, got {path} that is no text.")


def read_table(path: Path) -> Table:
    """Read columns of numbers with any separator and decimal mark.

    Parameters
    ----------
    path : Path
        A text file. Columns are separated by white space, tabs, commas, semicolons or ``|``, numbers have a decimal
        point or comma, and either may be quoted. ``True`` is 1, ``False`` is 0, and ``-`` is a missing number. Lines of
        words may stand above the numbers, the last of which may name the columns. A comment runs from ``#`` to the end
        of the line, or is a line that starts with ``%``.

    Returns
    -------
    Table
        Its numbers and names.

    Raises
    ------
    ValueError
        If the file is not text, empty, or its lines are not equally many numbers, at least four.
    """
    numbered = dict(enumerate(read_text(path).split("\n"), start=1))
    data = {number: line for number, line in numbered.items() if _strip(line)}
    if not data:
        raise ValueError(f"Expected a table of displacements, got {path} without a single line.")
    separator, decimal, first = _sniff(list(data.values()))
    body = {number: _split(_strip(line), separator) for number, line in list(data.items())[first:]}
    if not body:
        raise ValueError(f"Expected numbers in {path}, got words alone.")
    rows = _equal_rows(body, path)
    head = [line for number, line in numbered.items() if number < next(iter(body))]
    names, commented = _names(head, separator, len(rows[0]))
    return Table(path, _parse(rows, decimal, path), np.array(list(body)), names, commented, "\n".join(head))


def _strip(line: str) -> str:
    # A tab at the end may stand before a missing number.
    line = line.partition("#")[0].strip(" ")
    return "" if line.startswith("%") or not line.strip() else line


def _split(line: str, separator: str | None) -> list[str]:
    if separator is None:
        return [_WORDS.get(word.lower(), word) for word in (part.strip("\"'") for part in line.split())]
    try:
        cells = next(csv.reader([line], delimiter=separator, skipinitialspace=True))
    except csv.Error:
        cells = line.split(separator)
    words = [_WORDS.get(word.strip().lower(), word.strip()) for word in cells]
    return words[:-1] if len(words) > _LEAST_COLUMNS and not words[-1] else words


def _sniff(lines: list[str]) -> tuple[str | None, str, int]:
    """Return separator and decimal mark, and how many lines of words stand above the numbers."""
    readings = []
    for separator, decimal in _DIALECTS:
        counts = [_count_numbers(_split(_strip(line), separator), decimal) for line in lines]
        first = next((number for number, count in enumerate(counts) if count), len(counts))
        # A dialect fits if every line from the first numbers on has equally many of them.
        widths = set(counts[first:])
        if len(widths) == 1 and min(widths) >= _LEAST_COLUMNS:
            return separator, decimal, first
        readings.append((sum(map(bool, counts)), (separator, decimal, first)))
    # None fits: the message is about the one that makes sense of most lines.
    return max(readings, key=lambda reading: reading[0])[1]


def _count_numbers(words: list[str], decimal: str) -> int:
    """Return how many words there are if all are numbers or missing, and 0 if one is a word."""
    if decimal == ",":
        if any("." in word for word in words):
            return 0
        words = [word.replace(",", ".") for word in words]
    is_number = all(_NUMBER.fullmatch(word) for word in words)
    return len(words) if is_number and any(words) else 0


def _equal_rows(body: dict[int, list[str]], path: Path) -> list[list[str]]:
    widths = {len(words) for words in body.values()}
    if len(widths) > 1 or min(widths) < _LEAST_COLUMNS:
        raise ValueError(
            f"Expected lines of one number of columns, at least x y ux uy, in {path}, got {sorted(widths)} columns."
        )
    return list(body.values())


def _parse(rows: list[list[str]], decimal: str, path: Path) -> FloatArray:
    from pandas import __version__, read_csv

    # pandas reads the shortest text of a number exactly by default from version 3 on, and then warns if it is asked to.
    precision: dict[str, Any] = {} if int(__version__.partition(".")[0]) > 2 else {"float_precision": "round_trip"}
    # Spaces and exponents of Fortran are gone, so that the only dialect left is the decimal mark.
    text = "\n".join("\t".join(words) for words in rows)
    try:
        frame = read_csv(
            StringIO(re.sub(r"(?<=\d)[dD](?=[+-]?\d)", "e", text)), sep="\t", decimal=decimal, header=None,
            dtype=np.float64, na_values=list(_MISSING), skip_blank_lines=False, **precision,
        )  # fmt: skip
    except ValueError as error:
        raise ValueError(f"Expected numbers in {path}: {error}.") from error
    return frame.to_numpy(dtype=np.float64)


def _names(head: list[str], separator: str | None, width: int) -> tuple[tuple[str, ...], bool]:
    """Return the names of columns in the last line above the numbers that has one for each.

    A line of units may stand below the names.
    """
    units: list[str] = []
    for line in reversed(head):
        text = _VARIABLES.sub("", line.strip().lstrip("#%").strip())
        if not text or _ZONE.match(text):
            continue
        candidates = [_split(text, other) for other in (separator, "\t", ",", ";", None)]
        for words in (*candidates, list(_names_with_units(text, width))):
            if len(words) != width or any(_NUMBER.fullmatch(word) for word in words if word):
                continue
            if not units and all(_is_unit(word) for word in words):
                units = [word.strip("[]() ") for word in words]
                break
            named = [f"{word} [{unit}]" if unit else word for word, unit in zip_longest(words, units)]
            return tuple(named), line.strip()[:1] in ("#", "%")
    return (), False


def _is_unit(word: str) -> bool:
    unit = word.strip("[]() ").partition("/")[0]
    return is_pixel(unit) or micrometres(unit) is not None


def _names_with_units(text: str, width: int) -> tuple[str, ...]:
    """Return names that hold spaces and end in a unit in brackets, in a line separated by spaces."""
    found = re.findall(r"[^\s\[\](),;][^\[\](),;]*?\s*[\[(][^\])]*[\])]", text)
    return tuple(found) if len(found) == width else ()
