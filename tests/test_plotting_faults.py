"""Figures have no text over another or off the page, no axis without a unit, and colours that all can tell apart."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from figure_boxes import distance, faults
from matplotlib.colors import to_rgb
from report_pages import hostile_results

import tfmkit.report.conditions
import tfmkit.report.courses
import tfmkit.report.panels
from tfmkit import FTTCCV, plotting
from tfmkit.plotting.style import COLORS
from tfmkit.report import write_report
from tfmkit.report.panels import FLAG_COLORS
from tfmkit.report.pictures import embed_figure

RNG = np.random.default_rng(0)
FIELD = 900 * RNG.normal(size=(2, 33, 54))
STRESS = np.stack([np.full((30, 30), 2e-3), np.full((30, 30), 1e-3), np.zeros((30, 30))])
LABELS = np.ones((30, 30), dtype=int)
LABELS[:, 15:] = 2
CELLS = pd.DataFrame(
    [(name, f"day {day}", value) for name in ("WT", "KO") for day in range(4) for value in RNG.uniform(1, 9, 8)],
    columns=["condition", "replicate", "force"],
)
COURSES = [(np.arange(1, 9), RNG.uniform(1, 9, 8), RNG.uniform(0, 1, 8)) for _ in range(20)]
LINE = (np.linspace(-8, 30, 20), RNG.uniform(0, 2000, (12, 20)))
FIGURES = {
    "map": lambda: plotting.plot_traction_map(FIELD, length_unit="µm", title="75 min"),
    "large numbers": lambda: plotting.plot_map(1e5 * np.abs(FIELD[0]), label="standard deviation of t (Pa)"),
    "small numbers": lambda: plotting.plot_map(1e-6 * np.abs(FIELD[0]), label="displacement |u| (µm)"),
    "vectors": lambda: plotting.plot_vectors(FIELD, length_unit="µm", title="75 min"),
    "image": lambda: plotting.plot_image(np.zeros((90, 60), dtype=np.uint8), title="frame 3"),
    "stress": lambda: plotting.plot_sheet_stress(STRESS, labels=LABELS),
    "borders": lambda: plotting.plot_border_tension(STRESS, LABELS),
    "few cells": lambda: plotting.plot_courses(COURSES[:7], xlabel="frame", ylabel="contractile moment (fN·µm)"),
    "many cells": lambda: plotting.plot_courses(COURSES, xlabel="time (min)", ylabel="strain energy (fJ)"),
    "superplot": lambda: plotting.plot_superplot(CELLS, "force", ylabel="total force (nN)"),
    "profile": lambda: plotting.plot_profile(LINE[0], LINE[1][0], xlabel="distance (µm)", ylabel="traction (Pa)"),
    "kymograph": lambda: plotting.plot_kymograph(LINE[0], np.arange(12), LINE[1], label="traction (Pa)"),
    "lambda": lambda: plotting.plot_lambda_curve([0.01, 0.1, 1000.0], [2, 1, 0.5], chosen=1000.0),
    "criterion": lambda: plotting.plot_criterion(FTTCCV().fit(FIELD[None]).cv_results_),
    "bars": lambda: plotting.plot_bars(
        pd.DataFrame(RNG.uniform(size=(4, 5)), columns=["FTTC", "FTTCCV", "BayesianFTTC", "ElasticNetTFM", "DeepTFM"]),
        xlabel="noise (% of the RMS)",
    ),
    "long names": lambda: plotting.plot_bars(
        pd.DataFrame(
            RNG.uniform(size=(3, 3)), columns=["FTTC oracle (lam and order, whole field)", "searched", "FTTC"]
        ),
        xlabel="noise (px)",
    ),
}
# Vision without one of the three cones: Machado et al., IEEE Trans. Vis. Comput. Graph. 15:1291 (2009).
NO_GREEN_CONES = np.array(
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
)
NO_RED_CONES = np.array(
    [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
)


@pytest.mark.parametrize("name", FIGURES)
def test_figures_have_no_faults(name):
    assert faults(FIGURES[name]()) == []


def test_figures_of_the_report_have_no_faults(tmp_path, monkeypatch):
    found, count = [], 0

    def watched(figure, **settings):
        nonlocal count
        count += 1
        found.extend(faults(figure))
        return embed_figure(figure, **settings)

    for module in (tfmkit.report.panels, tfmkit.report.courses, tfmkit.report.conditions):
        monkeypatch.setattr(module, "embed_figure", watched)
    write_report(hostile_results(tmp_path).folder, tmp_path / "report.html", n_full=1)
    assert count >= 12
    assert found == []


def test_faults_are_seen():
    figure = plotting.plot_courses(COURSES[:2], xlabel="time", ylabel="total force (nN)")
    axes = figure.axes[0]
    axes.text(0.5, 0.5, "above", transform=axes.transAxes)
    axes.text(0.52, 0.52, "below", transform=axes.transAxes)
    figure.text(0.99, 0.5, "outside")
    axes.plot([1], [1], label="a line")
    axes.legend(loc="center")
    seen = " ".join(faults(figure))
    assert "'above' covers 'below'" in seen
    assert "'outside' leaves the page" in seen
    assert "an axis without a unit: 'time'" in seen
    assert "legend covers" in seen


@pytest.mark.parametrize("matrix", [np.eye(3), NO_GREEN_CONES, NO_RED_CONES], ids=["all", "no green", "no red"])
def test_colours_are_told_apart_without_a_cone(matrix):
    lines = [distance(*pair, matrix) for pair in combinations(map(to_rgb, COLORS), 2)]
    flags = [np.array(color) / 255 for color in FLAG_COLORS.values()]
    classes = [distance(*pair, matrix) for pair in combinations(flags, 2)]
    # Differences of 2 are just seen side by side.
    assert min(lines) > 10
    assert min(classes) > 20


def test_red_and_green_would_be_refused():
    assert distance(to_rgb("#c1272d"), to_rgb("#5f7a1e"), NO_GREEN_CONES) < 8
