"""Bead images: where the beads are, how bright, and how noisy."""

from __future__ import annotations

import numpy as np
import pytest

from tfmkit.simulate import BeadSimulator
from tfmkit.simulate.spots import draw_defocused, draw_spots


def test_spots_are_gaussians_in_the_middle_of_pixels():
    image = draw_spots((16, 20), np.array([7.25]), np.array([5.5]), 1.2)
    y, x = np.mgrid[:16, :20]
    expected = np.exp(-((x - 7.25) ** 2 + (y - 5.5) ** 2) / (2 * 1.2**2))
    np.testing.assert_allclose(image, expected, atol=1e-5)


def test_spots_reach_over_the_edges():
    image = draw_spots((16, 16), np.array([-2.0, 17.0]), np.array([3.0, 15.5]), 1.2)
    assert image[3, 0] == pytest.approx(np.exp(-4 / 2.88))
    assert image[15, 15] == pytest.approx(np.exp(-4.25 / 2.88))


def test_sample_shapes_and_types():
    beads = BeadSimulator((64, 96), spacing=8, random_state=0).sample(2)
    assert beads.pairs.shape == (2, 2, 64, 96)
    assert beads.displacement.shape == (2, 2, 8, 12)
    assert beads.pairs.dtype == beads.displacement.dtype == np.float32
    np.testing.assert_array_equal(beads.grid_y, 3.5 + 8 * np.arange(8))
    np.testing.assert_array_equal(beads.grid_x, 3.5 + 8 * np.arange(12))


def test_longest_displacement_is_the_peak():
    displacement = BeadSimulator(256, spacing=1, peak=4.0, random_state=0).sample().displacement
    assert np.hypot(displacement[:, 0], displacement[:, 1]).max() == pytest.approx(4.0, rel=0.05)


def test_beads_move_by_a_given_displacement():
    shift = np.zeros((1, 2, 8, 8))
    shift[:, 0], shift[:, 1] = 3.0, -2.0
    quiet = {"background": 0.0, "read_noise": 0.0, "photons": 1e6}
    first, second = BeadSimulator(64, random_state=0, **quiet).sample(displacement=shift).pairs[0]
    np.testing.assert_allclose(second[8:-10, 11:-8], first[10:-8, 8:-11], atol=1e4)
    np.testing.assert_allclose(BeadSimulator(64, random_state=0).sample(displacement=shift).displacement[0, 0], 3.0)


def test_density_background_and_photons():
    beads = BeadSimulator(256, density=0.02, sigma=1.5, photons=100.0, background=7.0, random_state=0).sample()
    expected = 7.0 + 0.02 * 100.0 * 2 * np.pi * 1.5**2
    assert beads.pairs.mean() == pytest.approx(expected, rel=0.03)


def test_noise_is_poisson_plus_read_noise():
    empty = BeadSimulator(256, density=1e-9, background=30.0, read_noise=4.0, random_state=0).sample().pairs
    assert empty.var() == pytest.approx(30.0 + 16.0, rel=0.02)


def test_missing_beads_are_missing_in_each_image():
    whole = BeadSimulator(128, peak=0.0, random_state=0, background=0.0, read_noise=0.0).sample().pairs[0]
    half = BeadSimulator(128, peak=0.0, missing=0.5, random_state=0, background=0.0, read_noise=0.0).sample().pairs[0]
    assert half[0].sum() == pytest.approx(whole[0].sum() / 2, rel=0.2)
    assert np.corrcoef(half[0].ravel(), half[1].ravel())[0, 1] < 0.7


def test_same_seed_same_images_whatever_the_number():
    one, two = (BeadSimulator(64, random_state=7).sample(n).pairs for n in (1, 2))
    np.testing.assert_array_equal(one[0], two[0])
    assert not np.array_equal(two[0], two[1])


def test_generator_moves_on_and_global_one_does_not():
    before = np.random.get_state()[1].copy()  # noqa: NPY002 - the global one is meant
    simulator = BeadSimulator(64, random_state=np.random.default_rng(0))
    assert not np.array_equal(simulator.sample().pairs, simulator.sample().pairs)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


@pytest.mark.parametrize(
    "wrong",
    [
        {"shape": 16},
        {"family": "hair"},
        {"spacing": 0},
        {"spacing": 64},
        {"peak": -1.0},
        {"density": 0.0},
        {"sigma": 0.0},
        {"photons": np.nan},
        {"background": -1.0},
        {"read_noise": "2"},
        {"missing": 1.0},
        {"random_state": "seed"},
    ],
    ids=str,
)
def test_bad_parameters_are_refused(wrong):
    with pytest.raises(ValueError, match="Expected"):
        BeadSimulator(**{"shape": 64, **wrong}).sample()


def test_bad_displacement_is_refused():
    with pytest.raises(ValueError, match="1 or 2 displacement fields"):
        BeadSimulator(64).sample(2, displacement=np.zeros((3, 2, 8, 8)))
    with pytest.raises(ValueError, match="Expected displacement"):
        BeadSimulator(64).sample(displacement=np.zeros((2, 8, 8)))


def test_a_bead_in_focus_is_nearly_a_gaussian():
    middle, one = np.array([20.0]), np.ones(1)
    focused = draw_defocused((41, 41), middle, middle, 1.5, np.zeros(1), one)
    gaussian = draw_spots((41, 41), middle, middle, 1.5)
    assert np.abs(focused - gaussian).max() < 0.04


@pytest.mark.parametrize("depth", [1.0, 3.0, -5.0])
def test_defocus_spreads_the_light_and_keeps_it(depth):
    middle, one = np.array([60.25]), np.ones(1)
    images = [draw_defocused((121, 121), middle, middle, 1.5, np.array([z]), one) for z in (0.0, depth)]
    assert images[1].sum() == pytest.approx(images[0].sum(), rel=0.06)
    assert images[1].max() < 0.9 * images[0].max()


def test_far_out_of_focus_a_bead_is_a_ring():
    image = draw_defocused((81, 81), np.array([40.0]), np.array([40.0]), 1.5, np.array([4.0]), np.ones(1))
    assert image[40, 40] < 0.3 * image[40].max()


def test_focus_and_haze_and_corners_change_images_as_told():
    settings = {"photons": 400, "read_noise": 0, "random_state": 0}
    plain = BeadSimulator(96, peak=0, **settings).sample().pairs[0]
    blurred = BeadSimulator(96, peak=0, focus=(0, 3), **settings).sample().pairs[0]
    assert blurred[1].std() < 0.5 * blurred[0].std()
    hazy = BeadSimulator(96, peak=0, haze=2, **settings).sample().pairs[0]
    np.testing.assert_allclose(hazy.mean() - plain.mean(), 40, rtol=0.4)
    dark = BeadSimulator(96, density=1e-6, peak=0, vignetting=0.5, **settings).sample().pairs[0]
    assert dark[:, :6, :6].mean() < 0.7 * dark[:, 42:54, 42:54].mean()


def test_debris_does_not_move_with_the_gel():
    shift = np.full((1, 2, 8, 8), 4.0)
    settings = {"density": 1e-6, "photons": 2000, "read_noise": 0, "random_state": 4}
    pair = BeadSimulator(96, debris=12, **settings).sample(displacement=shift).pairs[0] - 20
    both = np.minimum(*pair)
    assert both.max() > 500
    assert not np.allclose(*pair, atol=300)


@pytest.mark.parametrize(
    "values", [{"focus": 1.0}, {"focus": (0, 20)}, {"vignetting": 1.0}, {"depth_spread": -1}, {"debris": -1}]
)
def test_impossible_optics_are_refused(values):
    with pytest.raises(ValueError, match=next(iter(values))):
        BeadSimulator(64, **values).sample()
