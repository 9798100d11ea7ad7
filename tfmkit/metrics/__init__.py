"""Errors of a recovered traction: one definition per metric.

Every metric takes the true and the recovered traction as batches ``(n_fields, 2, height, width)`` in one unit. It
returns the mean over fields, or one value per field with ``multioutput="raw_values"``. Magnitudes are vector lengths.
Arithmetic is in double precision. A relative error needs a truth that is not zero: otherwise the metric raises a
ValueError that names the fields, and never returns inf or NaN.
"""

from tfmkit.metrics.fields import displacement_residual, mean_normalized_error, relative_rmse
from tfmkit.metrics.patches import csta, dma, dta, dtma, dtmb, snr

__all__ = [
    "csta",
    "displacement_residual",
    "dma",
    "dta",
    "dtma",
    "dtmb",
    "mean_normalized_error",
    "relative_rmse",
    "snr",
]
