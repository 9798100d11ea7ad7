"""Scattered points of which one lies far away."""

from __future__ import annotations

import numpy as np
import pytest

from tfmkit.io.fields.grid import beside_points, even_axes, grid_axes

CLOUD = np.random.default_rng(0).uniform(0, 100, (500, 2))


def test_a_cloud_gets_as_many_grid_points_as_it_has_points():
    x, y = even_axes(CLOUD)
    assert 250 < x.size * y.size < 1000


@pytest.mark.parametrize("far", [[1e9, 50.0], [50.0, 1e12], [1e300, 50.0]])
def test_a_far_point_along_an_axis_is_refused(far):
    with pytest.raises(ValueError, match="remove points that lie far from the others"):
        even_axes(np.concatenate([CLOUD, [far]]))


def test_a_far_point_along_both_axes_makes_no_large_grid():
    x, y = even_axes(np.concatenate([CLOUD, [[1e9, 1e9]]]))
    assert x.size * y.size < 1000


def test_scattered_points_that_are_no_rounded_grid_are_refused():
    # Steps of 9.7 and 10.3 in turn, and digits that no rounding leaves.
    axis = np.cumsum(np.tile([9.70123, 10.30217], 6))
    points = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    with pytest.raises(ValueError, match="evenly spaced"):
        grid_axes(points)
    grid_axes(np.rint(10.25 * np.stack(np.meshgrid(np.arange(12), np.arange(12)), axis=-1).reshape(-1, 2)))


def test_a_grid_point_is_measured_if_a_vector_lies_within_a_step():
    x, y = 10.0 * np.arange(6), 10.0 * np.arange(5)
    assert beside_points(np.empty((0, 2)), x, y).shape == (y.size, x.size)
    found = beside_points(np.array([[21.0, 18.0]]), x, y)
    distance = np.hypot(x[None] - 21, y[:, None] - 18)
    np.testing.assert_array_equal(found, distance <= 10)
