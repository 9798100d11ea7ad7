"""scikit-learn's searches and pipelines over tfmkit's estimators, together in one grid."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import Pipeline

from tfmkit.bayes import BayesianFTTC
from tfmkit.deep import DeepTFM
from tfmkit.fttc import FTTC, FTTCCV
from tfmkit.gel import ForwardOperator
from tfmkit.metrics import relative_rmse
from tfmkit.scoring import get_scorer
from tfmkit.sparse import ElasticNetTFM


@pytest.fixture(scope="module")
def cells():
    rng = np.random.default_rng(0)
    traction = np.zeros((6, 2, 16, 16))
    traction[:, :, 6:8, 5:11] = 1000 * rng.normal(size=(6, 2, 1, 1))
    traction[:, :, 9:11, 5:11] = -traction[:, :, 6:8, 5:11]
    displacement = ForwardOperator(16).apply(traction)
    mask = np.zeros((6, 16, 16), dtype=bool)
    mask[:, 4:13, 3:13] = True
    return displacement + 0.05 * displacement.std() * rng.normal(size=displacement.shape), traction, mask


def deep(**params):
    return DeepTFM(module__widths=(2, 4), max_epochs=1, random_state=0, verbose=0, **params)


def test_one_grid_over_both_estimators(cells):
    displacement, traction, _ = cells
    lams, rates = [1e-3, 1e-1, 1e3], [1e-4, 1e-2]
    grid = [{"model": [FTTC()], "model__lam": lams}, {"model": [deep()], "model__lr": rates}]
    search = GridSearchCV(Pipeline([("model", FTTC())]), grid, cv=KFold(2), scoring=get_scorer("neg_relative_rmse"))
    search.fit(displacement, traction)
    candidates = search.cv_results_["params"]
    assert [type(params["model"]).__name__ for params in candidates] == ["FTTC"] * 3 + ["DeepTFM"] * 2
    errors = [relative_rmse(traction, FTTC(lam).fit(displacement).predict(displacement)) for lam in lams]
    np.testing.assert_allclose(search.cv_results_["mean_test_score"][:3], -np.array(errors))
    scores = search.cv_results_["mean_test_score"]
    assert search.best_params_ == candidates[int(np.argmax(scores))]
    assert np.isfinite(scores).all()


@pytest.mark.filterwarnings("ignore:The best lambda")
def test_one_grid_over_every_estimator_lambda_and_order(cells):
    displacement, traction, _ = cells
    lams, orders = [1e-2, 10.0], [0.0, 1.0]
    grid = [
        {
            "model": [FTTC()],
            "model__boundary": ["periodic", "extended", "open"],
            "model__lam": lams,
            "model__order": orders,
        },
        {"model": [FTTCCV()], "model__orders": [[0.0], [1.0]], "model__criterion": ["risk", "gcv"]},
        {"model": [BayesianFTTC()], "model__order": orders},
        {"model": [ElasticNetTFM()], "model__lam1": [1.0, 2.0], "model__order": orders},
        {"model": [deep()]},
    ]
    search = GridSearchCV(Pipeline([("model", FTTC())]), grid, cv=KFold(2)).fit(displacement, traction)
    table = pd.DataFrame(search.cv_results_)
    table["model"] = [type(params["model"]).__name__ for params in search.cv_results_["params"]]
    best = -table.groupby("model")["mean_test_score"].max()
    assert table["model"].value_counts().to_dict() == {
        "FTTC": 12, "FTTCCV": 4, "BayesianFTTC": 2, "ElasticNetTFM": 4, "DeepTFM": 1
    }  # fmt: skip
    assert np.isfinite(table["mean_test_score"]).all()
    # No traction at all has an error of 1.
    assert (best < 0.5).all()
    assert -search.best_score_ == best.min()
    # The row of a candidate is its own cross-validated score.
    alone = [relative_rmse(traction, FTTC(10.0, order=1.0).fit(displacement).predict(displacement))]
    row = table[(table["param_model__boundary"] == "extended") & (table["param_model__order"] == 1.0)]
    np.testing.assert_allclose(-row["mean_test_score"].iloc[-1:], alone, rtol=1e-6)


def test_rates_and_widths_of_the_network(cells):
    displacement, traction, _ = cells
    grid = {"lr": [1e-4, 1e-2], "module__widths": [(2, 4), (4, 8)]}
    search = GridSearchCV(deep(), grid, cv=KFold(2)).fit(displacement.astype(np.float32), traction.astype(np.float32))
    scores = search.cv_results_["mean_test_score"]
    assert len(set(scores)) == 4
    refitted = clone(deep()).set_params(**search.best_params_)
    refitted.fit(displacement.astype(np.float32), traction.astype(np.float32))
    np.testing.assert_array_equal(search.predict(displacement), refitted.predict(displacement))


def test_mask_is_routed_to_the_scores_of_both(cells):
    displacement, traction, mask = cells
    grid = [{"model": [FTTC()], "model__lam": [1e-3, 1e-1]}, {"model": [deep()]}]
    with config_context(enable_metadata_routing=True):
        search = GridSearchCV(Pipeline([("model", FTTC())]), grid, cv=KFold(2)).fit(displacement, traction, mask=mask)
    errors = [
        relative_rmse(traction, FTTC(lam).fit(displacement).predict(displacement), mask=mask) for lam in (1e-3, 1e-1)
    ]
    np.testing.assert_allclose(search.cv_results_["mean_test_score"][:2], -np.array(errors))
    assert np.isfinite(search.cv_results_["mean_test_score"][2])
