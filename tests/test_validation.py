"""Masked arrays of NumPy, as OpenPIV returns them: the numbers under a mask never count as measured."""

from __future__ import annotations

import numpy as np
import pytest

from tfmkit._validation import check_field, check_mask, unmasked
from tfmkit.displacement import PIV
from tfmkit.filters import MissingVectorFilter
from tfmkit.fttc import FTTC
from tfmkit.io.writing import write_csv
from tfmkit.metrics import relative_rmse
from tfmkit.monolayer import MonolayerStress

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
