"""Profiles along a line or from an edge, and their course over time as kymographs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from tfmkit.plotting.style import COLORS, COLUMN, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_profile(
    distance: ArrayLike, values: ArrayLike, *, xlabel: str = "distance (grid points)", ylabel: str
) -> Figure:
    """Draw a quantity against the distance along a line or from an edge.

    Parameters
    ----------
    distance : array-like of shape (n_points,)
        Distances, from :func:`tfmkit.profiles.sample_line` or :func:`tfmkit.profiles.average_from_edge`.
    values : array-like of shape (n_points,)
        Values there.
    xlabel : str, default="distance (grid points)"
        Name of the horizontal axis with its unit.
    ylabel : str
        Name of the vertical axis with its unit.

    Returns
    -------
    matplotlib.figure.Figure
        The profile.

    Raises
    ------
    ValueError
        If the two arrays do not match.
    """
    x, y = np.asarray(distance, dtype=float), np.asarray(values, dtype=float)
    if x.ndim != 1 or not x.size or y.shape != x.shape:
        raise ValueError(f"Expected one value per distance, got shapes {x.shape} and {y.shape}.")
    with new_figure(COLUMN, 2.2) as figure:
        axes = figure.add_subplot()
        axes.plot(x, y, color=COLORS[0])
        axes.set(xlabel=xlabel, ylabel=ylabel, xlim=(x[0], x[-1]))
        if (y >= 0).all():
            axes.set_ylim(bottom=0)
    return figure


def plot_kymograph(
    distance: ArrayLike,
    times: ArrayLike,
    values: ArrayLike,
    *,
    label: str,
    xlabel: str = "distance (grid points)",
    ylabel: str = "frame",
    vmax: float | None = None,
) -> Figure:
    """Draw profiles of a movie above each other, the first one at the top.

    Parameters
    ----------
    distance : array-like of shape (n_points,)
        Distances, from :func:`tfmkit.profiles.sample_line` or :func:`tfmkit.profiles.average_from_edge`.
    times : array-like of shape (n_frames,)
        Times or numbers of the frames, evenly spaced and rising.
    values : array-like of shape (n_frames, n_points)
        Values, >= 0.
    label : str
        Text beside the colour bar: the quantity and its unit.
    xlabel : str, default="distance (grid points)"
        Name of the horizontal axis with its unit.
    ylabel : str, default="frame"
        Name of the vertical axis with its unit.
    vmax : float, optional
        Value at the upper end of the colour bar; by default the largest.

    Returns
    -------
    matplotlib.figure.Figure
        The kymograph.

    Raises
    ------
    ValueError
        If the arrays do not match, or there are fewer than two frames or distances.
    """
    x, t, table = (np.asarray(array, dtype=float) for array in (distance, times, values))
    if table.shape != (t.size, x.size) or min(table.shape) < 2:
        raise ValueError(f"Expected {t.size} frames of {x.size} values, two or more of each, got shape {table.shape}.")
    half = (x[1] - x[0]) / 2, (t[1] - t[0]) / 2
    extent = (x[0] - half[0], x[-1] + half[0], t[-1] + half[1], t[0] - half[1])
    with new_figure(COLUMN, 2.6) as figure:
        axes = figure.add_subplot()
        image = axes.imshow(
            table, cmap="inferno", vmin=0, vmax=vmax, extent=extent, aspect="auto", interpolation="nearest"
        )
        figure.colorbar(image, ax=axes, label=label)
        axes.set(xlabel=xlabel, ylabel=ylabel)
    return figure
