"""The cutoff filter: which vectors go, and how the mask gets there."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, KFold, cross_validate
from sklearn.pipeline import Pipeline

from tfmkit.base import TractionEstimator
from tfmkit.filters import CutoffFilter
from tfmkit.fttc import FTTC
from tfmkit.gel import ForwardOperator
from tfmkit.metrics import relative_rmse


class Echo(TractionEstimator):
    """Predicts its input, so that a test can dictate the traction."""

    def __init__(self, factor=1.0):
        self.factor = factor

    def fit(self, X, y=None, weight=None):
        self.weight_ = weight
        return self

    def predict(self, X, gain=None):
        return self.factor * (1 if gain is None else gain) * np.asarray(X)


@pytest.fixture(scope="module")
def noisy_cells():
    rng = np.random.default_rng(0)
    y = np.zeros((6, 2, 24, 24))
    y[:, :, 8:10, 8:16], y[:, :, 14:16, 8:16] = 2000, -2000
    mask = np.zeros((6, 24, 24), dtype=bool)
    mask[:, 6:18, 6:18] = True
    X = ForwardOperator(24).apply(y)
    return X + 0.05 * X.std() * rng.normal(size=X.shape), y, mask


def test_removes_what_is_shorter_than_the_percentile_outside():
    rng = np.random.default_rng(0)
    traction = rng.normal(size=(3, 2, 16, 16))
    mask = rng.random((3, 16, 16)) < np.array([0.2, 0.5, 0.9])[:, None, None]
    filtered = CutoffFilter(Echo(), percentile=70).fit(traction).predict(traction, mask=mask)
    for field, kept, inside in zip(traction, filtered, mask, strict=True):
        length = np.hypot(*field)
        threshold = np.percentile(length[~inside], 70)
        np.testing.assert_array_equal(kept, np.where(length >= threshold, field, 0))


def test_lowers_the_error_of_noisy_traction(noisy_cells):
    X, y, mask = noisy_cells
    plain = FTTC(lam=1e-3).fit(X)
    filtered = CutoffFilter(plain).fit(X).predict(X, mask=mask)
    assert relative_rmse(y, filtered) < relative_rmse(y, plain.predict(X))
    assert filtered[~np.broadcast_to(mask[:, None], y.shape)].astype(bool).mean() < 0.03


def test_keeps_single_precision():
    X = np.random.default_rng(0).normal(size=(2, 2, 16, 16)).astype(np.float32)
    mask = np.zeros((16, 16), dtype=bool)
    mask[4:12, 4:12] = True
    single = CutoffFilter(FTTC()).fit(X).predict(X, mask=mask)
    double = CutoffFilter(FTTC()).fit(X.astype(float)).predict(X.astype(float), mask=mask)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, double, rtol=0, atol=1e-5 * np.abs(double).max())


def test_score_counts_the_whole_field(noisy_cells):
    X, y, mask = noisy_cells
    filtered = CutoffFilter(FTTC(lam=1e-3)).fit(X)
    assert filtered.score(X, y, mask=mask) == -relative_rmse(y, filtered.predict(X, mask=mask))


def test_bad_input(noisy_cells):
    X, y, mask = noisy_cells
    fitted = CutoffFilter(FTTC()).fit(X)
    with pytest.raises(ValueError, match="Expected a mask of the cell"):
        fitted.predict(X)
    with pytest.raises(ValueError, match="Expected a mask of the cell"):
        fitted.score(X, y)
    with pytest.raises(ValueError, match=r"full mask in field\(s\) \[0, 1, 2, 3, 4, 5\]"):
        fitted.predict(X, mask=np.ones((24, 24), dtype=bool))
    with pytest.raises(ValueError, match="mask of shape"):
        fitted.predict(X, mask=mask[:, :3])
    with pytest.raises(NotFittedError):
        CutoffFilter(FTTC()).predict(X, mask=mask)
    for percentile in (-1, 101, "98", np.nan):
        with pytest.raises(ValueError, match="percentile"):
            CutoffFilter(FTTC(), percentile=percentile).fit(X)


def test_clone_and_nested_parameters():
    original = CutoffFilter(FTTC(lam=0.5), percentile=90)
    copy = clone(original).set_params(estimator__lam=2.0)
    assert (original.estimator.lam, copy.estimator.lam, copy.percentile) == (0.5, 2.0, 90)


def test_grid_search_in_a_pipeline_gets_the_mask(noisy_cells):
    X, y, mask = noisy_cells
    mask = mask.copy()
    mask[::2, 18:20] = True
    pipeline = Pipeline([("model", CutoffFilter(FTTC(lam=1e-3)))])
    grid = {"model__estimator__lam": [1e-4, 1e-2, 1e2], "model__percentile": [0, 98]}
    with config_context(enable_metadata_routing=True):
        search = GridSearchCV(pipeline, grid, cv=KFold(3)).fit(X, y, mask=mask)
    errors = [
        relative_rmse(y, CutoffFilter(FTTC(lam), percentile=percentile).fit(X).predict(X, mask=mask))
        for lam in grid["model__estimator__lam"]
        for percentile in grid["model__percentile"]
    ]
    np.testing.assert_allclose(search.cv_results_["mean_test_score"], -np.array(errors))


def test_cross_validation_cuts_the_mask_with_the_folds(noisy_cells):
    X, y, mask = noisy_cells
    mask = mask.copy()
    mask[::2, 18:20] = True
    with config_context(enable_metadata_routing=True):
        results = cross_validate(CutoffFilter(FTTC()), X, y, cv=KFold(2), params={"mask": mask})
    fitted = CutoffFilter(FTTC()).fit(X)
    expected = [fitted.score(X[test], y[test], mask=mask[test]) for _, test in KFold(2).split(X)]
    np.testing.assert_allclose(results["test_score"], expected)


class TestMetadataOfTheEstimator:
    X = np.ones((2, 2, 16, 16))
    mask = np.zeros((16, 16), dtype=bool)

    def test_is_routed_in_fit_and_predict(self):
        with config_context(enable_metadata_routing=True):
            echo = Echo().set_fit_request(weight=True).set_predict_request(gain=True)
            fitted = CutoffFilter(echo).fit(self.X, weight=3)
            predicted = fitted.predict(self.X, mask=self.mask, gain=2.0)
            score = fitted.score(self.X, self.X, mask=self.mask, gain=2.0)
        assert fitted.estimator_.weight_ == 3
        np.testing.assert_array_equal(predicted, 2 * self.X)
        assert score == pytest.approx(-1)

    def test_is_refused_without_routing(self):
        with pytest.raises(ValueError, match=r"\['gain'\] only with metadata routing"):
            CutoffFilter(Echo()).fit(self.X).predict(self.X, mask=self.mask, gain=2.0)


def test_tags_follow_the_estimator():
    class Learner(Echo):
        def __sklearn_tags__(self):
            tags = super().__sklearn_tags__()
            tags.target_tags.required = True
            tags.non_deterministic = True
            return tags

    assert isinstance(CutoffFilter(Learner()), BaseEstimator)
    tags = CutoffFilter(Learner()).__sklearn_tags__()
    assert tags.target_tags.required
    assert tags.non_deterministic
    assert not CutoffFilter(Echo()).__sklearn_tags__().target_tags.required
