"""Correction of p-values for the number of tests."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from tfmkit._validation import FloatArray


def correct_holm(p_values: ArrayLike) -> FloatArray:
    r"""Return p-values corrected for the number of tests, by Holm's method [1]_.

    Parameters
    ----------
    p_values : array-like of shape (n_tests,)
        One p-value per test. NaN, for a test that was not made, does not count and stays.

    Returns
    -------
    ndarray of shape (n_tests,)
        The corrected values, at most 1.

    Notes
    -----
    With the :math:`m` p-values in rising order, the corrected k-th one is
    :math:`\min(1, \max_{j \le k} (m - j + 1) \, p_j)`.

    References
    ----------
    .. [1] Holm, Scand. J. Stat. 6:65 (1979).

    Examples
    --------
    >>> correct_holm([0.02, 0.01, 0.5])
    array([0.04, 0.03, 0.5 ])
    """
    values = np.asarray(p_values, dtype=float)
    corrected = np.full(values.shape, np.nan)
    made = np.flatnonzero(~np.isnan(values))
    order = made[np.argsort(values[made])]
    factors = np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(factors * values[order]))
    return corrected
