"""Drift: shift and rotation of the second image, with and without a mask of the cell."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

from tfmkit.displacement import PIV, DriftCorrection, estimate_drift, undo_drift
from tfmkit.simulate import BeadSimulator

SIDE = 256


def drifting(shift=(0.0, 0.0), angle=0.0, peak=3.0):
    """A cell in the middle whose displacement the motion of the stage adds to."""
    at = np.arange(64) * 4 + 1.5 - (SIDE - 1) / 2
    x, y = np.meshgrid(at, at)
    cell = peak * np.exp(-(x**2 + y**2) / (2 * 20.0**2)) * -np.stack([x, y]) / 20
    moved = np.stack([x, y]) + cell
    turned = np.stack(
        [np.cos(angle) * moved[0] - np.sin(angle) * moved[1], np.sin(angle) * moved[0] + np.cos(angle) * moved[1]]
    )
    field = turned + np.array(shift)[:, None, None] - np.stack([x, y])
    return BeadSimulator(SIDE, random_state=0).sample(displacement=field[None]).pairs


@pytest.fixture(scope="module")
def mask():
    y, x = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    return np.hypot(x, y) < 80


@pytest.mark.parametrize("shift", [(0.0, 0.0), (0.31, -0.17), (-7.4, 3.3), (31.2, 12.7)])
@pytest.mark.parametrize("masked", [True, False])
def test_shift(shift, masked, mask):
    found = estimate_drift(drifting(shift), mask=mask if masked else None)
    np.testing.assert_allclose(found, [[*shift, 0.0]], atol=0.03)


# Whole pixels of a shift are cut off before the fit; the middle of the rotation is still that of the whole image.
@pytest.mark.parametrize(
    ("angle", "shift"), [(0.0, (2.0, -1.0)), (0.01, (2.0, -1.0)), (-0.03, (-14.0, 9.0)), (0.03, (12.0, -17.0))]
)
def test_rotation(angle, shift, mask):
    found = estimate_drift(drifting(shift, angle), mask=mask, rotation=True)[0]
    np.testing.assert_allclose(found[:2], shift, atol=0.05)
    assert found[2] == pytest.approx(angle, abs=3e-4)


def test_correction_leaves_no_drift_and_the_originals_alone(mask):
    pairs = drifting((3.6, -2.2))
    kept = pairs.copy()
    correction = DriftCorrection()
    corrected = correction.fit_transform(pairs, mask=mask)
    np.testing.assert_array_equal(pairs, kept)
    np.testing.assert_array_equal(corrected[:, 0], pairs[:, 0])
    np.testing.assert_allclose(correction.drift_, [[3.6, -2.2, 0.0]], atol=0.03)
    np.testing.assert_allclose(estimate_drift(corrected, mask=mask), 0, atol=0.05)
    np.testing.assert_array_equal(correction.transform(pairs, mask=mask), corrected)


def test_the_cells_own_displacement_stays():
    corrected = DriftCorrection().fit_transform(drifting((5.3, 1.2)))
    still = PIV(spacing=8).fit_transform(drifting())
    difference = (PIV(spacing=8).fit_transform(corrected) - still)[..., 4:-4, 4:-4]
    assert np.percentile(np.abs(difference), 99) < 0.3


def test_undo_drift_by_hand():
    image = np.random.default_rng(0).random((32, 40))
    pairs = np.stack([image, np.roll(image, (2, 3), axis=(0, 1))])[None]
    undone = undo_drift(pairs, [[3.0, 2.0, 0.0]])
    np.testing.assert_allclose(undone[0, 1, :-2, :-3], image[:-2, :-3], atol=1e-9)


def test_contract(mask):
    correction = clone(DriftCorrection(rotation=True))
    with pytest.raises(NotFittedError):
        correction.transform(drifting())
    assert correction.rotation
    field = make_pipeline(DriftCorrection(), PIV(spacing=8)).fit_transform(drifting((4.0, 0.0)))
    assert np.abs(np.median(field[0, 0])) < 0.1


def test_bad_input_is_refused(mask):
    pairs = drifting()
    with pytest.raises(ValueError, match="drift of shape"):
        undo_drift(pairs, [[1.0, 2.0]])
    with pytest.raises(ValueError, match="Expected"):
        estimate_drift(pairs, mask=np.ones_like(mask))
    with pytest.raises(ValueError, match="Expected"):
        estimate_drift(pairs[0])


def test_mask_that_leaves_no_node_is_refused():
    pairs = BeadSimulator(64, peak=0.5, random_state=0).sample().pairs
    mask = np.ones((64, 64), dtype=bool)
    mask[:, 0] = False
    with pytest.raises(ValueError, match="leaves none"):
        estimate_drift(pairs, mask=mask)


@pytest.mark.parametrize("sigma", [0.7, 1.0, 2.0])
def test_drift_does_not_lean_towards_whole_pixels(sigma):
    shifts, errors = np.array([0.1, 0.25, 0.4, 0.5, 0.7, 0.9]), []
    for shift in shifts:
        simulators = [BeadSimulator(256, spacing=32, sigma=sigma, random_state=seed) for seed in range(2)]
        moved = [each.sample(displacement=np.full((1, 2, 8, 8), shift)).pairs for each in simulators]
        errors.append(np.mean([estimate_drift(pairs)[0, :2] - shift for pairs in moved]))
    # Over 2 images the random part is about 0.0015 px; steps on binned images alone err by 0.01 to 0.025 px.
    assert np.abs(errors).max() < 0.004
    assert abs(np.mean(errors * np.sign(0.5 - shifts))) < 0.002
