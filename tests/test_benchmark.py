"""Comparisons: the input of each estimator, the rows of the table, and the oracle."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import Pipeline

from tfmkit import metrics
from tfmkit.base import TractionEstimator
from tfmkit.benchmark import (
    METRICS,
    OracleLambda,
    add_vector_noise,
    compare,
    default_estimators,
)
from tfmkit.filters import CutoffFilter
from tfmkit.fttc import FTTC
from tfmkit.gel import ForwardOperator


class Recorder(TractionEstimator):
    """Keeps its input."""

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
        table = compare(X, y, {"mine": FTTC(lam=1e-2)}, mask=mask, patches=patches, progress=False)
        assert list(table.columns) == ["estimator", "noise", "cell", "metric", "value", "seconds"]
        assert set(table["metric"]) == set(METRICS)
        recovered = FTTC(lam=1e-2).fit(X).predict(X)
        mine = table[table["estimator"] == "mine"].pivot(index="cell", columns="metric", values="value")
        raw = {"multioutput": "raw_values"}
        np.testing.assert_allclose(mine["relative_rmse"], metrics.relative_rmse(y, recovered, **raw))
        np.testing.assert_allclose(mine["relative_rmse_inside"], metrics.relative_rmse(y, recovered, mask=mask, **raw))
        np.testing.assert_allclose(mine["dma"], metrics.dma(y, recovered, patches=patches, **raw))
        assert (table["seconds"] > 0).all()

    def test_all_estimators_get_the_same_noise_of_the_stated_size(self, cells):
        X, y, *_ = cells
        Recorder.seen.clear()
        compare(
            X,
            y,
            {"a": Recorder(), "b": Recorder()},
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

    def test_no_estimator_sees_the_truth(self, cells):
        X, y, *_ = cells
        Recorder.seen.clear()
        compare(X, y, {"new": Recorder(), "trained": Recorder(learns=True).fit(X, y)}, progress=False)
        assert [(method, truth is None) for method, _, truth in Recorder.seen] == [
            ("fit", False),  # by this test, above
            ("fit", True),
            ("predict", True),
            ("predict", True),
        ]
        with pytest.raises(ValueError, match="'untrained' learns from tractions"):
            compare(X, y, {"untrained": Recorder(learns=True)}, progress=False)

    def test_estimators_passed_in_stay_as_they_are(self, cells):
        X, y, *_ = cells
        estimator = FTTC()
        compare(X, y, {"FTTC": estimator}, progress=False)
        assert not hasattr(estimator, "lam_")

    def test_same_seed_same_numbers(self, cells):
        X, y, *_ = cells
        columns = ["estimator", "noise", "cell", "metric", "value"]

        def values(random_state):
            return compare(X, y, {"F": FTTC()}, noise=(0.1,), random_state=random_state, progress=False)[columns]

        pd.testing.assert_frame_equal(values(3), values(3))
        pd.testing.assert_frame_equal(values(np.random.default_rng(3)), values(np.random.default_rng(3)))
        pd.testing.assert_frame_equal(values(np.random.RandomState(3)), values(np.random.RandomState(3)))
        assert not values(3).equals(values(4))

    def test_own_noise_model(self, cells):
        X, y, *_ = cells
        Recorder.seen.clear()
        compare(X, y, {"a": Recorder()}, noise=(2.0,), noise_model=lambda u, level, rng: level * u, progress=False)
        np.testing.assert_array_equal(Recorder.seen[-1][1], 2 * X)

    def test_mask_reaches_the_filter(self, cells):
        X, y, mask, _ = cells
        table = compare(X, y, {"cut": CutoffFilter(FTTC())}, mask=mask, metrics=["relative_rmse"], progress=False)
        expected = CutoffFilter(FTTC()).fit(X).predict(X, mask=mask)
        values = table.loc[table["estimator"] == "cut", "value"]
        np.testing.assert_allclose(values, metrics.relative_rmse(y, expected, multioutput="raw_values"))

    @pytest.mark.parametrize("wrap", [lambda m: m, lambda m: Pipeline([("model", m)]), CutoffFilter])
    def test_oracle_row_is_on_the_same_gel(self, cells, wrap):
        _, y, mask, _ = cells
        gel = {"young": 2.0, "poisson": 0.3, "spacing": 0.5, "thickness": 2.0}
        displacement = ForwardOperator(24, **gel).apply(y)
        table = compare(
            displacement, y, {"F": wrap(FTTC(lam=1e3, **gel))}, mask=mask, metrics=["relative_rmse"], progress=False
        )
        oracle = OracleLambda(FTTC(**gel), orders=(0.0, 0.5, 1.0, 1.5, 2.0)).fit(displacement, y)
        values = table.loc[table["estimator"] == "FTTC oracle (lam and order, whole field)", "value"]
        np.testing.assert_allclose(values, oracle.errors_.min(axis=0))

    def test_own_oracle_takes_the_place_of_the_other(self, cells):
        X, y, *_ = cells
        table = compare(X, y, {"mine": OracleLambda(FTTC(), lams=[1.0])}, progress=False)
        assert set(table["estimator"]) == {"mine"}

    def test_without_an_oracle(self, cells):
        X, y, *_ = cells
        table = compare(X, y, {"F": FTTC()}, oracle=False, progress=False)
        assert set(table["estimator"]) == {"F"}

    def test_by_default_the_methods_that_need_no_choice(self, cells):
        X, y, *_ = cells
        table = compare(X[:2], y[:2], noise=(0.0, 0.01), metrics=["relative_rmse"], random_state=0, progress=False)
        oracle = "FTTC oracle (lam and order, whole field)"
        assert list(table["estimator"].unique()) == [oracle, "FTTCCV", "ElasticNetTFM", "DeepTFM"]
        values = table.pivot(index=["noise", "cell"], columns="estimator", values="value")
        assert (values[oracle] <= values["FTTCCV"] * 1.01).all()

    def test_default_estimators_are_for_the_gel(self):
        for estimator in default_estimators(young=2.0, poisson=0.3, spacing=0.5).values():
            params = estimator.get_params()
            assert (params["young"], params["poisson"], params["spacing"]) == (2.0, 0.3, 0.5)

    def test_bad_input(self, cells):
        X, y, mask, _ = cells
        one = {"F": FTTC()}
        for estimators in ({}, [FTTC()], FTTC()):
            with pytest.raises(ValueError, match="mapping of names"):
                compare(X, y, estimators)
        with pytest.raises(ValueError, match="noise"):
            compare(X, y, one, noise=(-0.1,))
        with pytest.raises(ValueError, match="at least one noise level"):
            compare(X, y, one, noise=())
        with pytest.raises(ValueError, match="each metric to be one of"):
            compare(X, y, one, metrics=["r2"])
        with pytest.raises(ValueError, match="at least one metric"):
            compare(X, y, one, metrics=[])
        with pytest.raises(ValueError, match="Expected patches for the metric 'dma'"):
            compare(X, y, one, mask=mask, metrics=["dma"])
        with pytest.raises(ValueError, match="one shape"):
            compare(X, y[:2], one)
        with pytest.raises(ValueError, match="mask of shape"):
            compare(X, y, one, mask=mask[:, :3])


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

    def test_takes_the_best_order_of_each_field(self, cells):
        X, y, *_ = cells
        noisy = X + 0.05 * np.random.default_rng(0).normal(size=X.shape)
        orders = {order: OracleLambda(FTTC(order=order), lams=[0.1, 1.0]).fit(noisy, y) for order in (0.0, 1.0, 2.0)}
        both = OracleLambda(FTTC(), lams=[0.1, 1.0], orders=list(orders)).fit(noisy, y)
        np.testing.assert_array_equal(both.errors_, np.concatenate([one.errors_ for one in orders.values()]))
        recovered = metrics.relative_rmse(y, both.predict(noisy), multioutput="raw_values")
        np.testing.assert_allclose(recovered, both.errors_.min(axis=0))
        assert OracleLambda(FTTC()).label == "FTTC oracle (lam, whole field)"

    def test_bad_input(self, cells):
        X, y, *_ = cells
        with pytest.raises(ValueError, match="at least one order"):
            OracleLambda(FTTC(), orders=[]).fit(X, y)
        with pytest.raises(ValueError, match="lam"):
            OracleLambda(FTTC(), lams=[-1.0]).fit(X, y)
        with pytest.raises(ValueError, match="at least one lambda"):
            OracleLambda(FTTC(), lams=[]).fit(X, y)
        with pytest.raises(ValueError, match="the true traction"):
            OracleLambda(FTTC()).fit(X, None)
        with pytest.raises(ValueError, match="the 5 fields of fit, got 2"):
            OracleLambda(FTTC(), lams=[1.0]).fit(X, y).predict(X[:2])
