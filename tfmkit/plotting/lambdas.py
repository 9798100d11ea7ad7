"""Curves that show how lambda was chosen."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from tfmkit._validation import check_count, check_number
from tfmkit.plotting.style import COLORS, COLUMN, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_CURVE, _CHOICE = COLORS[0], COLORS[1]


def plot_lambda_curve(lams: ArrayLike, scores: ArrayLike, *, chosen: float, ylabel: str = "relative error") -> Figure:
    """Draw a criterion against lambda, and mark the lambda that was chosen.

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
    with new_figure(COLUMN, 2.4) as figure:
        axes = figure.add_subplot()
        axes.plot(x, mean, "o-", markersize=3, color=_CURVE)
        if table.shape[1] > 1:
            axes.fill_between(x, mean - spread, mean + spread, alpha=0.2, color=_CURVE, linewidth=0)
        _mark_lambda(axes, check_number(chosen, "chosen"))
        axes.set_ylabel(ylabel)
    return figure


def plot_criterion(cv_results: Mapping[str, ArrayLike], *, field: int = 0) -> Figure:
    """Draw the criterion of `FTTCCV` against lambda, for one field.

    Parameters
    ----------
    cv_results : dict
        Attribute ``cv_results_`` of an `FTTCCV` that was fitted without `cv`.
    field : int, default=0
        Number of the field, from 0.

    Returns
    -------
    matplotlib.figure.Figure
        A line for each order of the penalty, at the noise correlation of the lowest score, and a mark at that score.
        The axis ends where an order is twice as far above the lowest score as the median candidate.

    Raises
    ------
    ValueError
        If the results come from a fit with `cv`, or there is no such field.
    """
    if not {"lam", "order", "noise_correlation", "score"} <= set(cv_results):
        raise ValueError(f"Expected the cv_results_ of an FTTCCV fitted without cv, got {sorted(cv_results)}.")
    score, correlation = (np.asarray(cv_results[name], dtype=float) for name in ("score", "noise_correlation"))
    lam, order = (np.asarray(cv_results[name], dtype=float) for name in ("lam", "order"))
    if check_count(field, "field", low=0) >= score.shape[1]:
        raise ValueError(f"Expected field below {score.shape[1]}, got {field}.")
    best = int(score[:, field].argmin())
    # Without a measured noise correlation two candidates are equal, and the first of them is the choice.
    drawn = np.flatnonzero((correlation[:, field] == correlation[best, field]) & np.isfinite(score[:, field]))
    with new_figure(COLUMN, 2.6) as figure:
        axes = figure.add_subplot()
        for color, value in zip(cycle(COLORS), np.unique(order), strict=False):
            line = drawn[order[drawn] == value]
            line = line[np.argsort(lam[line], kind="stable")]
            axes.plot(lam[line], score[line, field], color=color, label=f"order {value:g}")
        axes.plot(lam[best], score[best, field], "o", color=_CHOICE, markersize=4)
        _mark_lambda(axes, lam[best])
        lowest = score[best, field]
        height = 2 * (np.median(score[drawn, field]) - lowest) or 1.0
        axes.set(ylim=(lowest - 0.05 * height, lowest + height), ylabel="criterion (arb. unit)")
        figure.legend(loc="outside upper center", ncols=3)
    return figure


def _mark_lambda(axes: Axes, chosen: float) -> None:
    """Mark a lambda, on an axis of lambdas."""
    axes.axvline(chosen, color=_CHOICE, linestyle="--", linewidth=0.8)
    axes.annotate(
        f"λ = {chosen:.2g}", (chosen, 1), xycoords=("data", "axes fraction"), xytext=(3, -8), color=_CHOICE,
        textcoords="offset points",
    )  # fmt: skip
    axes.set(xscale="log", xlabel="λ (dimensionless: u in grid px, t in E)")
