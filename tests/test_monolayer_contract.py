"""The estimators of stress keep the contract of tfmkit's estimators."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from tfmkit.estimator_checks import parametrize_with_traction_checks
from tfmkit.monolayer import BayesianStress, MonolayerStress

ESTIMATORS = [
    MonolayerStress(),
    MonolayerStress(0.0, boundary="free", spacing=2.0, height=3.0),
    BayesianStress(noise=100.0),
    BayesianStress(poisson=0.3, noise=20.0, boundary="sliding"),
]
EXPECTED_FAILURES = {
    "fields:check_any_grid": "stress has three components; replaced by test_any_grid",
    "fields:check_score": "there is no true stress to score against",
}


@parametrize_with_traction_checks(ESTIMATORS, expected_failed_checks=lambda estimator: EXPECTED_FAILURES)
def test_contract(estimator, check):
    check(estimator)


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=repr)
@pytest.mark.parametrize("shape", [(16, 16), (17, 17), (16, 23), (21, 18)])
def test_any_grid(estimator, shape):
    traction = 1000 * np.random.default_rng(0).standard_normal((2, 2, *shape)).astype(np.float32)
    mask = np.zeros(shape, dtype=bool)
    mask[3:-3, 2:] = True
    stress = estimator.fit(traction).predict(traction, mask=mask)
    assert stress.shape == (2, 3, *shape)
    assert stress.dtype == np.float32
    assert np.array_equal(np.isfinite(stress).all(axis=(0, 1)), mask)


@pytest.mark.parametrize("estimator", [MonolayerStress(), BayesianStress(noise=1.0)], ids=repr)
@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"poisson": 1.0}, "poisson"),
        ({"poisson": "0.5"}, "poisson"),
        ({"boundary": "open"}, "boundary"),
        ({"spacing": 0}, "spacing"),
        ({"height": -1.0}, "height"),
        ({"cell_size": 0.0}, "cell_size"),
    ],
)
def test_wrong_parameters_are_refused_in_fit(estimator, settings, name):
    with pytest.raises(ValueError, match=name):
        type(estimator)(**settings).fit(np.zeros((1, 2, 9, 9)))


@pytest.mark.parametrize("mask", [np.ones((9, 8)), np.ones((3, 9, 9)), np.full((9, 9), 0.5)])
def test_wrong_masks_are_refused(mask):
    model = MonolayerStress().fit(np.zeros((1, 2, 9, 9)))
    with pytest.raises(ValueError, match=r"mask|whole"):
        model.predict(np.zeros((1, 2, 9, 9)), mask=mask)


def test_draw_before_fit_is_refused():
    with pytest.raises(NotFittedError):
        MonolayerStress().draw(np.zeros((2, 1, 2, 9, 9)))
