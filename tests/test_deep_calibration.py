"""Calibration: intervals that hold, a misfit that tells foreign fields, and its place in the file of weights."""

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from tfmkit.deep import DeepTFM
from tfmkit.deep.calibration import COVERAGE, Calibration, fit_calibration, interval_features
from tfmkit.deep.files import read_tensors, write_tensors
from tfmkit.deep.misfit import smooth_misfit, split_residual
from tfmkit.deep.turns import turn
from tfmkit.gel import Gel
from tfmkit.gel.far_forces import drift_of, far_forces, without_far_forces
from tfmkit.gel.operator import convolve

SHAPE = (24, 28)
TINY = {"module__widths": (2, 4), "max_epochs": 1, "random_state": 0, "verbose": 0}


def blobs(n=6, seed=0):
    """Smooth tractions, intervals of one width, and errors that are large where the traction is."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    centres = rng.uniform(8, 16, size=(n, 2, 1, 1))
    bump = np.exp(-((x - centres[:, :1]) ** 2 + (y - centres[:, 1:]) ** 2) / 20)
    traction = np.concatenate([2 * bump, -bump], axis=1)
    half_width = np.full_like(traction, 0.1)
    truth = traction + (0.02 + 0.12 * bump) * rng.normal(size=traction.shape)
    return traction, half_width, truth


@pytest.fixture(scope="module")
def calibration():
    traction, half_width, truth = blobs(16)
    inside = np.ones((16, *SHAPE), dtype=bool)
    return fit_calibration(traction, half_width, truth, inside, np.arange(16.0))


def test_calibrated_intervals_hold_where_errors_are_small_and_where_they_are_large(calibration):
    traction, half_width, truth = blobs(16, seed=1)
    held = np.abs(traction - truth) <= half_width * calibration.factor(traction, half_width)
    strong = np.abs(traction) > 0.5
    for part in (strong, ~strong):
        raw = (np.abs(traction - truth) <= half_width)[part].mean()
        assert abs(held[part].mean() - COVERAGE) < 0.04 < abs(raw - COVERAGE)


def test_factors_are_bounded_and_know_neither_unit_nor_direction(calibration):
    traction, half_width, _ = blobs(2, seed=2)
    factor = calibration.factor(traction, half_width)
    assert 1 / np.e <= factor.min() < factor.max() <= np.e
    np.testing.assert_allclose(calibration.factor(1e-6 * traction, 1e-6 * half_width), factor, rtol=1e-3)
    turned = calibration.factor(turn(traction, 1, True), np.abs(turn(half_width, 1, True)))
    np.testing.assert_allclose(turned, np.abs(turn(factor, 1, True)), rtol=1e-3)


def test_features_by_hand():
    # Everywhere the traction (3, 4) and the half-widths 1 and 2: the length 5 against the RMS width, no roughness.
    traction = np.ones((1, 2, *SHAPE)) * np.array([3.0, 4.0])[:, None, None]
    half_width = np.ones((1, 2, *SHAPE)) * np.array([1.0, 2.0])[:, None, None]
    width = np.sqrt(2.5)
    shared = [5 / width + 1e-3] * 3 + [1e-3, width / 5]
    for component, own in ((0, 1 / width), (1, 2 / width)):
        found = interval_features(traction, half_width)[0, component]
        np.testing.assert_allclose(found, np.broadcast_to(np.log([*shared, own]), found.shape), rtol=1e-9)
    spike = np.zeros((1, 2, *SHAPE))
    spike[0, 0, 12, 14] = 1.0
    features = np.exp(interval_features(spike, np.ones_like(spike)))[0, 0, 12, 14]
    # One of 9, 25 and 225 pixels: means over squares, and 1 less its mean over 3 x 3 pixels.
    np.testing.assert_allclose(features[1:3] - 1e-3, [1 / 5, 1 / 15], rtol=1e-6)
    assert features[3] - 1e-3 == pytest.approx((8 / 9) * 5)


def test_a_field_without_traction_has_the_features_of_nothing():
    zero = np.zeros((1, 2, *SHAPE))
    features = interval_features(zero, zero)
    assert np.isfinite(features).all()
    np.testing.assert_array_equal(features, np.broadcast_to(features[0, 0, 0, 0], features.shape))
    with_width = interval_features(zero, zero + 0.5)
    np.testing.assert_allclose(with_width[..., :4], np.log(1e-3))
    np.testing.assert_allclose(with_width[..., 5], 0, atol=1e-9)


def test_equal_seeds_give_equal_calibrations(calibration):
    traction, half_width, truth = blobs(16)
    again = fit_calibration(traction, half_width, truth, np.ones((16, *SHAPE), dtype=bool), np.arange(16.0))
    assert again.as_dict() == calibration.as_dict()
    assert calibration.misfit_limit == pytest.approx(np.quantile(np.arange(16.0), 0.98))


def test_without_a_pixel_inside_there_is_nothing_to_learn():
    traction, half_width, truth = blobs(2)
    with pytest.raises(ValueError, match="Expected pixels inside cells"):
        fit_calibration(traction, half_width, truth, np.zeros((2, *SHAPE), dtype=bool), np.ones(2))


# ---------------------------------------------------------------- misfit


@pytest.fixture(scope="module")
def cell():
    traction, _, _ = blobs(3)
    centred = 0.05 * (traction - traction.mean(axis=(2, 3), keepdims=True))
    displacement = convolve(centred, Gel(poisson=0.45))
    noise = np.random.default_rng(0).normal(size=displacement.shape)
    return displacement + 0.05 * np.sqrt(np.square(displacement).mean()) * noise, centred


def test_the_right_traction_leaves_noise(cell):
    displacement, traction = cell
    assert (smooth_misfit(displacement, traction, Gel(poisson=0.45)) < 2).all()


def test_motion_of_the_stage_is_a_misfit(cell):
    displacement, traction = cell
    moved = displacement + 0.5 * np.sqrt(np.square(displacement).mean())
    assert (smooth_misfit(moved, traction, Gel(poisson=0.45)) > 5).all()


def test_far_forces_and_drift_are_split_off(cell):
    displacement, traction = cell
    gel = Gel(poisson=0.45)
    wide = np.zeros((len(traction), 2, *(3 * side for side in SHAPE)))
    height, width = SHAPE
    # A force to the left of the field, beside a motion of the stage.
    wide[:, :, height + 20 : height + 26, width - 9 : width - 3] = 1.0
    far = convolve(wide, gel)[:, :, height : 2 * height, width : 2 * width]
    size = np.sqrt(np.square(displacement).mean(axis=(1, 2, 3), keepdims=True))
    far *= size / np.sqrt(np.square(far).mean(axis=(1, 2, 3), keepdims=True))
    parts = split_residual(displacement + far + 0.5 * size, traction, gel)
    assert (parts.misfit > 10).all()
    assert (parts.misfit_rest < 2).all()
    # Without its traction, the cell itself is no far force.
    parts = split_residual(displacement, 0 * traction, gel)
    assert (parts.misfit_rest > 1.5).all()
    assert (parts.misfit_rest < parts.misfit).all()


def test_the_map_of_far_forces_is_their_fit():
    y, x = np.mgrid[:61, :100]
    push = np.stack([1 / np.hypot(x + 8, y - 20), 0 * x])
    drift = np.stack([0.2 - 0.01 * y, 0.01 * x + 0.1])
    middle = np.exp(-((x - 50) ** 2 + (y - 30) ** 2) / 18) * np.array([1.0, -2.0])[:, None, None]
    far = far_forces(push + drift + middle, poisson=0.45)
    # What is left of the functions of the fit is nothing; what is left of a bump inside is most of it.
    np.testing.assert_allclose(far_forces(drift, 0.45), drift, atol=1e-3 * np.abs(drift).max())
    assert np.abs(far - push - drift)[:, 10:-10, 10:-10].max() < 0.25 * middle.max()
    rest = without_far_forces((push + drift + middle)[None], 0.45)[0]
    np.testing.assert_allclose(rest, (push + drift + middle - far)[:, ::3, ::3], atol=1e-9)


def test_drift_is_shift_and_rotation():
    y, x = np.mgrid[:20, :31]
    drift = np.stack([3 - 0.1 * y, 0.1 * x - 1])[None]
    np.testing.assert_allclose(drift_of(drift), drift, atol=1e-12)
    stretch = np.stack([x - 15.0, 0 * y])[None]
    np.testing.assert_allclose(drift_of(stretch), 0, atol=1e-12)


def test_misfit_knows_no_unit_and_a_field_of_zeros_has_none(cell):
    displacement, traction = cell
    reference = smooth_misfit(displacement, traction, Gel(poisson=0.45))
    np.testing.assert_allclose(
        smooth_misfit(
            0.001 * displacement,
            0.001 * traction,
            Gel(poisson=0.45),
        ),
        reference,
        rtol=1e-6,
    )
    assert not smooth_misfit(
        0 * displacement,
        0 * traction,
        Gel(poisson=0.45),
    ).any()


def test_misfit_of_white_noise_by_hand():
    # Of white noise a Gaussian of 4 px leaves 1 / (4 sqrt(4 pi)); a hundredth of the field is allowed besides.
    rng = np.random.default_rng(2)
    traction = np.zeros((8, 2, 64, 64))
    traction[:, 0, 28:36, 22:28], traction[:, 0, 28:36, 36:42] = 1.0, -1.0
    clean = convolve(traction, Gel(poisson=0.45))
    size = np.sqrt(np.square(clean).mean())
    noise = 0.5 * size * rng.normal(size=clean.shape)
    left = np.sqrt(np.square(gaussian_filter(noise, (0, 0, 4, 4), mode="nearest")).mean(axis=(1, 2, 3)))
    allowed = 0.5 * size / (4 * np.sqrt(4 * np.pi)) + 0.01 * size * np.sqrt(1.25)
    found = smooth_misfit(clean + noise, traction, Gel(poisson=0.45))
    assert np.median(found * allowed / left) == pytest.approx(1, rel=0.12)


def test_noise_alone_is_explained_by_nothing(cell):
    noise = np.random.default_rng(1).normal(size=cell[0].shape)
    assert (smooth_misfit(noise, 0 * noise, Gel(poisson=0.45)) > 3).all()


# ---------------------------------------------------------------- estimator and file


@pytest.fixture(scope="module")
def fitted(cell):
    displacement, traction = cell
    return (
        DeepTFM(**TINY, young=1.0)
        .fit(displacement, traction)
        .calibrate(displacement, traction, mask=np.ones(SHAPE, dtype=bool))
    )


def test_an_estimator_uses_what_it_learned_until_it_is_trained_anew(cell, fitted):
    displacement, truth = cell
    traction, std = fitted.predict(displacement, return_std=True)
    raw_traction, half_width = fitted.evaluate(displacement)
    assert np.array_equal(traction, raw_traction)
    np.testing.assert_allclose(
        std * 1.6448536, half_width * fitted.calibration_.factor(traction, half_width), rtol=1e-5
    )
    assert fitted.misfit(displacement).shape == (3,)
    assert fitted.is_foreign(displacement).mean() <= 1 / 3
    fresh = DeepTFM(**TINY, young=1.0).fit(displacement, truth)
    assert fresh.calibration_ is None
    with pytest.raises(ValueError, match="Expected a calibrated network"):
        fresh.is_foreign(displacement)


def test_a_network_without_intervals_cannot_be_calibrated(cell):
    model = DeepTFM("tracnet", **TINY).fit(*cell)
    with pytest.raises(ValueError, match="returns a standard deviation"):
        model.calibrate(*cell)


def test_a_calibration_is_kept_with_its_weights(cell, fitted, tmp_path):
    path = tmp_path / "weights.safetensors"
    fitted.save_weights(path)
    assert [file.name for file in tmp_path.iterdir()] == ["weights.safetensors"]
    again = DeepTFM.from_pretrained(path, young=1.0)
    assert again.calibration_.as_dict() == fitted.calibration_.as_dict()
    assert np.array_equal(again.predict(cell[0], return_std=True)[1], fitted.predict(cell[0], return_std=True)[1])
    DeepTFM(**TINY).fit(*cell).save_weights(path)
    assert DeepTFM.from_pretrained(path).calibration_ is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"centre": [1.0]}, "Expected centre in"),
        ({"hidden": None}, "Expected hidden in"),
        ({"output": "many"}, "lacks or garbles"),
        ({"misfit_limit": float("nan")}, r"up to 1e\+06, got nan"),
        ({"misfit_limit": 1e300}, r"up to 1e\+06, got 1e\+300"),
        ({"spread": [1.0, 5e-324, 1.0, 1.0, 1.0, 1.0]}, "spread above"),
    ],
)
def test_a_wrong_calibration_is_refused(fitted, tmp_path, change, message):
    path = tmp_path / "weights.safetensors"
    fitted.save_weights(path)
    tensors, header = read_tensors(path)
    for calibration in ({**header["calibration"], **change}, {"centre": [1.0]}):
        write_tensors(path, tensors, {**header, "calibration": calibration})
        with pytest.raises(ValueError, match=message if "spread" in calibration else "lacks or garbles"):
            DeepTFM.from_pretrained(path)


def test_a_calibration_comes_back_from_its_numbers(calibration):
    again = Calibration.from_dict(json.loads(json.dumps(calibration.as_dict())), "here")
    assert again.as_dict() == calibration.as_dict()
    assert replace(again, misfit_limit=1.0).misfit_limit == 1.0
