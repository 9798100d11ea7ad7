"""What finds a displacement: deformed images, least squares, matching, and the smoothness of the whole field."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from tfmkit.displacement import _smoothness
from tfmkit.displacement._deformation import DeformableImage
from tfmkit.displacement._images import prepare
from tfmkit.displacement._lattice import Lattice
from tfmkit.displacement._least_squares import Comparison, refine
from tfmkit.displacement._match import Match
from tfmkit.simulate import BeadSimulator
from tfmkit.simulate.spots import draw_spots

SHAPE = (96, 128)


def compared(shift=1.0, **settings):
    """Two images of a shifted gel, ready to be compared, and the nodes."""
    truth = np.zeros((1, 2, 24, 32))
    truth[:, 0] = shift
    pair = BeadSimulator(SHAPE, random_state=0, **settings).sample(displacement=truth).pairs[0]
    return prepare((pair[0], pair[1]), np.zeros(SHAPE, dtype=bool)), Lattice(SHAPE, 4)


def comparison_of(images, **settings):
    return Comparison(images.relaxed, *images.noisy, images.valid, **settings)


def test_deformed_image_is_sampled_where_the_displacement_leads():
    image = draw_spots((32, 40), np.array([20.0]), np.array([16.0]), 2.0).astype(np.float32)
    displacement = np.zeros((2, 32, 40), dtype=np.float32)
    displacement[0], displacement[1] = 3.5, -1.25
    moved, valid = DeformableImage(image, np.ones(image.shape, dtype=bool)).sample(displacement)
    expected = draw_spots((32, 40), np.array([16.5]), np.array([17.25]), 2.0)
    np.testing.assert_allclose(moved, expected, atol=2e-3)
    assert not valid[:2].any()
    assert not valid[:, -3:].any()
    assert valid[2:, :36].all()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0, 30), st.sampled_from([(33, 40), (64, 64), (70, 35)]))
def test_deformed_image_is_that_of_scipy(seed, size, shape):
    rng = np.random.default_rng(seed)
    image = rng.random(shape).astype(np.float32)
    displacement = (size * rng.standard_normal((2, *shape))).astype(np.float32)
    moved, valid = DeformableImage(image, np.ones(shape, dtype=bool)).sample(displacement)
    rows, columns = np.mgrid[: shape[0], : shape[1]].astype(np.float32) + displacement[::-1]
    expected = ndimage.map_coordinates(image, (rows, columns), order=3, mode="mirror")
    np.testing.assert_array_equal(
        valid, (rows >= 0) & (rows <= shape[0] - 1) & (columns >= 0) & (columns <= shape[1] - 1)
    )
    np.testing.assert_allclose(moved[valid], expected[valid], atol=2e-5)
    assert np.isfinite(moved).all()


def test_pixels_that_do_not_count_are_not_looked_up():
    counts = np.ones((32, 40), dtype=bool)
    counts[10:14, 20:24] = False
    displacement = np.zeros((2, 32, 40), dtype=np.float32)
    displacement[0] = 2.0
    _, valid = DeformableImage(np.zeros((32, 40), dtype=np.float32), counts).sample(displacement)
    np.testing.assert_array_equal(valid[:, :38], counts[:, 2:])
    assert not valid[:, 38:].any()


def test_least_squares_find_what_is_missing():
    images, lattice = compared(0.6)
    field = refine(comparison_of(images), np.zeros((2, 24, 32), dtype=np.float32), lattice, [4.0] * 4)
    np.testing.assert_allclose(np.median(field, axis=(1, 2)), (0.6, 0.0), atol=0.02)


def test_noise_is_told_from_beads():
    images, lattice = compared(1.0, photons=400.0)
    truth = np.zeros((2, 24, 32), dtype=np.float32)
    truth[0] = 1.0
    difference = images.noisy[0][:, 8:-8] - np.roll(images.noisy[1], -1, axis=1)[:, 8:-8]
    assert comparison_of(images).observe(truth, lattice).noise == pytest.approx(difference.var(), rel=0.3)


def test_a_bead_that_one_image_lacks_counts_little():
    images, lattice = compared(0.0)
    still = np.zeros((2, 24, 32), dtype=np.float32)
    whole = comparison_of(images).observe(still, lattice)
    images.noisy[1][40:48, 60:68] += 3.0
    tensor, force, noise = comparison_of(images).observe(still, lattice)
    assert tensor[0][21:23, 31:33].max() < 0.01 * whole.tensor[0][21:23, 31:33].max()
    np.testing.assert_allclose(tensor[0][:10], whole.tensor[0][:10], rtol=0.1, atol=1e-3)
    # Unless nothing is taken for outlying.
    without = comparison_of(images, outlying=np.inf).observe(still, lattice)
    np.testing.assert_allclose(without.tensor[0][21:23, 31:33].sum(), whole.tensor[0][21:23, 31:33].sum(), rtol=0.5)
    assert np.abs(without.force[0][20:24, 30:34]).max() > 10 * np.abs(force[0][20:24, 30:34]).max()
    assert noise == pytest.approx(whole.noise, rel=0.1)


def test_match_and_its_outliers():
    images, lattice = compared(1.0)
    truth = np.zeros((2, 24, 32), dtype=np.float32)
    truth[0] = 1.0
    match = Match(images.relaxed, images.deformed, images.valid, lattice)
    inner = np.s_[3:-3, 3:-3]
    assert match.correlation(truth)[inner].min() > 0.9
    assert np.median(match.correlation(truth + 3)[inner]) < 0.3
    wrong = truth.copy()
    wrong[:, 10, 12] += 4.0
    np.testing.assert_array_equal(np.argwhere(match.outliers(wrong, match.correlation(wrong))), [[10, 12]])
    # Where the gel moves like that, the median test is overruled.
    moved = Match(images.relaxed, images.relaxed, images.valid, lattice)
    assert not moved.outliers(np.zeros_like(truth), moved.correlation(np.zeros_like(truth))).any()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_bending_is_symmetric_and_no_plane_is_bent(seed):
    rng = np.random.default_rng(seed)
    first, second = rng.standard_normal((2, 2, 9, 12))
    stiffness = rng.random((9, 12))
    energy = np.vdot(first, _smoothness._bend(second, stiffness))
    assert energy == pytest.approx(np.vdot(second, _smoothness._bend(first, stiffness)))
    assert np.vdot(first, _smoothness._bend(first, stiffness)) > 0
    rows, columns = np.mgrid[:9, :12]
    plane = np.stack([rows - 2.0 * columns + 3, columns + 0.0 * rows])
    np.testing.assert_allclose(_smoothness._bend(plane, stiffness), 0, atol=1e-12)


def test_more_smoothing_bends_less():
    images, lattice = compared(0.5, photons=50.0)
    start = np.zeros((2, 24, 32), dtype=np.float32)
    bends = [
        np.vdot(field, _smoothness._bend(field, np.ones((24, 32))))
        for field in (_smoothness.fit_field(comparison_of(images), start, lattice, s) for s in (0.1, 1.0, 100.0))
    ]
    assert bends[0] > bends[1] > bends[2]
