"""Turns by hand, fields that are held out, and error bars of draws."""

from __future__ import annotations

import math
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from skorch.callbacks import Callback

from tfmkit.deep import DeepTFM, _training
from tfmkit.deep._training import CosineSchedule, KeepBest
from tfmkit.deep.turns import average_over_turns, turn
from tfmkit.gel import ForwardOperator
from tfmkit.simulate import CellSimulator

TINY: dict[str, Any] = {"module__widths": (2, 4), "max_epochs": 1, "random_state": 0, "verbose": 0}


def one_vector(row: int, column: int, vector: tuple[float, float]) -> np.ndarray:
    field = np.zeros((1, 2, 8, 11))
    field[0, :, row, column] = vector
    return field


def test_a_quarter_turn_by_hand() -> None:
    # Counter-clockwise, as one looks at it: the right edge becomes the top, and a vector to the right points up, which
    # is towards smaller rows.
    turned = turn(one_vector(2, 9, (3.0, 0.0)), 1, False)
    assert turned.shape == (1, 2, 11, 8)
    assert_allclose(turned[0, :, 1, 2], (0.0, -3.0))
    assert_allclose(turn(one_vector(2, 9, (0.0, 5.0)), 1, False)[0, :, 1, 2], (5.0, 0.0))
    assert_allclose(turn(one_vector(2, 9, (3.0, 5.0)), 2, False)[0, :, 5, 1], (-3.0, -5.0))
    assert_allclose(turn(one_vector(2, 9, (3.0, 5.0)), -1, False)[0, :, 9, 5], (-5.0, 3.0))
    assert_allclose(turn(one_vector(2, 9, (3.0, 5.0)), 0, True)[0, :, 2, 1], (-3.0, 5.0))


def test_average_over_turns_takes_a_constant_push_away() -> None:
    # A network that always pushes to the right: of the eight turned back, as many push to the left, up and down.
    field = one_vector(2, 9, (1.0, 0.0))

    def pushes_right(u: np.ndarray, _: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        return u + np.array([1.0, 0.0])[:, None, None], np.full_like(u, 2.0) * np.array([1.0, 3.0])[:, None, None]

    traction, half_width = average_over_turns(pushes_right, field)
    assert_allclose(traction, field, atol=1e-12)
    # Half of the turns exchange the two components.
    assert_allclose(half_width, 4.0)


class Spy(Callback):  # type: ignore[misc]
    """Keep the numbers of the fields of both data sets."""

    def on_epoch_begin(self, net: Any, dataset_train: Any = None, dataset_valid: Any = None, **kwargs: Any) -> None:
        self.sets_ = set(map(int, dataset_train.indices)), set(map(int, dataset_valid.indices))


@pytest.mark.parametrize(("share", "n_held_out"), [(0.3, 3), (0.1, 1), (0.99, 9)])
def test_training_never_sees_the_fields_that_are_held_out(share: float, n_held_out: int) -> None:
    traction = np.random.default_rng(0).normal(size=(10, 2, 8, 8))
    model = DeepTFM(**TINY, train_split=share, callbacks=[("spy", Spy())])
    model.fit(ForwardOperator(8).apply(traction), traction)
    trained, held_out = dict(model.callbacks_)["spy"].sets_
    assert not trained & held_out
    assert trained | held_out == set(range(10))
    assert len(held_out) == n_held_out


def test_draws_of_a_network_scatter_by_its_own_standard_deviation() -> None:
    cells = CellSimulator("adhesion", shape=32, noise=0.1, noise_unit="rms", random_state=0).sample(2)
    model = DeepTFM.from_pretrained("small")
    mean, std = model.predict(cells.displacement, return_std=True)
    draws = model.draw(cells.displacement, 40, 0).traction
    assert_allclose(draws.std(axis=0), std, rtol=0.02, atol=1e-3 * std.max())
    assert (np.abs(draws.mean(axis=0) - mean) < 5 * std / np.sqrt(40) + 1e-3 * std.max()).all()
    # Neighbours err together, as the errors of a linear inversion do: sums over a patch scatter more than apart.
    errors = draws - mean
    assert np.abs((errors[..., 1:] * errors[..., :-1]).mean()) > 0.02 * np.square(errors).mean()


class Echo(torch.nn.Module):  # type: ignore[misc]
    """A network that answers with all that it is told: displacement, Poisson ratio and noise."""

    gives_interval = takes_noise = True

    def __init__(self) -> None:
        super().__init__()
        self.gain = torch.nn.Parameter(torch.ones(()))

    def forward(self, displacement: Any, gel: Any, noise: Any = None) -> Any:
        told = torch.ones_like(displacement) if noise is None else noise
        return self.gain * (gel.poisson * displacement + told), 1.6448536269514722 * told


@pytest.mark.parametrize("average_turns", [False, True])
def test_each_field_is_told_its_own_noise_in_its_own_unit(average_turns: bool) -> None:
    rng = np.random.default_rng(0)
    size = np.array([1.0, 3, 0.5, 2, 7])[:, None, None, None]
    field = size * rng.normal(size=(5, 2, 12, 16))
    noise = 0.1 * size[::-1] * rng.random((5, 2, 12, 16))
    gel = {"young": 20.0, "poisson": 0.3, "spacing": 0.5}
    model = DeepTFM(Echo, **gel, max_epochs=1, lr=1e-12, batch_size=2, average_turns=average_turns, verbose=0)
    traction, std = model.fit(field, field).predict(field, noise=noise, return_std=True)
    # Noise that is taken for traction points to the right and down in every turn, so that the mean of all is 0.
    pushed = 0 if average_turns else noise
    assert_allclose(traction, 20 * (0.3 * field + pushed) / 0.5, rtol=1e-5, atol=1e-5)
    assert_allclose(std, 20 * noise / 0.5, rtol=1e-5)
    assert_allclose(model.predict(field, noise=noise), traction)
    mask = rng.random((12, 16))
    masked, wide = model.predict(field, mask, noise=noise, return_std=True)
    assert_allclose(masked, mask * traction)
    assert_allclose(wide, std)
    for number in range(5):
        alone = model.predict(field[number : number + 1], noise=noise[number : number + 1])
        assert_allclose(alone[0], traction[number], rtol=1e-5, atol=1e-6)


def test_one_broken_epoch_does_not_break_a_training(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[Any] = []
    net = SimpleNamespace(module_=SimpleNamespace(load_state_dict=kept.append))
    for losses, raised in (([math.inf, 1.0], False), ([math.inf, math.inf], True)):
        monkeypatch.setattr(_training, "monitored_losses", lambda _, losses=losses: losses)
        net.best_weights_ = {"weight": losses}
        with pytest.raises(ValueError, match="broke down") if raised else nullcontext():
            KeepBest().on_train_end(net)
    assert kept == [{"weight": [math.inf, 1.0]}, {"weight": [math.inf, math.inf]}]


def test_a_schedule_puts_the_rates_of_the_user_back() -> None:
    groups = [{"lr": 1e-9, "initial_lr": 0.1}, {"lr": 0.2}]
    CosineSchedule().on_train_end(SimpleNamespace(optimizer_=SimpleNamespace(param_groups=groups)))
    assert groups == [{"lr": 0.1}, {"lr": 0.2}]
