"""The mesh of a sheet, its rigid motions, and label images."""

from __future__ import annotations

import numpy as np
import pytest

from tfmkit.monolayer import cells_from_outlines, fill_gaps, unbalanced, widen
from tfmkit.monolayer.equilibrium import Equilibrium
from tfmkit.monolayer.labels import cell_radius, check_labels
from tfmkit.monolayer.motions import free_motions
from tfmkit.monolayer.sheet import held_freedoms, make_sheet


def drawn(*rows):
    return np.array([[character == "#" for character in row] for row in rows])


def test_thickness_is_one_inside_and_adds_up_to_the_area():
    mask = np.zeros((20, 24), dtype=bool)
    mask[5:14, 6:19] = True
    sheet = make_sheet(mask)
    thickness = np.zeros(mask.shape)
    thickness[sheet.rows, sheet.columns] = sheet.thickness
    assert thickness[10, 12] == 1
    assert thickness[5, 12] == 0.75
    assert thickness[4, 12] == 0.25
    assert thickness.sum() == pytest.approx(mask.sum())
    assert sheet.node_area.sum() == pytest.approx(mask.sum())
    assert np.array_equal(np.isfinite(sheet.fill(sheet.thickness)), mask)


def test_the_border_of_the_field_does_not_thin_the_sheet():
    assert (make_sheet(np.ones((8, 9), dtype=bool)).thickness == 1).all()


def test_parts_that_touch_by_a_corner_share_no_node():
    sheet = make_sheet(drawn("##..", "##..", "..##", "..##"))
    assert sheet.n_parts == 2
    first, second = (set(sheet.corners[sheet.parts == part].ravel()) for part in range(2))
    assert not first & second


def test_an_empty_mask_makes_an_empty_mesh():
    sheet = make_sheet(np.zeros((8, 8), dtype=bool))
    assert sheet.n_parts == 0
    assert np.isnan(sheet.fill(sheet.thickness)).all()


@pytest.mark.parametrize(
    ("mask", "boundary", "n_motions"),
    [
        (drawn("....", ".##.", ".##.", "...."), "sliding", [3]),
        (drawn("##..", "##..", "....", "...#"), "free", [3, 2]),
        (drawn("....", "##..", "##..", "...."), "sliding", [1]),
        (drawn("##..", "##..", "....", "...."), "sliding", [0]),
        (drawn("####", "####", "####", "####"), "sliding", [0]),
        (drawn("####", "####", "####", "####"), "free", [3]),
        (drawn("....", "##..", "##..", "...."), "fixed", [0]),
    ],
)
def test_motions_that_the_border_leaves(mask, boundary, n_motions):
    sheet = make_sheet(mask)
    motions = list(free_motions(sheet, held_freedoms(sheet, boundary)))
    assert [len(part.of_pixels) for part in motions] == n_motions
    for part in motions:
        flat = part.of_pixels.reshape(len(part.of_pixels), 2 * part.pixels.size)
        np.testing.assert_allclose(flat @ flat.T, np.eye(len(flat)), atol=1e-12)
    # Held and pinned, nothing can move any more: the equations have a solution.
    system = Equilibrium(sheet, 0.3, boundary)
    assert np.linalg.eigvalsh(system.matrix.toarray()[np.ix_(system._kept, system._kept)]).min() > 1e-6


def test_rigid_motions_cost_no_force():
    sheet = make_sheet(drawn("......", ".##...", ".###..", "...#..", "......"))
    system = Equilibrium(sheet, 0.3, "sliding")
    x, y = sheet.nodes.T
    for motion in ((np.ones_like(x), 0 * x), (0 * x, np.ones_like(x)), (-y, x)):
        np.testing.assert_allclose(system.matrix @ np.stack(motion, axis=1).ravel(), 0, atol=1e-12)


def test_net_force_and_torque_are_reported_with_their_units():
    traction = np.zeros((2, 2, 10, 10))
    mask = np.zeros((10, 10), dtype=bool)
    mask[2:5, 2:5], mask[7:9, 6:9] = True, True
    traction[1, 0, 2, 2:5] = -3.0
    table = unbalanced(traction, mask, spacing=2.0)
    assert table[["field", "part"]].to_numpy().tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    row = table.iloc[2]
    assert row["net_force_x_N"] == pytest.approx(-3 * 3 * 4)
    assert row["net_force_y_N"] == 0
    # 36 N to the left, 2 m above the middle, turn from y to x: against the positive sense.
    assert row["torque_Nm"] == pytest.approx(-72)
    assert row["net_force_fraction"] == pytest.approx(1)
    assert row["area_m2"] == 9 * 4
    assert (table.loc[[0, 1, 3], "net_force_fraction"] == 0).all()


def test_an_empty_sheet_has_an_empty_balance():
    table = unbalanced(np.zeros((1, 2, 9, 9)), np.zeros((9, 9)), spacing=1.0)
    assert len(table) == 0
    assert "torque_Nm" in table


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.ones((3, 8, 9)), "shape"),
        (np.full((8, 9), 0.5), "whole numbers"),
        (np.full((8, 9), np.nan), "whole numbers"),
        (np.full((8, 9), -1), ">= 0"),
        (np.full((8, 9), "a"), "dtype"),
    ],
)
def test_labels_that_are_none_are_refused(labels, message):
    with pytest.raises(ValueError, match=message):
        check_labels(labels, (2, 2, 8, 9))


def test_a_label_image_serves_all_frames():
    labels = check_labels(np.arange(72.0).reshape(8, 9), (2, 3, 8, 9))
    assert labels.shape == (2, 8, 9)
    assert labels.dtype == np.int64


def test_gaps_between_cells_go_to_the_nearest_and_the_outside_stays():
    labels = np.zeros((12, 14), dtype=int)
    labels[2:10, 2:6], labels[2:10, 7:12] = 1, 2
    filled = fill_gaps(labels)
    assert (filled[3:9, 6] > 0).all()
    assert filled[[0, 1, 10, 11], 6].max() == 0
    assert np.array_equal(np.delete(filled, 6, axis=1), np.delete(labels, 6, axis=1))
    assert np.array_equal(fill_gaps(labels, 0), labels)
    wide = np.where(labels == 2, 0, labels)
    wide[2:10, 10:12] = 2
    assert np.array_equal(fill_gaps(wide), wide)
    assert not fill_gaps(np.zeros((9, 9))).any()


def test_a_gap_at_the_border_of_the_field_is_filled_too():
    labels = np.repeat([[1, 1, 1, 1, 0, 2, 2, 2, 2]], 9, axis=0)
    assert (fill_gaps(labels) > 0).all()


def test_outlines_enclose_cells():
    lines = np.zeros((20, 30), dtype=bool)
    lines[[4, 15], 5:26] = True
    lines[4:16, [5, 14, 25]] = True
    cells = cells_from_outlines(lines)
    assert cells.max() == 2
    assert (cells > 0)[4:16, 5:26].all()
    assert (cells > 0).sum() == 12 * 21
    assert len(set(cells[8, 6:13])) == len(set(cells[8, 16:24])) == 1
    assert cells[8, 6] != cells[8, 20]
    lines[4, 8] = False
    lines[10, 26:] = True
    assert not cells_from_outlines(lines)[10, 28:].any()
    assert cells_from_outlines(lines).max() == 1


def test_lines_that_enclose_nothing_are_refused():
    with pytest.raises(ValueError, match="enclose"):
        cells_from_outlines(np.eye(20))
    with pytest.raises(ValueError, match="height, width"):
        fill_gaps(np.ones((2, 9, 9)))


def test_the_radius_of_a_cell_is_that_of_a_disc_of_its_area():
    y, x = np.mgrid[:60, :60] - 29.5
    assert cell_radius((np.hypot(x, y) < 20).astype(np.int64)) == pytest.approx(20, rel=0.01)
    assert cell_radius(np.zeros((9, 9), dtype=np.int64)) == 0


def test_a_sheet_grows_by_its_margin():
    labels = np.zeros((21, 30), dtype=int)
    labels[10, 10], labels[10, 14] = 5, 6
    grown = widen(labels, 3.0)
    assert grown[10, 7] == 5
    assert grown[10, 17] == 6
    assert (grown[10, 6], grown[10, 18], grown[6, 10]) == (0, 0, 0)
    assert np.array_equal(widen(labels, 0), labels)
    assert not widen(np.zeros((9, 9)), 2.0).any()
    with pytest.raises(ValueError, match="margin"):
        widen(labels, -1.0)
