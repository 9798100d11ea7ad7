"""What the metrics share: checked pairs of fields, ratios that refuse a zero, means over fields."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from tfmkit._validation import FloatArray, check_choice, check_field

MULTIOUTPUT = ("uniform_average", "raw_values")


def check_tractions(y_true: ArrayLike, y_pred: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return truth and recovered traction as float64 batches of one shape, on a grid of any size."""
    truth = check_field(y_true, name="true traction", min_side=1, dtype=np.float64)
    recovered = check_field(y_pred, name="recovered traction", min_side=1, dtype=np.float64)
    if truth.shape != recovered.shape:
        raise ValueError(f"Expected true and recovered traction of one shape, got {truth.shape} and {recovered.shape}.")
    return truth, recovered


def magnitude(field: FloatArray) -> FloatArray:
    """Return vector lengths (n_fields, height, width)."""
    return np.hypot(field[:, 0], field[:, 1])


def ratio(numerator: FloatArray, denominator: FloatArray, *, of: str, fields: FloatArray | None = None) -> FloatArray:
    """Return the quotient; where the denominator is zero, name it and the fields it belongs to."""
    zero = denominator == 0
    if zero.any():
        culprits = np.flatnonzero(zero) if fields is None else np.unique(fields[zero])
        raise ValueError(f"Expected {of} that is not zero, got zero in field(s) {culprits.tolist()}.")
    return numerator / denominator


def average(values: FloatArray, multioutput: str) -> float | FloatArray:
    """Return one value per field, or their mean."""
    check_choice(multioutput, "multioutput", MULTIOUTPUT)
    return values if multioutput == "raw_values" else float(values.mean())
