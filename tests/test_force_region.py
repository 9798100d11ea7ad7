"""The part of a field that is more than noise: its patches, and the certainty that there is one."""

from __future__ import annotations

import numpy as np

from tfmkit.force_region import _patches, find_forces, force_region


def test_patches_grow_in_all_eight_directions_and_to_nothing_else():
    lengths = np.zeros((20, 20))
    # Noise of 1 reaches 3.46 once in 400 points: patches begin at 4.33 and go on to 2.42.
    lengths[9:12, 9:12], lengths[10, 10] = 3.0, 5.0
    lengths[10, 13] = 4.0
    expected = np.zeros((20, 20), dtype=bool)
    expected[9:12, 9:12] = True
    np.testing.assert_array_equal(_patches(lengths, 1.0), expected)
    lengths[10, 12] = 2.5
    expected[10, 12:14] = True
    np.testing.assert_array_equal(_patches(lengths, 1.0), expected)


def test_a_patch_that_is_surely_no_noise_is_found():
    rng = np.random.default_rng(0)
    lengths = np.hypot(*rng.normal(size=(2, 64, 64)))
    # Its excess is about 31 standard deviations of that of noise.
    lengths[20:22, 30:37] = 17.0
    region = force_region(lengths[None])[0]
    assert region[20:22, 30:37].all()
    assert region.sum() < 40


def test_draws_have_no_region_of_their_own_where_nothing_stands_out_of_the_estimate():
    traction = np.random.default_rng(0).normal(size=(2, 2, 48, 48))
    traction[1, 0, 20:26, 20:26] += 30.0
    quiet, loud = find_forces(traction[:1]), find_forces(traction[1:])
    assert quiet.core.all()
    assert not loud.core.all()
    assert find_forces(traction[1:], quiet).core.all()
    # Otherwise each draw has a region, also the one in which nothing is sure.
    regions = find_forces(traction, loud).core
    assert not regions[0].any()
    np.testing.assert_array_equal(regions[1], loud.core[0])
