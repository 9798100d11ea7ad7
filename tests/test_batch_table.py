"""Numbers of one cell and their error bars, by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.ndimage import gaussian_filter

from tfmkit.base import Draws
from tfmkit.batch.table import cell_record, complete_record
from tfmkit.displacement import Flag
from tfmkit.displacement.measure import Measurement
from tfmkit.error_bars import Recovery, Samples
from tfmkit.gel import Gel
from tfmkit.io import Cell

SIDE, SPACING = 24, 4.0
GEL = Gel(5_000.0, 0.45, SPACING)


def pulling_pair() -> np.ndarray:
    """Forces of 100 Pa on 12 grid points at a distance of 10: to the right at the left, to the left at the right."""
    traction = np.zeros((1, 2, SIDE, SIDE))
    traction[0, 0, 10:14, 5:8], traction[0, 0, 10:14, 15:18] = 100.0, -100.0
    return traction


def measurement(displacement: np.ndarray, flags: np.ndarray | None = None) -> Measurement:
    at = 1.5 + SPACING * np.arange(SIDE)
    flags = np.zeros((SIDE, SIDE), dtype=np.uint8) if flags is None else flags
    ones = np.ones((SIDE, SIDE))
    return Measurement(
        displacement[0], flags, ones, at, at, SPACING, np.zeros(3), np.array([96, 96]), ones.astype(bool)
    )


def repeated(displacement: np.ndarray, traction: np.ndarray, draws: Draws) -> Samples:
    return Samples.of(Recovery.of(displacement, traction), draws, draws)


def test_a_pair_of_forces_has_its_force_moment_energy_and_their_spread_over_two_draws() -> None:
    traction = pulling_pair()
    moved = np.where(traction != 0, np.sign(traction) * 0.5, 0)
    cell = Cell("cell", np.ones((SIDE, SIDE), dtype=bool), 96.0**2)
    draws = Draws(np.stack([moved, 1.1 * moved]), np.stack([traction, 1.2 * traction]))
    # A method that is not calibrated has the spread alone.
    samples = repeated(moved, traction, draws)
    record = cell_record(cell, measurement(moved), samples.estimate, GEL, "Own", samples)
    force = 24 * 100 * SPACING**2
    # Each patch of 12 points lies 5 grid points from the middle of both, and pulls towards it.
    expected = {
        "total_force": force,
        "contractile_moment": -force * 5 * SPACING,
        # 14 of the 48 neighbours of a patch are at rest, and the gel moves less towards them.
        "strain_energy": force * 0.5 / 2 * (1 + 14 / 12 / 24),
        "mean_traction": 2400 / SIDE**2,
        "max_traction": 100.0,
        "net_force": 0.0,
        "torque": 0.0,
    }
    for name, value in expected.items():
        assert record["quantities"][name] == pytest.approx(value, abs=1e-9), name
    # Two values a and b have the sample standard deviation |a - b| / sqrt(2).
    growth = {"strain_energy": 0.32, "total_force": 0.2, "contractile_moment": 0.2, "mean_traction": 0.2}
    for name, share in growth.items():
        assert record["stds"][name] == pytest.approx(share * abs(expected[name]) / np.sqrt(2)), name
    assert record["contraction"] == pytest.approx(-1, abs=0.05)


def test_draws_count_where_the_estimate_does() -> None:
    # No force of the estimate stands out of its noise, so that all of every draw counts, whatever stands out in it.
    rng = np.random.default_rng(0)
    estimate = rng.normal(size=(1, 2, SIDE, SIDE))
    drawn = np.stack([pulling_pair() + 0.1 * rng.normal(size=(1, 2, SIDE, SIDE)) for _ in range(2)])
    cell = Cell("cell", np.ones((SIDE, SIDE), dtype=bool), 96.0**2)
    samples = repeated(estimate, estimate, Draws(drawn, drawn))
    record = cell_record(cell, measurement(estimate), samples.estimate, GEL, "Own", samples)
    pulled = drawn[:, 0]
    mean = gaussian_filter(pulled, (0, 0, 1.1, 1.1), mode="nearest")
    totals = ((pulled * mean).sum(axis=1) / np.hypot(mean[:, 0], mean[:, 1])).sum(axis=(1, 2)) * SPACING**2
    assert record["stds"]["total_force"] == pytest.approx(abs(totals[0] - totals[1]) / np.sqrt(2))


def test_replaced_vectors_are_counted_inside_the_cell() -> None:
    flags = np.full((SIDE, SIDE), Flag.GOOD, dtype=np.uint8)
    flags[:, :12] = Flag.OUTLIER
    mask = np.zeros((SIDE, SIDE), dtype=bool)
    mask[4:20, 8:24] = True
    moved = measurement(pulling_pair() / 1e3, flags)
    record = cell_record(
        Cell("cell", mask, 64.0), moved, Recovery.of(moved.displacement[None], pulling_pair()), GEL, "Own", None
    )
    assert record["replaced_fraction"] == pytest.approx(4 / 16)
    assert record["stds"] == {}
    assert_allclose(record["quantities"]["max_traction"], 100.0)


def test_flags_are_counted_by_their_names() -> None:
    flags = np.full((SIDE, SIDE), Flag.GOOD, dtype=np.uint8)
    flags[:2], flags[2], flags[3, :5] = Flag.OUTLIER, Flag.NO_MATCH, Flag.EXCLUDED
    moved = pulling_pair() / 1e3
    cell = Cell("cell", np.ones((SIDE, SIDE), dtype=bool), 96.0**2)
    seen = measurement(moved, flags)
    record = {
        "cells": [cell_record(cell, seen, Recovery.of(moved, pulling_pair()), GEL, "Own", None)],
        "choice": {},
        "noise_px": 0.1,
    }
    item: Any = SimpleNamespace(key="a", position="p", frame=3)
    complete = complete_record(record, item, seen, 0.5, 60.0)
    assert complete["flags"] == {"GOOD": SIDE**2 - 77, "OUTLIER": 48, "NO_MATCH": 24, "EXCLUDED": 5}
    assert complete["grid"] == {"shape": [SIDE, SIDE], "spacing_px": 4.0, "x0_px": 1.5, "y0_px": 1.5}
    (row,) = complete["rows"]
    assert (row["item"], row["position"], row["frame"], row["cell"]) == ("a", "p", 3, "cell")
    # 96 px of 0.5 micrometres a side; forces of 24 points of 4 px a side under 100 Pa.
    assert row["area_um2"] == pytest.approx(48.0**2)
    assert row["total_force_N"] == pytest.approx(24 * 100 * (4 * 0.5e-6) ** 2)


def doubts_of(cells: list[dict[str, Any]], flags: np.ndarray) -> list[str]:
    """Doubts about the cells of a frame whose numbers are fine but for those that are given."""
    fine = {"area_px2": 1.0, "quantities": {"net_force": 0.1}, "stds": {}}
    fine |= {"displacement_residual": 0.1, "contraction": -0.5, "replaced_fraction": 0.0}
    record = {"cells": [fine | cell for cell in cells], "choice": {}, "noise_px": 0.1}
    item: Any = SimpleNamespace(key="a", position="p", frame=3)
    return [
        row["doubts"]
        for row in complete_record(record, item, measurement(np.zeros((1, 2, SIDE, SIDE)), flags), 0.5, 1.0)["rows"]
    ]


def test_each_cell_has_its_own_doubts() -> None:
    good, poor = np.zeros((2, SIDE, SIDE), dtype=np.uint8)
    poor[:, : SIDE // 2] = Flag.OUTLIER
    pulled = {"quantities": {"net_force": 0.9}}
    replaced = {"replaced_fraction": 0.75}
    # A single cell with an outline balances its forces; a field, and cells that may touch, do not.
    assert ["net force" in text for text in doubts_of([{"name": "1"} | pulled], good)] == [True]
    assert doubts_of([{"name": "field"} | pulled], good) == [""]
    assert doubts_of([{"name": "1"} | pulled, {"name": "2"} | pulled], good) == ["", ""]
    # A cell whose vectors were replaced is in doubt in a good frame, and every cell is in a poor one.
    assert ["75% of the vectors" in text for text in doubts_of([{"name": "1"} | replaced, {"name": "2"}], good)] == [
        True,
        False,
    ]
    assert ["50% of the vectors" in text for text in doubts_of([{"name": "1"}, {"name": "field"}], poor)] == [
        True,
        True,
    ]
    assert "75% of the vectors" in doubts_of([{"name": "1"} | replaced], poor)[0]
    (residual, pushing) = doubts_of(
        [{"name": "1", "displacement_residual": 0.9}, {"name": "2", "contraction": 0.6}], good
    )
    assert "90% of the displacement" in residual
    assert "push outwards" in pushing
