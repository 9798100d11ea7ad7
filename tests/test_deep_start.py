"""Weights as a parameter of DeepTFM: kept by clone, search and pickle, taken as they are or trained further."""

from __future__ import annotations

import pickle

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.utils.validation import check_is_fitted

from tfmkit.deep import DeepTFM, files
from tfmkit.estimator_checks import parametrize_with_traction_checks
from tfmkit.fttc import FTTC
from tfmkit.simulate import CellSimulator, add_noise


@pytest.fixture(scope="module")
def cells():
    return CellSimulator("adhesion", shape=32, random_state=5).sample(6)


@pytest.fixture(scope="module")
def small():
    return DeepTFM.from_pretrained("small")


@parametrize_with_traction_checks(
    [DeepTFM(weights="small", max_epochs=0)],
    expected_failed_checks=lambda _: {
        "api:check_no_attributes_set_in_init": "skorch keeps its state in attributes that exist before fit",
        "folded:check_methods_subset_invariance": "float32; fields:check_batch_invariance replaces it",
    },
)
def test_contract(estimator, check):
    check(estimator)


def test_a_clone_predicts_the_same_bits(small, cells):
    expected = small.predict(cells.displacement)
    for again in (clone(small), pickle.loads(pickle.dumps(clone(small)))):
        assert np.array_equal(again.fit(cells.displacement, cells.traction).predict(cells.displacement), expected)
    assert again.weights == "small"
    assert again.calibration_.as_dict() == small.calibration_.as_dict()
    std = again.predict(cells.displacement, return_std=True)[1]
    assert np.array_equal(std, small.predict(cells.displacement, return_std=True)[1])


def test_weights_can_be_set(small, cells):
    model = DeepTFM(max_epochs=0).set_params(weights="small").fit(cells.displacement)
    assert np.array_equal(model.predict(cells.displacement), small.predict(cells.displacement))
    model.set_params(weights="tracnet").fit(cells.displacement)
    assert not np.array_equal(model.predict(cells.displacement), small.predict(cells.displacement))


def test_joblib_keeps_a_trained_estimator(cells, tmp_path):
    params = {"max_epochs": 1, "lr": 1e-4, "random_state": 0, "verbose": 0}
    model = DeepTFM(weights="small", **params).fit(cells.displacement, cells.traction)
    joblib.dump(model, tmp_path / "model.joblib")
    again = joblib.load(tmp_path / "model.joblib")
    assert np.array_equal(again.predict(cells.displacement), model.predict(cells.displacement))
    assert again.get_params() == model.get_params()


def test_without_epochs_nothing_is_trained_and_no_target_is_needed(cells):
    model = DeepTFM(weights="small", max_epochs=0).fit(cells.displacement)
    assert len(model.history) == 0
    with pytest.raises(ValueError, match="max_epochs >= 1 to train further"):
        model.partial_fit(cells.displacement, cells.traction)
    with pytest.raises(ValueError, match="Expected weights to take as they are"):
        DeepTFM(weights=None, max_epochs=0).fit(cells.displacement)
    with pytest.raises(ValueError, match="requires y"):
        DeepTFM(weights="small", max_epochs=1).fit(cells.displacement)


@pytest.mark.parametrize(
    ("params", "start", "rate"),
    [
        ({}, "small", 3e-4),
        ({"weights": None}, None, 3e-3),
        ({"module": "fourier_unet"}, None, 3e-3),
        ({"module__widths": (2, 4)}, None, 3e-3),
        ({"weights": "small", "lr": 0.5}, "small", 0.5),
    ],
)
def test_by_default_training_starts_from_small_unless_a_network_is_named(params, start, rate):
    model = DeepTFM(**params).initialize()
    assert model.optimizer_.param_groups[0]["lr"] == rate
    tensors = {} if start is None else files.load_weights(start).tensors
    state = model.module_.state_dict()
    assert all(np.array_equal(state[name], value) for name, value in tensors.items())
    assert (model.origin_.start is None) == (start is None)


def test_the_rate_can_go_back_to_its_default(cells):
    params = {"weights": "small", "max_epochs": 1, "random_state": 0, "verbose": 0}
    model = DeepTFM(**params, lr=1e-9).fit(cells.displacement, cells.traction)
    model.set_params(lr=None).partial_fit(cells.displacement, cells.traction)
    assert model.optimizer_.param_groups[0]["lr"] == 3e-4


def test_the_gel_is_that_of_the_last_fit(small, cells):
    model = clone(small).fit(cells.displacement)
    expected = model.predict(cells.displacement)
    model.set_params(young=2 * model.young)
    assert np.array_equal(model.predict(cells.displacement), expected)
    np.testing.assert_allclose(model.fit(cells.displacement).predict(cells.displacement), 2 * expected, rtol=1e-6)
    model.set_params(young=model.young / 2, max_epochs=1, lr=1e-12, train_split=None, verbose=0)
    model.partial_fit(cells.displacement, cells.traction)
    assert model.gel_.young == model.young


def test_training_starts_from_the_weights_and_forgets_their_calibration(small, cells):
    params = {"max_epochs": 1, "lr": 1e-9, "train_split": None, "random_state": 0, "verbose": 0}
    model = DeepTFM(weights="small", **params).fit(cells.displacement, cells.traction)
    expected = small.predict(cells.displacement)
    assert np.abs(model.predict(cells.displacement) - expected).max() < 1e-3 * np.abs(expected).max()
    assert model.calibration_ is None
    again = DeepTFM.from_pretrained("small", **params)
    assert again.calibration_ is not None
    assert again.partial_fit(cells.displacement, cells.traction).calibration_ is None


def test_a_file_is_read_once_per_process_and_again_when_it_changes(small, cells, tmp_path, monkeypatch):
    reads = []
    read = files.read_weights
    monkeypatch.setattr(files, "read_weights", lambda path: reads.append(path) or read(path))
    path = tmp_path / "own.safetensors"
    small.save_weights(path)
    for _ in range(3):
        DeepTFM(weights=path, max_epochs=0).fit(cells.displacement)
    assert len(reads) == 1
    half = tmp_path / "half.safetensors"
    small.save_weights(half, half=True)
    path.write_bytes(half.read_bytes())
    DeepTFM(weights=path, max_epochs=0).fit(cells.displacement)
    assert len(reads) == 2


def test_saved_weights_keep_their_origin(small, cells, tmp_path):
    untrained, trained = tmp_path / "untrained.safetensors", tmp_path / "trained.safetensors"
    small.save_weights(untrained)
    packaged = files.load_weights("small")
    assert files.read_weights(untrained).settings == packaged.settings
    params = {"max_epochs": 1, "lr": 1e-4, "random_state": 0, "verbose": 0}
    DeepTFM(weights="small", **params).fit(cells.displacement, cells.traction).save_weights(trained)
    settings = files.read_weights(trained).settings
    assert settings["start"] == packaged.settings
    assert settings["training"]["start"] == packaged.checksum
    assert settings["epochs"] == 1


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"weights": "small", "module": "tracnet"}, "weights of tracnet in small, got those of fourier_unet"),
        ({"weights": "small", "module__widths": (4, 8)}, "weights of this FourierUNet in small"),
        ({"weights": "tracnet", "poisson": 0.3}, "Poisson ratio of 0.3"),
        ({"weights": "nonesuch"}, "name of packaged weights"),
        ({"weights": "nonesuch.safetensors"}, "cannot be read"),
    ],
)
def test_weights_that_do_not_fit_are_refused(cells, params, message):
    with pytest.raises(ValueError, match=message):
        DeepTFM(**params, max_epochs=0).fit(cells.displacement)


def test_a_resumed_training_needs_the_same_start(cells, tmp_path):
    params = {"max_epochs": 1, "lr": 1e-4, "random_state": 0, "verbose": 0, "checkpoint_dir": tmp_path / "training"}
    model = DeepTFM(weights="small", **params).fit(cells.displacement, cells.traction)
    again = DeepTFM(weights="small", **params).fit(cells.displacement, cells.traction)
    assert np.array_equal(again.predict(cells.displacement), model.predict(cells.displacement))
    other = tmp_path / "other.safetensors"
    model.save_weights(other)
    with pytest.raises(ValueError, match="differs in start"):
        DeepTFM(weights=other, **params).fit(cells.displacement, cells.traction)


# ---------------------------------------------------------------- searches


def test_fttc_and_networks_compete_in_one_search(small, cells):
    displacement = add_noise(cells.displacement, 0.1, unit="rms", random_state=0)
    grid = [
        {"solver": [FTTC()], "solver__lam": [1e-4, 1e-2, 1.0]},
        {
            "solver": [
                DeepTFM(weights="default", max_epochs=0),
                DeepTFM(weights="small", max_epochs=5, lr=1e-4, random_state=0, verbose=0),
            ]
        },
    ]
    search = GridSearchCV(Pipeline([("solver", FTTC())]), grid, cv=3, error_score="raise")
    search.fit(displacement, cells.traction)
    scores = search.cv_results_["mean_test_score"]
    assert len(scores) == 5
    assert scores[3:].min() > scores[:3].max()
    packaged = GridSearchCV(Pipeline([("solver", FTTC())]), [grid[0], {"solver": [clone(small)]}], cv=3)
    best = packaged.fit(displacement, cells.traction).best_estimator_
    assert np.array_equal(best.predict(displacement), small.predict(displacement))


# ---------------------------------------------------------------- repr and fitted state


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (DeepTFM(), "DeepTFM()"),
        (DeepTFM(weights="default", max_epochs=0), "DeepTFM(max_epochs=0, weights='default')"),
        (DeepTFM("tracnet", module__widths=(2, 4), lr=0.1), "DeepTFM(lr=0.1, module='tracnet', module__widths=(2, 4))"),
        (DeepTFM(iterator_train__shuffle=True), "DeepTFM(iterator_train__shuffle=True)"),
        (DeepTFM(callbacks__early_stopping=None), "DeepTFM(callbacks__early_stopping=None)"),
    ],
)
def test_repr_is_one_line_of_the_parameters_that_differ(model, expected):
    assert repr(model) == expected
    assert repr(clone(model)) == expected
    assert expected in repr(make_pipeline(FTTC(), model))
    assert expected in repr(GridSearchCV(model, {"lr": [0.1]}))


def test_repr_stays_one_line_when_fitted_and_when_long(small):
    assert repr(small) == "DeepTFM(max_epochs=0, weights='small')"
    long = DeepTFM(weights="small", young=1234.5, poisson=0.3, spacing=0.25, batch_size=3, lr=0.01, random_state=4)
    assert "\n" not in repr(long)
    assert "random_state=4" in repr(long)


def test_an_unfitted_network_raises_the_error_of_scikit_learn(cells):
    model = DeepTFM(weights="small", max_epochs=0)
    with pytest.raises(NotFittedError, match="This DeepTFM instance is not fitted yet"):
        check_is_fitted(model)
    for use in (model.predict, model.misfit, model.is_foreign):
        with pytest.raises(NotFittedError, match="not fitted yet"):
            use(cells.displacement)
    with pytest.raises(NotFittedError, match="not fitted yet"):
        model.save_weights("nowhere.safetensors")
    check_is_fitted(model.fit(cells.displacement))


def test_the_bar_shows_loss_and_validation_error(cells, capsys):
    DeepTFM(weights="small", max_epochs=1, lr=1e-4).fit(cells.displacement, cells.traction)
    shown = capsys.readouterr().err
    assert "loss=" in shown
    assert "validation error=" in shown
