"""Bars of a benchmark."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tfmkit.plotting.style import COLORS, COLUMN, new_figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

# Inches that the mark, a letter and a row of the legend take.
_MARK_WIDTH, _LETTER_WIDTH, _ROW_HEIGHT = 0.5, 0.065, 0.15


def plot_bars(
    means: pd.DataFrame, spreads: pd.DataFrame | None = None, *, ylabel: str = "relative error", xlabel: str = "noise"
) -> Figure:
    """Draw a benchmark as groups of bars.

    Parameters
    ----------
    means : DataFrame
        Height of the bars: one group per row, one colour per column.
    spreads : DataFrame, optional
        Standard deviations of the same shape, drawn as error bars.
    ylabel : str, default="relative error"
        Name of the vertical axis.
    xlabel : str, default="noise"
        Name of the horizontal axis.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.

    Raises
    ------
    ValueError
        If there is nothing to draw or the two tables do not match.
    """
    if means.empty or (spreads is not None and spreads.shape != means.shape):
        raise ValueError(f"Expected tables of one shape that is not empty, got {means.shape}.")
    n_groups, n_bars = means.shape
    width = 0.8 / n_bars
    entry = _MARK_WIDTH + _LETTER_WIDTH * max(len(str(name)) for name in means.columns)
    wide = max(COLUMN, 0.4 + 0.22 * n_groups * n_bars, entry)
    n_columns = min(n_bars, 4, int(wide / entry))
    with new_figure(wide, 2.4 + _ROW_HEIGHT * -(-n_bars // n_columns)) as figure:
        axes = figure.add_subplot()
        for number, name in enumerate(means.columns):
            places = np.arange(n_groups) + (number - (n_bars - 1) / 2) * width
            error = None if spreads is None else spreads.iloc[:, number]
            color = COLORS[number % len(COLORS)]
            axes.bar(
                places, means.iloc[:, number], width, yerr=error, label=str(name), color=color, capsize=1.5,
                error_kw={"linewidth": 0.6},
            )  # fmt: skip
        axes.set_xticks(np.arange(n_groups), [str(label) for label in means.index])
        axes.set(ylabel=ylabel, xlabel=xlabel)
        figure.legend(loc="outside upper center", ncols=n_columns)
    return figure
