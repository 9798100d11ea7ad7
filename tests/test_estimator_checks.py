"""The contract holds for every estimator of the package, and every check of it can fail."""

from __future__ import annotations

import random

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from tfmkit._validation import check_field, check_pair
from tfmkit.base import TractionEstimator
from tfmkit.bayes import BayesianFTTC
from tfmkit.deep import DeepTFM
from tfmkit.estimator_checks import (
    FoldedEstimator,
    check_traction_estimator,
    parametrize_with_traction_checks,
    traction_checks_generator,
)
from tfmkit.estimator_checks.field_checks import FIELD_CHECKS
from tfmkit.filters import CutoffFilter
from tfmkit.fttc import FTTC, FTTCCV
from tfmkit.sparse import ElasticNetTFM

ESTIMATORS = [
    FTTC(),
    FTTC(lam=0.0, poisson=0.5, young=1.0, spacing=3.0),
    FTTC(lam=0.5, boundary="periodic"),
    FTTC(lam=0.5, boundary="open", order=1.0),
    FTTCCV(orders=[0.0, 1.0]),
    BayesianFTTC(),
    ElasticNetTFM(lam2=1.0, tol=0.5),
    CutoffFilter(FTTC(), percentile=50),
    DeepTFM(module__widths=(2, 4), max_epochs=1, random_state=0, verbose=0),
]
NETWORK_FAILURES = {
    "api:check_no_attributes_set_in_init": "skorch keeps its state in attributes that exist before fit",
    "folded:check_methods_subset_invariance": "networks compute in float32; replaced by fields:check_batch_invariance",
}


def expected_failures(estimator):
    return NETWORK_FAILURES if isinstance(estimator, DeepTFM) else {}


@parametrize_with_traction_checks(ESTIMATORS, expected_failed_checks=expected_failures)
def test_contract(estimator, check):
    check(estimator)


class Sound(TractionEstimator):
    """Half the displacement: keeps the contract, so that each subclass below breaks just one clause."""

    def __init__(self, factor=0.5):
        self.factor = factor

    def fit(self, X, y=None):
        check_field(X) if y is None else check_pair(X, y)
        self.factor_ = self.factor
        return self

    def predict(self, X):
        check_is_fitted(self)
        return check_field(X) * self.factor_


class FitReturnsNothing(Sound):
    def fit(self, X, y=None):
        super().fit(X, y)


class PredictsUnfitted(Sound):
    def predict(self, X):
        return check_field(X) * self.factor


class LearnsFromAnOptionalTarget(Sound):
    def fit(self, X, y=None):
        super().fit(X, y)
        self.factor_ = 0.5 if y is None else float(np.mean(y))
        return self


class AcceptsNoTargetThoughRequired(Sound):
    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags


class ChangesItsParameter(Sound):
    def fit(self, X, y=None):
        self.factor = 0.25
        return super().fit(X, y)


class SetsPublicAttribute(Sound):
    def fit(self, X, y=None):
        self.n_fields = len(X)
        return super().fit(X, y)


class WritesToItsInput(Sound):
    def predict(self, X):
        check_is_fitted(self)
        displacement = check_field(X)
        displacement *= self.factor_
        return displacement.copy()


class HandsOutItsBuffer(Sound):
    def predict(self, X):
        new = super().predict(X)
        self._buffer = getattr(self, "_buffer", new)
        return self._buffer if self._buffer.shape == new.shape else new


class DriftsWithEveryFit(Sound):
    def fit(self, X, y=None):
        factor = getattr(self, "factor_", 0) + 1.0
        super().fit(X, y)
        self.factor_ = factor
        return self


class RemembersTheFirstFit(Sound):
    def fit(self, X, y=None):
        known = getattr(self, "factor_", None)
        super().fit(X, y)
        self.factor_ = np.std(X) if known is None else known
        return self


class AlwaysDouble(Sound):
    def predict(self, X):
        return super().predict(X).astype(np.float64)


class DependsOnLayout(Sound):
    def predict(self, X):
        contiguous = isinstance(X, np.ndarray) and X.flags.c_contiguous
        return super().predict(X) * (1 if contiguous else 2)


class CropsToEven(Sound):
    def predict(self, X):
        traction = super().predict(X)
        height, width = traction.shape[2:]
        return traction[:, :, : height // 2 * 2, : width // 2 * 2]


class DividesByZeroOnOddGrids(Sound):
    def predict(self, X):
        traction = super().predict(X)
        return traction if traction.shape[2] % 2 == 0 else traction * np.nan


class NormalisesOverTheBatch(Sound):
    def predict(self, X):
        traction = super().predict(X)
        return traction / np.abs(traction).max()


class DependsOnTheOrder(Sound):
    def predict(self, X):
        traction = super().predict(X)
        if len(traction) > 1:
            traction[0] *= 2
        return traction


class NormalisesEachField(Sound):
    def predict(self, X):
        traction = super().predict(X)
        with np.errstate(invalid="ignore"):
            return traction / np.abs(traction).max(axis=(1, 2, 3), keepdims=True)


class ForgetsWhenPickled(Sound):
    def __getstate__(self):
        return {**super().__getstate__(), "factor_": 0.0}


class ScoresByCorrelation(Sound):
    def score(self, X, y, sample_weight=None, *, mask=None):
        return float(np.corrcoef(np.ravel(y), np.ravel(self.predict(X)))[0, 1])


class ScoresAsArray(Sound):
    def score(self, X, y, sample_weight=None, *, mask=None):
        return np.array([super().score(X, y, mask=mask)])


class DrawsFromNumPy(Sound):
    def fit(self, X, y=None):
        np.random.random()  # noqa: NPY002 - the fault to find
        return super().fit(X, y)


class DrawsFromPython(Sound):
    def predict(self, X):
        random.random()  # noqa: S311 - the fault to find
        return super().predict(X)


class TakesASingleField(Sound):
    def predict(self, X):
        X = np.asarray(X)
        return super().predict(X[None])[0] if X.ndim == 3 else super().predict(X)


class FitsAnything(Sound):
    def fit(self, X, y=None):
        self.factor_ = self.factor
        return self


class MendsNaN(Sound):
    def predict(self, X):
        X = np.asarray(X)
        return super().predict(np.nan_to_num(X) if X.dtype.kind == "f" else X)


class DropsTheImaginaryPart(Sound):
    def fit(self, X, y=None):
        return super().fit(np.real(X), y)


class ComplainsWithoutAWord(Sound):
    def predict(self, X):
        try:
            return super().predict(X)
        except ValueError as error:
            raise ValueError from error


class IgnoresItsTarget(Sound):
    def fit(self, X, y=None):
        return super().fit(X)


BROKEN = {
    "check_fit_returns_self": [FitReturnsNothing],
    "check_unfitted_refused": [PredictsUnfitted],
    "check_target_when_required": [LearnsFromAnOptionalTarget, AcceptsNoTargetThoughRequired],
    "check_parameters_untouched": [ChangesItsParameter, SetsPublicAttribute],
    "check_input_untouched": [WritesToItsInput],
    "check_output_fresh": [HandsOutItsBuffer],
    "check_fit_idempotent": [DriftsWithEveryFit],
    "check_fit_forgets": [DriftsWithEveryFit, RemembersTheFirstFit],
    "check_dtype_kept": [AlwaysDouble],
    "check_any_layout": [DependsOnLayout],
    "check_any_grid": [CropsToEven, DividesByZeroOnOddGrids],
    "check_batch_invariance": [NormalisesOverTheBatch, DependsOnTheOrder],
    "check_zero_field": [NormalisesEachField],
    "check_pickle": [ForgetsWhenPickled],
    "check_score": [ScoresByCorrelation, ScoresAsArray],
    "check_generators_untouched": [DrawsFromNumPy, DrawsFromPython],
    "check_shape_refused": [TakesASingleField, FitsAnything, ComplainsWithoutAWord],
    "check_values_refused": [MendsNaN, DropsTheImaginaryPart, FitsAnything],
    "check_wrong_target_refused": [IgnoresItsTarget, FitsAnything],
}


def test_sound_estimator_passes_everything():
    check_traction_estimator(Sound())


def test_every_check_is_broken_by_somebody():
    assert set(BROKEN) == {check.__name__ for check in FIELD_CHECKS}


@pytest.mark.parametrize(("name", "estimator"), [(name, cls()) for name, classes in BROKEN.items() for cls in classes])
def test_check_finds_the_fault(name, estimator):
    check = next(check for check in FIELD_CHECKS if check.__name__ == name)
    check(Sound())
    with pytest.raises((AssertionError, ValueError, AttributeError, TypeError)):
        check(estimator)


class ValidatesInTheConstructor(Sound):
    def __init__(self, factor=0.5):
        self.factor = float(factor)


class NoMixin(BaseEstimator):
    def __init__(self, *factors):
        self.factors = factors


@pytest.mark.parametrize("estimator", [ValidatesInTheConstructor(factor=1), NoMixin()])
def test_checks_without_data_find_faults(estimator):
    with pytest.raises(AssertionError, match="breaks its contract"):
        check_traction_estimator(estimator)


class ChangesWithTheOrderOfRows(Sound):
    """Only in batches larger than the checks on fields use: left to scikit-learn's own check."""

    def predict(self, X):
        traction = super().predict(X)
        return traction * np.arange(1, len(traction) + 1)[:, None, None, None] if len(traction) > 10 else traction


def test_folded_checks_find_faults():
    with pytest.raises(AssertionError, match="folded:check_methods_sample_order_invariance"):
        check_traction_estimator(ChangesWithTheOrderOfRows())


def test_folded_checks_reach_the_estimator():
    with pytest.raises(ValueError, match="Expected finite displacement"):
        FoldedEstimator(Sound()).fit(np.full((3, 4), np.nan), np.ones(3))
    with pytest.raises(ValueError, match="Expected finite traction"):
        FoldedEstimator(Sound()).fit(np.ones((3, 4)), np.full(3, np.inf))


def test_folding_keeps_rows_and_outputs_apart():
    rows = np.random.default_rng(0).normal(size=(5, 700))
    single = FoldedEstimator(Sound()).fit(rows, rows[:, 0])
    np.testing.assert_array_equal(single.predict(rows), rows[:, 0] / 2)
    several = FoldedEstimator(Sound()).fit(rows, rows[:, :600])
    np.testing.assert_array_equal(several.predict(rows), rows[:, :600] / 2)


def test_expected_failures_are_strict():
    expected = {"fields:check_dtype_kept": "computes in double precision"}
    check_traction_estimator(AlwaysDouble(), expected_failed_checks=expected)
    with pytest.raises(AssertionError, match="fields:check_dtype_kept: expected to fail .*but passes"):
        check_traction_estimator(Sound(), expected_failed_checks=expected)


@parametrize_with_traction_checks(
    [AlwaysDouble()], expected_failed_checks=lambda _: {"fields:check_dtype_kept": "computes in double precision"}
)
def test_parametrised_expected_failures(estimator, check):
    check(estimator)


def test_all_three_parts_run():
    names = [str(check) for _, check in traction_checks_generator(Sound())]
    for part in ("check_parameters_default_constructible", "check_any_grid", "check_fit2d_predict1d"):
        assert any(part in name for name in names), f"{part} is missing"
