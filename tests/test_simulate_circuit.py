"""The shape machine: shapes, signals and independence of the batch."""

from __future__ import annotations

import numpy as np
import pytest

from tfmkit.simulate import CIRCUITS, simulate_borders
from tfmkit.simulate.circuit import COSINES, N_ANGLES, SINES


def roundness(radii):
    """Area over that of the circle through the farthest point: 1 for a disc, small for a star."""
    return (radii**2).mean(axis=1) / radii.max(axis=1) ** 2


@pytest.mark.parametrize("family", list(CIRCUITS))
def test_borders_are_finite_positive_and_carry_both_signs(family):
    radii, signals = simulate_borders(24, family, random_state=0)
    assert radii.shape == signals.shape == (24, N_ANGLES)
    assert radii.dtype == signals.dtype == np.float32
    assert np.isfinite(radii).all()
    assert np.isfinite(signals).all()
    assert (radii > 0).all()
    both = (signals.max(axis=1) > 0) & (signals.min(axis=1) < 0)
    assert both.mean() > 0.9


def test_a_cell_does_not_depend_on_its_batch():
    many, few = simulate_borders(40, random_state=7), simulate_borders(3, random_state=7)
    for of_many, of_few in zip(many, few, strict=True):
        np.testing.assert_array_equal(of_many[:3], of_few)
    assert not np.allclose(many[0][0], many[0][1])


def test_keratocytes_are_compact_and_protrude_on_one_side():
    generic, keratocyte, neuron = (simulate_borders(48, f, random_state=1) for f in ("generic", "keratocyte", "neuron"))
    assert np.median(roundness(keratocyte[0])) > 2 * np.median(roundness(neuron[0]))
    assert np.median(roundness(generic[0])) > np.median(roundness(neuron[0]))

    def polarity(signals):
        front = (signals > 0).astype(float)
        return np.hypot(front @ COSINES, front @ SINES) / front.sum(axis=1).clip(1)

    assert np.median(polarity(keratocyte[1])) > np.median(polarity(neuron[1]))


def test_neurons_have_narrow_tips():
    signals = simulate_borders(48, "neuron", random_state=2)[1]
    fronts = simulate_borders(48, "keratocyte", random_state=2)[1]
    assert np.median((signals > 0).mean(axis=1)) < 0.6 * np.median((fronts > 0).mean(axis=1))


def test_centre_is_the_mean_of_the_border():
    radii = simulate_borders(32, "keratocyte", random_state=3)[0]
    offset = np.hypot((radii * COSINES).mean(axis=1), (radii * SINES).mean(axis=1))
    assert np.median(offset / radii.mean(axis=1)) < 0.05


def test_seeds_are_taken_in_every_form_and_global_state_is_left_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first, second = (simulate_borders(2, random_state=0)[0] for _ in range(2))
    np.testing.assert_array_equal(first, second)
    generator = np.random.default_rng(0)
    assert not np.allclose(
        simulate_borders(2, random_state=generator)[0], simulate_borders(2, random_state=generator)[0]
    )
    legacy = [simulate_borders(2, random_state=np.random.RandomState(5))[0] for _ in range(2)]
    np.testing.assert_array_equal(*legacy)
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0,), "n_cells"),
        ((2.5,), "n_cells"),
        ((2, "amoeba"), "family"),
        ((2, "generic", -1), "random_state"),
        ((2, "generic", "seed"), "random_state"),
    ],
)
def test_bad_parameters_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        simulate_borders(*arguments)
