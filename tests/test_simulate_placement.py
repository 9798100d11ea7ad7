"""From signals to traction: threshold, balance, direction, distances, and the finer grid."""

from __future__ import annotations

import numpy as np
import pytest

from tfmkit.simulate.placement import PROTOCOLS, balance_signals, net_force_share, place_traction
from tfmkit.simulate.shapes import border_polygons, fit_border, interior


def streams(n, seed=0):
    return np.random.default_rng(seed).spawn(n)


def test_weak_signals_are_dropped_and_the_two_kinds_balance():
    signals = np.zeros((1, 360))
    signals[0, :4] = [10.0, 5.0, 0.4, -1.0]
    signals[0, 100] = -2.0
    magnitudes = balance_signals(signals)[0]
    np.testing.assert_allclose(magnitudes[:4], [10, 5, 0, 5])
    assert magnitudes[100] == 10
    assert magnitudes.sum() == 30


@pytest.mark.parametrize("value", [0.0, 1.0, -1.0])
def test_a_cell_with_one_kind_of_signal_is_never_balanced(value):
    magnitudes = balance_signals(np.full((1, 360), value))
    assert not magnitudes.any()
    np.testing.assert_array_equal(net_force_share(magnitudes), [[1, 1]])


def test_the_protocol_of_the_paper_drops_signals_under_one():
    signals = np.tile([80.0, -80.0, 1.1, -0.9], 90)[None].astype(np.float32)
    for name, kept in (("wang2021", [True, True, True, False]), ("tfmkit", [True, True, False, False])):
        np.testing.assert_array_equal(PROTOCOLS[name].magnitudes(signals)[0, :4] > 0, kept)
    assert not PROTOCOLS["wang2021"].magnitudes(np.zeros((1, 360), dtype=np.float32)).any()


def test_net_force_share_along_an_axis_counts_its_components_alone():
    # Forces along x only, one of 3 and one of 1: half of their components along x are not balanced, none along y act.
    magnitudes = np.zeros((1, 360), dtype=np.float32)
    magnitudes[0, 0], magnitudes[0, 180], magnitudes[0, 90], magnitudes[0, 270] = 3.0, 1.0, 4.0, 4.0
    np.testing.assert_allclose(net_force_share(magnitudes), [[2 / 12, 0]], atol=1e-6)
    np.testing.assert_allclose(net_force_share(magnitudes, per_axis=True), [[2 / 4, 0]], atol=1e-6)


def test_net_force_share_of_a_ring_and_of_one_side():
    magnitudes = np.zeros((3, 360))
    magnitudes[0] = 1
    magnitudes[1, 0] = 1
    magnitudes[2, [90, 270]] = 1
    np.testing.assert_allclose(net_force_share(magnitudes), [[0, 0], [1, 0], [0, 0]], atol=1e-6)


def test_vectors_point_to_the_centre_and_move_inwards():
    radii, centres = np.full((1, 360), 20.0), np.array([[31.5, 31.5]])
    magnitudes = np.zeros((1, 360))
    magnitudes[0, 0] = 1.0
    traction = place_traction(streams(1), radii, centres, magnitudes, (64, 64))[0]
    assert traction[0].min() < 0
    assert not traction[1].any()
    columns = np.flatnonzero(traction[0].any(axis=0))
    assert (columns > 31).all()
    assert (columns <= 53).all()
    # One vector in each of the first two layers, and a kernel of sum 5 in the third.
    np.testing.assert_allclose(traction[0].sum(), -7, rtol=1e-6)


def test_layers_lie_at_poisson_distances():
    n = 200
    radii, centres = np.full((n, 360), 40.0), np.full((n, 2), 63.0)
    magnitudes = np.zeros((n, 360))
    # 6 is in the first two layers, 20 in the first and third.
    for angle, mean in ((6, (1 + 2) / 2), (20, (1 + 5 * 6) / 6)):
        single = np.where(np.arange(360) == angle, 1.0, magnitudes)
        traction = place_traction(streams(n), radii, centres, single, (127, 127))
        size = np.hypot(traction[:, 0], traction[:, 1])
        y, x = np.mgrid[:127, :127]
        depth = 40 - (size * np.hypot(x - 63, y - 63)).sum() / size.sum()
        assert abs(depth - mean) < 0.4


def test_force_does_not_depend_on_the_grid():
    rng = np.random.default_rng(0)
    magnitudes = rng.random((2, 360))
    radii, centres = np.full((2, 360), 12.0), np.array([[20.3, 15.1], [25.0, 14.2]])
    coarse = place_traction(streams(2), radii, centres, magnitudes, (32, 48))
    fine = place_traction(streams(2), radii, centres, magnitudes, (32, 48), 3)
    assert fine.shape == (2, 2, 96, 144)
    np.testing.assert_allclose(fine.sum(axis=(2, 3)) / 9, coarse.sum(axis=(2, 3)), atol=1e-3)

    def middle(traction, factor):
        size = np.hypot(traction[:, 0], traction[:, 1])
        x = (np.arange(size.shape[2]) - (factor - 1) / 2) / factor
        return (size.sum(axis=1) * x).sum(axis=1) / size.sum(axis=(1, 2))

    np.testing.assert_allclose(middle(fine, 3), middle(coarse, 1), atol=0.2)


def test_cells_over_the_edge_keep_their_force():
    radii, centres, magnitudes = np.full((1, 360), 30.0), np.array([[7.5, 7.5]]), np.ones((1, 360))
    traction = place_traction(streams(1), radii, centres, magnitudes, (16, 16))
    np.testing.assert_allclose(traction.sum(axis=(2, 3)), 0, atol=1e-3)


def test_borders_are_scaled_to_size_in_the_middle():
    radii = np.random.default_rng(0).uniform(5, 20, (4, 360))
    scaled, centres = fit_border(radii, (40, 60), np.array([10.0, 15.0, 20.0, 30.0]))
    corners = border_polygons(scaled, centres)
    low, high = corners.min(axis=1), corners.max(axis=1)
    np.testing.assert_allclose((high - low).max(axis=1), [10, 15, 20, 30], rtol=1e-5)
    np.testing.assert_allclose((high + low) / 2, [[29.5, 19.5]] * 4, rtol=1e-5)


def test_interior_of_a_circle_off_the_middle():
    radii, centres = np.full((2, 360), 6.2), np.array([[10.0, 9.0], [20.5, 12.25]])
    y, x = np.mgrid[:24, :32]
    expected = [(x - cx) ** 2 + (y - cy) ** 2 <= 6.2**2 for cx, cy in centres]
    np.testing.assert_array_equal(interior(radii, centres, (24, 32)), expected)


def test_interior_is_cut_off_at_the_edge():
    inside = interior(np.full((1, 360), 50.0), np.array([[4.0, 4.0]]), (10, 12))
    assert inside.all()


def test_interior_of_no_cells():
    assert interior(np.empty((0, 360)), np.empty((0, 2)), (10, 12)).shape == (0, 10, 12)
