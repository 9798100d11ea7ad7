"""Patches on a grid: averages, labels and random arrangements."""

from __future__ import annotations

import numpy as np
import pytest

from tfmkit.simulate.patches import Patches, number_patches, rasterise
from tfmkit.simulate.scatter import draw_adhesions, draw_discs, draw_hertz_pairs, wobbly_borders


def one(x, y, a, b, angle=0.0, traction=(1.0, 0.0)):
    return Patches(
        np.array([0]), np.array([[x, y]]), np.array([[a, b]]), np.array([angle]), np.array([traction], dtype=float)
    )


@pytest.mark.parametrize(
    ("profile", "integral"), [("uniform", np.pi), ("hertz", 2 / 3 * np.pi), ("gaussian", 2 * np.pi * (1 - np.exp(-8)))]
)
@pytest.mark.parametrize(("a", "b", "angle"), [(3.0, 3.0, 0.0), (2.5, 1.2, 0.7), (0.8, 0.5, 2.0)])
def test_force_is_the_integral_of_the_profile(profile, integral, a, b, angle):
    traction, _ = rasterise(one(20.3, 15.7, a, b, angle, (2.0, -1.0)), profile, 1, (32, 40), 16)
    np.testing.assert_allclose(traction.sum(axis=(2, 3)), [[2 * integral * a * b, -integral * a * b]], rtol=0.01)


def test_an_elongated_patch_lies_along_its_angle():
    traction, _ = rasterise(one(20, 20, 3.0, 0.8, np.pi / 4), "gaussian", 1, (41, 41), 4)
    y, x = np.mgrid[:41, :41] - 20
    weight = traction[0, 0] / traction[0, 0].sum()
    assert (weight * x * y).sum() == pytest.approx((3.0**2 - 0.8**2) / 2, rel=0.02)


def test_pixel_values_are_averages():
    # A disc of radius 0.25 in the middle of a pixel covers pi / 16 of it.
    traction, labels = rasterise(one(8.0, 8.0, 0.25, 0.25), "uniform", 1, (16, 16), 64)
    assert traction[0, 0, 8, 8] == pytest.approx(np.pi / 16, rel=0.01)
    assert np.count_nonzero(traction) == 1
    assert labels[0, 8, 8] == 1


def test_labels_number_each_field_and_give_a_pixel_to_the_strongest():
    position = np.array([[5.0, 5.0], [12.0, 5.0], [6.0, 6.0], [8.0, 6.0]])
    patches = Patches(
        np.array([0, 0, 1, 1]),
        position,
        np.full((4, 2), 2.0),
        np.zeros(4),
        np.array([[1.0, 0], [0, 1.0], [1.0, 0], [0, 3.0]]),
    )
    _, owners = rasterise(patches, "uniform", 2, (12, 20), 4)
    labels = number_patches(owners, patches.field)
    assert labels[0, 5, 5] == 1
    assert labels[0, 5, 12] == 2
    assert labels[0, 5, 18] == 0
    assert labels[1, 6, 7] == 2


def test_covered_patches_leave_no_gap_in_the_numbers():
    owners = np.zeros((2, 8, 8), dtype=int)
    owners[0, 0, 0], owners[0, 1, 1], owners[1, 2, 2] = 1, 3, 5
    labels = number_patches(owners, np.array([0, 0, 0, 1, 1]))
    assert (labels[0, 0, 0], labels[0, 1, 1], labels[1, 2, 2]) == (1, 2, 1)
    assert np.count_nonzero(labels) == 3


def test_a_finer_grid_averages_to_the_coarse_one():
    patch = one(10.2, 9.1, 2.0, 1.0, 0.3)
    coarse, _ = rasterise(patch, "gaussian", 1, (20, 24), 6)
    fine, _ = rasterise(patch.finer(3), "gaussian", 1, (60, 72), 2)
    np.testing.assert_allclose(fine.reshape(1, 2, 20, 3, 24, 3).mean(axis=(3, 5)), coarse, atol=1e-6)


def test_patches_end_at_the_edge_of_the_field():
    traction, labels = rasterise(one(-0.5, -0.5, 3.0, 3.0), "uniform", 1, (16, 16), 8)
    assert traction.sum() == pytest.approx(np.pi * 9 / 4, rel=0.02)
    assert labels[0, 0, 0] == 1
    assert not labels[0, 5:, 5:].any()


def test_discs_do_not_overlap_and_keep_their_ranges():
    fields = [draw_discs(rng, (80, 100), (0.1, 0.5), 1.0) for rng in np.random.default_rng(0).spawn(20)]
    counts = [len(discs.radius) for discs in fields]
    assert min(counts) >= 10
    assert max(counts) <= 50
    for position, radius, traction, profile in fields:
        assert profile == "uniform"
        assert radius.min() >= 0.8
        assert radius.max() <= 4.0
        size = np.hypot(*traction.T)
        assert size.min() >= 0.1
        assert size.max() <= 0.5
        gap = np.linalg.norm(position[:, None] - position, axis=2) - radius - radius[:, None]
        assert gap[~np.eye(len(radius), dtype=bool)].min() > 0


def test_hertz_pairs_pull_at_each_other_at_their_distance():
    for rng in np.random.default_rng(0).spawn(10):
        position, radius, traction, profile = draw_hertz_pairs(rng, (104, 104), (0.1, 0.5), 1.925)
        assert profile == "hertz"
        apart = (position[1::2] - position[::2]) * 1.925
        distance = np.linalg.norm(apart, axis=1)
        assert distance.min() >= 20
        assert distance.max() <= 25
        np.testing.assert_allclose(traction[::2], -traction[1::2])
        assert ((traction[::2] * apart).sum(axis=1) > 0).all()
        assert (np.abs(radius * 1.925 - 2) <= 0.2 + 1e-9).all()


def test_a_field_too_small_for_pairs_is_refused():
    with pytest.raises(ValueError, match="field large enough"):
        draw_hertz_pairs(np.random.default_rng(0), (10, 10), (0.1, 0.5), 1.925)


def test_adhesions_lie_inside_pull_inwards_and_balance():
    streams = np.random.default_rng(0).spawn(20)
    radii = wobbly_borders(streams) * 20
    centres = np.full((20, 2), 50.0)
    patches = draw_adhesions(streams, radii, centres)
    counts = np.bincount(patches.field)
    assert counts.min() >= 12
    assert counts.max() <= 60
    inwards = centres[patches.field] - patches.position
    depth = radii.max(axis=1)[patches.field] - np.linalg.norm(inwards, axis=1)
    assert depth.min() > 0
    area = patches.semi_axes.prod(axis=1)
    for axis in range(2):
        force = np.bincount(patches.field, area * patches.traction[:, axis])
        np.testing.assert_allclose(force, 0, atol=1e-10)
    cosine = (inwards * patches.traction).sum(axis=1)
    cosine /= np.linalg.norm(inwards, axis=1) * np.linalg.norm(patches.traction, axis=1)
    # Taking out the net force turns the vectors of a lopsided cell a little further.
    assert np.median(np.degrees(np.arccos(cosine.clip(-1, 1)))) < 15
    assert np.quantile(cosine, 0.05) > 0.5
