"""Numbers and maps of the report by hand."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from tfmkit.columns import quantity_of
from tfmkit.gel import ForwardOperator
from tfmkit.gel.far_forces import far_forces
from tfmkit.report import figures, panels
from tfmkit.report.frames import Maps, Tops, load_maps
from tfmkit.report.overview import cell_table, headlines

PARTS = (("u", "px"), ("t", "Pa"))
MINUS = "\N{MINUS SIGN}"


def test_numbers_of_the_page_by_hand():
    table = pd.DataFrame(
        {
            "item": ["p_1", "p_1", "q_1"], "position": ["p", "p", "q"], "frame": [1, 1, 3], "time_s": [0.0, 0.0, 90.0],
            "cell": ["1", "2", "1"], "area_um2": [100.0, 200.0, 1234.4], "strain_energy_J": [4e-15, np.nan, 6e-15],
            "total_force_N": [2.512e-9, 3.5e-9, 7e-9], "total_force_N_std": [0.21e-9, 0.3e-9, np.nan],
            "contractile_moment_Nm": [-3e-13, -2e-13, 5e-13], "contractile_moment_Nm_std": [2e-14, 2e-14, 2e-14],
            "displacement_residual": [0.25, 0.5, 0.125], "net_force_fraction": [0.1, 0.2, 0.3],
            "replaced_fraction": [0.05, 0.0, 1.0], "max_traction_Pa": [1234.0, 5000.0, np.nan],
        }
    )  # fmt: skip
    made = cell_table(table)
    assert made.names == ["position", "frame", "time (min)", "cell"]
    assert made.units == ["µm²", "fJ", "nN", "nN·µm", "kPa", "%", "%", "%"]
    assert [title for title, _ in made.meanings] == [
        "area", "strain energy", "total force", "contractile moment", "largest traction", "net force", "residual",
        "replaced",
    ]  # fmt: skip
    assert [(row.item, *row.names) for row in made.rows] == [
        ("p_1", "p", "1", "0", "1"), ("p_1", "p", "1", "0", "2"), ("q_1", "q", "3", "1.5", "1"),
    ]  # fmt: skip
    assert [row.values for row in made.rows] == [
        ["100", "4.00", "2.5 ± 0.2", f"{MINUS}300 ± 20", "1.23", "10.0", "25.0", "5.00"],
        ["200", "\N{EN DASH}", "3.5 ± 0.3", f"{MINUS}200 ± 20", "5.00", "20.0", "50.0", "0"],
        ["1230", "6.00", "7.00", "500 ± 20", "\N{EN DASH}", "30.0", "12.5", "100"],
    ]
    lines = [(line.title, line.value, line.note) for line in headlines(table, 2)]
    assert lines == [
        ("frames with results", "2", "2 failed"),
        ("positions", "2", ""),
        ("cells", "3", "whole fields count as one"),
        ("strain energy", "5.00 fJ", "median; from 4.00 to 6.00"),
        ("total force", "3.50 nN", "median; from 2.51 to 7.00"),
        ("contractile moment", f"{MINUS}200 nN·µm", f"median; from {MINUS}300 to 500"),
        ("largest traction", "3.12 kPa", "median; from 1.23 to 5.00"),
        ("residual", "25.0 %", "median; from 12.5 to 50.0"),
    ]


@pytest.mark.parametrize(
    ("column", "title", "unit", "scale"),
    [
        ("torque_Nm", "torque", "N·µm", 1e6), ("net_force_N", "net force", "N", 1), ("bent_J", "bent", "J", 1),
        ("mean_traction_Pa", "mean traction", "Pa", 1), ("spread_um2", "spread", "µm²", 1),
        ("path_um", "path", "µm", 1),
        ("drift_x_px", "drift x", "px", 1), ("time_s", "time", "s", 1),
        ("polarity_angle_rad", "polarity angle", "rad", 1),
        ("lost_fraction", "lost", "%", 100), ("area_um2", "area", "µm²", 1), ("lam", "lam", "", 1),
        ("polarity_ratio", "polarity ratio", "", 1), ("displacement_residual", "residual", "%", 100),
    ],
)  # fmt: skip
def test_names_of_columns_hold_their_units(column, title, unit, scale):
    quantity = quantity_of(column)
    assert (quantity.title, quantity.unit, quantity.scale) == (title, unit, scale)


def test_every_map_of_a_frame_with_all_parts_has_its_unit_and_its_place():
    rng, shape = np.random.default_rng(0), (16, 20)
    names = ("ux_px", "uy_px", "tx_Pa", "ty_Pa", "sx_px", "sy_px", "sx_Pa", "sy_Pa")
    fields = {name: rng.random(shape) for name in names}
    fields["sx_px"][3, 4] = fields["sy_px"][3, 4] = -1.0
    fields["flag"], fields["cell"] = np.eye(*shape), np.zeros(shape)
    fields["cell"][2:9, 5:15] = 7
    record = {
        "pixel_size_um": 0.5,
        "grid": {"spacing_px": 4.0, "x0_px": 3.5, "y0_px": 9.5},
        "image_shape": [90, 100],
    }
    result = SimpleNamespace(fields=lambda: fields, record=record, previews=lambda: {"cell": "its image"})
    gel = {"young": 100.0, "poisson": 0.3, "thickness": 8.0, "depth": 1.0}
    for in_pixels, length in ((False, 0.5), (True, 1.0)):
        maps = load_maps(result, gel, in_pixels=in_pixels)
        assert (maps.spacing, maps.unit) == (4 * length, "px" if in_pixels else "µm")
        moved, traction = (np.stack([fields[f"{name}x_{unit}"], fields[f"{name}y_{unit}"]]) for name, unit in PARTS)
        assert_allclose(maps.displacement, length * moved)
        assert_allclose(maps.traction, traction)
        assert_allclose(maps.std, np.hypot(fields["sx_Pa"], fields["sy_Pa"]))
        known = fields["sx_px"] >= 0
        assert_array_equal(np.isfinite(maps.uncertain), known)
        assert_allclose(maps.uncertain[known], length * np.hypot(fields["sx_px"], fields["sy_px"])[known])
        # The gel is 16 px thick, with beads 2 px below the surface.
        layer = {"young": 100.0, "poisson": 0.3, "spacing": 4.0, "thickness": 16.0, "depth": 2.0}
        left = moved - ForwardOperator(shape, **layer).apply(traction[None])[0]
        assert_allclose(maps.misfit, length * np.hypot(*left))
        far = far_forces(left, 0.3)
        assert_allclose(maps.far, length * np.hypot(*far))
        assert_allclose(maps.rest, length * np.hypot(*(left - far)))
        assert_array_equal(maps.flags, np.eye(*shape))
        assert_array_equal(maps.cells, fields["cell"] > 0)
        assert_array_equal(maps.counted, (fields["cell"] > 0) & (np.eye(*shape) == 0))
        assert maps.image == "its image"
        # Grid point 0 lies 3.5 and 9.5 px from the middle of the first pixel.
        assert_allclose(maps.extent, (-1.0, 24.0, 20.0, -2.5))


def drawn(*values, **settings):
    """Stand for a figure: the values and settings that a panel is drawn with."""
    return values, settings


def frame(**changes):
    """A frame whose maps differ in size by powers of ten; the largest value of each was not measured."""
    flags, cells = np.zeros((6, 8), dtype=int), np.zeros((6, 8), dtype=bool)
    flags[0, 0], flags[0, 1], cells[1:5, 2:7] = 1, 2, True
    shape = np.linspace(1.0, 2.0, 48).reshape(6, 8)
    shape[0, 0] = 9.0
    names = ("std", "uncertain", "misfit", "far", "rest")
    maps = {name: 10.0**power * shape for power, name in enumerate(names)}
    vectors = {
        "displacement": 1e-2 * np.stack([3 * shape, 4 * shape]),
        "traction": 1e3 * np.stack([3 * shape, 4 * shape]),
    }
    maps["uncertain"][0, 0] = np.nan
    place = {"spacing": 1.5, "unit": "µm", "extent": (-1.0, 9.0, 7.0, -2.0), "image": None}
    return Maps(**{**vectors, **maps, **place, "flags": flags, "cells": cells, **changes})


def test_every_panel_draws_its_own_map_on_its_own_scale(monkeypatch):
    for name in ("plot_map", "plot_image", "plot_lambda_curve", "draw_map", "draw_traction"):
        monkeypatch.setattr(panels, name, drawn)
    monkeypatch.setattr(panels, "embed_figure", lambda figure, **_: (figure, 1, 1))
    maps, tops = frame(), Tops(displacement=0.3, misfit=5.0, traction=7e3, std=11.0, pull=13e3, shift=0.7)
    record = {
        "flags": {"GOOD": 46, "OUTLIER": 1, "NO_MATCH": 1, "EXCLUDED": 0},
        "lambda_path": {"lams": [0.1, 1.0], "criterion": [4.0, 3.0]}, "choice": {"lam": 1.0},
    }  # fmt: skip
    item = SimpleNamespace(record=record, previews=dict)
    made = {panel.title: panel for panel in panels.draw_panels(item, maps, tops, "risk")}
    known = np.where(np.isnan(maps.uncertain), 20.0, maps.uncertain)
    expected = {
        "Displacement": (np.hypot(*maps.displacement), "(µm)", 0.3, "0.100 µm"),
        "Error bar of the displacement": (known, "(µm)", None, "20.0 µm"),
        "Error bar of the traction": (maps.std, "(Pa)", 11.0, "2.00 Pa"),
        "Residual": (maps.misfit, "(µm)", 5.0, "200 µm"),
        "Residual: far forces and drift": (maps.far, "(µm)", 5.0, "2000 µm"),
        "Residual: the rest": (maps.rest, "(µm)", 5.0, "20000 µm"),
    }
    for title, (values, unit, top, largest) in expected.items():
        (shown,), settings = made[title].source
        assert_allclose(shown, values, err_msg=title)
        assert settings["label"].endswith(unit)
        assert (settings["vmax"], settings["extent"], settings["spacing"]) == (top, maps.extent, 1.5)
        assert settings["mask"] is maps.cells
        assert made[title].note.startswith(f"Largest {largest}."), title
    assert made["Traction"].note == "Largest 10000 Pa."
    assert made["Traction"].source == made["Traction vectors"].source == ((maps, tops), {})
    (colors,), _ = made["Quality of vectors"].source
    assert [tuple(colors[place]) for place in ((0, 0), (0, 1), (3, 3))] == [
        (230, 130, 0),
        (0, 90, 160),
        (222, 226, 230),
    ]
    assert "measured 95.8 %" in made["Quality of vectors"].alt
    (lams, scores), settings = made["Choice of λ"].source
    assert (lams, scores, settings["chosen"]) == ([0.1, 1.0], [4.0, 3.0], 1.0)


def test_figures_of_a_frame_have_their_vectors_and_scales(monkeypatch):
    for name in ("plot_traction_map", "plot_vectors"):
        monkeypatch.setattr(figures, name, drawn)
    maps, tops = frame(image=np.zeros((4, 4))), Tops(displacement=0.3, traction=7e3, pull=13e3, shift=0.7)
    look = {"spacing": 1.5, "length_unit": "µm", "mask": maps.cells, "extent": maps.extent, "title": "t"}
    arrows = look | {"image": maps.image}
    expected = {
        "map": (maps.traction, look | {"vmax": 7e3}),
        "traction": (maps.traction, arrows | {"vmax": 13e3}),
        "displacement": (maps.displacement, arrows | {"vmax": 0.7, "unit": "µm", "name": "displacement"}),
    }
    assert set(expected) == set(figures.DRAW)
    for kind, (vectors, settings) in expected.items():
        (shown,), used = figures.DRAW[kind](maps, tops, "t")
        assert shown is vectors
        assert used == settings
