"""Stress of sheets whose stress is known, and balance, by finite elements."""

from __future__ import annotations

import numpy as np
import pytest
from monolayer_sheets import LEVELS, airy_sheet, relative_errors

from tfmkit.monolayer import MonolayerStress
from tfmkit.monolayer.closed_forms import disc_stress, pressed_disc_stress
from tfmkit.monolayer.equilibrium import Equilibrium
from tfmkit.monolayer.sheet import make_sheet


def stress_of(traction, mask=None, **settings):
    batch = traction[None] if traction.ndim == 3 else traction
    stress = MonolayerStress(**settings).fit(batch).predict(batch, mask=mask)
    return stress[0] if traction.ndim == 3 else stress


@pytest.mark.parametrize("poisson", [0.0, 0.5])
@pytest.mark.parametrize("name", LEVELS)
def test_airy_functions_on_masks_of_any_shape(name, poisson):
    errors = []
    for side in (60, 121):
        stress, traction, mask = airy_sheet(name, side, poisson)
        errors.append(relative_errors(stress_of(traction, mask, poisson=poisson), stress, mask)[0])
    assert errors[1] < 0.01
    # Second order: half the grid, a quarter of the error.
    assert errors[1] < errors[0] / 3


@pytest.mark.parametrize("poisson", [0.0, 0.5])
@pytest.mark.parametrize("pressed", [False, True])
def test_discs_whose_border_is_under_stress(pressed, poisson):
    y, x = np.mgrid[:106, :106] - 52.5
    true, traction = pressed_disc_stress(x, y, 50.0, 10.0, poisson) if pressed else disc_stress(x, y, 50.0, poisson)
    mask = np.hypot(x, y) < 50
    found = stress_of(traction * mask, mask, poisson=poisson)
    assert relative_errors(found, true, mask)[0] < 0.01
    assert relative_errors(found, true, np.hypot(x, y) < 47)[0] < 0.004


def test_an_evenly_stretched_disc_is_under_the_pressure_of_its_ring():
    radii = np.array([0.0, 10.0, 44.9])
    stress, _ = pressed_disc_stress(radii, 0 * radii, 50.0, 0.1, 0.3)
    np.testing.assert_allclose(stress[:2], 0.1, rtol=2e-3)
    border, _ = pressed_disc_stress(np.array([50.0]), np.array([0.0]), 50.0, 5.0, 0.3)
    assert border[0, 0] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(("poisson", "middle"), [(0.0, 2), (0.5, 30)])
def test_a_strip_in_tension(poisson, middle):
    traction = np.zeros((2, 30, 120))
    mask = np.zeros((30, 120), dtype=bool)
    mask[10:20, 10:110] = True
    traction[0, 10:20, 10:14], traction[0, 10:20, 106:110] = 5.0, -5.0
    stress = stress_of(traction, mask, poisson=poisson, spacing=2.0)[:, 11:19, 10 + middle : 110 - middle]
    # Saint-Venant: away from its ends the strip is evenly stretched, by 5 Pa times 4 pixels of 2 m.
    np.testing.assert_allclose(stress[0, :, 4:-4], 40, rtol=0.02)
    np.testing.assert_allclose(stress[1:, :, 4:-4], 0, atol=0.5)


@pytest.mark.parametrize("boundary", ["sliding", "fixed", "free"])
def test_every_node_is_in_balance(boundary):
    rng = np.random.default_rng(0)
    mask = rng.random((60, 50)) < 0.85
    sheet = make_sheet(mask)
    system = Equilibrium(sheet, 0.5, boundary)
    loads = system.loads(sheet.values(rng.standard_normal((2, 2, *mask.shape))))
    left = (system.matrix @ system.displacement(loads).T).T + loads
    asked = np.ones(left.shape[1], dtype=bool)
    asked[system._held] = False
    assert np.abs(left[:, asked]).max() < 1e-8 * np.abs(loads).max()


def test_a_uniform_stress_is_found_from_its_own_traction():
    mask = np.zeros((30, 30), dtype=bool)
    mask[5:25, 8:22] = True
    sheet = make_sheet(mask)
    system = Equilibrium(sheet, 0.2, "sliding")
    stress = np.broadcast_to(np.array([2.0, 1.0, -0.5])[:, None], (1, 3, sheet.rows.size))
    np.testing.assert_allclose(system.solve(system.loads_of(stress)), stress, atol=1e-9)


@pytest.mark.parametrize("name", ["peanut", "ring"])
def test_a_sheet_cut_at_its_mirror_line_slides_along_the_border(name):
    _, traction, mask = airy_sheet(name, 60, 0.4)
    whole = stress_of(traction, mask, poisson=0.4)
    cut = (traction[..., 30:], mask[:, 30:])
    np.testing.assert_allclose(stress_of(*cut, poisson=0.4), whole[..., 30:], atol=1e-9)
    assert relative_errors(stress_of(*cut, poisson=0.4, boundary="free"), whole[..., 30:], cut[1])[0] > 0.02


def test_units_height_and_signs():
    stress, traction, mask = airy_sheet("ellipse", 40, 0.5)
    one = stress_of(traction, mask)
    assert np.nanmean(stress[0] * one[0]) > 0
    np.testing.assert_allclose(stress_of(traction, mask, spacing=2e-6), 2e-6 * one)
    np.testing.assert_allclose(stress_of(traction, mask, spacing=2e-6, height=5e-6), one * 2 / 5)
    np.testing.assert_allclose(stress_of(-traction, mask), -one)


@pytest.mark.parametrize("boundary", ["sliding", "fixed", "free"])
def test_quarter_turns_and_mirrors_turn_the_stress(boundary):
    # The sheet leaves a field that is no square by one side: by each side in turn.
    _, traction, mask = airy_sheet("peanut", 40, 0.5)
    traction, mask = (traction * mask)[..., 14:], mask[:, 14:]
    found = stress_of(traction, mask, boundary=boundary)
    field, cells, wanted = traction, mask, found
    for _ in range(3):
        field = np.rot90(np.stack([field[1], -field[0]]), axes=(1, 2))
        cells, wanted = np.rot90(cells), np.rot90(np.stack([wanted[1], wanted[0], -wanted[2]]), axes=(1, 2))
        np.testing.assert_allclose(stress_of(field, cells, boundary=boundary), wanted, atol=1e-9)
    mirrored = stress_of(np.stack([-traction[0], traction[1]])[..., ::-1], mask[:, ::-1], boundary=boundary)
    np.testing.assert_allclose(mirrored, np.stack([found[0], found[1], -found[2]])[..., ::-1], atol=1e-9)


def test_net_force_and_torque_do_not_matter():
    _, traction, mask = airy_sheet("ellipse", 40, 0.5)
    y, x = np.mgrid[:40, :40]
    more = traction + np.stack([0.3 - 0.01 * y, 0.01 * x - 0.2])
    np.testing.assert_allclose(stress_of(more, mask), stress_of(traction, mask), atol=1e-9)


def test_frames_with_and_without_a_shared_mask_agree():
    rng = np.random.default_rng(0)
    traction = rng.standard_normal((3, 2, 20, 24))
    masks = rng.random((3, 20, 24)) < 0.8
    masks[2] = masks[0]
    together = stress_of(traction, masks)
    for field, mask, found in zip(traction, masks, together, strict=True):
        np.testing.assert_allclose(stress_of(field, mask), found, atol=1e-9)
        assert np.array_equal(np.isfinite(found).all(axis=0), mask)


def test_hostile_masks_give_a_result():
    rng = np.random.default_rng(0)
    traction = rng.standard_normal((2, 24, 30))
    bridge = np.zeros((24, 30), dtype=bool)
    bridge[4:20, 3:10] = bridge[4:20, 20:27] = bridge[12, 10:20] = True
    dust = rng.random((24, 30)) < 0.3
    line = np.zeros((24, 30), dtype=bool)
    line[7, 3:20] = True
    dot = np.zeros((24, 30), dtype=bool)
    dot[0, 0] = True
    checkers = np.indices((24, 30)).sum(axis=0) % 2 == 0
    for mask in (bridge, dust, line, dot, checkers, ~dust, np.ones((24, 30), dtype=bool)):
        for boundary in ("sliding", "fixed", "free"):
            found = stress_of(traction, mask, boundary=boundary)
            assert np.array_equal(np.isfinite(found).all(axis=0), mask)
            assert np.abs(found[:, mask]).max() < 1e3


def test_a_bridge_of_one_pixel_carries_the_force_between_two_parts():
    traction = np.zeros((2, 24, 40))
    mask = np.zeros((24, 40), dtype=bool)
    mask[4:20, 3:13] = mask[4:20, 27:37] = mask[12, 13:27] = True
    traction[0, 4:20, 3], traction[0, 4:20, 36] = 1.0, -1.0
    found = stress_of(traction, mask)
    assert found[0, 12, 18:22].mean() == pytest.approx(16 / 1.0, rel=0.5)
    # The sheet's smoothed border is as wide as the bridge: its cross-section carries all of the force.
    sheet = make_sheet(mask)
    system = Equilibrium(sheet, 0.5, "sliding")
    stress = system.solve(system.loads(sheet.values(traction[None])))[0, 0]
    across = sheet.columns == 20
    assert (stress * sheet.thickness)[across].sum() == pytest.approx(16, rel=1e-6)


def test_an_empty_frame_is_nan():
    traction = np.ones((2, 2, 9, 9))
    masks = np.zeros((2, 9, 9), dtype=bool)
    masks[1, 2:7, 2:7] = True
    found = stress_of(traction, masks)
    assert np.isnan(found[0]).all()
    assert np.isfinite(found[1][:, masks[1]]).all()
