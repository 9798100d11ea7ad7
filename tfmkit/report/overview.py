"""Text of the report: headline numbers, the table of all cells, and the settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from tfmkit.columns import AREA, CHECKS, FORCES, RESIDUAL, Quantity, known
from tfmkit.units import DASH, Unit, format_number

_MINUTE, _HOUR = 60.0, 3600.0


@dataclass(frozen=True)
class Row:
    """One cell of one frame.

    Attributes
    ----------
    item : str
        Key of its item.
    names : list of str
        Position, frame, time where there is one, and cell.
    values : list of str
        Its quantities.
    """

    item: str
    names: list[str]
    values: list[str]


@dataclass(frozen=True)
class CellTable:
    """The table of all cells.

    Attributes
    ----------
    names : list of str
        Headers of the columns that name a row.
    units : list of str
        Units of the columns with quantities.
    meanings : list of (str, str)
        Title and meaning of each of those.
    rows : list of Row
        All rows, in the order of the batch's table.
    """

    names: list[str]
    units: list[str]
    meanings: list[tuple[str, str]]
    rows: list[Row]


@dataclass(frozen=True)
class Headline:
    """A number about the whole batch.

    Attributes
    ----------
    title, value : str
        Its title, and the number with its unit.
    note : str
        Further facts.
    """

    title: str
    value: str
    note: str = field(default="")


def headlines(table: pd.DataFrame, n_failures: int) -> list[Headline]:
    """Return the most important numbers.

    Parameters
    ----------
    table : DataFrame
        Table of a batch.
    n_failures : int
        Number of items and files without results.

    Returns
    -------
    list of Headline
        Counts, and the median of each quantity with its range.
    """
    n_items, n_positions = table["item"].nunique(), table["position"].nunique()
    n_cells = len(table[["position", "cell"]].drop_duplicates())
    counts = [
        Headline("frames with results", str(n_items), f"{n_failures} failed" if n_failures else "none failed"),
        Headline("positions", str(n_positions)),
        Headline("cells", str(n_cells), "whole fields count as one"),
    ]
    return counts + [_middle(table, quantity) for quantity in known((*FORCES, RESIDUAL), table)]


def cell_table(table: pd.DataFrame) -> CellTable:
    """Return the table of all cells as text.

    Parameters
    ----------
    table : DataFrame
        Table of a batch.

    Returns
    -------
    CellTable
        The table, with one unit per column and error bars where they are known.
    """
    quantities = known((AREA, *FORCES, *CHECKS), table)
    units = [quantity.unit_for(table) for quantity in quantities]
    time = time_unit(table)
    names = ["position", "frame", *([f"time ({time.name})"] if time else []), "cell"]
    rows = [
        Row(row["item"], _names(row, time), [_cell(row, *pair) for pair in zip(quantities, units, strict=True)])
        for row in table.to_dict("records")
    ]
    meanings = [(each.title, each.meaning) for each in quantities]
    return CellTable(names, [unit.name for unit in units], meanings, rows)


def time_unit(table: pd.DataFrame) -> Unit | None:
    """Return the unit for the times of the frames.

    Parameters
    ----------
    table : DataFrame
        Table of a batch.

    Returns
    -------
    Unit or None
        Seconds, minutes or hours; None where no times are known.
    """
    steps = np.diff(np.unique(table["time_s"].dropna()))
    if not steps.size:
        return None
    # Times are multiples of the step, which reads best without leading zeros.
    units = ((_HOUR, "h"), (_MINUTE, "min"), (1.0, "s"))
    return next((Unit(1 / second, name) for second, name in units if steps.min() >= second), Unit(1.0, "s"))


def setting_rows(settings: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Give the settings of a batch as rows of a table.

    Parameters
    ----------
    settings : mapping
        Sections with their keys.

    Yields
    ------
    tuple of str
        Section, key and value. The key of a nested value is the path to it.
    """
    for section, values in settings.items():
        for key, value in _flat(values):
            yield str(section), key, value


def _middle(table: pd.DataFrame, quantity: Quantity) -> Headline:
    unit = quantity.unit_for(table)
    values = table[quantity.column].dropna() * unit.factor
    low, middle, high = (format_number(float(np.quantile(values, share))) for share in (0, 0.5, 1))
    note = f"median; from {low} to {high}" if len(values) > 1 else "the only one"
    return Headline(quantity.title, f"{middle} {unit.name}", note)


def _names(row: Mapping[Any, Any], time: Unit | None) -> list[str]:
    when = [f"{row['time_s'] * time.factor:.4g}"] if time else []
    return [str(row["position"]), str(row["frame"]), *when, str(row["cell"])]


def _cell(row: Mapping[Any, Any], quantity: Quantity, unit: Unit) -> str:
    std = row.get(f"{quantity.column}_std", np.nan)
    return format_number(row[quantity.column] * unit.factor, std * unit.factor)


def _flat(values: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(values, Mapping) and values:
        for key, value in values.items():
            yield from _flat(value, f"{path}.{key}" if path else str(key))
    else:
        yield path or DASH, DASH if values is None or values == {} else str(values)
