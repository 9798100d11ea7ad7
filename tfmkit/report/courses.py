"""Time courses: the forces of the cells of a position from frame to frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from tfmkit.columns import FORCES, Quantity, known
from tfmkit.plotting import plot_courses
from tfmkit.plotting.style import COLORS
from tfmkit.report.frames import spread
from tfmkit.report.overview import time_unit
from tfmkit.report.pictures import Key, Panel, embed_figure
from tfmkit.units import Unit, format_number

# The markers of `tfmkit.plotting.style.MARKERS` as letters of the page's legend.
_LETTERS = ("●", "■", "▲", "◆", "▼", "✚", "✖")
LINES = tuple(zip(COLORS, _LETTERS, strict=True))


@dataclass(frozen=True)
class Course:
    """Figures of one position.

    Attributes
    ----------
    position : str
        Its name.
    legend : list of Key
        Lines and their cells.
    panels : list of Panel
        One figure per quantity.
    """

    position: str
    legend: list[Key]
    panels: list[Panel]


def moving_positions(table: pd.DataFrame) -> list[str]:
    """Return the positions with more than one frame.

    Parameters
    ----------
    table : DataFrame
        Table of a batch.

    Returns
    -------
    list of str
        Their names, in the order of the table.
    """
    n_frames = table.groupby("position", sort=False)["frame"].nunique()
    return n_frames.index[n_frames > 1].tolist()


def draw_courses(table: pd.DataFrame, n_full: int) -> Iterator[Course]:
    """Draw the forces of cells over time.

    Parameters
    ----------
    table : DataFrame
        Table of a batch.
    n_full : int
        Largest number of positions. Where there are more, evenly spaced ones are drawn.

    Yields
    ------
    Course
        Figures of a position. A quantity has the same axis in all positions.
    """
    positions = moving_positions(table)
    quantities = known(FORCES, table)
    for place in spread(len(positions), n_full):
        part = table[table["position"] == positions[place]]
        cells = part["cell"].drop_duplicates().tolist()
        panels = [_panel(table, part, cells, quantity) for quantity in quantities]
        yield Course(positions[place], _legend(cells), panels)


def _legend(cells: list[str]) -> list[Key]:
    if len(cells) <= len(LINES):
        return [Key(f"cell-{number}", cell) for number, cell in enumerate(cells)]
    middle = "the middle half of them, from 25 to 75 %"
    return [Key("each-cell", f"each of {len(cells)} cells"), Key("median", "their median"), Key("half", middle)]


def _panel(table: pd.DataFrame, part: pd.DataFrame, cells: list[str], quantity: Quantity) -> Panel:
    unit, time = quantity.unit_for(table), time_unit(table)
    courses = []
    for cell in cells:
        rows = part[part["cell"] == cell].sort_values("frame")
        when = rows["frame"] if time is None else rows["time_s"] * time.factor
        courses.append((when, rows[quantity.column] * unit.factor, _spread(rows, quantity) * unit.factor))
    figure = plot_courses(
        courses,
        xlabel="frame" if time is None else f"time ({time.name})",
        ylabel=quantity.label(unit),
        ylim=_limits(table, quantity, unit.factor),
    )
    return Panel(
        quantity.title.capitalize(), *embed_figure(figure), _in_words(part, quantity, unit), shape="curve"
    )  # fmt: skip


def _in_words(part: pd.DataFrame, quantity: Quantity, unit: Unit) -> str:
    ends = (part.loc[part["frame"] == frame, quantity.column] for frame in (part["frame"].min(), part["frame"].max()))
    first, last = (f"{format_number(float(values.median() * unit.factor))} {unit.name}" for values in ends)
    return f"Course of the {quantity.title}: from {first} in the first frame to {last} in the last, medians of cells."


def _limits(table: pd.DataFrame, quantity: Quantity, factor: float) -> tuple[float, float]:
    """Return ends of an axis that hold all cells of all positions, and 0."""
    values, spreads = table[quantity.column] * factor, _spread(table, quantity) * factor
    low, high = min(0.0, float((values - spreads).min())), max(0.0, float((values + spreads).max()))
    margin = 0.05 * (high - low) or 1.0
    return low - margin * (low < 0), high + margin * (high > 0)


def _spread(rows: pd.DataFrame, quantity: Quantity) -> pd.Series[float]:
    column = f"{quantity.column}_std"
    return rows[column].fillna(0.0) if column in rows else pd.Series(0.0, rows.index)
