"""Figures: what they show, and that they leave matplotlib's global state alone."""

from __future__ import annotations

import re
import subprocess
import sys

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread
from matplotlib.quiver import Quiver

from tfmkit import plotting
from tfmkit.fttc import FTTCCV


@pytest.fixture
def field() -> np.ndarray:
    """Return a field of 24 x 40 with one strong vector to the right and down."""
    field = np.zeros((2, 24, 40))
    field[:, 5, 7] = 300.0, 400.0
    return field


def texts_of(figure):
    """Return all words of a figure."""
    axes = figure.axes
    return [text.get_text() for ax in axes for text in ax.texts] + [ax.get_ylabel() for ax in axes]


def test_map_shows_magnitude_unit_and_scale(field):
    figure = plotting.plot_traction_map(field, spacing=0.5, length_unit="µm")
    (image,) = figure.axes[0].images
    assert image.get_array().max() == 500
    assert image.get_array()[5, 7] == 500
    assert image.get_clim() == (0, 500)
    assert figure.axes[0].yaxis_inverted()
    assert "traction |t| (Pa)" in texts_of(figure)
    assert "5 µm" in texts_of(figure)


def test_map_counts_large_tractions_in_kilopascals(field):
    figure = plotting.plot_traction_map(10 * field)
    assert figure.axes[0].images[0].get_array().max() == pytest.approx(5)
    assert "traction |t| (kPa)" in texts_of(figure)


def test_map_takes_a_common_scale_and_an_outline(field):
    mask = np.zeros((24, 40), dtype=bool)
    mask[3:9, 3:12] = True
    figure = plotting.plot_traction_map(field, vmax=1000, mask=mask)
    assert figure.axes[0].images[0].get_clim() == (0, 1000)
    (outline,) = figure.axes[0].collections
    assert outline.get_paths()[0].get_extents().bounds == pytest.approx((2.5, 2.5, 9, 6))


def test_any_quantity_can_be_a_map(field):
    figure = plotting.plot_map(field[0], label="displacement |u| (px)", spacing=0.5, vmax=600, cmap="viridis")
    (image,) = figure.axes[0].images
    assert image.get_array()[5, 7] == 300
    assert image.get_clim() == (0, 600)
    assert image.get_cmap().name == "viridis"
    assert {"displacement |u| (px)", "5 px"} <= set(texts_of(figure))


def test_arrows_point_where_the_field_does(field):
    figure = plotting.plot_vectors(field, n_arrows=40)
    quiver, key = (artist for artist in figure.axes[0].collections if isinstance(artist, Quiver))
    strongest = np.argmax(np.hypot(quiver.U, quiver.V))
    assert quiver.XY[strongest].tolist() == [7, 5]
    assert (quiver.U[strongest], quiver.V[strongest]) == (300, 400)
    # With y running down on the screen, a positive y component must point down too.
    assert quiver.angles == "xy"
    assert figure.axes[0].yaxis_inverted()
    assert key.U.tolist() == [500]
    assert (key.scale, key.width) == (quiver.scale, quiver.width)
    assert "traction 500 Pa" in texts_of(figure)


def test_arrows_of_fine_grids_are_block_means(field):
    figure = plotting.plot_vectors(field, n_arrows=10)
    quiver, _ = (artist for artist in figure.axes[0].collections if isinstance(artist, Quiver))
    # Where there is nothing, there is no arrow.
    assert quiver.U.tolist() == [300 / 16]
    assert quiver.V.tolist() == [400 / 16]
    assert quiver.XY.tolist() == [[5.5, 5.5]]
    assert plotting.plot_vectors(field + 1e3, n_arrows=10).axes[0].collections[0].U.size == 6 * 10


def test_zero_fields_and_extreme_shapes_are_drawn(tmp_path):
    for shape in ((2, 8, 8), (2, 8, 100), (2, 100, 9)):
        for draw in (plotting.plot_traction_map, plotting.plot_vectors):
            figure = draw(np.zeros(shape), mask=np.ones(shape[1:], dtype=bool))
            figure.savefig(tmp_path / "a.png", dpi=50)
            picture, axes = imread(tmp_path / "a.png"), figure.axes[0]
            # Not blank, and every pixel of the field is inside the axes.
            assert len(np.unique(picture.reshape(-1, picture.shape[-1]), axis=0)) > 2
            (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
            assert left <= 0 < shape[2] - 1 <= right
            assert top <= 0 < shape[1] - 1 <= bottom


def test_lambda_curve_marks_the_choice():
    lams = np.array([1.0, 0.01, 0.1])
    figure = plotting.plot_lambda_curve(lams, [[3, 5], [1, 1], [2, 2]], chosen=0.01, ylabel="error")
    axes = figure.axes[0]
    np.testing.assert_array_equal(axes.lines[0].get_xdata(), [0.01, 0.1, 1])
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), [1, 2, 4])
    # Scores of 3 and 5 scatter by 1 about their mean of 4.
    band = axes.collections[0].get_paths()[0].get_extents()
    np.testing.assert_allclose([band.x0, band.x1, band.y0, band.y1], [0.01, 1, 1, 5])
    assert "λ = 0.01" in texts_of(figure)
    assert axes.get_ylabel() == "error"


def test_criterion_marks_the_choice_of_the_field():
    fields = np.random.default_rng(0).normal(size=(2, 2, 16, 16))
    model = FTTCCV(orders=[0.0, 1.0]).fit(fields)
    axes = plotting.plot_criterion(model.cv_results_, field=1).axes[0]
    *curves, mark, line = axes.lines
    assert [curve.get_label() for curve in curves] == ["order 0", "order 1"]
    assert mark.get_xdata()[0] == line.get_xdata()[0] == model.lam_[1]
    assert mark.get_ydata()[0] == model.cv_results_["score"][:, 1].min() == min(c.get_ydata().min() for c in curves)
    assert all((np.diff(curve.get_xdata()) >= 0).all() for curve in curves)
    low, high = axes.get_ylim()
    assert low < mark.get_ydata()[0] < high


def test_bars_show_the_table():
    means = pd.DataFrame({"FTTC": [0.2, 0.3], "DeepTFM": [0.1, 0.2]}, index=["0 %", "10 %"])
    figure = plotting.plot_bars(means, means / 10)
    heights = [bar.get_height() for bar in figure.axes[0].patches]
    assert heights == [0.2, 0.3, 0.1, 0.2]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["FTTC", "DeepTFM"]


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: plotting.plot_traction_map(np.zeros((1, 2, 8, 8))), "single field"),
        (lambda: plotting.plot_vectors(np.full((2, 8, 8), np.nan)), "finite"),
        (lambda: plotting.plot_traction_map(np.zeros((2, 8, 8)), vmax=0), "vmax"),
        (lambda: plotting.plot_traction_map(np.zeros((2, 8, 8)), spacing=-1), "spacing"),
        (lambda: plotting.plot_vectors(np.zeros((2, 8, 8)), n_arrows=0), "n_arrows"),
        (lambda: plotting.plot_vectors(np.zeros((2, 8, 8)), mask=np.ones((3, 3))), "mask"),
        (lambda: plotting.plot_lambda_curve([1, 2], [1], chosen=1), "one score"),
        (lambda: plotting.plot_lambda_curve([0, 2], [1, 2], chosen=1), "above 0"),
        (lambda: plotting.plot_map(np.zeros((2, 8, 8)), label="a"), "shape .height, width."),
        (lambda: plotting.plot_map(np.full((8, 8), np.nan), label="a"), "finite"),
        (lambda: plotting.plot_bars(pd.DataFrame()), "not empty"),
        (lambda: plotting.plot_criterion({"mean_test_score": [1.0]}), "without cv"),
        (lambda: plotting.plot_criterion(FTTCCV().fit(np.ones((1, 2, 8, 8))).cv_results_, field=1), "below 1"),
    ],
)
def test_refuses(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()


@pytest.mark.parametrize("name", ["a.png", "a.pdf", "a.svg"])
def test_figures_are_saved_with_text_and_without_dates(field, tmp_path, name):
    for path in (tmp_path / name, tmp_path / "again" / name):
        plotting.save_figure(plotting.plot_vectors(field), path)
    content = (tmp_path / name).read_bytes()
    assert content == (tmp_path / "again" / name).read_bytes()
    if name.endswith("svg"):
        assert re.search(rb"<text[^>]*>\s*traction 100 Pa\s*<", content)
    if name.endswith("pdf"):
        # Type 42 is a font whose letters stay letters, type 3 one of mere shapes.
        assert b"/Type3" not in content
        assert b"/TrueType" in content or b"/CIDFontType2" in content


def test_other_formats_are_refused(field, tmp_path):
    with pytest.raises(ValueError, match="format of a figure"):
        plotting.save_figure(plotting.plot_vectors(field), tmp_path / "a.bmp")
    assert not list(tmp_path.iterdir())


def test_global_state_is_left_alone(field):
    before = dict(mpl.rcParams)
    plotting.plot_vectors(field)
    assert dict(mpl.rcParams) == before
    program = "from tfmkit import plotting; import numpy, sys; assert 'matplotlib' not in sys.modules\n"
    program += "plotting.plot_vectors(numpy.ones((2, 8, 8))); assert 'matplotlib.pyplot' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize(("largest", "factor"), [(500.0, 1.0), (8000.0, 1e-3)])
def test_the_scale_of_a_map_has_the_unit_of_its_bar(largest, factor):
    traction = np.zeros((2, 8, 9))
    traction[0, 3, 4] = largest
    image = plotting.plot_traction_map(traction, vmax=largest).axes[0].images[0]
    assert image.get_clim() == (0, pytest.approx(factor * largest))
    assert image.get_array().max() == pytest.approx(factor * largest)
