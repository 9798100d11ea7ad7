"""FTTC and FTTCCV: contract, parameters, masks, choice of lambda."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from tfmkit.fttc import FTTC, FTTCCV
from tfmkit.metrics import relative_rmse
from tfmkit.simulate import CellSimulator, PatchSimulator, add_noise

BOUNDARIES = ("periodic", "extended", "open")


@pytest.fixture(scope="module")
def cells():
    return CellSimulator("adhesion", shape=48, noise=0.1, noise_unit="rms", oversample=3, random_state=3).sample(4)


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_precision_and_unit_are_kept(boundary: str, dtype: str, cells) -> None:
    displacement = cells.displacement.astype(dtype)
    plain = FTTC(0.3, boundary=boundary).fit(displacement).predict(displacement)
    assert plain.dtype == np.dtype(dtype)
    scaled = FTTC(0.3, boundary=boundary, young=5_335.0, spacing=2.0).fit(displacement).predict(2 * displacement)
    np.testing.assert_allclose(scaled, plain / 2, rtol=1e-4, atol=1e-5 * np.abs(plain).max())


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_one_field_alone_is_the_same_field_in_a_batch(boundary: str, cells) -> None:
    displacement = cells.displacement.astype(float)
    for model in (FTTC(0.3, boundary=boundary, order=1.0), FTTCCV(boundary=boundary)):
        together = model.fit(displacement).predict(displacement)
        np.testing.assert_allclose(model.predict(displacement[1:2]), together[1:2], rtol=1e-8, atol=1e-6)


def test_extended_and_open_beat_periodic_where_traction_reaches_the_border() -> None:
    discs = PatchSimulator("disc", shape=64, poisson=0.45, random_state=0).sample(3)
    error = {
        boundary: min(
            relative_rmse(
                discs.traction, FTTC(lam, boundary=boundary).fit(discs.displacement).predict(discs.displacement)
            )
            for lam in (0.03, 0.1, 0.3)
        )
        for boundary in BOUNDARIES
    }
    assert error["extended"] < 0.4 * error["periodic"]
    assert error["open"] < 1.05 * error["extended"]


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("support", ["cut", "fit"])
def test_a_mask_confines_the_traction(boundary: str, support: str, cells) -> None:
    model = FTTC(0.5, boundary=boundary, order=0.5, support=support).fit(cells.displacement)
    masked, free = model.predict(cells.displacement, mask=cells.mask), model.predict(cells.displacement)
    assert not np.moveaxis(masked, 1, -1)[~cells.mask].any()
    inside = [relative_rmse(cells.traction, x, mask=cells.mask, multioutput="raw_values") for x in (masked, free)]
    if support == "cut":
        np.testing.assert_array_equal(*inside)
        assert relative_rmse(cells.traction, masked) < relative_rmse(cells.traction, free)
    soft = model.predict(cells.displacement, mask=np.where(cells.mask, 1.0, 0.05))
    outside = [np.abs(np.moveaxis(x, 1, -1)[~cells.mask]).mean() for x in (soft, free)]
    assert outside[0] < 0.5 * outside[1]


def test_fitting_inside_the_mask_helps_where_nothing_lies_outside() -> None:
    fields = PatchSimulator("hertz", poisson=0.45, shape=64, noise=0.1, noise_unit="rms", random_state=0).sample(3)
    model = FTTC(0.1, support="fit", boundary="extended").fit(fields.displacement)
    inside = [
        relative_rmse(fields.traction, model.predict(fields.displacement, mask=mask), mask=fields.mask)
        for mask in (fields.mask, None)
    ]
    assert inside[0] < 0.98 * inside[1]


def test_a_mask_is_routed_through_a_pipeline(cells) -> None:
    with sklearn.config_context(enable_metadata_routing=True):
        pipeline = Pipeline([("fttc", FTTC(0.5).set_predict_request(mask=True))]).fit(cells.displacement)
        routed = pipeline.predict(cells.displacement, mask=cells.mask)
    np.testing.assert_array_equal(routed, pipeline["fttc"].predict(cells.displacement, mask=cells.mask))


def test_too_few_iterations_give_a_warning(cells) -> None:
    with pytest.warns(ConvergenceWarning, match="4 of 4 fields have not converged"):
        FTTC(0.01, boundary="open", tol=1e-8, max_iter=1).fit(cells.displacement).predict(
            cells.displacement.astype(float)
        )


@pytest.mark.parametrize("criterion", ["risk", "evidence", "discrepancy"])
@pytest.mark.parametrize("correlation", [0.0, 1.0])
def test_measured_noise_keeps_the_choice_near_the_oracle(criterion: str, correlation: float) -> None:
    clean = CellSimulator("adhesion", shape=64, oversample=3, random_state=5).sample(4)
    displacement = add_noise(clean.displacement, 0.1, unit="rms", correlation=correlation, random_state=1)
    model = FTTCCV(criterion=criterion, orders=[1.0]).fit(displacement)
    chosen = relative_rmse(clean.traction, model.predict(displacement), multioutput="raw_values")
    paths = [
        FTTC(lam, order=1.0, boundary="extended").fit(displacement).predict(displacement) for lam in model.lams_[::3]
    ]
    oracle = np.min([relative_rmse(clean.traction, x, multioutput="raw_values") for x in paths], axis=0)
    assert np.median(chosen / oracle) < {"risk": 1.1, "evidence": 1.6, "discrepancy": 1.2}[criterion]


def test_correlation_of_the_noise_is_measured_and_used() -> None:
    clean = CellSimulator("adhesion", shape=64, oversample=3, random_state=5).sample(6)
    displacement = add_noise(clean.displacement, 0.3, unit="rms", correlation=1.5, random_state=1)
    measured, white = FTTCCV().fit(displacement), FTTCCV(noise_correlation=0.0).fit(displacement)
    assert np.abs(np.median(measured.noise_correlation_) - 1.5) <= 0.25
    assert not white.noise_correlation_.any()
    errors = [relative_rmse(clean.traction, model.predict(displacement)) for model in (measured, white)]
    assert errors[0] < 0.98 * errors[1]
    told = FTTCCV(noise_correlation=1.5).fit(displacement)
    assert (told.noise_correlation_ == 1.5).all()
    assert told.cv_results_["score"].shape == (5 * 50, 6)


def test_one_lambda_for_all_or_one_per_field(cells) -> None:
    own = FTTCCV().fit(cells.displacement)
    assert own.lam_.shape == own.order_.shape == own.noise_correlation_.shape == (4,)
    assert own.cv_results_["score"].shape == (2 * 5 * 50, 4)
    shared = FTTCCV(per_field=False).fit(cells.displacement)
    choice = {name: float(getattr(shared, f"{name}_")) for name in ("lam", "order", "noise_correlation")}
    fixed = FTTC(**choice).fit(cells.displacement)
    np.testing.assert_array_equal(shared.predict(cells.displacement), fixed.predict(cells.displacement))


def test_cross_validation_against_known_traction_is_a_grid_search(cells) -> None:
    grid = {"lam": [0.1, 1.0, 10.0], "order": [0.0, 1.0]}
    model = FTTCCV(grid["lam"], orders=grid["order"], cv=2).fit(cells.displacement, cells.traction)
    search = GridSearchCV(FTTC(boundary="extended"), grid, cv=2).fit(cells.displacement, cells.traction)
    assert {"lam": model.lam_, "order": model.order_} == search.best_params_
    # A path that is given does not grow, and one candidate is no end of a path.
    assert model.cv_results_["params"] == search.cv_results_["params"]
    assert FTTCCV([1.0], orders=[0.0], cv=2).fit(cells.displacement, cells.traction).lam_ == 1.0
    with pytest.raises(ValueError, match="true traction"):
        FTTCCV(cv=2).fit(cells.displacement)


@pytest.mark.parametrize(
    "change",
    [
        {"lam": -1.0},
        {"lam": np.nan},
        {"order": -0.5},
        {"noise_correlation": -0.5},
        {"poisson": 0.51},
        {"spacing": 0.0},
        {"young": "stiff"},
        {"boundary": "closed"},
        {"tol": -1.0},
        {"max_iter": 1.5},
    ],
)
def test_bad_parameters_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(change))):
        FTTC(**change).fit(np.ones((1, 2, 8, 8)))


@pytest.mark.parametrize(
    "change",
    [
        {"lams": [0.0, 1.0]},
        {"lams": [2.0, 1.0]},
        {"lams": []},
        {"orders": []},
        {"orders": [-1.0]},
        {"criterion": "guess"},
        {"criterion": "l_curve", "orders": [0.0, 1.0]},
        {"noise": -1.0},
        {"noise_correlation": -1.0},
        {"noise_correlation": 1.0, "criterion": "gcv"},
    ],
)
def test_bad_candidates_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="Expected"):
        FTTCCV(**change).fit(np.ones((1, 2, 8, 8)))


@pytest.mark.parametrize("model", [FTTC(), FTTCCV()])
def test_fields_without_displacement_have_no_traction(model) -> None:
    for value in (0.0, 3.0):
        field = np.full((1, 2, 12, 12), value)
        predicted = model.set_params(boundary="periodic").fit(field).predict(field)
        np.testing.assert_allclose(predicted, 0, atol=1e-9)
    with pytest.raises(NotFittedError):
        sklearn.clone(model).predict(field)
