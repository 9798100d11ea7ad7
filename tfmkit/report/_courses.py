"""Time courses: what the cells of a position do from frame to frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from tfmkit.report._overview import time_unit
from tfmkit.report._panels import Key, Panel
from tfmkit.report._pictures import embed_figure
from tfmkit.report._quantities import FORCES, Quantity, known
from tfmkit.report._selection import spread
from tfmkit.report._units import Unit, format_number

# Color, marker in matplotlib and marker in the page's legend of each cell: Okabe and Ito's colours, which eyes of every
# kind tell apart, without the yellow that paper swallows.
LINES = (
    ("#0072b2", "o", "●"),
    ("#d55e00", "s", "■"),
    ("#009e73", "^", "▲"),
    ("#cc79a7", "D", "◆"),
    ("#56b4e9", "v", "▼"),
    ("#e69f00", "P", "✚"),
    ("#000000", "X", "✖"),
)
# On longer movies markers would cover the line.
_MOST_MARKERS = 40
_SIZE = (2.7, 2.0)
_STYLE: dict[Any, Any] = {
    "axes.linewidth": 0.6,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.family": "DejaVu Sans",
    "font.size": 8,
}


@dataclass(frozen=True)
class Course:
    """Figures of one position.

    Attributes
    ----------
    position : str
        Its name.
    legend : list of Key
        Which line is which cell.
    n_hidden : int
        Number of cells that are not drawn.
    panels : list of Panel
        One figure per quantity.
    """

    position: str
    legend: list[Key]
    n_hidden: int
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
        Largest number of positions; they are evenly spaced where there are more.

    Yields
    ------
    Course
        Figures of a position, their axes the same for all positions.
    """
    positions = moving_positions(table)
    quantities = known(FORCES, table)
    for place in spread(len(positions), n_full):
        part = table[table["position"] == positions[place]]
        cells = part["cell"].drop_duplicates().tolist()
        shown = cells[: len(LINES)]
        legend = [Key(f"cell-{number}", cell) for number, cell in enumerate(shown)]
        panels = [_panel(table, part, shown, quantity) for quantity in quantities]
        yield Course(positions[place], legend, len(cells) - len(shown), panels)


def _panel(table: pd.DataFrame, part: pd.DataFrame, cells: list[str], quantity: Quantity) -> Panel:
    import matplotlib as mpl
    from matplotlib.figure import Figure

    unit, time = quantity.unit_for(table), time_unit(table)
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=_SIZE, layout="constrained")
        axes = figure.add_subplot()
        for number, cell in enumerate(cells):
            rows = part[part["cell"] == cell].sort_values("frame")
            when = rows["frame"] if time is None else rows["time_s"] * time.factor
            axes.errorbar(
                when, rows[quantity.column] * unit.factor, yerr=_spread(rows, quantity) * unit.factor,
                color=LINES[number][0], marker=LINES[number][1] if len(rows) <= _MOST_MARKERS else None,
                markersize=3, linewidth=1, elinewidth=0.8, capsize=1.5,
            )  # fmt: skip
        axes.set(
            xlabel="frame" if time is None else f"time ({time.name})",
            ylabel=f"{quantity.title} ({unit.name})",
            ylim=_limits(table, quantity, unit.factor),
        )
        source = embed_figure(figure)
    return Panel(quantity.title.capitalize(), source, _in_words(part, quantity, unit), shape="curve")


def _in_words(part: pd.DataFrame, quantity: Quantity, unit: Unit) -> str:
    ends = (part.loc[part["frame"] == frame, quantity.column] for frame in (part["frame"].min(), part["frame"].max()))
    first, last = (f"{format_number(float(values.median() * unit.factor))} {unit.name}" for values in ends)
    return f"Course of the {quantity.title}: from {first} in the first frame to {last} in the last, medians of cells."


def _limits(table: pd.DataFrame, quantity: Quantity, factor: float) -> tuple[float, float]:
    """Return axes that hold all cells of all positions, and 0."""
    values, spreads = table[quantity.column] * factor, _spread(table, quantity) * factor
    low, high = min(0.0, float((values - spreads).min())), max(0.0, float((values + spreads).max()))
    margin = 0.05 * (high - low) or 1.0
    return low - margin * (low < 0), high + margin * (high > 0)


def _spread(rows: pd.DataFrame, quantity: Quantity) -> pd.Series[float]:
    column = f"{quantity.column}_std"
    return rows[column].fillna(0.0) if column in rows else pd.Series(0.0, rows.index)
