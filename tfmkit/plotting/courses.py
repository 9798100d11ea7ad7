"""Quantities over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from tfmkit.plotting.style import COLORS, MARKERS, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# On longer movies markers would cover the line.
_MOST_MARKERS = 40
_SIZE = (2.7, 2.0)


def plot_courses(
    courses: Sequence[tuple[ArrayLike, ArrayLike, ArrayLike | None]],
    *,
    xlabel: str,
    ylabel: str,
    ylim: tuple[float, float] | None = None,
) -> Figure:
    """Draw one line per cell over time, with error bars.

    Parameters
    ----------
    courses : sequence of tuples
        Frames or times, values, and standard deviations or None, of at most 7 cells. Line, colour and marker of a cell
        are those of its place in `tfmkit.plotting.style.COLORS` and `MARKERS`.
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
        If there are more cells than colours.
    """
    if len(courses) > len(COLORS):
        raise ValueError(f"Expected at most {len(COLORS)} cells in one figure, got {len(courses)}.")
    from matplotlib.ticker import MaxNLocator

    with new_figure(*_SIZE) as figure:
        axes = figure.add_subplot()
        for (when, values, std), color, marker in zip(courses, COLORS, MARKERS, strict=False):
            axes.errorbar(
                np.asarray(when), np.asarray(values), yerr=None if std is None else np.asarray(std), color=color,
                marker=marker if np.size(when) <= _MOST_MARKERS else None, markersize=3, linewidth=1, elinewidth=0.8,
                capsize=1.5,
            )  # fmt: skip
        if all(np.issubdtype(np.asarray(when).dtype, np.integer) for when, _, _ in courses):
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set(xlabel=xlabel, ylabel=ylabel)
        if ylim is not None:
            axes.set_ylim(ylim)
    return figure
