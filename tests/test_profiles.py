"""Values along lines and from edges, and their figures."""

from __future__ import annotations

import numpy as np
import pytest

from tfmkit import plotting
from tfmkit.profiles import average_from_edge, sample_line


@pytest.mark.parametrize(("start", "end"), [((0, 0), (9, 6)), ((3, 7), (3, 1)), ((9.5, 0.25), (1, 5))])
def test_linear_maps_are_sampled_exactly(start, end):
    y, x = np.mgrid[0:8, 0:11]
    movie = np.stack([2 * x - 3 * y, x + 0.5 * y])
    distance, values = sample_line(movie, start, end, spacing=0.4)
    length = np.hypot(end[0] - start[0], end[1] - start[1])
    assert distance[0] == 0
    assert distance[-1] == pytest.approx(0.4 * length)
    share = distance / distance[-1]
    line_x, line_y = (a + share * (b - a) for a, b in zip(start, end, strict=True))
    np.testing.assert_allclose(values, [2 * line_x - 3 * line_y, line_x + 0.5 * line_y], atol=1e-12)
    np.testing.assert_allclose(sample_line(movie[0], start, end)[1], values[0])


def test_means_from_a_straight_edge_are_those_of_the_columns():
    values = np.broadcast_to(np.arange(10.0), (6, 10))
    mask = np.arange(10) >= 4
    distance, means = average_from_edge(values, np.broadcast_to(mask, (6, 10)), spacing=2.0)
    # The edge lies between columns 3 and 4.
    np.testing.assert_allclose(distance, 2.0 * (np.arange(10) - 3.5))
    np.testing.assert_allclose(means, np.arange(10))
    _, movie = average_from_edge(np.stack([values, 2 * values]), np.broadcast_to(mask, (6, 10)))
    np.testing.assert_allclose(movie, [means, 2 * means])


def test_figures_show_profiles_and_kymographs():
    distance, times = np.arange(5) * 0.5, np.arange(3) * 10
    values = np.arange(15.0).reshape(3, 5)
    (axes,) = plotting.plot_profile(distance, values[1], ylabel="traction (Pa)").axes
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), values[1])
    axes, bar = plotting.plot_kymograph(distance, times, values, label="traction |t| (Pa)", ylabel="time (min)").axes
    assert axes.images[0].get_extent() == [-0.25, 2.25, 25, -5]
    assert (axes.get_ylabel(), bar.get_ylabel()) == ("time (min)", "traction |t| (Pa)")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sample_line(np.zeros(5), (0, 0), (1, 1)), "maps"),
        (lambda: sample_line(np.full((5, 5), np.nan), (0, 0), (1, 1)), "finite"),
        (lambda: sample_line(np.zeros((5, 6)), (0, 0), (6, 1)), "from .0, 0. to"),
        (lambda: sample_line(np.zeros((5, 6)), (1, 1), (1, 1)), "length"),
        (lambda: average_from_edge(np.zeros((5, 6)), np.ones((5, 6))), "edge"),
        (lambda: average_from_edge(np.zeros((5, 6)), np.eye(5)), "shape"),
        (lambda: plotting.plot_profile([1, 2], [1], ylabel="a"), "one value"),
        (lambda: plotting.plot_kymograph([1, 2], [1], [[1, 2]], label="a"), "two or more"),
    ],
)
def test_refuses(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(("end", "n_points"), [((3, 0), 4), ((3, 4), 6), ((2.5, 0), 4), ((0.5, 0), 2)])
def test_a_line_has_a_point_for_each_grid_point_of_length(end, n_points):
    distance, values = sample_line(np.zeros((6, 6)), (0, 0), end, spacing=2.0)
    assert distance.shape == values.shape == (n_points,)
    np.testing.assert_allclose(distance, np.linspace(0, 2 * np.hypot(*end), n_points))
