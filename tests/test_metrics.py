"""Every metric on a case worked out by hand, a perfect prediction and one of zeros."""

from __future__ import annotations

import numpy as np
import pytest

from tfmkit import metrics
from tfmkit.gel import ForwardOperator
from tfmkit.metrics.fields import percentile_in_region
from tfmkit.simulate import CellSimulator

PATCH_METRICS = (metrics.dtma, metrics.dtmb, metrics.snr, metrics.dma, metrics.dta, metrics.csta)

# One 3 x 3 field: patch 7 is the pixel (0, 0), patch 2 the last two pixels of the last row. The prediction
# turns and shortens the first, evens out the second and adds one background vector in the middle.
PATCHES = np.array([[[7, 0, 0], [0, 0, 0], [0, 2, 2]]])
TRUTH = np.zeros((1, 2, 3, 3))
TRUTH[0, :, 0, 0] = 3, 4
TRUTH[0, 1, 2, 1:] = 2, 4
PREDICTION = np.zeros((1, 2, 3, 3))
PREDICTION[0, :, 0, 0] = 3, 0
PREDICTION[0, 1, 2, 1:] = 3, 3
PREDICTION[0, 0, 1, 1] = 1


def call(metric, y_true, y_pred, **options):
    if metric in PATCH_METRICS:
        options.setdefault("patches", np.broadcast_to(PATCHES, (len(y_true), 3, 3)))
    return metric(y_true, y_pred, **options)


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        (metrics.relative_rmse, np.sqrt(19 / 45)),
        (metrics.mean_normalized_error, 7 / 11),
        (metrics.dtma, (-2 / 5 + 0) / 2),
        (metrics.dtmb, (1 / 6) / 4),
        # The background's mean vector is (1/6, 0), its mean square 1/6.
        (metrics.snr, 3 / np.sqrt(1 / 6 - 1 / 36)),
        (metrics.dma, (-2 / 5 - 1 / 4) / 2),
        (metrics.dta, np.degrees(np.arctan2(4, 3)) / 2),
        (metrics.csta, (3 / 5 + 1) / 2),
    ],
)
def test_by_hand(metric, expected):
    assert call(metric, TRUTH, PREDICTION) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("metric", "perfect", "zeros"),
    [
        (metrics.relative_rmse, 0, 1),
        (metrics.mean_normalized_error, 0, 1),
        (metrics.dtma, 0, -1),
        (metrics.dtmb, 0, 0),
        (metrics.snr, np.inf, 0),
        (metrics.dma, 0, -1),
        (metrics.dta, 0, 90),
        (metrics.csta, 1, 0),
    ],
)
def test_perfect_and_zero(metric, perfect, zeros):
    assert call(metric, TRUTH, TRUTH) == pytest.approx(perfect, abs=1e-12)
    assert call(metric, TRUTH, np.zeros_like(TRUTH)) == zeros


def test_angles_go_up_to_180():
    assert call(metrics.dta, TRUTH, -TRUTH) == pytest.approx(180)
    assert call(metrics.csta, TRUTH, -TRUTH) == pytest.approx(-1)


def test_mask_leaves_the_background_out():
    mask = PATCHES[0] > 0
    assert metrics.relative_rmse(TRUTH, PREDICTION, mask=mask) == pytest.approx(np.sqrt(18 / 45))
    assert metrics.mean_normalized_error(TRUTH, PREDICTION, mask=mask) == pytest.approx(6 / 11)


@pytest.mark.parametrize(
    ("percentile", "expected"),
    [
        (50, np.sqrt(19 / 45)),  # above 0: all vectors of either field
        (75, np.sqrt(18 / 45)),  # above 2: one pixel only because the prediction is longer there
        (90, np.sqrt(16 / 25)),  # above 4.2: the longest one
    ],
)
def test_percentile_picks_the_strong_pixels_of_either_field(percentile, expected):
    assert metrics.relative_rmse(TRUTH, PREDICTION, percentile=percentile) == pytest.approx(expected)


def test_percentile_counts_inside_the_mask_alone():
    # True lengths inside are 0, 2 and 4: above their median of 2 is the pixel (2, 2) and, by the prediction, (2, 1).
    mask = np.zeros((3, 3), dtype=bool)
    mask[1, 0], mask[2, 1:] = True, True
    assert metrics.relative_rmse(TRUTH, PREDICTION, mask=mask, percentile=50) == pytest.approx(np.sqrt(2 / 20))
    assert metrics.relative_rmse(TRUTH, PREDICTION, mask=mask, percentile=75) == pytest.approx(1 / 4)


@pytest.mark.parametrize("percentile", [0, 12.5, 50, 98, 100])
def test_percentile_in_a_region_is_that_of_its_values(percentile):
    values, region = np.random.default_rng(0).random((2, 3, 9, 11))
    region = region < np.array([0.3, 1.0, 0.02])[:, None, None]
    expected = [np.percentile(one[inside], percentile) for one, inside in zip(values, region, strict=True)]
    np.testing.assert_allclose(percentile_in_region(values, region, percentile), expected, rtol=1e-12)


def test_the_truth_has_no_deviation_in_the_background():
    cells = CellSimulator("adhesion", shape=40, random_state=0).sample(2)
    assert np.abs(cells.traction[:, 0][cells.patches == 0]).max() > 0
    assert metrics.dtmb(cells.traction, cells.traction, patches=cells.patches) == 0


@pytest.mark.parametrize("metric", [metrics.relative_rmse, metrics.mean_normalized_error, *PATCH_METRICS])
def test_raw_values_are_the_fields_alone(metric):
    other = np.random.default_rng(0).normal(size=(2, 2, 3, 3))
    truth, prediction = np.concatenate([TRUTH, other[:1]]), np.concatenate([PREDICTION, other[1:]])
    raw = call(metric, truth, prediction, multioutput="raw_values")
    alone = [call(metric, truth[[i]], prediction[[i]]) for i in range(2)]
    np.testing.assert_allclose(raw, alone)
    assert call(metric, truth, prediction) == pytest.approx(np.mean(alone))


def test_patches_weigh_alike_whatever_their_number_per_field():
    # Field 0 has two patches, field 1 one; a mean over all three patches would give another number.
    patches = np.concatenate([PATCHES, np.where(PATCHES == 7, 7, 0)])
    truth, prediction = np.concatenate([TRUTH, TRUTH]), np.concatenate([PREDICTION, PREDICTION])
    raw = metrics.dtma(truth, prediction, patches=patches, multioutput="raw_values")
    np.testing.assert_allclose(raw, [-0.2, -0.4])


def test_single_precision_is_added_up_in_double():
    truth = np.ones((1, 2, 512, 512), dtype=np.float32)
    prediction = truth * np.float32(1.001)
    expected = float(np.float32(1.001)) - 1
    assert metrics.relative_rmse(truth, prediction) == pytest.approx(expected, rel=1e-12)


class TestDisplacementResidual:
    def setup_method(self):
        self.traction = np.zeros((2, 2, 12, 10))
        self.traction[:, 0, 4:7, 3:6] = 1000.0
        self.gel = ForwardOperator((12, 10), young=5000.0, poisson=0.3, spacing=2.0)
        self.options = {"young": 5000.0, "poisson": 0.3, "spacing": 2.0}
        self.displacement = self.gel.apply(self.traction)

    def test_perfect_zero_and_half(self):
        for factor, expected in ((1, 0), (0, 1), (0.5, 0.5)):
            residual = metrics.displacement_residual(self.displacement, factor * self.traction, **self.options)
            assert residual == pytest.approx(expected, abs=1e-12)

    def test_periodic_boundary(self):
        wrapped = ForwardOperator((12, 10), **self.options, boundary="periodic").apply(self.traction)
        residual = metrics.displacement_residual(wrapped, self.traction, boundary="periodic", **self.options)
        assert residual == pytest.approx(0, abs=1e-12)

    def test_buffer_widens_the_mask_of_each_field_alone(self):
        mask = np.zeros((2, 12, 10), dtype=bool)
        mask[0, 5, 5] = mask[1, 0, 0] = True
        broken = self.displacement.copy()
        broken[0, :, 4:7, 4:7] += 1.0
        broken[1, :, 2, 2] += 1.0
        raw = metrics.displacement_residual(
            broken, self.traction, mask=mask, buffer=1, multioutput="raw_values", **self.options
        )
        expected = np.sqrt(18 / (broken[0, :, 4:7, 4:7] ** 2).sum())
        np.testing.assert_allclose(raw, [expected, 0], atol=1e-12)

    def test_bad_input(self):
        with pytest.raises(ValueError, match="one shape"):
            metrics.displacement_residual(self.displacement, self.traction[:1])
        with pytest.raises(ValueError, match="buffer"):
            metrics.displacement_residual(self.displacement, self.traction, buffer=-1)
        with pytest.raises(ValueError, match=r"displacement in the region.*field\(s\) \[0, 1\]"):
            metrics.displacement_residual(0 * self.displacement, self.traction)


@pytest.mark.parametrize("metric", [metrics.relative_rmse, metrics.mean_normalized_error, *PATCH_METRICS])
def test_bad_fields(metric):
    with pytest.raises(ValueError, match="one shape"):
        call(metric, TRUTH, np.concatenate([PREDICTION, PREDICTION]))
    with pytest.raises(ValueError, match="finite recovered traction"):
        call(metric, TRUTH, np.full_like(TRUTH, np.nan))
    with pytest.raises(ValueError, match="true traction as an array"):
        call(metric, TRUTH[0], PREDICTION[0])
    with pytest.raises(ValueError, match="multioutput"):
        call(metric, TRUTH, PREDICTION, multioutput="sum")


@pytest.mark.parametrize(
    "metric", [metrics.relative_rmse, metrics.mean_normalized_error, metrics.dtma, metrics.dma, metrics.dta]
)
def test_zero_truth_is_refused_by_name(metric):
    truth = np.concatenate([TRUTH, 0 * TRUTH])
    with pytest.raises(ValueError, match=r"not zero, got zero in field\(s\) \[1\]"):
        call(metric, truth, truth)


def test_bad_regions():
    with pytest.raises(ValueError, match="true traction in the region"):
        metrics.relative_rmse(TRUTH, PREDICTION, mask=np.zeros((3, 3), dtype=bool), percentile=90)
    with pytest.raises(ValueError, match="percentile"):
        metrics.relative_rmse(TRUTH, PREDICTION, percentile=101)
    with pytest.raises(ValueError, match="zero in field"):
        metrics.relative_rmse(TRUTH, PREDICTION, mask=np.zeros((3, 3), dtype=bool))


@pytest.mark.parametrize("metric", PATCH_METRICS)
@pytest.mark.parametrize(
    ("patches", "message"),
    [
        (PATCHES.astype(float), "patches as integers"),
        (PATCHES[:, :2], "patches as integers"),
        (-PATCHES, "at least 0"),
        (0 * PATCHES, r"none in field\(s\) \[0\]"),
    ],
)
def test_bad_patches(metric, patches, message):
    with pytest.raises(ValueError, match=message):
        metric(TRUTH, PREDICTION, patches=patches)


@pytest.mark.parametrize("metric", [metrics.dtmb, metrics.snr])
def test_no_background(metric):
    with pytest.raises(ValueError, match="background"):
        metric(TRUTH, PREDICTION, patches=np.ones((3, 3), dtype=int))
