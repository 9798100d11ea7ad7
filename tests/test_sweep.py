"""The tractions and the scores of the sweep of napariTFM, which the benchmark makes again."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import ndimage

from benchmarks.command import DATA
from benchmarks.fibres import PIXEL_UM, POISSON, SEPARATION_UM, SIDE, YOUNG, cell_outline, dipole, fibre_cell, with_peak
from benchmarks.sweep import angle, composite
from tfmkit.gel.operator import ForwardOperator

y, x = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
CELL = np.hypot(x / 1.3, y + 20 * np.cos(x / 60)) < 90


def moments(traction: np.ndarray) -> float:
    """The torque of a traction."""
    return float((x * traction[1] - y * traction[0]).sum())


@pytest.mark.parametrize("n_fibres", [16, 82])
def test_fibres_pull_in_balance_inside_the_cell(n_fibres: int) -> None:
    traction = fibre_cell(CELL, n_fibres, np.random.default_rng(n_fibres))
    total = np.hypot(*traction).sum()
    assert_allclose(traction.sum(axis=(1, 2)) / total, 0, atol=1e-6)
    # Each fibre pulls along itself, so that nothing turns; the far ends of fibres are over 40 px apart.
    assert abs(moments(traction)) < 1e-4 * 40 * total
    assert not traction[:, ~CELL].any()
    # Fibres shorten the cell: forces point inwards.
    assert (x * traction[0] + y * traction[1]).sum() < -20 * total


def test_adhesions_lie_along_the_rim() -> None:
    traction = fibre_cell(CELL, 40, np.random.default_rng(0))
    depth = ndimage.distance_transform_edt(CELL)
    pulls = np.hypot(*traction) > 0
    assert depth[pulls].max() < 14 + 1 + 8 + 14 + 1
    assert 0.01 < pulls.sum() / CELL.sum() < 0.3


def test_a_cell_without_room_for_fibres_is_refused() -> None:
    with pytest.raises(ValueError, match="room for fibres"):
        fibre_cell(np.hypot(x, y) < 18, 16, np.random.default_rng(0))


@pytest.mark.parametrize("peak", [0.5, 50.0])
def test_the_longest_displacement_is_as_asked(peak: float) -> None:
    traction = with_peak(dipole(1.88), peak)
    displacement = ForwardOperator(SIDE, young=YOUNG, poisson=POISSON).apply(traction)
    assert np.hypot(*displacement).max() == pytest.approx(peak)


def test_poles_pull_towards_each_other() -> None:
    traction = dipole(1.0)
    assert_allclose(traction.sum(axis=(1, 2)), 0, atol=1e-4 * np.abs(traction).sum())
    lower = traction[0] < 0
    middles = [
        (np.average(x, weights=part), np.average(y, weights=part))
        for part in np.abs([traction[0] * ~lower, traction[0] * lower])
    ]
    apart = np.subtract(*middles[::-1])
    assert np.hypot(*apart) * PIXEL_UM == pytest.approx(SEPARATION_UM, rel=0.01)
    assert apart[0] == pytest.approx(apart[1])
    assert apart[0] > 0


def test_real_outlines_keep_their_size() -> None:
    folder = DATA / "bead_pairs" / "Cell_6_Cell99"
    if not folder.is_dir():
        pytest.skip(f"no measured data at {folder}")
    inside = cell_outline(folder)
    assert inside.shape == (SIDE, SIDE)
    # 13.3 % of 288 px of 0.3263 um.
    assert inside.sum() * PIXEL_UM**2 == pytest.approx(0.133 * (288 * 0.3263) ** 2, rel=0.02)
    rows, columns = np.nonzero(inside)
    assert_allclose([rows.min() + rows.max(), columns.min() + columns.max()], SIDE - 1, atol=2)
    traction = fibre_cell(inside, 30, np.random.default_rng(0))
    assert not traction[:, ~inside].any()


def test_the_angle_weighs_lengths_and_counts_silence_as_a_right_angle() -> None:
    truth = np.zeros((2, 8, 8))
    truth[0, 2, 2], truth[1, 5, 5] = 3.0, 1.0
    assert angle(truth, 2 * truth) == pytest.approx(0, abs=1e-5)
    # A turn by 60 degrees everywhere.
    turned = np.stack([truth[0] - np.sqrt(3) * truth[1], np.sqrt(3) * truth[0] + truth[1]])
    assert angle(truth, turned) == pytest.approx(60)
    assert angle(truth, np.zeros_like(truth)) == pytest.approx(90)
    missed = truth * np.array([1.0, 0.0])[:, None, None]
    assert angle(truth, missed) == pytest.approx(np.degrees(np.arccos(3 / 4)))


def test_j_adds_up_three_deviations() -> None:
    near = np.hypot(x[:80, :80] - x[40, 40], y[:80, :80] - y[40, 40]) < 6
    truth = np.stack([near * 4.0, near * 0.0])
    assert composite(truth, truth) == pytest.approx(0, abs=1e-6)
    assert composite(truth, 0.75 * truth) == pytest.approx(0.25, abs=1e-6)
    # A turn by 45 degrees counts 1.
    turned = np.stack([truth[0], truth[0]]) / np.sqrt(2)
    assert composite(truth, turned) == pytest.approx(1, abs=1e-6)
    # A background of 0.4 everywhere is a tenth of the traction.
    haze = np.where(near, truth, 0.4 / np.sqrt(2))
    assert composite(truth, haze) == pytest.approx(0.1, abs=0.01)
