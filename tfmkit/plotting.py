"""Figures of fields, lambdas and benchmarks.

Every function returns a `matplotlib.figure.Figure` of its own: no window opens, pyplot's state and matplotlib's
settings stay as they were, and ``figure.savefig(path)`` writes it. matplotlib is loaded by the first call. Maps are
drawn as images are: x to the right, y down.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from tfmkit._validation import FloatArray, check_count, check_field, check_mask, check_number

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# One column of a journal page is 3.5 inches wide.
_WIDTH = 3.5
_STYLE: dict[Any, Any] = {
    "axes.linewidth": 0.6,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.dpi": 300,
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "legend.frameon": False,
    "legend.fontsize": 7,
    "lines.linewidth": 1.2,
    "savefig.dpi": 300,
    "xtick.labelsize": 7,
    "xtick.major.width": 0.6,
    "ytick.labelsize": 7,
    "ytick.major.width": 0.6,
}
# Above this, pascals get too many digits for a colour bar.
_KILO_FROM = 2000.0
_HEAT, _GREY = "inferno", "Greys"


def plot_traction_map(
    traction: ArrayLike,
    *,
    spacing: float = 1.0,
    length_unit: str = "px",
    mask: ArrayLike | None = None,
    vmax: float | None = None,
) -> Figure:
    """Draw the magnitude of one traction field as a heat map with a colour bar and a scale bar.

    Parameters
    ----------
    traction : array-like of shape (2, height, width)
        Traction in Pa.
    spacing : float, default=1.0
        Distance between grid points in `length_unit`.
    length_unit : str, default="px"
        What the scale bar counts, such as ``"µm"``.
    mask : array-like of shape (height, width), optional
        True inside the cell, whose outline is drawn.
    vmax : float, optional
        Traction in Pa at the top of the colour bar; by default the largest of the field.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.

    Raises
    ------
    ValueError
        If `traction` is no single field or another argument is out of range.
    """
    field, _ = _check_map(traction, spacing)
    length = np.hypot(*field)
    top = _top(length, vmax)
    factor, unit = (1e-3, "kPa") if top >= _KILO_FROM else (1.0, "Pa")
    look: dict[str, Any] = {"spacing": spacing, "length_unit": length_unit, "mask": mask}
    return plot_map(factor * length, label=f"traction |t| ({unit})", vmax=factor * top, **look)


def plot_map(
    values: ArrayLike,
    *,
    label: str,
    spacing: float = 1.0,
    length_unit: str = "px",
    mask: ArrayLike | None = None,
    vmax: float | None = None,
    cmap: str = _HEAT,
) -> Figure:
    """Draw a quantity that starts at 0, such as a magnitude or an error, as `plot_traction_map` draws traction.

    Parameters
    ----------
    values : array-like of shape (height, width)
        The quantity.
    label : str
        What stands beside the colour bar: the quantity and its unit.
    spacing : float, default=1.0
        Distance between grid points in `length_unit`.
    length_unit : str, default="px"
        What the scale bar counts, such as ``"µm"``.
    mask : array-like of shape (height, width), optional
        True inside the cell, whose outline is drawn.
    vmax : float, optional
        Value at the top of the colour bar; by default the largest.
    cmap : str, default="inferno"
        One of matplotlib's colour maps that run from dark to light.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.

    Raises
    ------
    ValueError
        If `values` is no map of finite numbers or another argument is out of range.
    """
    table = np.asarray(values)
    if table.ndim != 2:
        raise ValueError(f"Expected a map of shape (height, width), got shape {table.shape}.")
    field, step = _check_map(np.stack([table, table]), spacing)
    with _new_map(field) as (figure, axes):
        image = axes.imshow(field[0], cmap=cmap, vmin=0, vmax=_top(field[0], vmax), interpolation="nearest")
        figure.colorbar(image, ax=axes, label=label, fraction=0.046, pad=0.03)
        if mask is not None:
            _draw_outline(axes, mask, field.shape, "white")
        _draw_scale_bar(axes, field.shape[2], step, length_unit, "white")
    return figure


def plot_vectors(
    field: ArrayLike,
    *,
    spacing: float = 1.0,
    length_unit: str = "px",
    unit: str = "Pa",
    name: str = "traction",
    mask: ArrayLike | None = None,
    n_arrows: int = 30,
) -> Figure:
    """Draw one field as arrows over its magnitude in grey.

    Parameters
    ----------
    field : array-like of shape (2, height, width)
        Traction or displacement.
    spacing : float, default=1.0
        Distance between grid points in `length_unit`.
    length_unit : str, default="px"
        What the scale bar counts, such as ``"µm"``.
    unit : str, default="Pa"
        Unit of the field.
    name : str, default="traction"
        What the field is, for the reference arrow.
    mask : array-like of shape (height, width), optional
        True inside the cell, whose outline is drawn.
    n_arrows : int, default=30
        Largest number of arrows along a side. On finer grids an arrow is the mean vector of a block of pixels.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.

    Raises
    ------
    ValueError
        If `field` is no single field or another argument is out of range.
    """
    vectors, step = _check_map(field, spacing)
    block = int(np.ceil(max(vectors.shape[1:]) / check_count(n_arrows, "n_arrows")))
    with _new_map(vectors) as (figure, axes):
        axes.imshow(np.hypot(*vectors), cmap=_GREY, vmin=0, vmax=1.6 * _top(np.hypot(*vectors), None))
        if mask is not None:
            _draw_outline(axes, mask, vectors.shape, "tab:blue")
        x, y, arrows = _block_means(vectors, block)
        longest = _round_down(_top(np.hypot(*arrows), None))
        # The arrow of the reference length spans two blocks, so that neighbours do not cover each other's heads.
        quiver = axes.quiver(
            x, y, *arrows, angles="xy", scale_units="xy", scale=longest / (2 * block), width=0.004, color="tab:red"
        )
        axes.quiverkey(quiver, 0.17, 0.05, longest, f"{name} {longest:g} {unit}", labelpos="N", labelsep=0.04)
        _draw_scale_bar(axes, vectors.shape[2], step, length_unit, "black")
    return figure


def plot_lambda_curve(lams: ArrayLike, scores: ArrayLike, *, chosen: float, ylabel: str = "relative error") -> Figure:
    """Draw what a criterion says about each lambda, and the lambda that was chosen.

    Parameters
    ----------
    lams : array-like of shape (n_lams,)
        Dimensionless lambdas, > 0.
    scores : array-like of shape (n_lams,) or (n_lams, n_repeats)
        Criterion at each lambda; repeats are drawn as their mean and standard deviation.
    chosen : float
        The lambda to mark.
    ylabel : str, default="relative error"
        Name of the criterion.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.

    Raises
    ------
    ValueError
        If the arrays do not match or a lambda is not positive.
    """
    x = np.asarray(lams, dtype=float)
    y = np.asarray(scores, dtype=float)
    if x.ndim != 1 or not x.size or y.ndim not in (1, 2) or len(y) != x.size:
        raise ValueError(f"Expected one score (or row of scores) per lambda, got shapes {x.shape} and {y.shape}.")
    if not (x > 0).all() or not np.isfinite(x).all():
        raise ValueError("Expected finite lambdas above 0, which a logarithmic axis can show.")
    order = np.argsort(x)
    x, table = x[order], y[order].reshape(x.size, -1)
    mean, spread = table.mean(axis=1), table.std(axis=1)
    with _new_figure(_WIDTH, 2.4) as figure:
        axes = figure.add_subplot()
        axes.plot(x, mean, "o-", markersize=3, color="tab:blue")
        if table.shape[1] > 1:
            axes.fill_between(x, mean - spread, mean + spread, alpha=0.2, color="tab:blue", linewidth=0)
        _mark_lambda(axes, check_number(chosen, "chosen"))
        axes.set_ylabel(ylabel)
    return figure


def plot_criterion(cv_results: Mapping[str, ArrayLike], *, field: int = 0) -> Figure:
    """Draw the criterion by which `FTTCCV` chose, against lambda, for one field.

    Parameters
    ----------
    cv_results : dict
        Attribute ``cv_results_`` of an `FTTCCV` that was fitted without `cv`.
    field : int, default=0
        Which of its fields.

    Returns
    -------
    matplotlib.figure.Figure
        A line for each order of the penalty, at the noise correlation of the lowest score, and a mark at that score.
        The axis ends where an order is twice as far above the lowest score as the median candidate.

    Raises
    ------
    ValueError
        If the results are others, or there is no such field.
    """
    if not {"lam", "order", "noise_correlation", "score"} <= set(cv_results):
        raise ValueError(f"Expected the cv_results_ of an FTTCCV fitted without cv, got {sorted(cv_results)}.")
    score, correlation = (np.asarray(cv_results[name], dtype=float) for name in ("score", "noise_correlation"))
    lam, order = (np.asarray(cv_results[name], dtype=float) for name in ("lam", "order"))
    if check_count(field, "field", low=0) >= score.shape[1]:
        raise ValueError(f"Expected field below {score.shape[1]}, got {field}.")
    best = int(score[:, field].argmin())
    # Where no correlation was measured, two candidates are the same: the first of them is the choice.
    drawn = np.flatnonzero(correlation[:, field] == correlation[best, field])
    with _new_figure(_WIDTH, 2.6) as figure:
        axes = figure.add_subplot()
        for value in np.unique(order):
            line = drawn[order[drawn] == value]
            line = line[np.argsort(lam[line], kind="stable")]
            axes.plot(lam[line], score[line, field], label=f"order {value:g}")
        axes.plot(lam[best], score[best, field], "o", color="tab:red", markersize=4)
        _mark_lambda(axes, lam[best])
        lowest = score[best, field]
        height = 2 * (np.median(score[drawn, field]) - lowest) or 1.0
        axes.set(ylim=(lowest - 0.05 * height, lowest + height), ylabel="criterion")
        figure.legend(loc="outside upper center", ncols=3)
    return figure


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
    ylabel, xlabel : str
        Names of the axes.

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
    with _new_figure(max(_WIDTH, 0.4 + 0.22 * n_groups * n_bars), 2.6) as figure:
        axes = figure.add_subplot()
        for number, name in enumerate(means.columns):
            places = np.arange(n_groups) + (number - (n_bars - 1) / 2) * width
            error = None if spreads is None else spreads.iloc[:, number]
            axes.bar(
                places, means.iloc[:, number], width, yerr=error, label=str(name), color=f"C{number}", capsize=1.5,
                error_kw={"linewidth": 0.6},
            )  # fmt: skip
        axes.set_xticks(np.arange(n_groups), [str(label) for label in means.index])
        axes.set(ylabel=ylabel, xlabel=xlabel)
        figure.legend(loc="outside upper center", ncols=min(n_bars, 4))
    return figure


def _check_map(field: ArrayLike, spacing: float) -> tuple[FloatArray, float]:
    array = np.asarray(field)
    if array.ndim != 3:
        raise ValueError(f"Expected a single field of shape (2, height, width), got shape {array.shape}.")
    return check_field(array[None], name="field")[0], check_number(spacing, "spacing", low=0, include_low=False)


def _mark_lambda(axes: Axes, chosen: float) -> None:
    """Mark a lambda, on an axis of lambdas."""
    axes.axvline(chosen, color="tab:red", linestyle="--", linewidth=0.8)
    axes.annotate(
        f"λ = {chosen:.2g}", (chosen, 1), xycoords=("data", "axes fraction"), xytext=(3, -8), color="tab:red",
        textcoords="offset points",
    )  # fmt: skip
    axes.set(xscale="log", xlabel="λ (dimensionless: u in grid px, t in E)")


@contextmanager
def _new_figure(width: float, height: float) -> Iterator[Figure]:
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(_STYLE):
        yield Figure(figsize=(width, height), layout="constrained")


@contextmanager
def _new_map(field: FloatArray) -> Iterator[tuple[Figure, Axes]]:
    """Give a figure whose one panel has the field's proportions and no ticks (the scale bar says it all)."""
    height, width = field.shape[1:]
    with _new_figure(_WIDTH, _WIDTH * float(np.clip(height / width, 0.3, 3)) * 0.88) as figure:
        axes = figure.add_subplot()
        axes.set_axis_off()
        yield figure, axes


def _top(length: FloatArray, vmax: float | None) -> float:
    """Return the end of a colour scale: never 0, which an all-zero field would make it."""
    if vmax is not None:
        return check_number(vmax, "vmax", low=0, include_low=False)
    return float(length.max()) or 1.0


def _round_down(value: float) -> float:
    """Return the largest 1, 2 or 5 times a power of ten up to `value`."""
    power = 10.0 ** np.floor(np.log10(value))
    return float(power * max(digit for digit in (1, 2, 5) if digit * power <= value * (1 + 1e-9)))


def _block_means(field: FloatArray, block: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the centres (pixels) and the mean vectors of whole blocks."""
    rows, columns = (side // block for side in field.shape[1:])
    cut = field[:, : rows * block, : columns * block]
    means = cut.reshape(2, rows, block, columns, block).mean(axis=(2, 4))
    x, y = np.meshgrid(np.arange(columns), np.arange(rows))
    return block * x + (block - 1) / 2, block * y + (block - 1) / 2, means


def _draw_outline(axes: Axes, mask: ArrayLike, shape: tuple[int, ...], color: str) -> None:
    inside = check_mask(mask, (1, *shape))[0]
    axes.contour(inside.astype(float), levels=[0.5], colors=color, linewidths=0.8, linestyles="dashed")


def _draw_scale_bar(axes: Axes, n_columns: int, step: float, unit: str, color: str) -> None:
    """Draw a bar of a round length, about a fifth of the map, in its lower right corner."""
    length = _round_down(0.3 * n_columns * step)
    axes.plot([0.95 - length / (n_columns * step), 0.95], [0.05, 0.05], color=color, linewidth=2.5,
              transform=axes.transAxes, solid_capstyle="butt")  # fmt: skip
    axes.text(0.95 - length / (2 * n_columns * step), 0.07, f"{length:g} {unit}", color=color,
              transform=axes.transAxes, ha="center", va="bottom")  # fmt: skip
