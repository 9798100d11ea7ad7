"""Conditions against each other: effects, intervals, tests over replicates, and refusals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import stats

from tfmkit.compare import (
    at_rest,
    average_frames,
    average_replicates,
    compare_conditions,
    correct_holm,
    describe_at_rest,
    describe_effect,
)
from tfmkit.compare.effects import estimate_effect
from tfmkit.units import Unit


def experiment(effect=1.0, n_replicates=3, n_cells=8, seed=0, spread=0.2, conditions=("WT", "KO")):
    """Return a table of cells whose total force differs between conditions by a factor, as does every replicate."""
    rng = np.random.default_rng(seed)
    rows = []
    for number, condition in enumerate(conditions):
        for replicate in range(n_replicates):
            shift = rng.normal(scale=spread)
            for cell in range(n_cells):
                force = 1e-8 * effect**number * np.exp(shift + rng.normal(scale=0.4))
                position = f"{condition}/{replicate}/{cell}"
                rows.append((condition, replicate, position, "cell", force, 2 * force))
    columns = ["condition", "replicate", "position", "cell", "total_force_N", "max_traction_Pa"]
    return pd.DataFrame(rows, columns=columns)


def test_frames_are_averaged_before_cells_and_cells_before_replicates():
    table = pd.DataFrame(
        {
            "condition": ["a"] * 5, "replicate": [1, 1, 1, 1, 2], "position": ["p"] * 5,
            "cell": ["x", "x", "x", "y", "x"], "v": [1.0, 2.0, 3.0, 4.0, 5.0],
        }
    )  # fmt: skip
    cells = average_frames(table, ["v"])
    assert cells["v"].tolist() == [2.0, 4.0, 5.0]
    means = average_replicates(cells, "v")
    assert means.to_dict("list") == {
        "condition": ["a", "a"],
        "replicate": ["1", "2"],
        "mean": [3, 5],
        "n_cells": [2, 1],
    }


def test_frames_at_rest_are_left_out_and_named():
    table = experiment().assign(displacement_residual=0.2)
    rest = table.iloc[[0, 1, 30]].assign(total_force_N=0.0, max_traction_Pa=0.0, displacement_residual=np.nan)
    both = pd.concat([table, rest], ignore_index=True)
    assert at_rest(both).tolist() == [False] * len(table) + [True] * 3
    pd.testing.assert_frame_equal(compare_conditions(both), compare_conditions(table))
    said = describe_at_rest(both)
    assert said.startswith("Left out, because nothing moves there")
    assert said.endswith("2 row(s) of WT, 1 row(s) of KO.")
    # A cell without force in a field that moves is a result, and so is every row of a table without residuals.
    weak = both.assign(displacement_residual=0.9)
    assert not at_rest(weak).any()
    assert not at_rest(both.drop(columns="displacement_residual")).any()
    assert describe_at_rest(weak) == ""


def test_effect_is_that_of_the_replicates():
    table = experiment(1.3)
    result = compare_conditions(table, quantities=["total_force_N"])
    (row,) = result.to_dict("records")
    logs = table.assign(v=table["total_force_N"]).groupby(["condition", "replicate"])["v"].mean().apply(np.log)
    expected = stats.ttest_ind(logs["KO"], logs["WT"], equal_var=False)
    assert row["p_value"] == row["p_holm"] == pytest.approx(expected.pvalue)
    assert row["effect"] == pytest.approx(np.expm1(logs["KO"].mean() - logs["WT"].mean()))
    assert np.log1p([row["effect_low"], row["effect_high"]]) == pytest.approx(tuple(expected.confidence_interval()))
    assert row["effect_low"] < 0.3 < row["effect_high"]
    assert (row["n_replicates"], row["n_replicates_reference"], row["n_cells"]) == (3, 3, 24)
    assert (row["test"], row["scale"], row["note"]) == ("Welch's t-test", "ratio", "")


def test_quantities_of_both_signs_are_compared_by_differences():
    effect = estimate_effect([1.0, -0.5, 2.0], [-1.0, 0.5, 0.0])
    assert effect.scale == "difference"
    assert effect.size == pytest.approx(1.0)
    assert effect.p_value == pytest.approx(stats.ttest_ind([1.0, -0.5, 2.0], [-1.0, 0.5, 0.0], equal_var=False).pvalue)


def test_negative_moments_are_compared_by_ratio():
    assert estimate_effect([-2.0, -2.2], [-1.0, -1.1]).size == pytest.approx(1.0)


def test_pairs_remove_what_days_share():
    table = experiment(1.2, spread=0.0, n_cells=50)
    day = table["replicate"].map({0: 1.0, 1: 5.0, 2: 25.0})
    table["total_force_N"] *= day
    alone, paired = (
        compare_conditions(table, quantities=["total_force_N"], paired=paired).iloc[0] for paired in (False, True)
    )
    assert paired["test"] == "paired t-test"
    assert paired["effect"] == pytest.approx(alone["effect"])
    assert paired["effect_high"] - paired["effect_low"] < 0.2 * (alone["effect_high"] - alone["effect_low"])
    odd = compare_conditions(table[(table["condition"] == "WT") | (table["replicate"] > 0)], paired=True)
    assert (odd["n_replicates_reference"] == 2).all()


@pytest.mark.parametrize("paired", [False, True])
def test_one_replicate_has_no_test(paired):
    table = experiment(1.3)
    table = table[(table["condition"] == "WT") | (table["replicate"] == 0)]
    row = compare_conditions(table, paired=paired).iloc[0]
    assert np.isnan([row["p_value"], row["effect_low"], row["effect_high"]]).all()
    assert np.isfinite(row["effect"])
    assert row["test"] == ""
    assert "not independent" in row["note"]
    assert "Only 2" in compare_conditions(experiment(1.3, n_replicates=2))["note"].iloc[0]


def test_conditions_without_values_and_without_scatter_are_told():
    table = experiment(1.3)
    table.loc[table["condition"] == "KO", "total_force_N"] = np.nan
    row = compare_conditions(table).iloc[0]
    assert (row["n_replicates"], row["n_cells"]) == (0, 0)
    assert np.isnan(row["effect"])
    assert "do not differ" in estimate_effect([1.0, 1.0], [1.0, 1.0]).note
    assert np.isnan(estimate_effect([1.0, 1.0], [1.0, 1.0]).p_value)


def test_every_condition_is_compared_with_the_reference():
    table = experiment(1.5, conditions=("WT", "KO", "rescue"))
    result = compare_conditions(table, reference="KO")
    assert list(result["condition"]) == ["WT", "rescue"] * 2
    assert set(result["reference"]) == {"KO"}
    for _, rows in result.groupby("quantity"):
        assert_allclose(rows["p_holm"], correct_holm(rows["p_value"]))
        assert (rows["p_holm"] >= rows["p_value"]).all()


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_is_monotone_and_no_less_than_the_p_values(p_values):
    corrected = correct_holm(p_values)
    assert (corrected >= np.array(p_values)).all()
    assert corrected.max() <= 1
    order = np.argsort(p_values)
    assert (np.diff(corrected[order]) >= 0).all()
    assert corrected.min() == min(1, len(p_values) * min(p_values))
    with_gap = correct_holm([*p_values, np.nan])
    assert_allclose(with_gap[:-1], corrected)
    assert np.isnan(with_gap[-1])


@pytest.mark.parametrize(
    ("change", "settings", "message"),
    [
        (lambda table: table.drop(columns="condition"), {}, "column 'condition'"),
        (lambda table: table, {"replicate": "dish"}, "column 'dish'"),
        (lambda table: table, {"quantities": ["energy"]}, "column 'energy'"),
        (lambda table: table[table["condition"] == "WT"], {}, "two or more values"),
        (lambda table: table, {"reference": "mutant"}, "mutant"),
        (lambda table: table, {"confidence": 1.5}, "confidence"),
        (lambda table: table.assign(replicate=None), {}, "in every row"),
    ],
)
def test_refuses(change, settings, message):
    with pytest.raises(ValueError, match=message):
        compare_conditions(change(experiment()), **settings)


def test_errors_of_the_first_kind_are_as_rare_as_promised():
    p_values = [
        compare_conditions(experiment(seed=seed), quantities=["total_force_N"])["p_value"][0] for seed in range(200)
    ]
    assert np.mean(np.array(p_values) < 0.05) <= 0.07


def test_a_row_becomes_a_sentence():
    row = compare_conditions(experiment(2.0, seed=1), quantities=["total_force_N"]).iloc[0]
    text = describe_effect(row, Unit(1e9, "nN"))
    assert text.startswith("KO against WT: +")
    assert f"p = {row['p_value']:.2g}; Welch's t-test over 3 and 3 replicates (24 and 24 cells)." in text
    changed = {**row, "scale": "difference", "effect": -2e-9, "p_value": 1e-6, "p_holm": 2e-6}
    assert "\N{MINUS SIGN}2.00 nN" in describe_effect(changed, Unit(1e9, "nN"))
    assert "p < 0.0001, corrected for all conditions < 0.0001" in describe_effect(changed, Unit(1e9, "nN"))


def test_holm_by_hand():
    # Times 3, 2 and 1 from the smallest on, and never less than the one before (Holm 1979).
    assert_allclose(correct_holm([0.01, 0.04, 0.03]), [0.03, 0.06, 0.06])
    assert_allclose(correct_holm([0.3, 0.02]), [0.3, 0.04])


def test_welch_by_hand():
    # Logarithms 0, 1, 2 against 0, 0.1, 0.2: means 1 and 0.1, variances 1 and 0.01 (Welch 1947).
    effect = estimate_effect(np.exp([0.0, 1.0, 2.0]), np.exp([0.0, 0.1, 0.2]))
    error = np.sqrt(1 / 3 + 0.01 / 3)
    freedom = (1 / 3 + 0.01 / 3) ** 2 / ((1 / 3) ** 2 / 2 + (0.01 / 3) ** 2 / 2)
    assert effect.p_value == pytest.approx(2 * stats.t.sf(0.9 / error, freedom))
    half = stats.t.ppf(0.975, freedom) * error
    assert np.log1p([effect.size, effect.low, effect.high]) == pytest.approx([0.9, 0.9 - half, 0.9 + half])


def test_uneven_frames_and_cells_are_averaged_by_their_mean():
    values = [1.0, 2.0, 9.0, 5.0, 0.0, 7.0, 20.0]
    table = pd.DataFrame({"condition": "a", "replicate": 1, "position": "p", "cell": list("xxxxyzw"), "v": values})
    cells = average_frames(table, ["v"])
    assert cells["v"].tolist() == [17 / 4, 0.0, 7.0, 20.0]
    assert average_replicates(cells, "v")["mean"].tolist() == [(17 / 4 + 27) / 4]


def test_pairs_are_found_by_their_names_in_any_order():
    table = experiment(effect=1.3, n_replicates=5, seed=2)
    expected = compare_conditions(table, paired=True)
    rng = np.random.default_rng(0)
    for _ in range(3):
        shuffled = pd.concat(
            [part.sample(frac=1, random_state=rng) for _, part in table.groupby("condition", sort=False)]
        )
        # A replicate that only one condition has stands first.
        alone = shuffled.iloc[:4].assign(replicate=9, total_force_N=1e-3)
        found = compare_conditions(pd.concat([alone, shuffled]), paired=True, reference="WT")
        columns = ["effect", "effect_low", "effect_high", "p_value", "n_replicates"]
        for name in columns:
            assert_allclose(found[name].astype(float), expected[name].astype(float), rtol=1e-9)


@pytest.mark.parametrize("confidence", [0.5, 0.8, 0.99])
def test_intervals_are_those_of_the_t_distribution(confidence):
    first, second = np.array([0.3, -1.0, 2.0, 0.7]), np.array([0.1, -0.4, 0.9, -0.2])
    differences = first - second
    reach = stats.t.ppf(0.5 + confidence / 2, 3) * differences.std(ddof=1) / 2
    found = estimate_effect(first, second, paired=True, confidence=confidence)
    assert_allclose((found.low, found.high), differences.mean() + reach * np.array([-1, 1]))


@pytest.mark.parametrize("confidence", [0.5, 0.8, 0.99])
def test_the_confidence_reaches_the_table(confidence):
    table = experiment(effect=1.3, n_replicates=5, seed=2)
    row = compare_conditions(table, confidence=confidence, quantities=["total_force_N"]).iloc[0]
    means = average_replicates(average_frames(table, ["total_force_N"]), "total_force_N").set_index("condition")["mean"]
    direct = estimate_effect(means["KO"], means["WT"], confidence=confidence)
    assert_allclose((row["effect_low"], row["effect_high"]), (direct.low, direct.high))


def test_one_condition_without_scatter_is_compared():
    found = estimate_effect([1.0, 2.0, 4.0], [3.0, 3.0, 3.0])
    assert found.test == "Welch's t-test"
    assert 0 < found.p_value < 1
    assert estimate_effect([2.0, 2.0], [3.0, 3.0]).note == "No test: the replicates do not differ."


def test_cells_with_equal_values_count_each():
    cells = pd.DataFrame({"condition": "a", "replicate": "1", "v": [2.0, 2.0, 2.0, 5.0]})
    assert average_replicates(cells, "v")["n_cells"].tolist() == [4]


@pytest.mark.parametrize("paired", [False, True])
def test_every_column_of_a_comparison_belongs_to_its_condition(paired):
    table = experiment(effect=2.0, n_replicates=4, n_cells=5)
    lost = (table["condition"] == "KO") & ((table["replicate"] == 1) | table["position"].str.endswith("/0"))
    table = table[~lost]
    (row,) = compare_conditions(table, quantities=["total_force_N"], paired=paired).to_dict("records")
    used = table[table["replicate"] != 1] if paired else table
    means = used.groupby(["condition", "replicate"])["total_force_N"].mean()
    expected = {
        "condition": "KO", "reference": "WT", "quantity": "total_force_N", "n_replicates": 3, "n_cells": 12,
        "n_replicates_reference": 3 if paired else 4, "n_cells_reference": 15 if paired else 20,
        "mean": means["KO"].mean(), "mean_reference": means["WT"].mean(), "scale": "ratio",
        "effect": np.exp(np.log(means["KO"]).mean() - np.log(means["WT"]).mean()) - 1,
    }  # fmt: skip
    assert {name: row[name] for name in expected} == pytest.approx(expected)
    assert row["effect_low"] < row["effect"] < row["effect_high"]
    assert row["p_holm"] == row["p_value"]
