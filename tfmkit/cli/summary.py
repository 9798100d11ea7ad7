"""The summary of a result on the terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from tfmkit.columns import quantity_of
from tfmkit.io.text import printable
from tfmkit.units import format_number

_Frame = TypeVar("_Frame")


def print_summary(columns: Mapping[str, NDArray[Any]]) -> None:
    """Print one line per column: its median over frames, with its range if there are several.

    Parameters
    ----------
    columns : mapping of str to ndarray of shape (n_frames,)
        Columns whose names end in their units. Units get SI prefixes.
    """
    for name, values in columns.items():
        if name == "frame":
            continue
        quantity = quantity_of(name)
        unit = quantity.unit_for(columns)
        low, middle, high = (format_number(float(np.quantile(values, q) * unit.factor)) for q in (0, 0.5, 1))
        spread = f" (frames: {low} to {high})" if len(values) > 1 else ""
        print(f"{quantity.title:>24} {middle} {unit.name}".rstrip() + spread)


def print_remarks(remarks: Iterable[str]) -> None:
    """Print remarks on an input file to standard error.

    Parameters
    ----------
    remarks : iterable of str
        A sentence each.
    """
    for remark in remarks:
        print(printable(f"tfmkit: {remark}"), file=sys.stderr)


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
