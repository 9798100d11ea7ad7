"""Vectors that cannot be measured are flagged: gel out of view, strains and turns that nothing can follow."""

from __future__ import annotations

import numpy as np
import pytest

from tfmkit.displacement import PIV, Flag
from tfmkit.gel.closed_forms import hertz_displacement
from tfmkit.simulate import BeadSimulator


def test_gel_that_leaves_the_image_is_flagged():
    beads = BeadSimulator(128, spacing=4, random_state=1).sample(displacement=np.full((1, 2, 32, 32), 6.0))
    flags = PIV().measure(beads.pairs).flags[0]
    assert (flags[-1] == Flag.NO_MATCH).all()
    assert (flags[:, -1] == Flag.NO_MATCH).all()
    assert (flags[:-2, :-2] == Flag.GOOD).all()


def test_adhesions_that_cannot_be_followed_are_flagged_as_a_whole():
    """Hertz patches: beads move by more than the radius and the strain is near 1."""
    nodes = np.arange(300 // 4) * 4.0 - 148
    x, y = np.meshgrid(nodes, nodes)
    pull = np.array([0.75, 0.75])
    true = sum(hertz_displacement(x - at, y - at, 30.0, -np.sign(at) * pull, 0.5) for at in (-75.0, 75.0))
    pairs = (
        BeadSimulator(300, spacing=4, density=0.03, photons=200.0, random_state=1).sample(displacement=true[None]).pairs
    )
    found = PIV(spacing=4).measure(pairs)
    error, good = np.hypot(*(found.displacement[0] - true)), found.flags[0] == Flag.GOOD
    assert np.hypot(*true).max() > 50
    assert error.max() > 20
    assert np.quantile(error[good], 0.999) < 2
    assert error[good].max() < 4


@pytest.mark.parametrize("degrees", [12, 15])
def test_a_turn_that_cannot_be_followed_is_flagged(degrees):
    positions, angle = 4 * np.arange(96) - 190.0, np.deg2rad(degrees)
    x, y = np.meshgrid(positions, positions)
    turned = [np.cos(angle) * x - np.sin(angle) * y - x, np.sin(angle) * x + np.cos(angle) * y - y]
    beads = BeadSimulator(384, spacing=4, random_state=1).sample(displacement=np.stack(turned)[None])
    result = PIV().measure(beads.pairs)
    good = result.flags[0] == Flag.GOOD
    wrong = np.hypot(*(result.displacement - beads.displacement)[0]) > 0.5
    assert good.mean() > 0.1
    assert wrong[good].mean() < 0.15
