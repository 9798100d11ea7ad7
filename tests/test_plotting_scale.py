"""Ends of scales: a few wild vectors, filled ones and a noisy border do not move them."""

from __future__ import annotations

import numpy as np
import pytest

from tfmkit import plotting
from tfmkit.plotting.scale import check_top


@pytest.fixture
def cell():
    """Lengths of a cell that pulls by 100 to 200 Pa in the middle of 60 x 50 grid points."""
    lengths = np.zeros((60, 50))
    lengths[20:40, 15:35] = np.random.default_rng(0).uniform(100, 200, (20, 20))
    return lengths


def test_border_noise_and_single_spikes_do_not_darken_the_cell(cell):
    quiet = plotting.robust_maximum(cell)
    noisy = cell.copy()
    noisy[[0, -1]] = noisy[:, [0, -1]] = 5000
    noisy[30, 30] = 1e5
    assert 180 < quiet < 200
    assert quiet <= plotting.robust_maximum(noisy) < 1.05 * quiet
    assert noisy.max() > 100 * quiet


def test_filled_vectors_and_the_outside_of_cells_do_not_count(cell):
    wild, measured = cell.copy(), np.ones(cell.shape, dtype=bool)
    wild[25:30, 20:30], measured[25:30, 20:30] = 4000, False
    assert plotting.robust_maximum(wild, measured) < 200
    assert plotting.robust_maximum(wild) == 4000
    outside = np.where(cell > 0, cell, 900.0)
    assert plotting.robust_maximum(outside, cell > 0) < 200


def test_single_vectors_and_small_fields_keep_their_scale():
    single = np.zeros((24, 40))
    single[5, 7] = 500
    assert plotting.robust_maximum(single) == 500
    assert plotting.robust_maximum(np.eye(2)) == 1
    assert plotting.robust_maximum(np.zeros((9, 9))) == 0
    assert plotting.robust_maximum(single, np.zeros((24, 40), dtype=bool)) == 500
    assert check_top(np.zeros((9, 9)), None) == 1
    assert check_top(single, 30.0) == 30


def test_arrows_share_one_scale_that_filled_vectors_do_not_stretch():
    fields = np.random.default_rng(0).normal(size=(3, 2, 40, 40))
    measured = np.ones((3, 40, 40), dtype=bool)
    fields[1, :, 4:12, 4:12], measured[1, 4:12, 4:12] = 1e4, False
    top = plotting.longest_arrow(fields, measured)
    assert 1 < top < 5
    assert plotting.longest_arrow(fields) > 1e3
    assert plotting.longest_arrow(fields[:1]) == pytest.approx(plotting.longest_arrow(fields[:1], measured[:1]))
    assert plotting.longest_arrow(np.zeros((2, 2, 9, 9))) is None


def test_masks_that_do_not_fit_are_refused(cell):
    with pytest.raises(ValueError, match="mask"):
        plotting.robust_maximum(cell, np.ones((3, 3)))
    with pytest.raises(ValueError, match="argument 2"):
        plotting.longest_arrow(np.zeros((2, 2, 9, 9)), [np.ones((9, 9))])


def test_one_definition_is_the_default_of_maps(cell):
    figure = plotting.plot_traction_map(np.stack([cell, 0 * cell]))
    assert figure.axes[0].images[0].get_clim() == (0, pytest.approx(plotting.robust_maximum(cell)))
    assert figure.axes[1].get_ylabel() == "traction |t| (Pa)"
