"""Scattered points of which one lies far away."""

from __future__ import annotations

import numpy as np
import pytest

from tfmkit.io.fields.grid import even_axes

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
