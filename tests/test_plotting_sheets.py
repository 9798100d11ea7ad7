"""Figures of the stress in sheets."""

from __future__ import annotations

import numpy as np
import pytest

from tfmkit.plotting import plot_border_tension, plot_sheet_stress


def sheet():
    stress = np.full((3, 20, 30), np.nan)
    stress[0, 4:16, 4:26], stress[1, 4:16, 4:26], stress[2, 4:16, 4:26] = 3e-3, 1e-3, 0.0
    labels = np.zeros((20, 30), dtype=int)
    labels[4:16, 4:15], labels[4:16, 15:26] = 1, 2
    return stress, labels


def test_the_map_shows_the_mean_normal_stress_and_crosses_along_the_axes():
    stress, labels = sheet()
    axes = plot_sheet_stress(stress, labels=labels).axes[0]
    shown = axes.images[0].get_array()
    assert shown[10, 10] == pytest.approx(2.0)
    assert np.ma.getmaskarray(shown)[0, 0]
    assert axes.images[0].get_clim() == pytest.approx((-2, 2))
    arms = [np.ptp(line.get_xdata()) - np.ptp(line.get_ydata()) for line in axes.lines if len(line.get_xdata()) == 2]
    assert max(arms) == pytest.approx(-3 * min(arms), rel=1e-6)


def test_borders_have_the_colour_of_their_tension():
    stress, labels = sheet()
    axes = plot_border_tension(stress, labels, vmax=6e-3).axes[0]
    (dots,) = axes.collections
    assert len(dots.get_offsets()) == 12
    picture = axes.images[1]
    np.testing.assert_allclose(dots.get_facecolor()[0], picture.cmap(picture.norm(3.0)))


def test_a_field_without_a_sheet_or_borders_is_drawn_too():
    empty = np.full((3, 12, 12), np.nan)
    plot_sheet_stress(empty)
    plot_border_tension(empty, np.zeros((12, 12)))


def test_wrong_input_is_refused():
    stress, labels = sheet()
    for figure in (lambda: plot_sheet_stress(stress[:2]), lambda: plot_border_tension(stress[None], labels)):
        with pytest.raises(ValueError, match="stress"):
            figure()
    with pytest.raises(ValueError, match="vmax"):
        plot_sheet_stress(stress, vmax=0.0)
