"""The summary of a result on the terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from tfmkit.columns import quantity_of
from tfmkit.doubts import SEPARATOR
from tfmkit.io.text import printable
from tfmkit.units import format_number

_Frame = TypeVar("_Frame")


def print_summary(columns: Mapping[str, NDArray[Any]]) -> None:
    """Print one line per column: its median over frames, with its range if there are several.

    Parameters
    ----------
    columns : mapping of str to ndarray of shape (n_frames,)
        Columns whose names end in their units. Units get SI prefixes. Columns of text are left out.
    """
    for name, values in columns.items():
        if name == "frame" or values.dtype.kind == "U":
            continue
        quantity = quantity_of(name)
        unit = quantity.unit_for(columns)
        low, middle, high = (format_number(float(q * unit.factor)) for q in _spread(values))
        spread = f" (frames: {low} to {high})" if len(values) > 1 else ""
        print(f"{quantity.title:>24} {middle} {unit.name}".rstrip() + spread)


def _spread(values: NDArray[Any]) -> NDArray[Any]:
    """Return minimum, median and maximum of the numbers that are known."""
    known = values[~np.isnan(values)]
    return np.quantile(known, (0, 0.5, 1)) if known.size else np.full(3, np.nan)


def print_remarks(remarks: Iterable[str]) -> None:
    """Print remarks on an input file to standard error.

    Parameters
    ----------
    remarks : iterable of str
        A sentence each.
    """
    for remark in remarks:
        print(printable(f"tfmkit: {remark}"), file=sys.stderr)


def print_doubts(columns: Mapping[str, NDArray[Any]]) -> None:
    """Print the doubts about each frame to standard error.

    Parameters
    ----------
    columns : mapping of str to ndarray of shape (n_frames,)
        Columns of a summary, with ``frame`` and ``doubts``.
    """
    for frame, doubts in zip(columns["frame"], columns["doubts"], strict=True):
        if doubts:
            print_remarks(f"frame {frame}: in doubt, {doubt}" for doubt in doubts.split(SEPARATOR))


def count_frames(frames: Sequence[_Frame], task: str) -> Iterator[tuple[int, _Frame]]:
    """Give frames with their numbers from 1, and show a bar on a terminal.

    Parameters
    ----------
    frames : sequence
        The frames.
    task : str
        Label of the bar.

    Yields
    ------
    number : int
        Number of the frame.
    frame : object
        The frame.
    """
    yield from tqdm(enumerate(frames, start=1), total=len(frames), desc=task, unit="frame", disable=None)
