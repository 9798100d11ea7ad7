"""Transformers from bead images to displacement: exactness, flags, contract, pipelines."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_checks

from tfmkit.displacement import PIV, CrossCorrelation, Flag, OpticalFlow
from tfmkit.fttc import FTTC
from tfmkit.simulate import BeadSimulator

TRANSFORMERS = [PIV(spacing=8), CrossCorrelation(16, spacing=8), OpticalFlow(radius=8, spacing=8)]
named = pytest.mark.parametrize("transformer", TRANSFORMERS, ids=lambda t: type(t).__name__)


@pytest.fixture(scope="module")
def beads():
    return BeadSimulator(128, spacing=8, peak=3.0, random_state=0).sample(2)


@pytest.fixture(scope="module")
def whole_bar():
    return BeadSimulator(random_state=3).sample()


def errors(field, truth):
    return np.hypot(field[:, 0] - truth[:, 0], field[:, 1] - truth[:, 1])


def smooth_field(peak, side=256, spacing=4):
    """Half a period of a cosine in either direction, longest in the corners."""
    wave = np.cos((np.arange(side // spacing) + 0.5) / (side // spacing) * np.pi)
    return peak / np.sqrt(2) * np.stack(np.broadcast_arrays(wave[:, None], wave))[None]


def test_bar_on_synthetic_beads(whole_bar):
    field = PIV().fit_transform(whole_bar.pairs)
    error = errors(field, whole_bar.displacement)
    assert np.median(error) < 0.03
    assert np.percentile(error, 95) < 0.12
    assert np.hypot(field[:, 0], field[:, 1]).max() > 0.9 * 6.0


def test_more_exact_than_the_alternatives(whole_bar):
    errors_of = {
        type(t).__name__: np.percentile(errors(t.fit_transform(whole_bar.pairs), whole_bar.displacement), (50, 95))
        for t in (PIV(), CrossCorrelation(32), OpticalFlow(radius=12))
    }
    for other in ("CrossCorrelation", "OpticalFlow"):
        assert (errors_of["PIV"] < errors_of[other]).all()


@pytest.mark.parametrize("peak", [0.05, 1.0, 8.0, 20.0])
def test_range_of_displacements(peak):
    truth = smooth_field(peak)
    beads = BeadSimulator(256, random_state=0).sample(displacement=truth)
    error = errors(PIV().fit_transform(beads.pairs), beads.displacement)
    # Images of beads shear when they are deformed, beads do not: part of the error grows with the strain.
    assert np.median(error) < 0.03 + 0.006 * peak
    assert np.percentile(error, 95) < 0.1 + 0.02 * peak


@pytest.mark.parametrize("shift", [(40.0, -30.0), (0.5, 0.25), (-7.3, 0.0)])
def test_uniform_shift(shift):
    truth = np.broadcast_to(np.array(shift)[None, :, None, None], (1, 2, 16, 16))
    beads = BeadSimulator(256, random_state=0).sample(displacement=truth)
    field = PIV(spacing=8).fit_transform(beads.pairs)
    np.testing.assert_allclose(field[0, :, 8:-8, 8:-8].mean(axis=(1, 2)), shift, atol=0.01)


def test_sign_and_axes():
    truth = np.zeros((1, 2, 16, 16))
    truth[:, 0] = 2.0
    beads = BeadSimulator((64, 96), random_state=0).sample(displacement=truth)
    for transformer in TRANSFORMERS:
        field = transformer.fit_transform(beads.pairs)
        assert field.shape == (1, 2, 8, 12)
        np.testing.assert_allclose(np.median(field[0], axis=(1, 2)), (2.0, 0.0), atol=0.1)


@named
def test_measures_the_displacement(transformer, beads):
    error = errors(transformer.fit_transform(beads.pairs), beads.displacement)
    assert np.median(error) < 0.1


@pytest.mark.parametrize("missing", [0.05, 0.1])
def test_missing_beads_do_little_harm(missing):
    beads = BeadSimulator(256, missing=missing, peak=3.0, random_state=0).sample()
    error = errors(PIV().fit_transform(beads.pairs), beads.displacement)
    assert np.median(error) < 0.06
    assert np.percentile(error, 95) < 0.2


def test_a_hole_without_beads_is_flagged_and_filled():
    truth = np.full((1, 2, 16, 16), 1.5)
    pairs = BeadSimulator(256, random_state=0).sample(displacement=truth).pairs
    noise = np.random.default_rng(0).poisson(20.0, (2, 90, 90))
    pairs[0, :, 80:170, 80:170] = noise
    measured = PIV(spacing=8).measure(pairs)
    assert (measured.flags[0, 13:19, 13:19] == Flag.NO_MATCH).mean() > 0.5
    assert np.median(np.abs(measured.displacement[0] - 1.5)) < 0.03


def test_excluded_pixels_do_not_count():
    truth = np.full((1, 2, 16, 16), 1.5)
    pairs = BeadSimulator(256, random_state=0).sample(displacement=truth).pairs
    # Debris that stays where it is.
    pairs[0, :, 100:150, 100:150] = 500 * np.random.default_rng(0).random((50, 50))
    exclude = np.zeros((256, 256), dtype=bool)
    exclude[98:152, 98:152] = True
    measured = PIV(spacing=8).measure(pairs, exclude=exclude)
    assert (measured.flags[0, 13:18, 13:18] == Flag.EXCLUDED).all()
    outside = measured.flags[0] != Flag.EXCLUDED
    assert np.percentile(np.abs(measured.displacement[0, :, outside] - 1.5), 95) < 0.1


def test_brightness_and_offset_of_the_camera_drop_out(beads):
    expected = PIV(spacing=8).fit_transform(beads.pairs)
    changed = beads.pairs * np.array([3.0, 5.0], dtype=np.float32)[:, None, None] + 100
    np.testing.assert_allclose(PIV(spacing=8).fit_transform(changed), expected, atol=2e-3)


@named
def test_attributes(transformer, beads):
    fitted = clone(transformer).fit(beads.pairs)
    np.testing.assert_array_equal(fitted.grid_x_, 3.5 + 8 * np.arange(16))
    assert fitted.spacing_ == 8
    assert fitted.flags_.shape == fitted.quality_.shape == (2, 16, 16)
    assert set(np.unique(fitted.flags_)) <= set(Flag)
    assert np.median(fitted.quality_) > 0.8
    assert fitted.quality_.max() <= 1


@named
def test_contract(transformer, beads):
    pairs = beads.pairs
    kept = pairs.copy()
    fresh = clone(transformer)
    with pytest.raises(NotFittedError):
        fresh.transform(pairs)
    together = fresh.fit_transform(pairs)
    state = pickle.dumps(fresh)
    assert together.dtype == np.float32
    np.testing.assert_array_equal(pairs, kept)
    np.testing.assert_array_equal(fresh.transform(pairs), together)
    assert pickle.dumps(fresh) == state
    np.testing.assert_array_equal(fresh.transform(pairs[1:]), together[1:])
    np.testing.assert_array_equal(pickle.loads(state).transform(pairs), together)
    assert clone(transformer).fit_transform(pairs.astype(np.float64)).dtype == np.float64
    with pytest.raises(ValueError, match="fitted shape"):
        fresh.transform(pairs[..., :-8])


@named
@pytest.mark.parametrize(
    "check",
    [
        estimator_checks.check_estimator_cloneable,
        estimator_checks.check_estimator_repr,
        estimator_checks.check_no_attributes_set_in_init,
        estimator_checks.check_parameters_default_constructible,
        estimator_checks.check_get_params_invariance,
        estimator_checks.check_set_params,
        estimator_checks.check_mixin_order,
    ],
    ids=lambda check: check.__name__,
)
def test_scikit_learn_checks_without_data(transformer, check):
    check(type(transformer).__name__, clone(transformer))


@named
def test_bad_images_are_refused(transformer, beads):
    constant = beads.pairs.copy()
    constant[1, 0] = 7
    broken = beads.pairs.copy()
    broken[0, 0, 3, 4] = np.nan
    for wrong in (
        beads.pairs[0],
        beads.pairs[:, :1],
        beads.pairs[..., :16],
        beads.pairs[:0],
        broken,
        constant,
        "beads",
    ):
        with pytest.raises(ValueError, match="Expected|Found"):
            clone(transformer).fit(wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        PIV(window=1.0),
        PIV(window="wide"),
        PIV(smoothing=-1.0),
        PIV(spacing=0),
        PIV(spacing=32),
        CrossCorrelation(4),
        CrossCorrelation(16.5),
        OpticalFlow("magic"),
        OpticalFlow(radius=0),
    ],
    ids=repr,
)
def test_bad_parameters_are_refused(wrong, beads):
    with pytest.raises(ValueError, match="Expected"):
        wrong.fit(beads.pairs)


def test_bad_masks_are_refused(beads):
    for wrong in (np.zeros((8, 8), dtype=bool), np.full((128, 128), 2), np.ones((128, 128), dtype=bool)):
        with pytest.raises(ValueError, match="Expected"):
            PIV().fit(beads.pairs, exclude=wrong)


def test_pipeline_to_traction(beads):
    pipeline = make_pipeline(PIV(spacing=8), FTTC(lam=1e-2, spacing=8.0))
    traction = clone(pipeline).fit(beads.pairs).predict(beads.pairs)
    expected = FTTC(lam=1e-2, spacing=8.0).fit(beads.displacement).predict(beads.displacement)
    assert traction.shape == (2, 2, 16, 16)
    assert np.linalg.norm(traction - expected) < 0.5 * np.linalg.norm(expected)


def test_window_and_lambda_are_searched_together(beads):
    truth = FTTC(lam=1e-3, spacing=8.0).fit(beads.displacement).predict(beads.displacement)
    search = GridSearchCV(
        make_pipeline(CrossCorrelation(spacing=8), FTTC(spacing=8.0)),
        {"crosscorrelation__window": [16, 64], "fttc__lam": [1e-3, 1e4]},
        cv=KFold(2),
    ).fit(beads.pairs, truth)
    assert search.best_params_ == {"crosscorrelation__window": 16, "fttc__lam": 1e-3}


def test_tvl1_runs(beads):
    field = OpticalFlow("tvl1", spacing=8).fit_transform(beads.pairs[:1])
    assert np.median(errors(field, beads.displacement[:1])) < 0.3


def test_the_outermost_ring_of_a_strained_gel_is_nearly_as_exact_as_the_inside():
    positions = 4 * np.arange(64) - 126.0
    field = -0.06 * np.stack(np.meshgrid(positions, positions))
    beads = BeadSimulator(256, spacing=4, random_state=1).sample(3, displacement=field[None])
    error = np.sqrt(np.square(PIV().measure(beads.pairs).displacement - beads.displacement).mean(axis=(0, 1)))
    ring = np.ones((64, 64), dtype=bool)
    ring[1:-1, 1:-1] = False
    assert error[ring].mean() < 5 * error[8:-8, 8:-8].mean()


@pytest.fixture(scope="module")
def measured():
    """Images of several kinds, measured by every method: error over stated standard deviation, and that."""
    kinds = [{}, {"density": 0.01}, {"photons": 60, "missing": 0.1}, {"peak": 1, "depth_spread": 0.5, "haze": 1}]
    results = {}
    for method in (PIV(), CrossCorrelation(spacing=4), OpticalFlow()):
        ratios, stated = [], []
        for seed, kind in enumerate(kinds):
            beads = BeadSimulator(256, spacing=4, random_state=seed, **kind).sample()
            found = method.measure(beads.pairs)
            good = np.broadcast_to((found.flags == Flag.GOOD)[:, None], found.std.shape)
            assert (np.isfinite(found.std) == good).all()
            ratios.append((np.abs(found.displacement - beads.displacement) / found.std)[good])
            stated.append(found.std[good])
        results[type(method).__name__] = np.concatenate(ratios), np.concatenate(stated)
    return results


@pytest.mark.parametrize("method", ["PIV", "CrossCorrelation", "OpticalFlow"])
def test_stated_standard_deviations_hold(measured, method):
    ratio, stated = measured[method]
    assert 0.8 < (ratio < 1.645).mean() < 0.97
    for part in np.array_split(np.argsort(stated), 5):
        assert 0.7 < (ratio[part] < 1.645).mean() < 0.99


def test_standard_deviations_tell_faint_images_from_bright_ones():
    bright, faint = (
        PIV(spacing=8).fit(BeadSimulator(128, photons=photons, random_state=2).sample().pairs).std_
        for photons in (1000, 30)
    )
    assert bright.shape == (1, 2, 16, 16)
    assert np.nanmedian(faint) > 2 * np.nanmedian(bright)


def test_a_wide_spacing_thins_out_what_the_narrow_one_measures():
    # Nodes of both spacings are apart by half a pixel at least, so that each wide one has its own narrow one.
    pair = BeadSimulator((120, 96), spacing=4, photons=60, missing=0.1, random_state=5).sample().pairs
    exclude = np.zeros(pair.shape[2:], dtype=bool)
    exclude[20:40, 60:90] = True
    narrow, wide = (PIV(spacing=spacing).measure(pair, exclude=exclude) for spacing in (4, 12))
    row, column = (np.abs(narrow[axis] - wide[axis][:, None]).argmin(axis=1) for axis in ("grid_y", "grid_x"))
    assert wide.std.shape == (1, 2, 10, 8)
    for name in ("std", "flags", "quality"):
        np.testing.assert_array_equal(wide[name], narrow[name][..., row[:, None], column])
    # The middle of three narrow nodes is the wide one.
    np.testing.assert_allclose(wide.displacement, narrow.displacement[..., 1::3, 1::3], atol=1e-4)
