"""Finite input never gives NaN: results that leave the range of their numbers are refused, without a warning."""

from __future__ import annotations

import numpy as np
import pytest

from tfmkit.bayes import BayesianFTTC
from tfmkit.fttc import FTTC
from tfmkit.monolayer import MonolayerStress

FIELD = np.random.default_rng(0).normal(size=(1, 2, 16, 16))
MESSAGE = "Expected finite .* choose units in which all are of ordinary size"


@pytest.mark.parametrize("estimator", [FTTC(0.1, young=1e308), BayesianFTTC(young=1e308)])
@pytest.mark.parametrize("call", [lambda model: model.draw(FIELD, 2, 0), lambda model: model.predict(FIELD)])
def test_draws_of_the_traction(estimator, call):
    model = estimator.fit(FIELD)
    with pytest.raises(ValueError, match=MESSAGE):
        call(model)


def test_samples_of_the_posterior():
    with pytest.raises(ValueError, match=MESSAGE):
        BayesianFTTC(young=1e308).fit(FIELD).sample_y(FIELD, 2, 0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_stress_in_a_sheet(dtype):
    traction = (FIELD * (np.finfo(dtype).max / 1000)).astype(dtype)
    model = MonolayerStress(spacing=1e6).fit(traction)
    with pytest.raises(ValueError, match=MESSAGE):
        model.predict(traction)
