"""Energies, forces and moments against fields whose values are known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import distance_transform_cdt, gaussian_filter

from tfmkit import mechanics
from tfmkit.force_region import Forces, find_forces
from tfmkit.fttc import FTTC
from tfmkit.gel.closed_forms import disc_displacement, hertz_displacement
from tfmkit.simulate import PatchSimulator


def pair(tx=0.0, ty=0.0):
    """Return a 3 x 3 field that pulls one way at the left edge and the other way at the right one."""
    field = np.zeros((1, 2, 3, 3))
    field[0, :, 1, 0] = tx, ty
    field[0, :, 1, 2] = -tx, -ty
    return field


def test_contractile_pair():
    pull = pair(tx=5.0)
    assert mechanics.total_force(pull, spacing=2.0) == pytest.approx([10 * 4])
    assert mechanics.net_force(pull) == pytest.approx([0])
    np.testing.assert_allclose(mechanics.force_centre(pull, spacing=2.0), [[2.0, 2.0]])
    # Each force of 5 Pa x 4 m^2 stands 2 m from the centre and points at it.
    np.testing.assert_allclose(mechanics.moment_tensor(pull, spacing=2.0), [[[-80, 0], [0, 0]]])
    assert mechanics.contractile_moment(pull, spacing=2.0) == pytest.approx([-80])
    assert mechanics.torque(pull, spacing=2.0) == pytest.approx([0])


def test_turning_pair():
    # Up at the left, down at the right: clockwise on the screen, where y points down.
    turn = pair(ty=-1.0)
    assert mechanics.torque(turn) == pytest.approx([2])
    assert mechanics.contractile_moment(turn) == pytest.approx([0])
    np.testing.assert_allclose(mechanics.moment_tensor(turn), [[[0, 1], [1, 0]]])


def test_moments_by_brute_force_on_a_field_that_is_no_square():
    rng, step = np.random.default_rng(0), 0.5
    traction = np.zeros((1, 2, 12, 17))
    traction[0, :, 3:9, 4:15] = rng.normal(size=(2, 6, 11))
    places = [(x, y) for y in range(12) for x in range(17)]
    forces = [step**2 * traction[0, :, y, x] for x, y in places]
    lengths = np.array([np.hypot(*force) for force in forces])
    centre = sum(length * np.array(place) for length, place in zip(lengths, places, strict=True)) / lengths.sum()
    arms = [step * (np.array(place) - centre) for place in places]
    torque = sum(arm[0] * force[1] - arm[1] * force[0] for arm, force in zip(arms, forces, strict=True))
    products = sum(np.outer(arm, force) for arm, force in zip(arms, forces, strict=True))
    assert mechanics.torque(traction, spacing=step) == pytest.approx([torque])
    assert mechanics.contractile_moment(traction, spacing=step) == pytest.approx([np.trace(products)])
    np.testing.assert_allclose(mechanics.moment_tensor(traction, spacing=step)[0], (products + products.T) / 2)
    # Random forces stand out nowhere, so that the region is the whole field.
    most = sum(np.hypot(*arm) * length for arm, length in zip(arms, lengths, strict=True))
    everywhere = Forces(np.zeros((1, 12, 17)), *np.ones((2, 1, 12, 17), dtype=bool))
    assert mechanics.largest_moment(traction, spacing=step, forces=everywhere) == pytest.approx([most])


def test_strain_energy_has_its_half():
    displacement, traction = np.full((2, 2, 4, 5), 3e-6), np.full((2, 2, 4, 5), 100.0)
    displacement[1] *= 2
    expected = 0.5 * (2 * 3e-6 * 100.0) * 20 * (1e-6) ** 2
    energy = mechanics.strain_energy(displacement, traction, spacing=1e-6)
    np.testing.assert_allclose(energy, [expected, 2 * expected])


def test_net_force_of_one_direction_is_the_total():
    assert mechanics.net_force(np.ones((1, 2, 3, 3))) == pytest.approx([1])


def test_mask_leaves_the_rest_out():
    mask = np.zeros((3, 3), dtype=bool)
    mask[:, 0] = True
    pull = pair(tx=5.0)
    assert mechanics.total_force(pull, mask=mask) == pytest.approx([5])
    assert mechanics.net_force(pull, mask=mask) == pytest.approx([1])
    # Three of the four neighbours of the force are at rest; the fourth lies outside, and is a copy of it.
    assert mechanics.strain_energy(pull, pull, mask=mask) == pytest.approx([12.5 * (1 + 3 / 24)])


@pytest.mark.parametrize(("displacement_of", "profile"), [(disc_displacement, 0.0), (hertz_displacement, 0.5)])
def test_strain_energy_of_patches_is_that_of_the_integral(displacement_of, profile):
    """Means over pixels give the energy of the integral over the patch, which the plain sum misses by 1 %."""
    side, samples, radius, pull = 40, 16, 3.0, np.array([0.3, 0.1])
    # Gauss points along the radius and even angles: the integral over the patch.
    nodes, weights = np.polynomial.legendre.leggauss(60)
    r, angle = radius * (nodes[:, None] + 1) / 2, 2 * np.pi * np.arange(32) / 32
    moved = np.einsum("c,cra->ra", pull, displacement_of(r * np.cos(angle), r * np.sin(angle), radius, pull, 0.45))
    parts = moved * (1 - (r / radius) ** 2) ** profile * r * (weights * radius / 2)[:, None] * 2 * np.pi / 32
    exact = 0.5 * parts.sum()
    ratios = []
    for centre in np.random.default_rng(0).uniform(19, 20, (8, 2)):
        place = (np.arange(side * samples) + 0.5) / samples - 0.5
        inside = np.maximum(1 - ((place[:, None] - centre[1]) ** 2 + (place - centre[0]) ** 2) / radius**2, 0)
        length = np.where(inside > 0, inside**profile, 0).reshape(side, samples, side, samples).mean(axis=(1, 3))
        x, y = np.arange(side) - centre[0], np.arange(side)[:, None] - centre[1]
        displacement = displacement_of(x, y, radius, pull, 0.45)[None]
        traction = pull[:, None, None] * length[None]
        plain = 0.5 * (displacement * traction).sum()
        ratios.append((mechanics.strain_energy(displacement, traction[None])[0] / exact, plain / exact))
    corrected, plain = np.mean(ratios, axis=0)
    assert corrected == pytest.approx(1, abs=0.007)
    assert plain < 0.991


def test_moments_move_with_the_cell():
    rng = np.random.default_rng(0)
    cell = rng.normal(size=(2, 2, 5, 6))
    here, there = np.zeros((2, 2, 12, 12)), np.zeros((2, 2, 12, 12))
    here[:, :, :5, :6] = there[:, :, 6:11, 4:10] = cell
    np.testing.assert_allclose(mechanics.moment_tensor(here), mechanics.moment_tensor(there))
    np.testing.assert_allclose(mechanics.torque(here), mechanics.torque(there))
    shift = mechanics.force_centre(there) - mechanics.force_centre(here)
    np.testing.assert_allclose(shift, [[4, 6], [4, 6]])


def test_summary_holds_one_value_per_field_and_figure():
    rng = np.random.default_rng(0)
    displacement, traction = rng.normal(size=(2, 3, 2, 5, 6))
    mask = rng.random((3, 5, 6)) > 0.3
    summary = mechanics.force_summary(displacement, traction, spacing=0.5, mask=mask)
    assert {values.shape for values in summary.values()} == {(3,)}
    lengths = [np.hypot(*field)[inside] for field, inside in zip(traction, mask, strict=True)]
    area = mask.sum(axis=(1, 2))
    np.testing.assert_allclose(summary["mean_traction"], summary["total_force"] / 0.25 / area)
    np.testing.assert_allclose(summary["max_traction"], [values.max() for values in lengths])
    for name, of in (("total_force", "significant_force"), ("contractile_moment",) * 2, ("torque",) * 2):
        np.testing.assert_array_equal(summary[name], getattr(mechanics, of)(traction, spacing=0.5, mask=mask))
    net = mechanics.net_force(traction, mask=mask) * mechanics.total_force(traction, spacing=0.5, mask=mask)
    np.testing.assert_allclose(summary["net_force_length"], net)
    np.testing.assert_allclose(summary["net_force"], np.minimum(net / summary["total_force"], 1))


def test_largest_traction_leaves_filled_vectors_out():
    traction = np.ones((2, 2, 4, 5))
    traction[:, :, 1, 1] = 1e6
    measured = np.ones((2, 4, 5), dtype=bool)
    measured[0, 1, 1] = False
    wild, calm = np.hypot(1e6, 1e6), np.hypot(1, 1)
    np.testing.assert_allclose(mechanics.largest_traction(traction, measured=measured), [calm, wild])
    summary = mechanics.force_summary(traction, traction, measured=measured)
    np.testing.assert_allclose(summary["max_traction"], [calm, wild])
    # A cell without any measured vector has only filled ones to show.
    cell = np.zeros((4, 5), dtype=bool)
    cell[1, 1] = True
    np.testing.assert_allclose(mechanics.largest_traction(traction, mask=cell, measured=measured), [wild, wild])
    np.testing.assert_allclose(mechanics.largest_traction(traction, mask=~cell), [calm, calm])


def test_no_traction_is_all_zeros():
    zeros = np.zeros((1, 2, 4, 4))
    assert set(np.concatenate(list(mechanics.force_summary(zeros, zeros).values()))) == {0.0}
    np.testing.assert_array_equal(mechanics.moment_tensor(zeros), np.zeros((1, 2, 2)))


def test_bad_input():
    field = np.ones((1, 2, 4, 4))
    with pytest.raises(ValueError, match="spacing"):
        mechanics.total_force(field, spacing=0)
    with pytest.raises(ValueError, match="one shape"):
        mechanics.strain_energy(field, field[:, :, :3])
    with pytest.raises(ValueError, match="traction as an array"):
        mechanics.torque(field[0])
    with pytest.raises(ValueError, match=r"empty one in field\(s\) \[0\]"):
        mechanics.force_summary(field, field, mask=np.zeros((4, 4), dtype=bool))


@pytest.mark.parametrize("degrees", [-80, -45, 0, 30, 89])
def test_polarity_is_the_axis_of_a_pair_of_forces(degrees):
    angle = np.radians(degrees)
    y, x = np.mgrid[-12:13, -12:13]
    along, across = x * np.cos(angle) + y * np.sin(angle), -x * np.sin(angle) + y * np.cos(angle)
    near = (np.abs(across) < 2) & (np.abs(along) > 6) & (np.abs(along) < 10)
    pull = -np.sign(along) * near
    traction = np.stack([pull * np.cos(angle), pull * np.sin(angle)])[None]
    ratio, axis = mechanics.polarity(traction)
    assert abs(ratio[0]) < 0.01
    assert abs(np.angle(np.exp(2j * (axis[0] - angle)))) < 0.1
    # A quarter of the force across the axis makes a quarter of the moment.
    turned = np.rot90(traction, axes=(2, 3))
    crossed = np.stack([turned[:, 1], -turned[:, 0]], axis=1)
    ratio, axis = mechanics.polarity(traction + 0.25 * crossed)
    assert ratio[0] == pytest.approx(0.25, abs=0.01)
    ratio, _ = mechanics.polarity(traction - crossed)
    assert ratio[0] == pytest.approx(-1, abs=0.01)
    assert [float(values[0]) for values in mechanics.polarity(np.zeros((1, 2, 8, 8)))] == [0, 0]


def test_spread_of_axes_knows_that_axes_repeat():
    rng = np.random.default_rng(0)
    angles = rng.normal(scale=0.1, size=4000)
    assert mechanics.spread_of_axes(angles) == pytest.approx(0.1, rel=0.05)
    wrapped = np.angle(np.exp(2j * (angles + np.pi / 2))) / 2
    assert mechanics.spread_of_axes(wrapped) == pytest.approx(mechanics.spread_of_axes(angles))
    assert mechanics.spread_of_axes([0.3, 0.3]) == 0
    assert mechanics.spread_of_axes([0, np.pi / 2]) == pytest.approx(np.pi / np.sqrt(12))


def noisy_patches(level, side=64):
    """Return two opposed patches, and the same patches under noise: the first time alone, then 20 times."""
    traction = np.zeros((1, 2, side, side))
    traction[0, 0, 20:26, 16:22], traction[0, 0, 40:46, 40:46] = 1.0, -1.0
    rng = np.random.default_rng(0)
    return traction, *(traction + rng.normal(scale=level, size=(n, *traction.shape[1:])) for n in (1, 20))


@pytest.mark.parametrize("level", [0.0, 0.05, 0.2])
def test_noise_of_the_background_is_not_force(level):
    traction, noisy, repeated = noisy_patches(level)
    forces = mechanics.significant_force(repeated, spacing=2.0)
    assert forces.mean() == pytest.approx(72 * 4, rel=0.06)
    # The noise of the skirts scatters it.
    assert forces.std() < 0.3 * level * 72 * 4 + 1e-9
    mask = np.zeros(traction.shape[2:], dtype=bool)
    mask[:32] = True
    assert mechanics.significant_force(repeated, mask=mask).mean() == pytest.approx(36, rel=0.06)
    # The plain sum counts it: 20 % noise makes it more than ten times too large.
    assert mechanics.total_force(noisy) >= 72 * (1 + 60 * level - 1e-9)


def test_summary_leaves_the_noise_out_of_total_and_mean():
    _, noisy, _ = noisy_patches(0.1)
    summary = mechanics.force_summary(noisy, noisy)
    assert summary["total_force"] == mechanics.significant_force(noisy)
    assert summary["mean_traction"] == pytest.approx(summary["total_force"] / 64**2)
    # Two patches in balance: noise of the background would be a net force of some ten.
    assert summary["net_force_length"] < 0.3 * np.hypot(*noisy[0].sum(axis=(1, 2)))


def test_ringing_is_not_force():
    """Patches narrower than the grid ring: that is force in the sum of lengths, not in that along the neighbourhood."""
    fields = PatchSimulator("hertz", shape=48, poisson=0.45, pixel_size=2.6, random_state=0).sample(3)
    ringing = FTTC().fit(fields.displacement).predict(fields.displacement)
    truth = mechanics.total_force(fields.traction)
    assert (mechanics.total_force(ringing) > 1.2 * truth).all()
    np.testing.assert_allclose(mechanics.significant_force(ringing), truth, rtol=0.04)


def test_the_skirts_of_a_smoothed_patch_are_force_and_their_noise_is_not():
    traction, *_ = noisy_patches(0.0)
    # Smoothed as by a strong penalty: the highest traction is 0.5, and noise that neighbours share lies over it.
    smooth = gaussian_filter(traction, (0, 0, 2.5, 2.5))
    noise = gaussian_filter(np.random.default_rng(3).normal(size=(12, 2, 64, 64)), (0, 0, 1.5, 1.5))
    noisy = smooth + 0.08 * noise / noise.std()
    forces = find_forces(noisy)
    core = (forces.along * forces.core).sum(axis=(1, 2))
    # A part of the force is no longer than noise.
    assert np.median(core) < 0.85 * 72
    assert np.median(mechanics.significant_force(noisy)) == pytest.approx(72, rel=0.06)


@pytest.mark.parametrize("scale", [0.0, 1.0])
def test_all_counts_where_nothing_stands_out(scale):
    even = np.full((1, 2, 16, 16), scale)
    noise = np.random.default_rng(1).normal(size=(1, 2, 64, 64))
    assert mechanics.significant_force(even) == pytest.approx(mechanics.total_force(even))
    assert find_forces(noise).core.all()


@pytest.mark.parametrize("seed", range(4))
def test_a_strong_spot_of_a_sheet_is_not_all_of_it(seed):
    """A sheet pulls everywhere. The forces beside its strongest spot count, also as the spot grows in a movie."""
    sheet = gaussian_filter(np.random.default_rng(seed).normal(size=(2, 32, 54)), (0, 2, 2))
    spot = np.zeros_like(sheet)
    spot[0, 14:18, 25:29] = sheet.std()
    force = mechanics.significant_force(np.stack([sheet + strength * spot for strength in range(8)]))
    # The spot covers one hundredth of the sheet.
    np.testing.assert_allclose(force, mechanics.significant_force(sheet[None])[0], rtol=0.1)
    assert force[0] > 0.9 * mechanics.total_force(sheet[None])[0]


def test_forces_that_are_at_hand_give_the_summary_that_is_found_without_them():
    fields = PatchSimulator("disc", shape=48, random_state=4).sample(2)
    noisy = fields.traction + np.random.default_rng(0).normal(scale=0.02 * fields.traction.max(), size=(2, 2, 48, 48))
    half = np.arange(48) < 30
    for mask in (None, np.broadcast_to(half, (48, 48))):
        given = {"displacement": fields.displacement, "traction": noisy, "spacing": 2.0, "mask": mask}
        alone = mechanics.force_summary(**given)
        shared = mechanics.force_summary(**given, forces=find_forces(noisy))
        for name, values in alone.items():
            np.testing.assert_array_equal(shared[name], values, err_msg=name)
        # The forces are used, and not found again.
        others = mechanics.force_summary(**given, forces=find_forces(np.flip(noisy, axis=3)))
        assert (others["strain_energy"] != alone["strain_energy"]).all()


def test_the_region_of_sums_of_vectors_is_two_grid_points_wider():
    traction = np.zeros((1, 2, 40, 50))
    traction[0, 0, 12:18, 20:30], traction[0, 1, 30, 40] = 100.0, -50.0
    found = find_forces(traction)
    steps = distance_transform_cdt(~found.core[0], "taxicab")
    assert not found.core.all()
    np.testing.assert_array_equal(found.wide[0], steps <= 2)


@pytest.mark.parametrize("degrees", range(-85, 90, 17))
def test_the_axis_is_told_between_minus_and_plus_a_right_angle(degrees):
    angle = np.radians(degrees)
    y, x = np.mgrid[:61, :61] - 30.0
    along = x * np.cos(angle) + y * np.sin(angle)
    pull = -np.sign(along) * np.exp(-((np.abs(along) - 15) ** 2 + (y * np.cos(angle) - x * np.sin(angle)) ** 2) / 18)
    for sign in (1, -1):
        _, found = mechanics.polarity(sign * np.stack([pull * np.cos(angle), pull * np.sin(angle)])[None])
        assert found[0] == pytest.approx(angle, abs=0.01)
