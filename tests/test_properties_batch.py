"""Estimators know neither the order of fields, nor the company of a field in its batch, nor the unit of length.

The fields differ in noise by a factor of ten, so that each has a lambda of its own, and each has another mask.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from tfmkit.bayes import BayesianFTTC
from tfmkit.deep import DeepTFM
from tfmkit.fttc import FTTC, FTTCCV
from tfmkit.fttc.criteria import CRITERIA
from tfmkit.gel import ForwardOperator
from tfmkit.noise.measure import level_of, noise_level, noise_spectrum
from tfmkit.simulate import add_noise
from tfmkit.sparse import ElasticNetTFM

SIDE, YOUNG = 32, 10_670.0


def displacements() -> tuple[np.ndarray, np.ndarray]:
    """Four fields under noise of 0.4, 0.02, 0.15 and 0.4 times their RMS, the last of them smooth, and four masks."""
    traction = np.zeros((4, 2, SIDE, SIDE))
    for index, (y, x) in enumerate([(10, 12), (20, 18), (14, 20), (18, 11)]):
        traction[index, index % 2, y - 4 : y - 1, x - 2 : x + 2] = 2_000.0
        traction[index, index % 2, y + 1 : y + 4, x - 2 : x + 2] = -2_000.0
    moved = ForwardOperator(SIDE).apply(traction)
    levels, correlations = (0.4, 0.02, 0.15, 0.4), (0.0, 0.0, 0.0, 2.0)
    for index in range(4):
        settings: dict[str, Any] = {"unit": "rms", "correlation": correlations[index], "random_state": index}
        moved[index] = add_noise(moved[index : index + 1], levels[index], **settings)[0]
    y, x = np.mgrid[:SIDE, :SIDE]
    masks = [np.hypot(y - cy, x - cx) < 9 for cy, cx in ((10, 12), (20, 18), (14, 20), (18, 11))]
    return moved, np.stack(masks)


FIELDS, MASKS = displacements()
ORDER = np.array([2, 0, 3, 1])
ESTIMATORS: dict[str, Any] = {
    "FTTC": FTTC(0.3),
    "FTTC inside": FTTC(0.3, boundary="open", support="fit", tol=1e-9, max_iter=400),
    "FTTCCV": FTTCCV(),
    "FTTCCV inside": FTTCCV(boundary="periodic", support="fit", tol=1e-9, max_iter=400),
    **{f"FTTCCV by {name}": FTTCCV(criterion=name) for name in CRITERIA},
    "BayesianFTTC": BayesianFTTC(),
    "ElasticNetTFM": ElasticNetTFM(lam2=1.0, tol=0.3, support="fit"),
    "DeepTFM": DeepTFM.from_pretrained("small"),
}


def test_shared_lambda_has_the_least_sum_of_scores_in_any_order_of_fields() -> None:
    own = FTTCCV(orders=[1.0]).fit(FIELDS)
    shared = FTTCCV(orders=[1.0], per_field=False)
    first, again = (clone(shared).fit(fields) for fields in (FIELDS, FIELDS[ORDER]))
    choice = [(float(model.lam_), float(model.noise_correlation_)) for model in (first, again)]
    assert choice[0] == choice[1]
    assert len(set(own.lam_.tolist())) == 4
    sums = first.cv_results_["score"].sum(axis=1)
    place = np.flatnonzero(first.cv_results_["lam"] == first.lam_)
    assert sums[place].min() == sums.min()


def test_shared_correlation_of_the_noise_is_the_median() -> None:
    noise = np.concatenate(
        [add_noise(np.zeros((1, 2, 64, 64)), 1.0, correlation=c, random_state=0) for c in (0, 1.5, 2)]
    )
    for order in ([0, 1, 2], [2, 0, 1], [1, 2, 0]):
        tried = FTTCCV([1.0], orders=[1.0], per_field=False).fit(noise[order]).cv_results_["noise_correlation"]
        assert_array_equal(tried, [[0.0] * 3, [1.5] * 3])


@pytest.mark.filterwarnings("ignore:The best lambda")
@pytest.mark.parametrize("per_field", [True, False])
def test_results_of_the_search_hold_every_pair_once_and_the_choice_among_them(per_field: bool) -> None:
    model = FTTCCV([0.1, 1.0, 10.0], orders=[0.0, 2.0], per_field=per_field, noise_correlation=0.0).fit(FIELDS)
    table = model.cv_results_
    assert set(zip(table["lam"], table["order"], strict=True)) == {(a, b) for a in (0.1, 1, 10) for b in (0, 2)}
    one = FTTCCV([0.1, 1.0, 10.0], orders=[2.0], noise_correlation=0.0).fit(FIELDS).cv_results_
    assert_allclose(table["score"][table["order"] == 2], one["score"])
    for field in range(4):
        path, best = model.path(field), field if per_field else 0
        assert path["lams"] == [0.1, 1.0, 10.0]
        rows = table["order"] == np.ravel(model.order_)[best]
        assert path["criterion"] == table["score"][rows, field].tolist()


@pytest.mark.filterwarnings("ignore:The best lambda")
@pytest.mark.parametrize("spacing", [0.25, 8.0])
@pytest.mark.parametrize(
    "model",
    [
        *(FTTCCV(criterion=name, noise=0.02, noise_correlation=0.0) for name in ("risk", "evidence", "discrepancy")),
        BayesianFTTC(noise=0.02),
        ElasticNetTFM(lam2=1.0, noise=0.02, tol=0.3),
    ],
    ids=lambda model: getattr(model, "criterion", type(model).__name__),
)
def test_told_noise_has_the_unit_of_the_spacing(model: Any, spacing: float) -> None:
    field = FIELDS[1:2]
    pixels = clone(model).fit(field).predict(field)
    lengths = clone(model).set_params(noise=0.02 * spacing, spacing=spacing).fit(field * spacing)
    assert_allclose(lengths.predict(field * spacing), pixels, rtol=0, atol=1e-6 * np.abs(pixels).max())
    louder = clone(model).set_params(noise=0.02 * 8).fit(field).predict(field)
    assert np.abs(louder - pixels).max() > 0.02 * np.abs(pixels).max()


@pytest.mark.parametrize(
    "model", [FTTC(0.3), FTTCCV([0.3], orders=[0.0], noise_correlation=0.0), ElasticNetTFM(lam2=1.0, tol=0.3)]
)
def test_draws_of_a_fixed_inversion_are_the_inversions_of_what_was_drawn(model: Any) -> None:
    # One candidate is no choice: the inversion is linear, but for the elastic net, which is repeated.
    fitted = clone(model).fit(FIELDS[:2])
    draws = fitted.draw(FIELDS[:2], 3, 0)
    assert draws.traction.shape == draws.displacement.shape == (3, 2, 2, SIDE, SIDE)
    for displacement, traction in zip(draws.displacement, draws.traction, strict=True):
        again = clone(model).fit(displacement).predict(displacement)
        assert_allclose(traction, again, rtol=0, atol=1e-5 * np.abs(again).max())
    scatter = (draws.displacement - FIELDS[:2]).std(axis=(0, 2, 3, 4))
    assert_allclose(scatter, noise_level(FIELDS[:2], fitted.gel_), rtol=0.1)


def test_told_noise_is_the_noise() -> None:
    gel = FTTC().fit(FIELDS).gel_
    assert_array_equal(noise_level(FIELDS, gel, 0.3), np.full(4, 0.3))
    power = noise_spectrum(FIELDS, gel, 0.3)
    assert_allclose(power, 0.09)
    assert_allclose(level_of(power, (SIDE, SIDE)), 0.3)


def test_measured_noise_is_that_of_the_field() -> None:
    added = np.random.default_rng(0).normal(scale=0.05, size=(12, 2, 64, 64))
    measured = noise_level(added, FTTC().fit(FIELDS).gel_)
    assert_allclose(np.median(measured), 0.05, rtol=0.08)


@pytest.mark.filterwarnings("ignore:The best lambda")
@pytest.mark.parametrize("name", ESTIMATORS)
def test_fields_of_a_batch_know_nothing_of_each_other(name: str) -> None:
    model = clone(ESTIMATORS[name]).fit(FIELDS) if name != "DeepTFM" else ESTIMATORS[name]
    together = model.predict(FIELDS, MASKS)
    shuffled = model.predict(FIELDS[ORDER], MASKS[ORDER])
    alone = np.concatenate([model.predict(FIELDS[i : i + 1], MASKS[i : i + 1]) for i in range(4)])
    largest = np.abs(together).max()
    assert_allclose(shuffled, together[ORDER], rtol=0, atol=1e-5 * largest)
    assert_allclose(alone, together, rtol=0, atol=1e-5 * largest)
    outside = np.broadcast_to(~MASKS[:, None], together.shape)
    assert not together[outside].any()
    assert together[~outside].any()
