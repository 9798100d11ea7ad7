"""Time courses: few cells have colours and error bars, many a median and a band."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb

from tfmkit import plotting
from tfmkit.plotting.courses import EACH, MEDIAN
from tfmkit.plotting.style import COLORS
from tfmkit.report.courses import draw_courses


def courses(n_cells, n_frames=6, when=np.arange):
    """Return courses of cells of which the n-th has the value n, and one has a gap."""
    values = [np.full(n_frames, float(number)) for number in range(n_cells)]
    values[0][2:3] = np.nan
    return [(when(n_frames), each, np.full(n_frames, 0.1)) for each in values]


def test_few_cells_have_colours_and_error_bars():
    axes = plotting.plot_courses(courses(7), xlabel="frame", ylabel="total force (nN)").axes[0]
    bars = axes.containers
    assert [bar.lines[0].get_color() for bar in bars] == list(COLORS)
    assert all(bar.has_yerr for bar in bars)


def test_many_cells_are_thin_lines_below_their_median_and_the_middle_half():
    axes = plotting.plot_courses(courses(41), xlabel="frame", ylabel="total force (nN)").axes[0]
    *each, median = axes.lines
    assert len(each) == 41
    assert {line.get_color() for line in each} == {EACH}
    assert median.get_color() == MEDIAN
    assert median.get_zorder() > max(line.get_zorder() for line in each)
    assert median.get_ydata().tolist() == [20, 20, 20.5, 20, 20, 20]
    (band,) = axes.collections
    assert band.get_paths()[0].vertices[:, 1].min() == 10
    assert band.get_paths()[0].vertices[:, 1].max() == 30.25
    # The grey of the cells is lighter than the median also without colour.
    weights = np.array([0.2126, 0.7152, 0.0722])
    assert weights @ to_rgb(EACH) > 0.2 + weights @ to_rgb(MEDIAN)


@pytest.mark.parametrize("n_cells", [3, 20])
@pytest.mark.parametrize("n_frames", [2, 3, 15, 200])
def test_frames_are_integers_on_the_axis(n_cells, n_frames):
    figure = plotting.plot_courses(courses(n_cells, n_frames), xlabel="frame", ylabel="total force (nN)")
    figure.draw_without_rendering()
    ticks = figure.axes[0].get_xticks()
    assert (ticks == np.round(ticks)).all()
    timed = courses(n_cells, n_frames, when=lambda n: 0.25 * np.arange(n))
    assert plotting.plot_courses(timed, xlabel="time (h)", ylabel="total force (nN)").axes[0].get_xlabel() == "time (h)"


def test_report_draws_all_cells_of_a_position():
    rows = [
        {"position": "p", "frame": frame, "time_s": np.nan, "cell": f"cell {cell}", "total_force_N": (cell + 1) * 1e-9}
        for cell in range(30) for frame in (1, 2, 3)
    ]  # fmt: skip
    (course,) = draw_courses(pd.DataFrame(rows), 5)
    assert [key.text for key in course.legend][:2] == ["each of 30 cells", "their median"]
    assert [panel.title for panel in course.panels] == ["Total force"]


def test_no_cell_is_refused():
    with pytest.raises(ValueError, match="one or more cells"):
        plotting.plot_courses([], xlabel="frame", ylabel="force (N)")
