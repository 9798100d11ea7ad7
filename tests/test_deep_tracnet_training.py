"""The two trainings of TracNet: the paper's recipe, and the refinement on more cells."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch

from tfmkit.deep.networks import TracNet
from tfmkit.deep.pretraining import tracnet
from tfmkit.deep.pretraining.tracnet import (
    PaperRecipe,
    PaperTraining,
    Refinement,
    RefinementTraining,
    refine,
    train_as_paper,
)
from tfmkit.deep.pretraining.turned_cells import simulated_cells, turned_cells
from tfmkit.deep.turns import turn

TINY = PaperRecipe(n_cells=2, n_angles=3, n_round=1, side=16, batch=3, epochs=2)
TINY_REFINEMENT = Refinement("", n_cells=4, side=24, window=16, batch=2, n_updates=20)


@pytest.fixture
def narrow(monkeypatch):
    def make(**params):
        return TracNet(widths=(3, 4, 4), **params)

    monkeypatch.setattr(tracnet, "TracNet", make)


@pytest.fixture
def training(narrow):
    return PaperTraining(TINY, "cpu", bfloat16=False)


def test_the_papers_708_images_are_44_cells_by_16_angles_and_4_round_ones():
    recipe = PaperRecipe()
    assert recipe.n_cells * recipe.n_angles + recipe.n_round == 708
    assert 708 // recipe.batch == 11


def test_cells_are_turned_and_keep_their_largest_traction():
    fields = turned_cells(3, 4, 1, 64, np.random.default_rng(1))
    assert fields.displacement.shape == fields.traction.shape == (13, 2, 64, 64)
    largest = np.hypot(*fields.traction.swapaxes(0, 1)).max(axis=(1, 2))
    np.testing.assert_allclose(largest[:12].reshape(4, 3), np.tile(largest[:3], (4, 1)), rtol=1e-5)
    for quarters in range(1, 4):
        # A degree grows from x to y, which is clockwise on the image.
        expected = turn(fields.displacement[:3], -quarters, mirror=False)
        found = fields.displacement[3 * quarters : 3 * quarters + 3]
        for one, other in zip(expected, found, strict=True):
            assert np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.9


def test_a_round_cell_pulls_everywhere_alike():
    traction = turned_cells(1, 1, 1, 64, np.random.default_rng(0)).traction[1]
    assert (abs(traction.sum(axis=(1, 2))) < 0.05 * np.hypot(*traction).sum()).all()
    quarter = turn(traction[None], 1, mirror=False)[0]
    assert np.hypot(*quarter).sum() == pytest.approx(np.hypot(*traction).sum(), rel=1e-5)


def test_simulated_cells_are_in_units_of_youngs_modulus():
    fields = simulated_cells(5, 24, np.random.default_rng(0))
    largest = np.hypot(*fields.traction.swapaxes(0, 1)).max(axis=(1, 2))
    assert len(fields.displacement) == 5
    assert (largest > 0.09).all()
    assert (largest < 0.76).all()


def test_the_loss_is_half_the_squares_summed_over_pixels(training):
    batch = next(training.batches())
    loss, error = training.loss(batch)
    predicted = training.network(batch.displacement)
    squares = (predicted - batch.traction).square().sum((1, 2, 3))
    torch.testing.assert_close(loss, squares.sum() / 2 / len(squares))
    assert float(error.detach()) == pytest.approx(1, abs=0.1)
    fields = training.fields
    assert float(batch.traction.abs().max()) <= 10 * abs(fields.traction).max() * 1.001


def test_every_gradient_is_clipped_by_itself(training):
    for parameter in training.parameters:
        parameter.grad = torch.full_like(parameter, 100.0)
    training.clip()
    norms = [float(parameter.grad.norm()) for parameter in training.parameters]
    assert norms == pytest.approx([1.0] * len(norms), rel=1e-3)


def test_weights_alone_decay_and_begin_narrow(training):
    decaying, rest = training.optimizer.param_groups
    assert decaying["weight_decay"] == 5e-4
    assert rest["weight_decay"] == 0
    assert all(parameter.ndim > 1 for parameter in decaying["params"])
    values = torch.cat([parameter.detach().flatten() for parameter in decaying["params"]])
    assert float(values.std()) == pytest.approx(0.01, rel=0.1)
    biases = [value for name, value in training.network.named_parameters() if name.endswith("bias")]
    assert not any(bias.detach().any() for bias in biases)


def test_there_is_one_normalisation_per_level(training):
    norms = [module for module in training.network.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    assert len(norms) == len(training.network.encoder) + len(training.network.decoder)


def test_the_rate_drops_every_ten_epochs(training):
    per_epoch = 7 // 3
    rates = []
    for epoch in (0, 9, 10, 49):
        training.update = epoch * per_epoch
        rates.append(training.rate())
    assert rates == pytest.approx([6e-4, 6e-4, 6e-4 * 0.7943, 6e-4 * 0.7943**4])


def test_the_result_has_new_statistics_and_the_scale_of_networks(training):
    with torch.no_grad():
        training.network.head.weight.normal_()
        training.network.head.bias.fill_(0.3)
        for norm in (module for module in training.network.modules() if isinstance(module, torch.nn.BatchNorm2d)):
            norm.weight.normal_()
    displacement = torch.from_numpy(training.fields.displacement)
    rms = float(displacement.square().mean().sqrt())
    before = {name: value.clone() for name, value in training.network.state_dict().items()}
    network = training.result()
    statistics = {name: value for name, value in network.state_dict().items() if "running" in name}
    assert any(not torch.equal(value, before[name]) for name, value in statistics.items())
    plain = TracNet(widths=(3, 4, 4), second_norm=False)
    plain.load_state_dict(before | statistics)
    with torch.no_grad():
        wanted = plain.eval()(displacement) / 10
        found = rms * network(displacement / rms)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-6)


class KilledError(Exception):
    pass


def killed_at(monkeypatch, kind, number):
    learn = kind.learn

    def die(state, batch):
        if state.update == number:
            raise KilledError
        return learn(state, batch)

    monkeypatch.setattr(kind, "learn", die)


def test_a_killed_training_by_the_papers_recipe_goes_on_to_the_same_weights(narrow, tmp_path, monkeypatch):
    whole = train_as_paper(TINY, tmp_path / "whole", device="cpu")
    with monkeypatch.context() as patch:
        killed_at(patch, PaperTraining, 3)
        with pytest.raises(KilledError):
            train_as_paper(TINY, tmp_path / "killed", device="cpu", save_every=0)
    resumed = train_as_paper(TINY, tmp_path / "killed", device="cpu", save_every=0)
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


def test_a_killed_refinement_goes_on_and_keeps_the_statistics(narrow, tmp_path, monkeypatch):
    start = tracnet.TracNet().state_dict()
    how = {"params": {}, "device": "cpu", "save_every": 0}
    whole = refine(TINY_REFINEMENT, start, tmp_path / "whole", **how)
    with monkeypatch.context() as patch:
        killed_at(patch, RefinementTraining, 18)
        with pytest.raises(KilledError):
            refine(TINY_REFINEMENT, start, tmp_path / "killed", **how)
    resumed = refine(TINY_REFINEMENT, start, tmp_path / "killed", **how)
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name
        changed = not torch.equal(value, start[name])
        assert changed != ("running" in name or "num_batches" in name), name


def test_a_refinement_sees_windows_on_the_scale_of_whole_fields(narrow):
    recipe = Refinement("", n_cells=4, side=24, window=24, batch=8, noise_free=1.0)
    training = RefinementTraining(recipe, tracnet.TracNet(), tracnet.TracNet().state_dict(), "cpu", bfloat16=False)
    batch = next(training.batches())
    torch.testing.assert_close(batch.displacement.square().mean((1, 2, 3)), torch.ones(8), rtol=1e-4, atol=1e-5)


def test_a_refinement_on_the_papers_cells_sees_the_fields_of_the_papers_recipe(narrow, monkeypatch):
    small = partial(PaperRecipe, n_cells=2, n_angles=3, n_round=1)
    monkeypatch.setattr(tracnet, "PaperRecipe", small)
    fields = Refinement("", paper_cells=True, side=24, seed=5).fields()
    wanted = turned_cells(2, 3, 1, 24, np.random.default_rng(5))
    assert np.array_equal(fields.displacement, wanted.displacement)
    assert np.array_equal(fields.traction, wanted.traction)
    training = PaperTraining(small(side=24, batch=2, seed=5), "cpu", bfloat16=False)
    assert np.array_equal(training.fields.traction, wanted.traction)


def test_a_loss_of_16_bit_numbers_is_nearly_that_of_32_bit_ones(narrow):
    losses = []
    for low in (False, True):
        training = PaperTraining(TINY, "cpu", bfloat16=low)
        losses.append(float(training.loss(next(training.batches()))[0].detach()))
    assert losses[0] == pytest.approx(losses[1], rel=0.02)
    assert losses[0] != losses[1]
