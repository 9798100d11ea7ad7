"""Fill values, overlays and camera defects in bead images: found, left out or replaced, and reported."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.io import imread

from tfmkit.displacement import PIV
from tfmkit.displacement.measure import measure_pair
from tfmkit.displacement.unmeasured import _whole_lines, find_unmeasured
from tfmkit.simulate import BeadSimulator

SIDE = 192


@pytest.fixture(scope="module")
def beads():
    """A pair of bead images, 16-bit counts, with its true displacement."""
    sample = BeadSimulator(SIDE, spacing=8, peak=3.0, density=0.02, random_state=3).sample(1)
    return np.rint(np.clip(20 * sample.pairs[0] + 100, 0, 65_535)).astype(np.uint16), sample.displacement[0]


@pytest.fixture(scope="module")
def plain(beads):
    """Its displacement without any disturbance."""
    return measure_pair(beads[0], PIV(spacing=8))


def test_clean_images_lose_nothing(beads):
    images, unmeasured = find_unmeasured(beads[0])
    np.testing.assert_array_equal(images, beads[0])
    assert not any(part.any() for part in unmeasured)
    assert unmeasured.remarks() == ()


@pytest.mark.parametrize("fill", [0, 65_535, 700, np.nan])
@pytest.mark.parametrize("which", [0, 1])
def test_margins_of_aligned_images_are_left_out(beads, plain, fill, which):
    pair = beads[0].astype(np.float32)
    margin = np.zeros((SIDE, SIDE), dtype=bool)
    margin[:19], margin[:, -11:] = True, True
    pair[which][margin] = fill
    measured = measure_pair(pair, PIV(spacing=8))
    images, unmeasured = find_unmeasured(pair)
    np.testing.assert_array_equal(unmeasured.anywhere, margin)
    assert np.isfinite(images).all()
    assert any("left out" in remark for remark in measured.remarks)
    inner = np.ix_(measured.y > 45, measured.x < SIDE - 37)
    assert np.abs(measured.displacement - plain.displacement)[(slice(None), *inner)].max() < 0.15


@pytest.mark.parametrize("mode", ["edge", "reflect", "symmetric"])
def test_margins_that_copy_their_surroundings_are_left_out(beads, plain, mode):
    pair = beads[0].copy()
    margin = np.zeros((SIDE, SIDE), dtype=bool)
    margin[:19], margin[:, -11:] = True, True
    pair[1] = np.pad(pair[1][19:, :-11], [(19, 0), (0, 11)], mode=mode)
    measured = measure_pair(pair, PIV(spacing=8))
    found = find_unmeasured(pair)[1].anywhere
    assert found[margin].all()
    # The pixel that the corner copies has the value of the corner.
    assert found[~margin].sum() <= 1
    assert any("repeats or mirrors" in remark for remark in measured.remarks)
    inner = np.ix_(measured.y > 45, measured.x < SIDE - 37)
    assert np.abs(measured.displacement - plain.displacement)[(slice(None), *inner)].max() < 0.15


@pytest.mark.parametrize(("down", "right"), [(19, -11), (-19, 11), (0, 30), (25, 0)])
def test_margins_that_show_the_other_side_are_left_out(beads, plain, down, right):
    pair = beads[0].copy()
    # The stage moved by so much, and the image was shifted back in a circle.
    margin = np.zeros((SIDE, SIDE), dtype=bool)
    margin[:down] = down > 0
    margin[down if down < 0 else SIDE :] = True
    margin[:, :right] |= right > 0
    margin[:, right if right < 0 else SIDE :] = True
    other = BeadSimulator(SIDE, spacing=8, density=0.02, random_state=9).sample(1).pairs[0][0]
    pair[1][margin] = np.rint(20 * other + 100)[margin].astype(np.uint16)
    found = find_unmeasured(pair)[1]
    np.testing.assert_array_equal(found.wrapped, margin)
    measured = measure_pair(pair, PIV(spacing=8))
    assert any("behind a seam" in remark for remark in measured.remarks)
    inner = np.s_[:, 7:-7, 7:-7]
    assert np.abs(measured.displacement - plain.displacement)[inner].max() < 0.15


def test_bead_images_have_no_seams(measured_data):
    files = sorted((measured_data / "bead_pairs").glob("*/*.tif"))
    assert files
    for file in files:
        image = imread(file)
        assert not find_unmeasured(np.stack([image, image]))[1].wrapped.any(), file
        rolled = np.roll(image, (12, -17), axis=(0, 1))
        expected = np.zeros(image.shape, dtype=bool)
        expected[:12], expected[:, -17:] = True, True
        np.testing.assert_array_equal(find_unmeasured(np.stack([image, rolled]))[1].wrapped, expected)


def test_corners_of_rotated_images_are_left_out(beads):
    rows, columns = np.indices((SIDE, SIDE))
    corner = rows + 3 * columns < 60
    pair = beads[0].copy()
    pair[1][corner] = 0
    found = find_unmeasured(pair)[1].margin
    assert (found & corner).sum() > 0.8 * corner.sum()
    assert not (found & ~corner).any()


def test_a_clipped_background_is_a_measurement():
    counts = BeadSimulator(SIDE, density=0.003, background=2.0, random_state=1).sample(1).pairs[0]
    pair = np.clip(np.rint(counts) - 20, 0, 255).astype(np.uint8)
    assert (pair == 0).mean() > 0.5
    assert not find_unmeasured(pair)[1].anywhere.any()


@pytest.mark.parametrize("drift", [0, 6])
def test_a_scale_bar_and_a_time_stamp_are_left_out(beads, plain, drift):
    pair = np.stack([beads[0][0], np.roll(beads[0][1], drift, axis=1)])
    bar = np.zeros((SIDE, SIDE), dtype=bool)
    bar[170:175, 120:170] = True
    stamp = bar.copy()
    stamp[12:22, 10:12], stamp[12:14, 10:20], stamp[20:22, 10:20], stamp[12:22, 26:28] = True, True, True, True
    pair[0][bar], pair[1][stamp] = 65_535, 65_535
    measured = measure_pair(pair, PIV(spacing=8))
    found = find_unmeasured(pair)[1].overlay
    assert found[stamp].all()
    assert found.sum() < 3 * stamp.sum()
    assert any("overlay" in remark for remark in measured.remarks)
    assert abs(measured.drift[0] - drift) < 0.1
    inner = np.ix_((measured.y > 45) & (measured.y < 145), (measured.x > 20) & (measured.x < 170))
    assert np.abs(measured.displacement - plain.displacement)[(slice(None), *inner)].max() < 0.2


def test_hot_and_dead_pixels_are_replaced(beads, plain):
    pair = np.stack([beads[0][0], np.roll(beads[0][1], 5, axis=1)])
    rng = np.random.default_rng(0)
    rows, columns = rng.integers(2, SIDE - 2, (2, 30))
    pair[:, rows[:20], columns[:20]], pair[:, rows[20:], columns[20:]] = 60_000, 0
    images, unmeasured = find_unmeasured(pair)
    assert unmeasured.defect[rows[:20], columns[:20]].mean() > 0.9
    assert unmeasured.defect.sum() < 40
    assert images.max() < 40_000
    measured = measure_pair(pair, PIV(spacing=8))
    assert abs(measured.drift[0] - 5) < 0.1
    assert np.abs(measured.displacement - plain.displacement)[:, 3:-3, 4:-4].max() < 0.3


def test_saturated_beads_stay(beads):
    pair = np.minimum(beads[0], np.quantile(beads[0], 0.995)).astype(np.uint16)
    assert find_unmeasured(pair)[1].overlay.mean() < 1e-3


def test_copies_have_no_overlay(beads):
    pair = np.stack([beads[0][0]] * 2)
    pair[:, 60:70, 60:90] = 65_535
    assert not find_unmeasured(pair)[1].overlay.any()


def test_an_image_that_is_compared_with_itself_is_told(beads, plain):
    remarks = measure_pair(np.stack([beads[0][0]] * 2), PIV(spacing=8)).remarks
    assert [remark for remark in remarks if "compared with itself" in remark]
    assert not plain.remarks.size


def test_a_single_dark_line_of_a_clipped_background_is_no_margin():
    same = np.random.default_rng(0).random((20, 24)) < 0.7
    same[[0, 1, -2, -1]] = same[:, [0, 1, -2, -1]] = False
    same[0] = True
    assert not _whole_lines(same).any()
    same[:2] = True
    expected = np.zeros_like(same)
    expected[:2] = True
    np.testing.assert_array_equal(_whole_lines(same), expected)
