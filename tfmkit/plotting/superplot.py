"""Cells, replicates and conditions in one figure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tfmkit._validation import FloatArray
from tfmkit.compare import average_replicates
from tfmkit.plotting.style import COLORS, MARKERS, literal, new_figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Width of the dots of one condition, where conditions are 1 apart, and the golden step, which spreads them evenly.
_WIDTH, _STEP = 0.45, 0.6180339887
# Cells lie left of the middle of a condition, and the means of replicates right of it.
_MEANS = 0.25
# Names of conditions with more letters than this are slanted.
_LONGEST = 11
# Rows of a column of the legend, and the inches that its marker and a letter take.
_LEGEND_ROWS, _MARKER_WIDTH, _LETTER_WIDTH = 14, 0.3, 0.07


def plot_superplot(
    cells: pd.DataFrame,
    quantity: str,
    *,
    ylabel: str,
    factor: float = 1.0,
    by: str = "condition",
    replicate: str = "replicate",
    reference: str | None = None,
) -> Figure:
    """Draw cells as small dots and means of replicates as large markers, in the colour of the replicate [1]_.

    Parameters
    ----------
    cells : DataFrame
        Result of :func:`tfmkit.compare.average_frames`.
    quantity : str
        Column to draw. Cells without a value are left out.
    ylabel : str
        Name and unit of the quantity.
    factor : float, default=1.0
        Factor from the column to that unit.
    by : str, default="condition"
        Column with the condition.
    replicate : str, default="replicate"
        Column with the replicate. Replicates of the same name have the same colour and marker.
    reference : str, optional
        Condition that stands to the left of all others, which follow in the order of the table.

    Returns
    -------
    matplotlib.figure.Figure
        The figure. Error bars are one standard error of the mean over replicates, where there are two or more.

    Raises
    ------
    ValueError
        If no cell has a value.

    References
    ----------
    .. [1] Lord et al., J. Cell Biol. 219:e202001064 (2020).
    """
    known = cells.dropna(subset=[quantity]).assign(value=lambda table: factor * table[quantity])
    if known.empty:
        raise ValueError(f"Expected cells with a value of {quantity!r}, got none.")
    means = average_replicates(known, "value", by=by, replicate=replicate)
    # Sorting by one truth value keeps the order of all others.
    conditions = sorted((str(name) for name in known[by].unique()), key=lambda name: name != reference)
    replicates = [str(name) for name in known[replicate].unique()]
    n_columns = -(-len(replicates) // _LEGEND_ROWS)
    legend = n_columns * (_MARKER_WIDTH + _LETTER_WIDTH * max(len(literal(name)) for name in [*replicates, replicate]))
    with new_figure(0.6 + 0.75 * len(conditions) + legend, 2.6) as figure:
        axes = figure.add_subplot()
        for number, name in enumerate(replicates):
            turn = number + number // len(COLORS)
            look: dict[str, Any] = {"color": COLORS[number % len(COLORS)], "marker": MARKERS[turn % len(MARKERS)]}
            dots, averages = known[known[replicate] == name], means[means[replicate] == name]
            places = dots[by].map(conditions.index) - _MEANS / 2 + _spread(len(dots))
            axes.scatter(places, dots["value"], s=14, alpha=0.6, linewidths=0, zorder=2, **look)
            places = averages[by].map(conditions.index) + _MEANS + _WIDTH / 2 * ((number + 0.5) / len(replicates) - 0.5)
            look |= {"edgecolors": "black", "linewidths": 0.8, "label": literal(name)}
            axes.scatter(places, averages["mean"], s=38, zorder=4, **look)
        groups = means.groupby(by, sort=False)["mean"].agg(["mean", "sem"]).loc[conditions]
        axes.errorbar(
            np.arange(len(conditions)) + _MEANS, groups["mean"], yerr=groups["sem"].fillna(0.0), fmt="_", markersize=18,
            color="black", capsize=4, elinewidth=0.9, zorder=3,
        )  # fmt: skip
        _label(axes, [literal(name) for name in conditions])
        axes.set(xlim=(-0.6, len(conditions) - 0.4), ylabel=ylabel)
        if (known["value"] > 0).all():
            axes.set_ylim(bottom=0)
        elif (known["value"] < 0).all():
            axes.set_ylim(top=0)
        figure.legend(
            loc="outside right upper", ncols=n_columns, title=literal(replicate), title_fontsize=7, handletextpad=0.2
        )
    return figure


def _label(axes: Axes, names: list[str]) -> None:
    slanted = max(map(len, names)) > _LONGEST
    axes.set_xticks(
        range(len(names)), names, rotation=30 if slanted else 0, ha="right" if slanted else "center",
        rotation_mode="anchor" if slanted else "default",
    )  # fmt: skip


def _spread(n_dots: int) -> FloatArray:
    """Return places of dots beside each other."""
    return _WIDTH * ((_STEP * np.arange(n_dots)) % 1 - 0.5)
