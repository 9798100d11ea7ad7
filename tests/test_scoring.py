"""Scorers by name, alone and in scikit-learn's cross-validation."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from sklearn import config_context
from sklearn.metrics import make_scorer, r2_score
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score, cross_validate, learning_curve
from sklearn.pipeline import Pipeline

from tfmkit import DeepTFM, metrics
from tfmkit.estimator_checks import FoldedEstimator
from tfmkit.filters import CutoffFilter
from tfmkit.fttc import FTTC, FTTCCV
from tfmkit.gel import ForwardOperator
from tfmkit.scoring import get_scorer, get_scorer_names


@pytest.fixture(scope="module")
def cells():
    rng = np.random.default_rng(0)
    y = np.zeros((6, 2, 16, 16))
    y[:, :, 4:12, 4:12] = 1000 * rng.normal(size=(6, 2, 8, 8))
    patches = np.zeros((6, 16, 16), dtype=int)
    patches[:, 4:8, 4:12], patches[:, 8:12, 4:12] = 1, 2
    X = ForwardOperator(16).apply(y)
    return X + 0.001 * rng.normal(size=X.shape), y, patches


@pytest.mark.parametrize("name", get_scorer_names())
def test_scores_are_metrics_with_the_better_one_greater(name, cells):
    X, y, patches = cells
    fitted = FTTC(lam=1e-4).fit(X)
    scorer = pickle.loads(pickle.dumps(get_scorer(name)))
    with config_context(enable_metadata_routing=True):
        metadata = {"mask": patches > 0} if "mask" in repr(scorer.get_metadata_routing()) else {"patches": patches}
        score = scorer(fitted, X, y, **metadata)
        worse = scorer(FTTC(lam=1e4).fit(X), X, y, **metadata)
    bare = name.removeprefix("neg_").removeprefix("absolute_")
    raw = getattr(metrics, bare)(y, fitted.predict(X), multioutput="raw_values", **metadata)
    raw = np.abs(raw) if "absolute" in name else raw
    assert score == pytest.approx(-raw.mean() if name.startswith("neg_") else raw.mean())
    # Too much regularisation shrinks the background as well: alone it looks better there.
    assert (score > worse) == (name != "neg_absolute_dtmb")


def test_absolute_scores_do_not_let_fields_cancel(cells):
    X, y, patches = cells
    fitted = FTTC(lam=1e-4).fit(X)
    doubled = y * np.array([0.5, 2, 0.5, 2, 0.5, 2])[:, None, None, None]
    with config_context(enable_metadata_routing=True):
        score = get_scorer("neg_absolute_dtma")(fitted, X, doubled, patches=patches)
    assert score < -abs(metrics.dtma(doubled, fitted.predict(X), patches=patches))


def test_unknown_name():
    with pytest.raises(ValueError, match="'neg_relative_rmse'.*got 'r2'"):
        get_scorer("r2")


@pytest.mark.parametrize(
    "scoring",
    ["r2", make_scorer(r2_score), ["r2", "neg_mean_squared_error"], {"ours": get_scorer("csta"), "theirs": "r2"}],
)
@pytest.mark.parametrize(
    "estimator",
    [FTTC(), Pipeline([("solver", FTTC())]), CutoffFilter(FTTC()), DeepTFM(module__widths=(2, 4), verbose=0)],
    ids=lambda estimator: type(estimator).__name__,
)
def test_metrics_of_tables_are_refused_before_the_first_fold(cells, estimator, scoring):
    X, y, _ = cells
    message = r"Expected a scorer of fields, got .*get_scorer\(name\) with one of 'csta', .*'neg_relative_rmse'"
    with pytest.raises(ValueError, match=message):
        GridSearchCV(estimator, {}, cv=2, scoring=scoring, refit=False).fit(X, y)
    with pytest.raises(ValueError, match=message):
        cross_validate(estimator, X, y, cv=2, scoring=scoring)


def test_metrics_of_tables_are_refused_by_curves_and_by_the_search_of_fttccv(cells):
    X, y, _ = cells
    with pytest.raises(ValueError, match="Expected a scorer of fields, got 'r2'"):
        learning_curve(FTTC(), X, y, cv=2, scoring="r2", train_sizes=[2])
    with pytest.raises(ValueError, match="Expected a scorer of fields, got 'r2_score'"):
        cross_val_score(FTTC(), X, y, cv=2, scoring="r2")
    with pytest.raises(ValueError, match="Expected a scorer of fields, got 'r2'"):
        FTTCCV([0.1, 1.0], cv=2, scoring="r2").fit(X, y)


def test_metrics_of_tables_serve_for_tables(cells):
    rows = np.random.default_rng(0).normal(size=(6, 5))
    scores = cross_validate(FoldedEstimator(FTTC()), rows, rows, cv=KFold(2), scoring="r2", error_score="raise")
    for score, (train, test) in zip(scores["test_score"], KFold(2).split(rows), strict=True):
        predicted = FoldedEstimator(FTTC()).fit(rows[train], rows[train]).predict(rows[test])
        left = np.square(rows[test] - predicted).sum(axis=0)
        total = np.square(rows[test] - rows[test].mean(axis=0)).sum(axis=0)
        assert score == pytest.approx(np.mean(1 - left / total))


def test_cross_validation_cuts_the_mask_with_the_folds(cells):
    X, y, patches = cells
    mask = patches > 0
    mask[::2, :, :6] = False  # another cell for every other field
    scoring = {"inside": get_scorer("neg_relative_rmse"), "dtma": get_scorer("neg_absolute_dtma")}
    with config_context(enable_metadata_routing=True):
        results = cross_validate(FTTC(), X, y, cv=KFold(3), scoring=scoring, params={"mask": mask, "patches": patches})
        default = cross_validate(FTTC(), X, y, cv=KFold(3), params={"mask": mask})
    for i, (_, test) in enumerate(KFold(3).split(X)):
        expected = -metrics.relative_rmse(y[test], FTTC().fit(X).predict(X[test]), mask=mask[test])
        assert results["test_inside"][i] == pytest.approx(expected)
        assert default["test_score"][i] == pytest.approx(expected)


def test_without_routing_the_whole_field_counts(cells):
    X, y, _ = cells
    results = cross_validate(FTTC(), X, y, cv=KFold(3), scoring=get_scorer("neg_relative_rmse"))
    expected = [-metrics.relative_rmse(y[test], FTTC().fit(X).predict(X[test])) for _, test in KFold(3).split(X)]
    np.testing.assert_allclose(results["test_score"], expected)


def test_grid_search_over_lambda_finds_the_best_one(cells):
    X, y, _ = cells
    lams = [1e-8, 1e-4, 1e-2, 1.0, 100.0]
    search = GridSearchCV(FTTC(), {"lam": lams}, scoring=get_scorer("neg_relative_rmse"), cv=KFold(3)).fit(X, y)
    errors = [metrics.relative_rmse(y, FTTC(lam=lam).fit(X).predict(X)) for lam in lams]
    assert search.best_params_ == {"lam": lams[int(np.argmin(errors))]}
    assert search.best_score_ == pytest.approx(-min(errors))
    assert search.predict(X).shape == X.shape
