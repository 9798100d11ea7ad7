"""DeepTFM: units, seeds, training and other networks. Its contract is in test_estimator_checks."""

from __future__ import annotations

import itertools
import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback, EpochScoring, LRScheduler

from tfmkit.deep import DeepTFM, RelativeError
from tfmkit.gel import ForwardOperator

TINY = {
    "module": "tracnet",
    "module__widths": (2, 4),
    "max_epochs": 3,
    "batch_size": 4,
    "random_state": 0,
    "verbose": 0,
}


@pytest.fixture(scope="module")
def fields():
    """Ten random blobs of traction and their displacement on a grid of 16 x 20."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:16, :20]
    traction = np.zeros((10, 2, 16, 20))
    for field in traction:
        blob = np.exp(-((x - rng.uniform(6, 14)) ** 2 + (y - rng.uniform(5, 11)) ** 2) / 4)
        field[:] = 1_000 * rng.normal(size=(2, 1, 1)) * blob
    return ForwardOperator((16, 20)).apply(traction), traction


@pytest.fixture(scope="module")
def fitted(fields):
    return DeepTFM(**TINY).fit(*fields)


# ---------------------------------------------------------------- units


@pytest.mark.parametrize(("young", "spacing", "amplitude"), [(1.0, 1.0, 1.0), (5e4, 0.2, 3.0), (3.0, 2e-7, 1e-9)])
def test_predictions_scale_exactly_with_gel_grid_and_amplitude(fitted, fields, tmp_path, young, spacing, amplitude):
    reference = fitted.predict(fields[0]) / fitted.young
    fitted.save_weights(tmp_path / "weights.safetensors")
    other = DeepTFM.from_pretrained(tmp_path / "weights.safetensors", young=young, spacing=spacing)
    scaled = other.predict(fields[0] * amplitude * spacing) / (young * amplitude)
    # A last digit that falls the other way before rounding to float32 is all that may change.
    np.testing.assert_allclose(scaled, reference, rtol=0, atol=1e-5 * np.abs(reference).max())


def test_training_does_not_depend_on_units(fields):
    displacement, traction = fields
    reference = DeepTFM(**TINY).fit(displacement, traction)
    other = DeepTFM(**TINY, young=1.0, spacing=2.0).fit(displacement * 2.0, traction / 10_670.0)
    np.testing.assert_allclose(
        other.predict(displacement * 2.0) * 10_670.0, reference.predict(displacement), rtol=1e-3, atol=0.1
    )


def test_no_displacement_gives_no_traction(fitted, fields):
    displacement = fields[0].copy()
    displacement[3] = 0
    predicted = fitted.predict(displacement)
    assert not predicted[3].any()
    assert predicted[2].any()


def test_relative_error_is_the_metric(fields):
    traction = torch.from_numpy(fields[1])
    loss = RelativeError()
    assert float(loss(torch.zeros_like(traction), traction)) == pytest.approx(1)
    assert float(loss((traction * 1.25, traction), traction)) == pytest.approx(0.25)
    assert float(loss(traction, traction)) < 1e-5
    empty = torch.zeros(1, 2, 4, 4)
    assert float(loss(empty + 0.5, empty)) == pytest.approx(np.sqrt(32 * 0.25))


# ---------------------------------------------------------------- training


def test_training_learns(fields):
    params = {**TINY, "module__widths": (8, 16), "module__neck": 8, "max_epochs": 60, "lr": 1e-2, "train_split": None}
    model = DeepTFM(**params).fit(*fields)
    assert model.score(*fields) > -0.5


def test_defaults_work_as_they_stand(fields, capsys):
    model = DeepTFM(max_epochs=1).fit(fields[0][:2], fields[1][:2])
    assert model.predict(fields[0][:1]).shape == (1, 2, 16, 20)
    captured = capsys.readouterr()
    assert "training: 100%" in captured.err
    assert not captured.out


def test_equal_seeds_give_equal_bytes_and_other_seeds_do_not(fitted, fields):
    expected = fitted.predict(fields[0])
    assert np.array_equal(clone(fitted).fit(*fields).predict(fields[0]), expected)
    assert not np.array_equal(clone(fitted).set_params(random_state=1).fit(*fields).predict(fields[0]), expected)
    for make in (np.random.default_rng, np.random.RandomState):
        one, two = (DeepTFM(**{**TINY, "random_state": make(7)}).fit(*fields).predict(fields[0]) for _ in range(2))
        assert np.array_equal(one, two)


def test_the_best_epoch_is_kept(fields):
    model = DeepTFM(**{**TINY, "max_epochs": 8, "lr": 0.3}).fit(*fields)
    dataset_valid = model.get_split_datasets(*fields)[1]
    held_out = dataset_valid.indices
    losses = model.history[:, "valid_loss"]
    assert losses[-1] > min(losses)
    assert -model.score(fields[0][held_out], fields[1][held_out]) == pytest.approx(min(losses), rel=1e-4)


def test_training_ends_early(fields):
    params = {**TINY, "max_epochs": 50, "lr": 0.3, "callbacks__early_stopping__patience": 2}
    losses = DeepTFM(**params).fit(*fields).history[:, "valid_loss"]
    assert len(losses) < 50
    assert np.argmin(losses) == len(losses) - 3


def test_without_held_out_fields_the_training_loss_counts(fields):
    model = DeepTFM(**{**TINY, "train_split": None}).fit(*fields)
    assert "valid_loss" not in model.history[-1]
    single = DeepTFM(**TINY).fit(fields[0][:1], fields[1][:1])
    assert "valid_loss" not in single.history[-1]


def test_the_learning_rate_warms_up_and_decays(fields):
    class Recorder(Callback):
        def on_grad_computed(self, net, *args, **kwargs):
            rates.append(net.optimizer_.param_groups[0]["lr"])

    rates: list[float] = []
    model = DeepTFM(**{**TINY, "max_epochs": 20, "callbacks": [Recorder()]}).fit(*fields)
    top = int(np.argmax(rates))
    assert 0 < top < 6
    assert rates[top] == pytest.approx(3e-3, rel=0.02)
    assert rates[-1] < 0.01 * 3e-3
    assert all(a > b for a, b in itertools.pairwise(rates[top:]))
    assert model.optimizer_.param_groups[0]["lr"] == 3e-3


def test_skorch_parameters_reach_through(fields):
    schedule = LRScheduler(policy="StepLR", step_size=1, gamma=0.5)
    scoring = EpochScoring("neg_mean_absolute_error", name="unused")
    model = DeepTFM(
        **TINY,
        optimizer=torch.optim.SGD,
        optimizer__momentum=0.9,
        criterion=torch.nn.MSELoss,
        iterator_train__drop_last=True,
        callbacks__schedule=schedule,
        callbacks__early_stopping=None,
    ).fit(*fields)
    assert model.optimizer_.param_groups[0]["momentum"] == 0.9
    assert model.optimizer_.param_groups[0]["lr"] == pytest.approx(3e-3 / 8)
    assert model.history[-1, "train_batch_count"] == 2
    assert "early_stopping" not in dict(model.callbacks_)
    assert model.set_params(callbacks=[("scoring", scoring)]).get_params()["callbacks"][0][1] is scoring


def test_grid_search_over_rate_and_widths(fields):
    grid = {"lr": [1e-3, 1e-2], "module__widths": [(2, 4), (3, 3, 3)]}
    search = GridSearchCV(DeepTFM(**TINY), grid, cv=2).fit(*fields)
    table, (displacement, traction) = search.cv_results_, fields
    assert len(set(table["mean_test_score"])) == 4
    assert search.best_score_ == max(table["mean_test_score"])
    # The first fold tests the first half: its score is that of a network trained on the second half alone.
    model = DeepTFM(**TINY).set_params(**table["params"][0]).fit(displacement[5:], traction[5:])
    assert table["split0_test_score"][0] == pytest.approx(model.score(displacement[:5], traction[:5]), rel=1e-4)


def test_partial_fit_and_warm_start_go_on(fitted, fields):
    model = pickle.loads(pickle.dumps(fitted))
    before = model.predict(fields[0])
    model.partial_fit(*fields)
    assert len(model.history) == 6
    assert not np.array_equal(model.predict(fields[0]), before)
    model.set_params(warm_start=True).fit(*fields)
    assert len(model.history) == 9
    model.set_params(warm_start=False).fit(*fields)
    assert np.array_equal(model.predict(fields[0]), before)


def test_a_broken_training_is_no_silent_one(fields):
    model = DeepTFM(**TINY, optimizer=torch.optim.SGD, callbacks__clipping=None, lr=1e30)
    with pytest.raises(ValueError, match="Training broke down"):
        model.fit(*fields)


@pytest.mark.parametrize(
    "params",
    [
        {"young": 0},
        {"poisson": 0.6},
        {"spacing": -1},
        {"lr": 0},
        {"max_epochs": -1},
        {"batch_size": 0},
        {"train_split": 1.5},
        {"random_state": "x"},
        {"module": "resnet"},
        {"module__widths": (0, 1)},
    ],
)
def test_bad_parameters_are_refused(fields, params):
    with pytest.raises(ValueError, match="Expected"):
        DeepTFM(**{**TINY, **params}).fit(*fields)


# ---------------------------------------------------------------- other networks


class Spread(torch.nn.Module):
    """A network that is told the gel and returns an uncertainty."""

    def __init__(self):
        super().__init__()
        self.gain = torch.nn.Parameter(torch.ones(()))

    def forward(self, displacement, gel):
        traction = self.gain * displacement * gel.poisson
        return traction, torch.full_like(traction, 1.6448536269514722)


def test_a_network_may_know_the_gel_and_its_error(fields):
    model = DeepTFM(Spread, young=2.0, poisson=0.25, spacing=0.5, max_epochs=1, lr=1e-9, verbose=0).fit(*fields)
    traction, std = model.predict(fields[0], return_std=True)
    np.testing.assert_allclose(traction, fields[0] / 0.5 * 2.0 * 0.25, rtol=1e-5, atol=1e-12)
    amplitude = np.sqrt((fields[0] ** 2).mean((1, 2, 3))) / 0.5 * 2.0
    np.testing.assert_allclose(std, np.broadcast_to(amplitude[:, None, None, None], std.shape), rtol=1e-6)
    assert np.array_equal(model.predict(fields[0]), traction)


def test_a_network_without_uncertainty_says_so(fitted, fields):
    with pytest.raises(ValueError, match="returns a standard deviation, got TracNet"):
        fitted.predict(fields[0], return_std=True)


def test_foreign_networks_have_no_file_of_weights(fields, tmp_path):
    model = DeepTFM(Spread, max_epochs=1, verbose=0).fit(*fields)
    with pytest.raises(ValueError, match="Expected module to be one of"):
        model.save_weights(tmp_path / "weights.safetensors")
    assert not list(tmp_path.iterdir())
