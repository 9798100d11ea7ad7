"""Parts of the measurement of displacement against closed forms, brute force and symmetries."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import erf

from tfmkit.displacement import Flag, OpticalFlow, estimate_drift
from tfmkit.displacement import measure as measuring
from tfmkit.displacement._images import prepare
from tfmkit.displacement._lattice import Lattice
from tfmkit.displacement._least_squares import Comparison, gradients, refine
from tfmkit.displacement._match import WINDOWS, Match
from tfmkit.displacement._search import _subpixel, find_displacement
from tfmkit.displacement._smoothness import _bend, expected_curvature
from tfmkit.displacement.drift import _fit_motion
from tfmkit.displacement.measure import measure_pair
from tfmkit.displacement.unmeasured import Unmeasured
from tfmkit.holes import _bending, fill
from tfmkit.simulate import BeadSimulator
from tfmkit.simulate.spots import draw_spots

# ---------------------------------------------------------------- peaks, search, least squares


@pytest.mark.parametrize("offset", [(0.0, 0.0), (0.31, -0.42), (-0.49, 0.2)])
def test_peak_of_a_gaussian_is_found_exactly(offset: tuple[float, float]) -> None:
    # The logarithm of a Gaussian is a parabola: three points give its middle, whatever its width.
    y, x = np.mgrid[:9, :11]
    plane = np.exp(-((y - 4 - offset[0]) ** 2) / 3.1 - (x - 6 - offset[1]) ** 2 / 1.7)[None]
    found = [_subpixel(plane, np.array([4]), np.array([6]), axis)[0] for axis in (0, 1)]
    assert_allclose(found, offset, atol=1e-9)


def test_search_starts_within_a_pixel_of_a_large_linear_deformation() -> None:
    y, x = np.mgrid[:32, :32] * 4 + 1.5 - 63.5
    field = np.stack([3 + 0.03 * x - 0.02 * y, -5 + 0.01 * x - 0.04 * y])
    pair = BeadSimulator(128, random_state=0).sample(displacement=field[None]).pairs[0]
    images = prepare((pair[0], pair[1]), np.zeros((128, 128), dtype=bool))
    found = find_displacement(images, Lattice((128, 128), 4))
    assert np.abs(found - field)[:, 2:-2, 2:-2].max() < 0.5
    assert np.sqrt(np.square(found - field)[:, 2:-2, 2:-2].mean()) < 0.12


def test_derivative_is_exact_for_polynomials_of_fourth_order() -> None:
    x = np.arange(16) / 8 - 1
    image = np.broadcast_to(x**4 - 2 * x**3 + x, (16, 16)).astype(np.float32)
    expected = np.broadcast_to((4 * x**3 - 6 * x**2 + 1) / 8, (16, 16))
    assert_allclose(gradients(image)[0][:, 2:-2], expected[:, 2:-2], atol=1e-6)
    assert_allclose(gradients(image.T)[1][2:-2], expected.T[2:-2], atol=1e-6)


def test_least_squares_go_to_the_solution_of_the_normal_equations() -> None:
    # Waves in two oblique directions: the tensor has a mixed part, whose sign and place matter.
    y, x = np.mgrid[:64, :64].astype(np.float32)

    def image(u: float, v: float) -> np.ndarray:
        shifted = x - u, y - v
        return np.sin(0.5 * (shifted[0] + 0.8 * shifted[1])) + 0.3 * np.sin(0.4 * (0.3 * shifted[0] - shifted[1]))

    first, second = image(0, 0).astype(np.float32), image(0.3, -0.2).astype(np.float32)
    lattice = Lattice((64, 64), 8)
    comparison = Comparison(first, first, second, np.ones((64, 64), dtype=bool), outlying=np.inf)
    field = refine(comparison, np.zeros((2, 8, 8), dtype=np.float32), lattice, [8.0] * 30)
    assert_allclose(field[:, 2:-2, 2:-2].mean(axis=(1, 2)), (0.3, -0.2), atol=0.01)


def test_one_step_is_damped_by_a_fiftieth_of_the_trace() -> None:
    # Where both directions are alike, the trace is twice either eigenvalue: a step is short by 1 / 1.04.
    y, x = np.mgrid[:64, :64].astype(np.float32)
    first, second = (np.sin(0.5 * (x - u)) + np.sin(0.5 * y) for u in (0.0, 0.02))
    comparison = Comparison(first, first, second, np.ones((64, 64), dtype=bool), outlying=np.inf)
    field = refine(comparison, np.zeros((2, 8, 8), dtype=np.float32), Lattice((64, 64), 8), [10.0])
    assert field[0, 2:-2, 2:-2].mean() == pytest.approx(0.02 / 1.04, rel=0.01)


def test_blocks_that_differ_more_than_noise_count_by_the_weight_of_cauchy() -> None:
    # A ramp whose images differ by 1 in most places and by sqrt(6) in a corner: 1 / (1 + (d^2 / 3 noise)^2) each.
    x = np.broadcast_to(np.arange(64, dtype=np.float32), (64, 64))
    second = x + 1
    second[:24, :24] = x[:24, :24] + np.sqrt(6)
    images = Comparison(x, x, second, np.ones((64, 64), dtype=bool))
    seen = images.observe(np.zeros((2, 8, 8), dtype=np.float32), Lattice((64, 64), 8))
    # So steep a ramp leaves no less than a hundredth of its variance as noise.
    assert seen.noise == pytest.approx(0.01 * x.var(), rel=1e-4)
    corner, rest = seen.tensor[0][4, 4], seen.tensor[0][24, 24]
    expected = (1 + (1 / (3 * seen.noise)) ** 2) / (1 + (6 / (3 * seen.noise)) ** 2)
    assert corner / rest == pytest.approx(expected, rel=1e-3)


def test_planes_between_nodes_are_planes() -> None:
    lattice = Lattice((64, 48), 4)
    rows, columns = lattice.positions()
    field = np.stack([2 + 0.1 * columns + 0 * rows[:, None], -1 + 0.2 * rows[:, None] + 0 * columns])
    y, x = np.mgrid[:64, :48]
    inner = np.s_[:, 2:-2, 2:-2]
    assert_allclose(lattice.spread(field)[inner], np.stack([2 + 0.1 * x, -1 + 0.2 * y])[inner], atol=1e-3)
    wanted = Lattice((64, 48), 8)
    rows, columns = wanted.positions()
    found = lattice.interpolate(field, wanted)
    assert_allclose(found[0], np.broadcast_to(2 + 0.1 * columns, found[0].shape), rtol=1e-4)


def test_standard_errors_are_large_along_the_stripes_of_an_image() -> None:
    # Nothing tells how far vertical stripes have moved downwards.
    rng = np.random.default_rng(0)
    stripes = np.broadcast_to(np.sin(0.7 * np.arange(64)), (64, 64)).astype(np.float32)
    images = [stripes + 0.1 * rng.standard_normal((64, 64)).astype(np.float32) for _ in range(2)]
    match = Match(images[0], images[1], np.ones((64, 64), dtype=bool), Lattice((64, 64), 8))
    for window in WINDOWS:
        along_x, along_y = match.compare(np.zeros((2, 8, 8), dtype=np.float32)).errors[window]
        assert np.median(along_y / along_x) > 3


def test_half_of_the_window_is_seen_at_a_border_and_none_in_a_hole() -> None:
    image = np.random.default_rng(0).random((128, 96), dtype=np.float32)
    valid = np.ones((128, 96), dtype=bool)
    valid[:, 88:] = False
    match = Match(image, image, valid, Lattice((128, 96), 4))
    seen = match.compare(np.zeros((2, 32, 24), dtype=np.float32)).seen
    assert_allclose(seen[14:18, 10:12], 1, atol=0.01)
    # The outermost nodes lie 2 px from the border, and the window reaches a quarter of its width beyond it.
    assert_allclose(seen[16, 0], 0.5 + 0.5 * erf(2 / 8 / np.sqrt(2)), atol=0.02)
    assert_allclose(seen[0, 0], seen[16, 0] ** 2, atol=0.02)
    assert seen[16, 23] == pytest.approx(0.5 - 0.5 * erf(6 / 8 / np.sqrt(2)), abs=0.02)


# ---------------------------------------------------------------- bending


def saddles(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Two saddles of one shape, turned against each other by 45 degrees, in both components."""
    y, x = np.mgrid[:height, :width] - 4.0
    return np.stack([x * y] * 2), np.stack([(x * x - y * y) / 2] * 2)


def test_bending_energy_does_not_know_directions() -> None:
    # Thin plate: u_xx^2 + 2 u_xy^2 + u_yy^2 is 2 for both saddles; counted over the differences of a 9 x 12 grid.
    crossed, straight = saddles(9, 12)
    ones = np.ones((9, 12))
    assert np.vdot(crossed, _bend(crossed, ones)) == pytest.approx(2 * 2 * 8 * 11)
    assert np.vdot(straight, _bend(straight, ones)) == pytest.approx(2 * (9 * 10 + 7 * 12))
    flat = _bending(9, 12)
    assert crossed[0].ravel() @ flat @ crossed[0].ravel() == pytest.approx(2 * 8 * 11)
    assert straight[0].ravel() @ flat @ straight[0].ravel() == pytest.approx(9 * 10 + 7 * 12)


def test_expected_curvature_does_not_know_directions() -> None:
    crossed, straight = (expected_curvature(field)[3:-3, 3:-3] for field in saddles(14, 16))
    assert_allclose(crossed, straight, rtol=1e-5)
    assert_allclose(expected_curvature(3 * saddles(14, 16)[0])[3:-3, 3:-3] - 1e-4, 9 * (crossed - 1e-4), rtol=1e-4)
    assert_allclose(expected_curvature(np.zeros((2, 14, 16))), 1e-4, rtol=1e-5)


def test_holes_in_a_biharmonic_field_are_filled_exactly() -> None:
    # Differences of order (4, 0), (2, 2), (0, 4) of this polynomial are 24, -24, 24: weighed by 1 : 2 : 1, they cancel.
    y, x = np.mgrid[:14, :15] - 7.0
    field = np.stack([x**4 + y**4 - 6 * x**2 * y**2, 0.5 * x**4 + 0.5 * y**4 - 3 * x**2 * y**2 + x * y])
    missing = np.zeros((14, 15), dtype=bool)
    missing[5:8, 6:9] = missing[9, 10] = True
    assert_allclose(fill(np.where(missing, 1e6, field), missing), field, atol=1e-6)


# ---------------------------------------------------------------- drift


def test_nothing_under_the_mask_counts_in_either_image() -> None:
    pairs = BeadSimulator(128, peak=2.0, random_state=0).sample(displacement=np.full((1, 2, 8, 8), 9.3)).pairs
    mask = np.zeros((128, 128), dtype=bool)
    mask[20:60, 30:80] = True
    found = estimate_drift(pairs, mask=mask)
    assert_allclose(found[0], (9.3, 9.3, 0), atol=0.02)
    for image in (0, 1):
        scrambled = pairs.copy()
        scrambled[0, image, mask] = np.random.default_rng(1).permutation(scrambled[0, image, mask])
        assert_array_equal(estimate_drift(scrambled, mask=mask), found)


@pytest.mark.parametrize("angle", [0.0, 0.02])
def test_motion_fitted_to_exact_vectors_is_the_motion(angle: float) -> None:
    # Points on one side of the middle: a turn about their own middle moves the middle of the image.
    x, y = (part.ravel() for part in np.meshgrid(np.linspace(20, 90, 8), np.linspace(-60, 10, 7)))
    vectors = np.stack(
        [
            1.5 + np.cos(angle) * x - np.sin(angle) * y - x,
            -0.5 + np.sin(angle) * x + np.cos(angle) * y - y,
        ]
    )
    assert_allclose(_fit_motion(np.stack([x, y]), vectors, True), (1.5, -0.5, angle), atol=1e-6)


@pytest.mark.parametrize("motion", [(5.0, -3.0), (-7.4, 2.6), (0.0, 0.0), (0.4, -11.5)])
def test_places_that_the_drift_carried_out_of_the_image_are_excluded(motion: tuple[float, float]) -> None:
    # After the drift is undone, pixel (row, column) shows place (row + y, column + x) of the deformed image.
    x, y = (round(part) for part in motion)
    expected = np.ones((32, 40), dtype=bool)
    for row, column in np.ndindex(32, 40):
        expected[row, column] = not (0 <= row + y < 32 and 0 <= column + x < 40)
    assert_array_equal(measuring._outside(np.array([*motion, 0.0]), (32, 40)), expected)
    hidden = np.random.default_rng(0).random((32, 40)) < 0.1
    moved = measuring._shifted(hidden, np.array([*motion, 0.0]))
    for row, column in np.argwhere(~expected):
        assert moved[row, column] == hidden[row + y, column + x]


def test_a_turned_image_loses_its_corners() -> None:
    hidden = measuring._outside(np.array([0.0, 0.0, 0.1]), (60, 100))
    assert hidden[:5].all()
    assert hidden[:, -5:].all()
    assert not hidden[5:-5, 5:-5].any()


@pytest.mark.parametrize("margin", [0.0, 1.0, 10.0])
def test_margin_widens_the_cell_by_its_length_in_pixels(margin: float, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[np.ndarray] = []

    def estimate(pairs: np.ndarray, *, mask: np.ndarray, rotation: bool) -> np.ndarray:
        seen.append(mask)
        return np.zeros((1, 3))

    monkeypatch.setattr(measuring, "estimate_drift", estimate)
    images = np.random.default_rng(0).poisson(40, (2, 64, 64)).astype(float)
    cell = np.zeros((64, 64), dtype=bool)
    cell[32, 32] = True
    measure_pair(images, OpticalFlow(radius=4, spacing=8), cells=cell, margin=margin)
    y, x = np.mgrid[:64, :64] - 32
    assert_array_equal(seen[0], np.hypot(x, y) <= margin)


def test_a_shifted_pair_is_flagged_on_the_sides_that_the_camera_lost() -> None:
    pair = BeadSimulator(128, random_state=0).sample(
        displacement=np.stack([np.full((8, 8), 14), np.full((8, 8), -9)])[None]
    )
    measured = measure_pair(pair.pairs[0], OpticalFlow(radius=6, spacing=8))
    lost = (measured.x + 14 > 127)[None, :] | (measured.y - 9 < 0)[:, None]
    assert_array_equal(measured.flags == Flag.EXCLUDED, lost)
    assert Unmeasured(lost, ~lost, lost, lost, lost, lost).anywhere.all()


# ---------------------------------------------------------------- simulated beads


def test_beads_lie_where_the_displacement_leads_them() -> None:
    # Whatever the beads are, the second image is the first one moved: Fourier interpolation moves it exactly.
    field = np.stack([np.full((8, 8), 2.25), np.full((8, 8), -1.5)])[None]
    settings = {"density": 0.0006, "background": 0.0, "read_noise": 0.0, "photons": 1e6, "random_state": 5}
    sampled = BeadSimulator(64, spacing=8, **settings).sample(displacement=field)
    inner = np.s_[8:-8, 8:-8]
    first, second = sampled.pairs[0]
    rolled = np.fft.ifft2(
        np.fft.fft2(first) * np.exp(-2j * np.pi * (np.fft.fftfreq(64)[:, None] * -1.5 + np.fft.fftfreq(64) * 2.25))
    ).real
    assert np.abs(second - rolled)[inner].max() < 0.02 * first.max()


def test_a_spot_is_a_gaussian_about_its_place() -> None:
    y, x = np.mgrid[:24, :28]
    drawn = draw_spots((24, 28), np.array([10.3, 20.0]), np.array([15.6, 4.2]), 1.5, np.array([2.0, 0.5]))
    expected = 2 * np.exp(-((x - 10.3) ** 2 + (y - 15.6) ** 2) / (2 * 1.5**2))
    expected += 0.5 * np.exp(-((x - 20.0) ** 2 + (y - 4.2) ** 2) / (2 * 1.5**2))
    assert_allclose(drawn, expected, atol=1e-5)


def test_a_linear_displacement_keeps_its_slope_and_its_middle() -> None:
    y, x = np.mgrid[:16, :16] - 7.5
    field = np.stack([0.1 * x + 0.3, -0.2 * y])[None]
    sampled = BeadSimulator(64, spacing=4, random_state=0).sample(displacement=field)
    # Field points lie in the middles of 4 x 4 pixels of a 64-pixel image, and so do the nodes.
    assert_allclose(sampled.displacement[0, :, 2:-2, 2:-2], field[0, :, 2:-2, 2:-2], atol=1e-3)
