"""The eight turns of a field: they are what elasticity allows, and averages over them know no direction."""

import itertools

import numpy as np
import pytest

from tfmkit.deep import DeepTFM
from tfmkit.deep.turns import average_over_turns, turn, turn_back
from tfmkit.gel import ForwardOperator
from tfmkit.simulate import CellSimulator

TURNS = list(itertools.product(range(4), (False, True)))


@pytest.fixture
def traction():
    return np.random.default_rng(0).normal(size=(2, 2, 16, 20))


@pytest.mark.parametrize(("quarters", "mirror"), TURNS)
def test_the_operator_commutes_with_every_turn(traction, quarters, mirror):
    turned = turn(traction, quarters, mirror)
    of_turned = ForwardOperator(turned.shape[2:]).apply(turned)
    turned_after = turn(ForwardOperator(traction.shape[2:]).apply(traction), quarters, mirror)
    np.testing.assert_allclose(of_turned, turned_after, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("quarters", "mirror"), TURNS)
def test_turning_back_undoes_the_turn(traction, quarters, mirror):
    assert np.array_equal(turn_back(turn(traction, quarters, mirror), quarters, mirror), traction)


def test_the_eight_turns_differ(traction):
    square = traction[..., :16]
    turned = [turn(square, *how) for how in TURNS]
    assert not any(np.allclose(a, b) for a, b in itertools.combinations(turned, 2))


def test_the_average_of_what_has_no_direction_is_itself(traction):
    parts = average_over_turns(lambda u, noise: (2 * u, np.abs(u)), traction)
    np.testing.assert_allclose(parts[0], 2 * traction)
    np.testing.assert_allclose(parts[1], np.abs(traction))


def test_averaged_predictions_turn_with_the_field(traction):
    displacement = ForwardOperator((16, 20)).apply(traction)
    settings = {"module__widths": (2, 4), "max_epochs": 1, "lr": 0.05, "random_state": 0, "verbose": 0}
    plain = DeepTFM(**settings).fit(displacement, traction)
    averaged = DeepTFM(**settings, average_turns=True).fit(displacement, traction)

    def deviation(model):
        back = turn_back(model.predict(turn(displacement, 1, True)), 1, True)
        return np.abs(back - model.predict(displacement)).max() / np.abs(back).max()

    assert deviation(averaged) < 1e-5 < deviation(plain)
    predicted, std = averaged.predict(displacement, return_std=True)
    assert std.shape == predicted.shape
    assert (std > 0).all()


def test_balanced_traction_has_no_net_force_and_changes_where_it_is_uncertain():
    cells = CellSimulator("adhesion", shape=32, oversample=3, random_state=0).sample(2)
    plain, balanced = (DeepTFM.from_pretrained("small", balanced=each) for each in (False, True))
    traction, half_width = plain.calibration_.correct(*plain.evaluate(cells.displacement))
    found = balanced.predict(cells.displacement)
    size = np.hypot(traction[:, 0], traction[:, 1]).sum(axis=(1, 2))
    assert (np.hypot(*found.sum(axis=(2, 3)).T) < 1e-6 * size).all()
    change = (traction - found) / half_width**2
    np.testing.assert_allclose(change, change[..., :1, :1] * np.ones_like(change), rtol=0.05)
