"""The default score, the tags and the way of a mask to `predict`."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags

from tfmkit.base import predict_inside
from tfmkit.filters import CutoffFilter
from tfmkit.fttc import FTTC
from tfmkit.metrics import relative_rmse

X = np.random.default_rng(0).normal(size=(4, 2, 16, 16))
MASK = np.zeros((4, 16, 16), dtype=bool)
MASK[:, 4:12, 4:12] = True


def test_score_is_minus_the_relative_error():
    fitted = FTTC(lam=1.0).fit(X)
    assert fitted.score(X, X) == -relative_rmse(X, fitted.predict(X))
    assert fitted.score(X, X, mask=MASK) == -relative_rmse(X, fitted.predict(X), mask=MASK)


def test_weights_of_fields():
    fitted = FTTC(lam=1.0).fit(X)
    raw = relative_rmse(X, fitted.predict(X), multioutput="raw_values")
    assert fitted.score(X, X, [0, 1, 0, 3]) == pytest.approx(-(raw[1] + 3 * raw[3]) / 4)
    for weights in ([1, 2, 3], [0, 0, 0, 0], [1, 1, 1, -1], [1, 1, 1, np.nan]):
        with pytest.raises(ValueError, match="4 finite weights >= 0"):
            fitted.score(X, X, weights)


def test_tags_tell_that_data_are_fields():
    tags = get_tags(FTTC())
    assert tags.estimator_type == "regressor"
    assert not tags.input_tags.two_d_array
    assert tags.target_tags.multi_output
    assert not tags.target_tags.required


@pytest.mark.parametrize("wrap", [lambda model: model, lambda model: Pipeline([("model", model)])])
def test_mask_reaches_only_those_who_ask(wrap):
    plain = wrap(FTTC()).fit(X)
    np.testing.assert_array_equal(predict_inside(plain, X, MASK), plain.predict(X))
    direct = CutoffFilter(FTTC()).fit(X).predict(X, mask=MASK)
    np.testing.assert_array_equal(predict_inside(wrap(CutoffFilter(FTTC())).fit(X), X, MASK), direct)
    with pytest.raises(ValueError, match="mask of the cell"):
        predict_inside(wrap(CutoffFilter(FTTC())).fit(X), X, None)


def test_search_predicts_without_a_mask():
    search = GridSearchCV(FTTC(), {"lam": [0.1, 1.0]}, cv=KFold(2)).fit(X, X)
    np.testing.assert_array_equal(predict_inside(search, X, MASK), search.best_estimator_.predict(X))
