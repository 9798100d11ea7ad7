"""Masked arrays, whose hidden numbers never count as measured, and results that are finite or an error."""

from __future__ import annotations

import numpy as np
import pytest

from tfmkit._validation import check_field, check_mask, unmasked
from tfmkit.bayes import BayesianFTTC
from tfmkit.deep import DeepTFM
from tfmkit.displacement import PIV
from tfmkit.filters import MissingVectorFilter
from tfmkit.fttc import FTTC, FTTCCV
from tfmkit.io.writing import write_csv
from tfmkit.metrics import relative_rmse
from tfmkit.monolayer import MonolayerStress
from tfmkit.sparse import ElasticNetTFM

WRONG = 1e6


@pytest.fixture
def field():
    return np.random.default_rng(0).normal(size=(1, 2, 16, 16))


@pytest.fixture
def masked(field):
    """The field with one vector that is masked, and wrong under the mask."""
    values, mask = field.copy(), np.zeros(field.shape, dtype=bool)
    values[0, :, 3, 4], mask[0, :, 3, 4] = WRONG, True
    return np.ma.array(values, mask=mask)


@pytest.mark.parametrize("wrap", [lambda array: array, list, lambda array: [list(array[0])]])
def test_masked_vectors_are_missing(masked, wrap):
    with pytest.raises(ValueError, match="2 values that are NaN"):
        check_field(wrap(masked))


def test_an_unused_mask_changes_nothing(field):
    assert check_field(np.ma.array(field)) is not None
    np.testing.assert_array_equal(check_field(np.ma.array(field)), field)
    integers = np.ma.array(np.arange(6), mask=False)
    assert unmasked(integers).dtype == integers.dtype


def test_masked_integers_become_nan():
    np.testing.assert_array_equal(unmasked(np.ma.array([1, 2], mask=[False, True])), [1, np.nan])


@pytest.mark.parametrize("estimator", [FTTC(), MonolayerStress(cell_size=4.0)])
def test_estimators_refuse_masked_vectors(masked, field, estimator):
    with pytest.raises(ValueError, match="2 values that are NaN"):
        estimator.fit(masked)
    with pytest.raises(ValueError, match="2 values that are NaN"):
        estimator.fit(field).predict(masked)


def test_the_filter_fills_masked_vectors(masked):
    holes = masked.filled(np.nan)
    expected = MissingVectorFilter(FTTC()).fit(holes).predict(holes)
    found = MissingVectorFilter(FTTC()).fit(masked).predict(masked)
    np.testing.assert_array_equal(found, expected)


def test_masked_pixels_of_images_are_refused():
    images = np.random.default_rng(1).integers(0, 255, (1, 2, 64, 64)).astype(np.uint8)
    mask = np.zeros(images.shape, dtype=bool)
    mask[0, 0, 5, 5] = True
    with pytest.raises(ValueError, match="1 values that are NaN"):
        PIV().fit(np.ma.array(images, mask=mask))


def test_masks_and_truths_with_masked_entries_are_refused(masked, field):
    cell = np.ma.array(np.ones((16, 16), dtype=bool), mask=np.eye(16, dtype=bool))
    with pytest.raises(ValueError, match="16 values that are NaN"):
        check_mask(cell, field.shape)
    with pytest.raises(ValueError, match="2 values that are NaN"):
        relative_rmse(masked, field)


def test_tables_hold_no_masked_numbers(tmp_path):
    write_csv(tmp_path / "table.csv", {"x": np.ma.array([1.0, WRONG], mask=[False, True])})
    assert (tmp_path / "table.csv").read_text().split() == ["x", "1.0", "nan"]


# Estimators that square the displacement.
SQUARING = [FTTCCV(), BayesianFTTC(), ElasticNetTFM()]


@pytest.mark.parametrize("estimator", SQUARING)
@pytest.mark.parametrize(
    ("scale", "kind"), [(1e-40, "float64"), (1e-20, "float32"), (1e20, "float32"), (1e160, "float64")]
)
def test_displacement_far_from_the_grid_is_refused(field, estimator, scale, kind):
    with pytest.raises(ValueError, match="Give displacement and spacing in one unit"):
        estimator.fit((field * scale).astype(kind)).predict((field * scale).astype(kind))


@pytest.mark.parametrize("estimator", SQUARING)
@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize("power", [-36, 36])
def test_displacement_near_the_limits_is_recovered(field, estimator, kind, power):
    scale = 2.0**power
    known = estimator.fit(field.astype(kind)).predict(field.astype(kind))
    scaled = (field * scale).astype(kind)
    found = estimator.fit(scaled).predict(scaled) / scale
    np.testing.assert_allclose(found, known, rtol=0, atol=1e-3 * np.abs(known).max())


@pytest.mark.parametrize(
    ("estimator", "scale"),
    [
        (FTTC(), 1e37),
        (FTTC(young=1e38), 1.0),
        (FTTC(spacing=5e-324), 1.0),
        (BayesianFTTC(young=1e38), 1.0),
        (DeepTFM(weights="small", max_epochs=0, young=1e38), 1e3),
    ],
)
def test_traction_that_leaves_the_range_of_numbers_is_an_error(field, estimator, scale):
    small = (field * scale).astype(np.float32)
    with pytest.raises(ValueError, match=r"Expected (finite traction|displacement between)"):
        estimator.fit(small, small).predict(small)


def test_layers_that_are_too_thick_are_refused(field):
    with pytest.raises(ValueError, match="Leave out the thickness"):
        FTTC(thickness=1e300).fit(field)


def test_images_out_of_range_are_an_error():
    images = np.random.default_rng(0).normal(size=(1, 2, 64, 64))
    images[0, 0, 5, 5] = 1e308
    with np.errstate(all="ignore"), pytest.raises(ValueError, match="finite displacement"):
        PIV().fit(images)


@pytest.mark.parametrize("value", [10**400, -(10**400), 10**5000], ids=["large", "negative", "longest"])
def test_integers_beyond_floats_are_refused(field, value):
    with pytest.raises(ValueError, match="Expected young to be a finite number"):
        FTTC(young=value).fit(field)
