"""Summaries of a table of errors: means with standard deviations, and paired tests over cells."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy import stats

from tfmkit._validation import FloatArray, check_choice
from tfmkit.compare import correct_holm

Alternative = Literal["two-sided", "less", "greater"]

_COLUMNS = ("estimator", "noise", "cell", "metric", "value", "seconds")
_GROUPS = ["metric", "noise", "estimator"]


def summarise(table: pd.DataFrame) -> pd.DataFrame:
    """Return mean and standard deviation over cells.

    Parameters
    ----------
    table : DataFrame
        Result of :func:`tfmkit.benchmark.compare`.

    Returns
    -------
    DataFrame
        One row per `metric`, `noise` and `estimator` (the index, in the order of the table), with columns `mean`,
        `std` (of the sample; NaN for a single cell), `n_cells` and `seconds` (per cell).

    Raises
    ------
    ValueError
        If `table` is not such a table.
    """
    groups = _check_table(table).groupby(_GROUPS, sort=False)
    summary = groups.agg(
        mean=("value", "mean"), std=("value", "std"), n_cells=("value", "size"), seconds=("seconds", "mean")
    )
    # Rows of one metric and noise stand together; metrics, noises and estimators keep the order of the table.
    return summary.sort_index(key=lambda level: level.map({label: i for i, label in enumerate(level.unique())}))


def format_summary(summary: pd.DataFrame, digits: int = 3) -> pd.DataFrame:
    """Return the summary for printing: estimators below each other, noise levels side by side.

    Parameters
    ----------
    summary : DataFrame
        Result of :func:`summarise`.
    digits : int, default=3
        Digits after the point.

    Returns
    -------
    DataFrame of str
        One row per metric and estimator, one column per noise level; each value as mean ± standard deviation.
    """
    text = summary["mean"].map(f"{{:.{digits}f}}".format) + " ± " + summary["std"].map(f"{{:.{digits}f}}".format)
    noises = summary.index.get_level_values("noise").unique()
    metrics, estimators = (summary.index.get_level_values(name) for name in ("metric", "estimator"))
    rows = list(dict.fromkeys(zip(metrics, estimators, strict=True)))
    return text.unstack("noise").loc[rows, list(noises)]


def paired_tests(
    table: pd.DataFrame, reference: str, *, test: str = "wilcoxon", alternative: Alternative = "two-sided"
) -> pd.DataFrame:
    """Test every estimator against a reference on the same cells.

    Parameters
    ----------
    table : DataFrame
        Result of :func:`tfmkit.benchmark.compare`.
    reference : str
        Name of the estimator to compare the others with.
    test : {"wilcoxon", "t"}, default="wilcoxon"
        Wilcoxon's signed-rank test, or Student's paired t-test.
    alternative : {"two-sided", "less", "greater"}, default="two-sided"
        Alternative hypothesis: with "less", the value of the estimator is less than that of the reference.

    Returns
    -------
    DataFrame
        Columns `metric`, `noise`, `estimator`, `reference`, `difference` (mean of estimator minus reference),
        `n_cells`, `p_value` and `p_holm`, corrected by Holm [1]_ for the estimators tested on one metric and noise.
        Identical values give p = 1.

    Raises
    ------
    ValueError
        If the reference is not in the table, if there are fewer than two cells, or if a value is not finite.

    References
    ----------
    .. [1] Holm, Scand. J. Stat. 6:65 (1979).
    """
    check_choice(test, "test", ("wilcoxon", "t"))
    check_choice(alternative, "alternative", ("two-sided", "less", "greater"))
    check_choice(reference, "reference", tuple(_check_table(table)["estimator"].unique()))
    families = [group for _, group in table.groupby(["metric", "noise"], sort=False)]
    return pd.concat([_test_family(group, reference, test, alternative) for group in families], ignore_index=True)


def _test_family(group: pd.DataFrame, reference: str, test: str, alternative: Alternative) -> pd.DataFrame:
    """Test all estimators against the reference, for one metric and noise."""
    wide = group.pivot(index="cell", columns="estimator", values="value")[list(group["estimator"].unique())]
    metric, noise = group["metric"].iloc[0], group["noise"].iloc[0]
    if len(wide) < 2 or not np.isfinite(wide.to_numpy()).all():
        raise ValueError(f"Expected finite values of two or more cells for {metric!r} at noise {noise}.")
    differences = wide.drop(columns=reference).sub(wide[reference], axis=0)
    p_values = np.array([_p_value(column.to_numpy(), test, alternative) for _, column in differences.items()])
    return pd.DataFrame(
        {
            "metric": metric,
            "noise": noise,
            "estimator": differences.columns.to_numpy(),
            "reference": reference,
            "difference": differences.mean().to_numpy(),
            "n_cells": len(wide),
            "p_value": p_values,
            "p_holm": correct_holm(p_values),
        }
    )


def _check_table(table: Any) -> pd.DataFrame:
    if not isinstance(table, pd.DataFrame) or not set(_COLUMNS) <= set(table.columns) or table.empty:
        raise ValueError(f"Expected a table of compare with the columns {', '.join(_COLUMNS)}.")
    return table


def _p_value(difference: FloatArray, test: str, alternative: Alternative) -> float:
    if not difference.any():
        return 1.0
    if test == "wilcoxon":
        return float(stats.wilcoxon(difference, alternative=alternative).pvalue)
    return float(stats.ttest_1samp(difference, 0.0, alternative=alternative).pvalue)
