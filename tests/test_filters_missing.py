"""Fields with holes: the filling, the gel of the rounds, and measured vectors that stay."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import config_context
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from tfmkit.base import TractionEstimator
from tfmkit.estimator_checks import parametrize_with_traction_checks
from tfmkit.filters import CutoffFilter, MissingVectorFilter
from tfmkit.fttc import FTTC, FTTCCV
from tfmkit.holes import fill
from tfmkit.metrics import relative_rmse
from tfmkit.simulate import CellSimulator, add_noise

REPLACED = "NaN marks missing vectors; replaced by test_a_wrong_field_with_holes_is_refused"


@pytest.fixture(scope="module")
def cells():
    return CellSimulator("adhesion", shape=48, random_state=3).sample(2)


def with_holes(displacement, share, seed=0):
    lost = np.random.default_rng(seed).random((len(displacement), *displacement.shape[2:])) < share
    return np.where(lost[:, None], np.nan, displacement), lost


@parametrize_with_traction_checks(
    [MissingVectorFilter(FTTC(), n_rounds=1)],
    expected_failed_checks=lambda _: {
        "fields:check_values_refused": REPLACED,
        "folded:check_estimators_nan_inf": REPLACED,
    },
)
def test_contract(estimator, check):
    check(estimator)


@given(seed=st.integers(0, 10_000), share=st.floats(0.0, 0.8), slope=st.floats(-5, 5), shift=st.floats(-5, 5))
@settings(max_examples=20, deadline=None)
def test_a_tilted_plane_is_filled_exactly(seed, share, slope, shift):
    y, x = np.mgrid[:12, :15]
    plane = np.stack([slope * x - y + shift, 2.0 * x + slope * y])
    missing = np.random.default_rng(seed).random((12, 15)) < share
    filled = fill(np.where(missing, np.nan, plane), missing)
    np.testing.assert_allclose(filled, plane, rtol=0, atol=1e-8 * (1 + np.abs(plane).max()))


def test_measured_vectors_stay_and_filling_turns_with_the_field():
    rng = np.random.default_rng(0)
    field, missing = rng.normal(size=(2, 13, 10)), rng.random((13, 10)) < 0.3
    filled = fill(field, missing)
    assert np.array_equal(filled[:, ~missing], field[:, ~missing])
    turned = fill(np.rot90(field, axes=(1, 2)), np.rot90(missing))
    np.testing.assert_allclose(np.rot90(turned, -1, axes=(1, 2)), filled, atol=1e-10)


@pytest.mark.parametrize("keep", [[], [(1, 1), (4, 6)], [(1, 1), (2, 3), (4, 7)]])
def test_too_few_vectors_or_a_line_make_no_plate(keep):
    missing = np.ones((8, 9), dtype=bool)
    for place in keep:
        missing[place] = False
    with pytest.raises(ValueError, match="vectors that are not on one line"):
        fill(np.ones((2, 8, 9)), missing)


def test_holes_cost_little(cells):
    displacement = add_noise(cells.noise_free_displacement, 0.05, unit="rms", random_state=0)
    holed, _ = with_holes(displacement, 0.1)
    complete = -FTTCCV().fit(displacement).score(displacement, cells.traction)
    smooth, one_round = (
        -MissingVectorFilter(FTTCCV(), n_rounds=n).fit(holed).score(holed, cells.traction) for n in (0, 1)
    )
    assert complete < smooth < 1.2 * complete
    assert one_round < 1.15 * complete


def test_a_round_puts_the_predicted_displacement_into_the_holes(cells):
    holed, lost = with_holes(cells.displacement, 0.1)
    seen = []

    class Recorder(FTTC):
        def predict(self, X):
            seen.append(np.array(X))
            return super().predict(X)

    MissingVectorFilter(Recorder(lam=1e-3, spacing=2.0), n_rounds=2).fit(holed).predict(holed)
    assert len(seen) == 3
    for before, after in itertools.pairwise(seen):
        same = (before == after).all(axis=1)
        assert np.array_equal(same, ~lost)


def test_without_holes_nothing_changes(cells):
    plain = FTTC().fit(cells.displacement).predict(cells.displacement)
    assert np.array_equal(
        MissingVectorFilter(FTTC(), n_rounds=3).fit(cells.displacement).predict(cells.displacement), plain
    )


def test_one_component_is_no_vector(cells):
    one, both = cells.displacement.copy(), cells.displacement.copy()
    one[:, 0, 20, 20] = np.nan
    both[:, :, 20, 20] = np.nan
    model = MissingVectorFilter(FTTC()).fit(one)
    assert np.array_equal(model.predict(one), model.predict(both))


def test_the_gel_is_found_inside_pipelines_and_filters(cells):
    holed, _ = with_holes(cells.displacement, 0.1)
    gel = {"young": 500.0, "poisson": 0.3, "spacing": 0.5}
    direct = MissingVectorFilter(FTTC(lam=1e-3, **gel), n_rounds=1).fit(holed).predict(holed)
    piped = make_pipeline(FunctionTransformer(validate=False), FTTC(lam=1e-3, **gel))
    np.testing.assert_allclose(MissingVectorFilter(piped, n_rounds=1).fit(holed).predict(holed), direct)


def test_a_filter_inside_gets_its_mask(cells):
    holed, _ = with_holes(cells.displacement, 0.1)
    model = MissingVectorFilter(CutoffFilter(FTTC(lam=1e-3), percentile=100)).fit(holed)
    with config_context(enable_metadata_routing=True):
        traction = model.predict(holed, mask=cells.mask)
    assert np.count_nonzero(np.hypot(*traction[0])[~cells.mask[0]]) <= 1


def test_a_frozen_estimator_keeps_what_it_learned(cells):
    holed, _ = with_holes(cells.displacement, 0.1)
    fitted = FTTCCV(young=500.0, spacing=0.5).fit(cells.displacement)
    frozen = MissingVectorFilter(FrozenEstimator(fitted), n_rounds=1).fit(holed)
    assert frozen.estimator_.estimator is fitted
    unfrozen = MissingVectorFilter(FTTCCV(young=500.0, spacing=0.5), n_rounds=1).fit(holed)
    np.testing.assert_allclose(frozen.predict(holed), unfrozen.predict(holed))


def test_cross_validation_takes_holes(cells):
    holed, _ = with_holes(cells.displacement, 0.1)
    scores = cross_validate(MissingVectorFilter(FTTC()), holed, cells.traction, cv=2)["test_score"]
    assert np.isfinite(scores).all()
    assert relative_rmse(cells.traction, MissingVectorFilter(FTTC()).fit(holed).predict(holed)) < 1


class Nameless(TractionEstimator):
    """An estimator that tells no gel."""

    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def predict(self, X):
        return np.zeros_like(X)


def test_an_estimator_without_a_gel_gets_the_smooth_filling_only(cells):
    with pytest.raises(ValueError, match="parameters young, poisson and spacing for n_rounds > 0, but Nameless lacks"):
        MissingVectorFilter(Nameless(), n_rounds=1).fit(cells.displacement)
    assert not MissingVectorFilter(Nameless()).fit(cells.displacement).predict(cells.displacement).any()


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_a_wrong_field_with_holes_is_refused(cells, value):
    displacement = cells.displacement.copy()
    model = MissingVectorFilter(FTTC()).fit(displacement)
    with pytest.raises(ValueError, match="n_rounds"):
        MissingVectorFilter(FTTC(), n_rounds=-1).fit(displacement)
    with pytest.raises(ValueError, match="shape"):
        model.predict(displacement[0])
    displacement[0, 0, 3, 3] = value
    with pytest.raises(ValueError, match="finite"):
        model.predict(displacement)
    with pytest.raises(ValueError, match="not on one line"):
        model.predict(np.full_like(displacement, np.nan))
