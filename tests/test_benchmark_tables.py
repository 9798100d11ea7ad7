"""Summaries and paired tests of a table of errors."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tfmkit.benchmark import format_summary, paired_tests, summarise


@pytest.fixture
def table():
    """Three estimators on eight cells: "better" by about 1, "same" not at all."""
    base = np.array([3.0, 5, 4, 6, 7, 5, 8, 4])
    values = {"base": base, "same": base, "better": base - np.array([1.0, 0.5, 1.5, 1, 2, 0.25, 1.25, -0.1])}
    frames = [
        pd.DataFrame(
            {
                "estimator": name,
                "noise": noise,
                "cell": np.arange(8),
                "metric": "error",
                "value": value * (1 + noise),
                "seconds": 0.5,
            }
        )
        for noise in (1.0, 0.0)
        for name, value in values.items()
    ]
    return pd.concat(frames, ignore_index=True)


def test_summary(table):
    summary = summarise(table)
    assert list(summary.index) == [
        ("error", noise, name) for noise in (1.0, 0.0) for name in ("base", "same", "better")
    ]
    row = summary.loc[("error", 0.0, "base")]
    assert row["mean"] == pytest.approx(5.25)
    assert row["std"] == pytest.approx(np.std([3, 5, 4, 6, 7, 5, 8, 4], ddof=1))
    assert (row["n_cells"], row["seconds"]) == (8, 0.5)
    text = format_summary(summary, digits=1)
    assert list(text.columns) == [1.0, 0.0]
    assert list(text.index) == [("error", name) for name in ("base", "same", "better")]
    assert text.loc[("error", "base"), 0.0] == "5.2 ± 1.7"


@pytest.mark.parametrize("test", ["wilcoxon", "t"])
def test_paired_tests(table, test):
    tests = paired_tests(table, "base", test=test, alternative="less").set_index(["noise", "estimator"])
    better = table[(table["estimator"] == "better") & (table["noise"] == 0)]["value"].to_numpy()
    base = table[(table["estimator"] == "base") & (table["noise"] == 0)]["value"].to_numpy()
    scipy_test = stats.wilcoxon if test == "wilcoxon" else stats.ttest_rel
    p_value = scipy_test(better, base, alternative="less").pvalue
    row = tests.loc[(0.0, "better")]
    assert row["p_value"] == pytest.approx(p_value)
    assert row["p_holm"] == pytest.approx(2 * p_value)
    assert row["difference"] == pytest.approx((better - base).mean())
    assert tests.loc[(0.0, "same"), "p_holm"] == 1
    assert set(tests["reference"]) == {"base"}


def test_holm_by_hand(table):
    # Four estimators with p = 0.01, 0.04, 0.03 and 1: times 4, 2, 3 and 1, and never below a smaller one.
    from tfmkit.compare import correct_holm

    np.testing.assert_allclose(correct_holm(np.array([0.01, 0.04, 0.03, 1.0])), [0.04, 0.09, 0.09, 1.0])


def test_statistics_of_bad_tables(table):
    with pytest.raises(ValueError, match="reference to be one of 'base', 'same', 'better'"):
        paired_tests(table, "FTTC")
    with pytest.raises(ValueError, match="two or more cells for 'error' at noise 1.0"):
        paired_tests(table[table["cell"] == 0], "base")
    with pytest.raises(ValueError, match="finite values"):
        paired_tests(table[table.index > 0], "base")
    with pytest.raises(ValueError, match="test"):
        paired_tests(table, "base", test="f")
    for wrong in (table.drop(columns="cell"), table[:0], None):
        with pytest.raises(ValueError, match="table of compare"):
            summarise(wrong)
