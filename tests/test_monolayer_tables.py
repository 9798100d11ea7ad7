"""Stress of cells, tension of borders and forces between cells."""

from __future__ import annotations

import numpy as np
import pytest

from tfmkit.monolayer import (
    MonolayerStress,
    anisotropy,
    border_table,
    cell_table,
    largest_shear,
    mean_normal_stress,
    principal_axis,
    principal_stresses,
    unbalanced,
)
from tfmkit.monolayer.borders import find_borders


def uniform(xx, yy, xy, shape=(40, 44)):
    return np.broadcast_to(np.array([xx, yy, xy], dtype=float)[:, None, None], (1, 3, *shape))


def halves(angle, shape=(60, 60)):
    """Two cells, 1 on the side of the normal at an angle (degrees) from x, cut from a disc."""
    y, x = np.mgrid[: shape[0], : shape[1]] - (shape[0] - 1) / 2
    normal = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    ahead = x * normal[0] + y * normal[1] + 0.123 > 0
    return np.where(np.hypot(x, y) < 25, np.where(ahead, 2, 1), 0), np.array(normal)


def test_tensor_quantities_against_eigenvalues():
    stress = np.random.default_rng(0).standard_normal((2, 3, 4, 5))
    matrices = np.moveaxis(stress[:, [[0, 2], [2, 1]]], (1, 2), (-2, -1))
    values, vectors = np.linalg.eigh(matrices)
    np.testing.assert_allclose(principal_stresses(stress), np.moveaxis(values[..., ::-1], -1, 1))
    np.testing.assert_allclose(mean_normal_stress(stress), values.mean(axis=-1))
    np.testing.assert_allclose(largest_shear(stress), np.diff(values)[..., 0] / 2)
    along = (np.moveaxis(principal_axis(stress), 1, -1) * vectors[..., 1]).sum(axis=-1)
    np.testing.assert_allclose(np.abs(along), 1)
    np.testing.assert_allclose(anisotropy(stress), largest_shear(stress) / np.abs(mean_normal_stress(stress)))


def test_stress_that_is_none_is_refused():
    for wrong in (np.zeros((2, 4, 5)), np.zeros((3, 4, 5), dtype=int), np.zeros((3, 4))):
        with pytest.raises(ValueError, match="stress"):
            mean_normal_stress(wrong)
    assert np.isnan(anisotropy(np.zeros((3, 2, 2)))).all()


@pytest.mark.parametrize("angle", [0, 20, 45, 70, 90, 160, -30])
def test_length_and_direction_of_a_border_at_any_angle(angle):
    labels, normal = halves(angle)
    (border,) = find_borders(labels)
    assert (border.cell, border.neighbour) == (1, 2)
    assert border.lengths.sum() == pytest.approx(50, rel=0.04)
    np.testing.assert_allclose(border.normals[:, 10:-10].mean(axis=1), normal, atol=0.05)


@pytest.mark.parametrize("angle", [0, 30, 45, 115])
def test_tension_of_a_border_in_uniform_stress(angle):
    labels, normal = halves(angle)
    tensor = np.array([[3.0, 0.7], [0.7, 1.0]])
    table = border_table(uniform(3.0, 1.0, 0.7, (60, 60)), labels, spacing=2.0)
    row = table.iloc[0]
    vector, tangent = tensor @ normal, np.array([-normal[1], normal[0]])
    assert row["normal_tension_N_per_m"] == pytest.approx(vector @ normal, rel=0.02)
    assert row["shear_tension_N_per_m"] == pytest.approx(vector @ tangent, abs=0.05)
    assert row["line_tension_N_per_m"] == pytest.approx(np.hypot(*vector), rel=0.02)
    assert row["length_m"] == pytest.approx(100, rel=0.04)
    # The force is that through the chord, whichever way the border runs.
    np.testing.assert_allclose(row[["force_x_N", "force_y_N"]].astype(float), vector * 100, rtol=0.04, atol=3)


def test_a_ring_shaped_border_has_no_net_force():
    y, x = np.mgrid[:41, :41] - 20
    labels = np.where(np.hypot(x, y) < 8, 2, 1)
    row = border_table(uniform(2.0, 2.0, 0.0, (41, 41)), labels, spacing=1.0).iloc[0]
    assert row["force_N"] == pytest.approx(0, abs=1e-9)
    assert row["normal_tension_N_per_m"] == pytest.approx(2, rel=0.01)
    assert row["length_m"] == pytest.approx(2 * np.pi * 8, rel=0.05)


def doublet():
    traction = np.zeros((1, 2, 30, 60))
    labels = np.zeros((30, 60), dtype=int)
    labels[8:22, 5:30], labels[8:22, 30:55] = 7, 3
    traction[0, 0, 8:22, 5:9], traction[0, 0, 8:22, 51:55] = 4.0, -4.0
    return traction, labels


def test_forces_of_a_doublet_agree_and_pull_the_cells_together():
    traction, labels = doublet()
    stress = MonolayerStress(spacing=2.0).fit(traction).predict(traction, mask=labels)
    row = border_table(stress, labels, spacing=2.0, traction=traction).iloc[0]
    assert (row["cell"], row["neighbour"]) == (3, 7)
    # Cell 3 is on the right: its neighbour pulls it to the left, with all of the traction of one side.
    assert row["balance_force_x_N"] == pytest.approx(-4 * 14 * 4 * 2**2)
    assert row["force_x_N"] == pytest.approx(row["balance_force_x_N"], rel=0.01)
    assert row["force_difference_N"] < 0.01 * row["force_N"]
    assert row["normal_tension_N_per_m"] > 0


def test_the_balance_decides_chains_and_not_rings():
    labels = np.zeros((20, 40), dtype=int)
    labels[5:15, 2:10], labels[5:15, 10:20], labels[5:10, 20:30], labels[10:15, 20:30] = 1, 2, 3, 4
    rng = np.random.default_rng(0)
    traction = rng.standard_normal((1, 2, 20, 40))
    table = border_table(uniform(0, 0, 0, (20, 40)), labels, spacing=1.0, traction=traction)
    table = table.set_index(["cell", "neighbour"])
    assert table.index.tolist() == [(1, 2), (2, 3), (2, 4), (3, 4)]
    decided = table["balance_force_x_N"].notna()
    assert decided.tolist() == [True, False, False, False]
    own = traction[0][:, labels == 1].sum(axis=1)
    rest = traction[0][:, labels > 1].sum(axis=1)
    np.testing.assert_allclose(
        table.loc[(1, 2), ["balance_force_x_N", "balance_force_y_N"]].astype(float), (own - rest) / 2
    )


def test_error_bars_are_the_spread_of_the_draws():
    traction, labels = doublet()
    rng = np.random.default_rng(0)
    draws = traction + 0.1 * rng.standard_normal((12, *traction.shape))
    model = MonolayerStress(spacing=2.0).fit(traction)
    stress, drawn = model.predict(traction, mask=labels), model.draw(draws, labels, random_state=0)
    table = border_table(stress, labels, spacing=2.0, traction=traction, draws=drawn, traction_draws=draws)
    row = table.iloc[0]
    sums = [d[0, 0, labels == 3].sum() - d[0, 0, labels == 7].sum() for d in draws]
    assert row["balance_force_x_N_std"] == pytest.approx(np.std(sums, ddof=1) / 2 * 4)
    assert 0 < row["normal_tension_N_per_m_std"] < row["normal_tension_N_per_m"]
    cells = cell_table(stress, labels, spacing=2.0, draws=drawn)
    means = [np.mean((d[0, 0] + d[0, 1])[labels == 3]) / 2 for d in drawn]
    assert cells.loc[0, "mean_normal_stress_N_per_m_std"] == pytest.approx(np.std(means, ddof=1), rel=1e-5)


def test_cells_and_the_sheet_of_uniform_stress():
    labels = np.zeros((40, 44), dtype=int)
    labels[5:20, 5:20], labels[20:30, 5:20] = 2, 9
    table = cell_table(uniform(3.0, 1.0, 1.0), labels, spacing=2.0)
    assert table["cell"].tolist() == [2, 9, "sheet"]
    np.testing.assert_allclose(table["area_m2"], np.array([225, 150, 375]) * 4)
    np.testing.assert_allclose(table["mean_normal_stress_N_per_m"], 2)
    np.testing.assert_allclose(table["largest_shear_N_per_m"], np.sqrt(2))
    np.testing.assert_allclose(table["largest_normal_stress_N_per_m"], 2 + np.sqrt(2))
    np.testing.assert_allclose(table["anisotropy"], np.sqrt(2) / 2)
    np.testing.assert_allclose(table["principal_angle_deg"], 22.5)
    np.testing.assert_allclose(table["mean_normal_stress_cv"], 0, atol=1e-9)


def test_the_variation_is_that_of_the_pixels():
    stress = np.zeros((1, 3, 10, 10))
    stress[0, :2, :, :5], stress[0, :2, :, 5:] = 1.0, 3.0
    table = cell_table(stress, np.ones((10, 10)), spacing=1.0)
    assert table.loc[0, "mean_normal_stress_cv"] == pytest.approx(0.5)


def test_empty_frames_and_lonely_cells_have_no_rows_or_no_borders():
    labels = np.zeros((2, 12, 12), dtype=int)
    labels[1, 3:6, 3:6], labels[1, 8:10, 8:10] = 1, 2
    stress = np.zeros((2, 3, 12, 12))
    full, empty = (cell_table(stress, image, spacing=1.0) for image in (labels, 0 * labels))
    assert set(full["field"]) == {1}
    assert len(empty) == 0
    assert set(empty) == set(full)
    assert len(border_table(stress, labels, spacing=1.0, traction=np.zeros((2, 2, 12, 12)))) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"stress": np.zeros((3, 9, 9))}, "stress"),
        ({"stress": np.full((1, 3, 9, 9), np.nan)}, "inside of the sheet"),
        ({"draws": np.zeros((1, 1, 3, 9, 9))}, "at least 2"),
        ({"draws": np.zeros((4, 1, 3, 9, 8))}, "draws"),
        ({"spacing": 0.0}, "spacing"),
    ],
)
def test_wrong_input_is_refused(arguments, message):
    given = {"stress": np.zeros((1, 3, 9, 9)), "labels": np.ones((9, 9)), "spacing": 1.0} | arguments
    for make in (cell_table, border_table):
        with pytest.raises(ValueError, match=message):
            make(**given)


def test_spread_and_shape_are_sizes_whatever_the_sign_of_the_stress():
    labels = np.ones((6, 6), dtype=int)
    stress = np.zeros((1, 3, 6, 6))
    stress[0, 0], stress[0, 1] = 2.0 + np.linspace(0, 1, 6), 1.0
    pulled, pushed = (cell_table(sign * stress, labels, spacing=1.0).iloc[0] for sign in (1, -1))
    for name in ("mean_normal_stress_cv", "anisotropy"):
        assert pushed[name] == pytest.approx(pulled[name])
        assert pushed[name] > 0


@pytest.mark.parametrize("corner", [(2, 3), (20, 11)])
def test_a_torque_is_about_the_middle_of_its_part(corner):
    mask = np.zeros((32, 30), dtype=bool)
    rows, columns = slice(corner[0], corner[0] + 8), slice(corner[1], corner[1] + 10)
    mask[rows, columns] = True
    traction = np.zeros((1, 2, 32, 30))
    # A uniform pull, and a couple: 1 at the upper edge, -1 at the lower one, 7 grid points apart.
    traction[0, 0, rows, columns] = 3.0
    assert unbalanced(traction, mask, spacing=2.0)["torque_Nm"][0] == pytest.approx(0, abs=1e-9)
    traction[0, 0, corner[0], columns] += 1.0
    traction[0, 0, corner[0] + 7, columns] -= 1.0
    assert unbalanced(traction, mask, spacing=2.0)["torque_Nm"][0] == pytest.approx(10 * 7 * 2.0**3)
