"""Quantities over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from tfmkit._validation import FloatArray
from tfmkit.plotting.style import COLORS, MARKERS, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Frames or times, values, and standard deviations or None.
Course = tuple[ArrayLike, ArrayLike, ArrayLike | None]
# Colours of many cells: each of them, and their median with the band around it.
EACH, MEDIAN = "#a8adb3", COLORS[0]

# On longer movies markers would cover the line.
_MOST_MARKERS = 40
_SIZE = (2.7, 2.0)


def plot_courses(
    courses: Sequence[Course],
    *,
    xlabel: str,
    ylabel: str,
    ylim: tuple[float, float] | None = None,
) -> Figure:
    """Draw one line per cell over time.

    Up to 7 cells have a colour and error bars each. More than that are thin grey lines without error bars, below the
    median of the cells and a band that holds the middle half of them.

    Parameters
    ----------
    courses : sequence of tuples
        Frames or times, values, and standard deviations or None of each cell. Line, colour and marker of up to 7 cells
        are those of their places in `tfmkit.plotting.style.COLORS` and `MARKERS`.
    xlabel, ylabel : str
        Names of the axes with their units. Where all times are integers, so are the ticks.
    ylim : (float, float), optional
        Ends of the vertical axis.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.

    Raises
    ------
    ValueError
        If there is no cell.
    """
    if not courses:
        raise ValueError("Expected one or more cells, got none.")
    from matplotlib.ticker import MaxNLocator

    with new_figure(*_SIZE) as figure:
        axes = figure.add_subplot()
        (_draw_each if len(courses) <= len(COLORS) else _draw_many)(axes, courses)
        if all(np.issubdtype(np.asarray(when).dtype, np.integer) for when, _, _ in courses):
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set(xlabel=xlabel, ylabel=ylabel)
        if ylim is not None:
            axes.set_ylim(ylim)
    return figure


def _draw_each(axes: Axes, courses: Sequence[Course]) -> None:
    """Draw every cell in its own colour, with error bars."""
    for (when, values, std), color, marker in zip(courses, COLORS, MARKERS, strict=False):
        axes.errorbar(
            np.asarray(when), np.asarray(values), yerr=None if std is None else np.asarray(std), color=color,
            marker=marker if np.size(when) <= _MOST_MARKERS else None, markersize=3, linewidth=1, elinewidth=0.8,
            capsize=1.5,
        )  # fmt: skip


def _draw_many(axes: Axes, courses: Sequence[Course]) -> None:
    """Draw every cell as a thin line, and the median of all with the band of their middle half."""
    for when, values, _ in courses:
        axes.plot(np.asarray(when), np.asarray(values), color=EACH, linewidth=0.5, zorder=1)
    times, quartiles = _quartiles(courses)
    axes.fill_between(times, quartiles[0], quartiles[2], color=MEDIAN, alpha=0.25, linewidth=0, zorder=2)
    axes.plot(times, quartiles[1], color=MEDIAN, linewidth=1.6, zorder=3)


def _quartiles(courses: Sequence[Course]) -> tuple[FloatArray, FloatArray]:
    """Return all times, and first quartile, median and third quartile of the cells that have a value there."""
    when, values = (np.concatenate([np.asarray(course[part], dtype=float) for course in courses]) for part in (0, 1))
    when, values = when[np.isfinite(values)], values[np.isfinite(values)]
    times = np.unique(when)
    return times, np.array([np.percentile(values[when == time], (25, 50, 75)) for time in times]).reshape(-1, 3).T
