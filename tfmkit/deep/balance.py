"""Traction without net force, by the smallest change that the network's own error bars allow."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def balance(traction: Array, *half_width: Array) -> tuple[Array, Array]:
    """Take the net force out of fields of traction.

    Parameters
    ----------
    traction : ndarray of shape (n_fields, 2, height, width)
        Traction.
    *half_width : ndarray of shape (n_fields, 2, height, width)
        Half-width of its interval, in any multiple of the standard deviation, from a network that knows it.

    Returns
    -------
    traction : ndarray of shape (n_fields, 2, height, width)
        Traction whose sum over the field is 0: ``t - v sum(t) / sum(v)`` with the variance v at every pixel.
    half_width : ndarray of shape (n_fields, 2, height, width)
        The half-width as it was.

    Raises
    ------
    ValueError
        If there is no half-width.

    Notes
    -----
    This is the mean of a normal distribution with independent errors of variance v under the condition that the sum is
    0. Traction that is certain hardly changes.
    """
    if not half_width:
        raise ValueError("Expected a network that returns a standard deviation to balance its traction, got none.")
    variance = np.square(half_width[0])
    total = np.maximum(variance.sum(axis=(-2, -1), keepdims=True), np.finfo(variance.dtype).tiny)
    return traction - variance * (traction.sum(axis=(-2, -1), keepdims=True) / total), half_width[0]
