"""Comparisons: what each estimator gets, what ends up in the table, and the statistics of it."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.pipeline import Pipeline

from tfmkit import metrics
from tfmkit.base import TractionEstimator
from tfmkit.benchmark import (
    METRICS,
    OracleLambda,
    add_vector_noise,
    compare,
    format_summary,
    paired_tests,
    summarise,
)
from tfmkit.filters import CutoffFilter
from tfmkit.fttc import FTTC
from tfmkit.gel import ForwardOperator


class Recorder(TractionEstimator):
    """Keeps what it is given."""

    seen: ClassVar[list[tuple]] = []

    def __init__(self, learns=False):
        self.learns = learns

    def fit(self, X, y=None):
        Recorder.seen.append(("fit", np.array(X), None if y is None else np.array(y)))
        self.fitted_ = True
        return self

    def predict(self, X):
        Recorder.seen.append(("predict", np.array(X), None))
        return np.asarray(X)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = self.learns
        return tags


@pytest.fixture(scope="module")
def cells():
    rng = np.random.default_rng(0)
    traction = np.zeros((5, 2, 24, 24))
    traction[:, :, 8:10, 8:16] = 1000 * rng.normal(size=(5, 2, 1, 1))
    traction[:, :, 14:16, 8:16] = -traction[:, :, 8:10, 8:16]
    mask = np.zeros((5, 24, 24), dtype=bool)
    mask[:, 6:18, 6:18] = True
    patches = np.zeros((5, 24, 24), dtype=int)
    patches[:, 8:10, 8:16], patches[:, 14:16, 8:16] = 1, 2
    return ForwardOperator(24).apply(traction), traction, mask, patches


class TestCompare:
    def test_values_are_the_metrics_of_each_cell(self, cells):
        X, y, mask, patches = cells
        table = compare({"mine": FTTC(lam=1e-2)}, X, y, mask=mask, patches=patches, progress=False)
        assert list(table.columns) == ["estimator", "noise", "cell", "metric", "value", "seconds"]
        assert set(table["metric"]) == set(METRICS)
        recovered = FTTC(lam=1e-2).fit(X).predict(X)
        mine = table[table["estimator"] == "mine"].pivot(index="cell", columns="metric", values="value")
        raw = {"multioutput": "raw_values"}
        np.testing.assert_allclose(mine["relative_rmse"], metrics.relative_rmse(y, recovered, **raw))
        np.testing.assert_allclose(mine["relative_rmse_inside"], metrics.relative_rmse(y, recovered, mask=mask, **raw))
        np.testing.assert_allclose(mine["dma"], metrics.dma(y, recovered, patches=patches, **raw))
        assert (table["seconds"] > 0).all()

    def test_everybody_gets_the_same_noise_of_the_stated_size(self, cells):
        X, y, *_ = cells
        Recorder.seen.clear()
        compare(
            {"a": Recorder(), "b": Recorder()},
            X,
            y,
            noise=(0.0, 0.5),
            metrics=["relative_rmse"],
            random_state=0,
            progress=False,
        )
        fields = [field for method, field, _ in Recorder.seen if method == "predict"]
        np.testing.assert_array_equal(fields[0], X)
        np.testing.assert_array_equal(fields[2], fields[3])
        lengths = np.hypot(*(fields[2] - X).swapaxes(0, 1))
        assert np.sqrt((lengths**2).mean()) == pytest.approx(0.5, rel=0.05)

    def test_nobody_sees_the_truth(self, cells):
        X, y, *_ = cells
        Recorder.seen.clear()
        compare({"new": Recorder(), "trained": Recorder(learns=True).fit(X, y)}, X, y, progress=False)
        assert [(method, truth is None) for method, _, truth in Recorder.seen] == [
            ("fit", False),  # by this test, above
            ("fit", True),
            ("predict", True),
            ("predict", True),
        ]
        with pytest.raises(ValueError, match="'untrained' learns from tractions"):
            compare({"untrained": Recorder(learns=True)}, X, y, progress=False)

    def test_estimators_passed_in_stay_as_they_are(self, cells):
        X, y, *_ = cells
        estimator = FTTC()
        compare({"FTTC": estimator}, X, y, progress=False)
        assert not hasattr(estimator, "lam_")

    def test_same_seed_same_numbers(self, cells):
        X, y, *_ = cells
        columns = ["estimator", "noise", "cell", "metric", "value"]

        def values(random_state):
            return compare({"F": FTTC()}, X, y, noise=(0.1,), random_state=random_state, progress=False)[columns]

        pd.testing.assert_frame_equal(values(3), values(3))
        pd.testing.assert_frame_equal(values(np.random.default_rng(3)), values(np.random.default_rng(3)))
        pd.testing.assert_frame_equal(values(np.random.RandomState(3)), values(np.random.RandomState(3)))
        assert not values(3).equals(values(4))

    def test_own_noise_model(self, cells):
        X, y, *_ = cells
        Recorder.seen.clear()
        compare({"a": Recorder()}, X, y, noise=(2.0,), noise_model=lambda u, level, rng: level * u, progress=False)
        np.testing.assert_array_equal(Recorder.seen[-1][1], 2 * X)

    def test_mask_reaches_the_filter(self, cells):
        X, y, mask, _ = cells
        table = compare({"cut": CutoffFilter(FTTC())}, X, y, mask=mask, metrics=["relative_rmse"], progress=False)
        expected = CutoffFilter(FTTC()).fit(X).predict(X, mask=mask)
        values = table.loc[table["estimator"] == "cut", "value"]
        np.testing.assert_allclose(values, metrics.relative_rmse(y, expected, multioutput="raw_values"))

    @pytest.mark.parametrize("wrap", [lambda m: m, lambda m: Pipeline([("model", m)]), CutoffFilter])
    def test_oracle_row_is_on_the_same_gel(self, cells, wrap):
        _, y, mask, _ = cells
        gel = {"young": 2.0, "poisson": 0.3, "spacing": 0.5}
        displacement = ForwardOperator(24, **gel).apply(y)
        table = compare(
            {"F": wrap(FTTC(lam=1e3, **gel))}, displacement, y, mask=mask, metrics=["relative_rmse"], progress=False
        )
        oracle = OracleLambda(FTTC(**gel)).fit(displacement, y)
        values = table.loc[table["estimator"] == "FTTC (oracle lambda)", "value"]
        np.testing.assert_allclose(values, oracle.errors_.min(axis=0))

    def test_own_oracle_takes_the_place_of_the_other(self, cells):
        X, y, *_ = cells
        table = compare({"mine": OracleLambda(FTTC(), lams=[1.0])}, X, y, progress=False)
        assert set(table["estimator"]) == {"mine"}

    def test_bad_input(self, cells):
        X, y, mask, _ = cells
        one = {"F": FTTC()}
        for estimators in ({}, [FTTC()], None):
            with pytest.raises(ValueError, match="mapping of names"):
                compare(estimators, X, y)
        with pytest.raises(ValueError, match="noise"):
            compare(one, X, y, noise=(-0.1,))
        with pytest.raises(ValueError, match="at least one noise level"):
            compare(one, X, y, noise=())
        with pytest.raises(ValueError, match="each metric to be one of"):
            compare(one, X, y, metrics=["r2"])
        with pytest.raises(ValueError, match="at least one metric"):
            compare(one, X, y, metrics=[])
        with pytest.raises(ValueError, match="Expected patches for the metric 'dma'"):
            compare(one, X, y, mask=mask, metrics=["dma"])
        with pytest.raises(ValueError, match="one shape"):
            compare(one, X, y[:2])
        with pytest.raises(ValueError, match="mask of shape"):
            compare(one, X, y, mask=mask[:, :3])


def test_vector_noise_keeps_single_precision_and_its_input():
    field = np.zeros((2, 2, 64, 64), dtype=np.float32)
    noisy = add_vector_noise(field, 0.3, np.random.default_rng(0))
    assert noisy.dtype == np.float32
    assert noisy.std() == pytest.approx(0.3 / np.sqrt(2), rel=0.02)
    assert not field.any()


class TestOracle:
    def test_takes_the_best_lambda_of_each_field(self, cells):
        X, y, *_ = cells
        noisy = X + np.array([0, 0.001, 0.01, 0.05, 0.2])[:, None, None, None] * np.random.default_rng(0).normal(
            size=X.shape
        )
        lams = np.logspace(-4, 4, 9)
        oracle = OracleLambda(FTTC(), lams=lams).fit(noisy, y)
        errors = [metrics.relative_rmse(y, FTTC(lam).fit(X).predict(noisy), multioutput="raw_values") for lam in lams]
        np.testing.assert_array_equal(oracle.lam_, lams[np.argmin(errors, axis=0)])
        assert len(np.unique(oracle.lam_)) > 1
        recovered = metrics.relative_rmse(y, oracle.predict(noisy), multioutput="raw_values")
        np.testing.assert_allclose(recovered, np.min(errors, axis=0))

    def test_bad_input(self, cells):
        X, y, *_ = cells
        with pytest.raises(ValueError, match="lam"):
            OracleLambda(FTTC(), lams=[-1.0]).fit(X, y)
        with pytest.raises(ValueError, match="at least one lambda"):
            OracleLambda(FTTC(), lams=[]).fit(X, y)
        with pytest.raises(ValueError, match="the true traction"):
            OracleLambda(FTTC()).fit(X, None)
        with pytest.raises(ValueError, match="the 5 fields of fit, got 2"):
            OracleLambda(FTTC(), lams=[1.0]).fit(X, y).predict(X[:2])


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
    assert list(text.columns) == ["base", "same", "better"]
    assert text.loc[("error", 0.0), "base"] == "5.2 ± 1.7"


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
