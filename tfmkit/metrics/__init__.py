"""How far a recovered traction is from the truth: one definition per metric.

Every metric takes the true and the recovered field as batches ``(n_fields, 2, height, width)``, in one unit,
and returns the mean over fields or, with ``multioutput="raw_values"``, one value per field. Magnitudes are
vector lengths; arithmetic is in double precision. An error relative to something that is zero is undefined:
it ends in a ValueError that names the fields, never in inf or NaN.
"""

from tfmkit.metrics._fields import displacement_residual, mean_normalized_error, relative_rmse
from tfmkit.metrics._patches import csta, dma, dta, dtma, dtmb, snr

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
