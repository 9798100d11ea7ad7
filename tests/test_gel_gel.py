"""The gel as one value: units, checks, and the moment at which estimators read it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from tfmkit import FTTC, FTTCCV, BayesianFTTC, DeepTFM, ElasticNetTFM
from tfmkit.gel import ForwardOperator, Gel

ESTIMATORS = {
    "FTTC": FTTC(0.1),
    "FTTC, open": FTTC(0.1, boundary="open"),
    "FTTCCV": FTTCCV(),
    "BayesianFTTC": BayesianFTTC(),
    "ElasticNetTFM": ElasticNetTFM(),
}


@pytest.fixture(scope="module")
def displacement():
    """Displacement of two opposed squares, with noise."""
    traction = np.zeros((1, 2, 32, 32))
    traction[0, 0, 8:12, 8:12], traction[0, 0, 20:24, 20:24] = 1_000.0, -1_000.0
    clean = ForwardOperator(32).apply(traction)
    return clean + np.random.default_rng(0).normal(scale=0.02 * clean.std(), size=clean.shape)


def test_lengths_become_pixels():
    assert Gel(thickness=None) == Gel(thickness=np.inf)
    gel = Gel(spacing=1.5, thickness=30.0, depth=3.0)
    assert (gel.thickness_in_pixels, gel.depth_in_pixels) == (20.0, 2.0)
    assert gel.dimensionless == Gel(1.0, gel.poisson, 1.0, 20.0, 2.0)
    assert gel.on_grid(1 / 3).thickness_in_pixels == pytest.approx(60.0)
    assert gel.surface.is_half_space
    assert not gel.is_half_space


@pytest.mark.parametrize("thickness", ["thin", True, np.nan, 0, -1.0])
def test_thickness_is_checked(thickness):
    with pytest.raises(ValueError, match="thickness"):
        Gel(thickness=thickness)


@pytest.mark.parametrize("change", [{"young": 0}, {"poisson": 0.51}, {"spacing": -1}, {"depth": -0.1}])
def test_numbers_are_checked(change):
    with pytest.raises(ValueError, match=next(iter(change))):
        Gel(**change)


def test_gels_of_one_elasticity_share_their_symbols():
    assert Gel(1.0, 0.4, 2.0, 8.0).dimensionless == Gel(9.0, 0.4, 1.0, 4.0).dimensionless
    assert hash(Gel(young=3.0)) == hash(Gel(young=3.0))


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("change", [{"young": 20_000.0}, {"poisson": 0.3}, {"spacing": 2.0}, {"thickness": 5.0}])
def test_a_parameter_of_the_gel_counts_from_the_next_fit_on(name, change, displacement):
    model = clone(ESTIMATORS[name]).fit(displacement)
    before = model.predict(displacement)
    model.set_params(**change)
    assert_array_equal(model.predict(displacement), before)
    after = model.fit(displacement).predict(displacement)
    assert np.abs(after - before).max() > 1e-3 * np.abs(before).max()


def test_the_network_reads_its_gel_when_it_is_loaded(displacement):
    model = DeepTFM.from_pretrained("small")
    before = model.predict(displacement)
    assert_array_equal(model.set_params(young=20_000.0).predict(displacement), before)


@pytest.mark.parametrize("name", ["FTTC", "FTTCCV", "BayesianFTTC", "ElasticNetTFM"])
def test_traction_scales_with_the_unit_of_the_gel(name, displacement):
    plain = clone(ESTIMATORS[name]).fit(displacement).predict(displacement)
    other = clone(ESTIMATORS[name]).set_params(young=21_340.0, spacing=3.0).fit(3 * displacement)
    assert_allclose(other.predict(3 * displacement), 2 * plain, rtol=1e-6, atol=1e-6 * np.abs(plain).max())
