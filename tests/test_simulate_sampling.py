"""Places of samples: a symmetric traction moves the gel symmetrically, however fine it is drawn."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from tfmkit.simulate import CellSimulator
from tfmkit.simulate.families import _net_force_share_of_field


@pytest.mark.parametrize("oversample", [1, 3, 5])
def test_displacement_is_sampled_in_the_middles_of_the_pixels(oversample: int) -> None:
    def symmetric(rng: np.random.Generator, shape: tuple[int, int], size: float) -> tuple[np.ndarray, np.ndarray]:
        """Two patches of any fine shape that pull towards the middle of the field."""
        part = rng.random((2, shape[0] // 4, shape[1] // 6)) + 0.5
        left = np.zeros((2, *shape))
        left[:, shape[0] // 3 : shape[0] // 3 + part.shape[1], 2 : 2 + part.shape[2]] = part
        mirrored = left[..., ::-1] * np.array([-1, 1])[:, None, None]
        return left + mirrored, np.ones(shape, dtype=bool)

    cells = CellSimulator(symmetric, shape=(20, 24), oversample=oversample, random_state=0).sample(1)
    for field in (cells.displacement[0], cells.traction[0]):
        assert_allclose(field[0], -field[0, :, ::-1], rtol=0, atol=1e-5 * np.abs(field).max())
        assert_allclose(field[1], field[1, :, ::-1], rtol=0, atol=1e-5 * np.abs(field).max())


def test_share_of_the_net_force_does_not_depend_on_the_unit() -> None:
    traction = np.random.default_rng(0).normal(size=(3, 2, 8, 8)) + 0.2
    share = _net_force_share_of_field(traction)
    assert_allclose(share, np.abs(traction.sum(axis=(2, 3))) / np.abs(traction).sum(axis=(2, 3)))
    assert_allclose(_net_force_share_of_field(1e-4 * traction), share)
    assert_allclose(_net_force_share_of_field(0 * traction), 1.0)
