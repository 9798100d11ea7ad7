"""How exact each vector is: from the two images and the field itself, calibrated on images of known displacement."""

from __future__ import annotations

import numpy as np

from tfmkit._validation import FloatArray
from tfmkit.displacement._match import WINDOWS, Agreement
from tfmkit.displacement._smoothness import expected_curvature

# Added before logarithms are taken: to errors in windows and to differences between neighbouring nodes, both in pixels,
# and to the share of a window that is seen.
_LEAST_ERROR, _LEAST_DIFFERENCE, _LEAST_SEEN = 1e-6, 0.003, 0.01

# Constant and exponents of a method's standard deviation, in the order of `describe`.
Exponents = tuple[float, float, float, float, float, float, float]


def standard_deviation(field: FloatArray, agreement: Agreement, exponents: Exponents) -> FloatArray:
    """Return the standard deviation of each vector.

    Parameters
    ----------
    field : ndarray of shape (2, n_y, n_x)
        Displacement at the nodes, in pixels.
    agreement : Agreement
        How the images agree under it.
    exponents : tuple of 7 floats
        Constant and exponents of the method, fitted by ``python -m benchmarks.piv_precision``.

    Returns
    -------
    ndarray of shape (2, n_y, n_x)
        Standard deviation of x and y in pixels: 90 % of the errors are smaller than 1.645 of it.

    Notes
    -----
    ``std = e^a_0 prod_k f_k^a_k``, a product of powers of the six quantities of :func:`describe`. It is the simplest
    model whose intervals hold in every tenth of the stated values, on images that it was not fitted to
    (``benchmarks/results/piv_precision.csv``).
    """
    return np.exp(exponents[0] + np.tensordot(exponents[1:], describe(field, agreement), 1)).astype(field.dtype)


def describe(field: FloatArray, agreement: Agreement) -> FloatArray:
    """Return the logarithms of the quantities that tell how exact a vector is.

    Parameters
    ----------
    field : ndarray of shape (2, n_y, n_x)
        Displacement at the nodes, in pixels.
    agreement : Agreement
        How the images agree under it.

    Returns
    -------
    ndarray of shape (6, 2, n_y, n_x)
        Logarithms of the standard errors of least squares in windows of 4, 8 and 16 px, which hold the noise of the
        images; of the second and the first differences of the field between nodes, which tell how much its smoothing
        may have taken away; and of the share of a window of 8 px that the images show. Vectors at a border have beads
        on one side only.
    """
    errors = [agreement.errors[window] + _LEAST_ERROR for window in WINDOWS]
    slope = np.sqrt(sum(np.square(part).sum(axis=0) for part in np.gradient(field, axis=(1, 2)))) + _LEAST_DIFFERENCE
    seen = agreement.seen + _LEAST_SEEN
    both = [np.broadcast_to(part, field.shape) for part in (np.sqrt(expected_curvature(field)), slope, seen)]
    return np.log(np.stack([*errors, *both]))
