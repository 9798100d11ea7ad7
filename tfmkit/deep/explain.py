"""Traction of a network, corrected until it explains a displacement whose errors are known.

A network errs most on cells that are unlike those of its training. Its traction then leaves a displacement unexplained
that is far larger than the errors of the measurement, most of it in long waves: a false net force moves the whole
field. Where the errors of the displacement are stated, the prediction and its intervals count as prior knowledge and
the displacement as data, and the most probable traction is closed-form.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmkit.fttc.conjugate_gradients import conjugate_gradients
from tfmkit.gel import Gel
from tfmkit.gel.operator import convolve

Array = NDArray[Any]

# Measured errors are alike in neighbouring vectors, which halves the knowledge that they hold about long waves.
_CORRELATED = 2.0
# Error of the operator, whose traction is constant on every pixel, over the RMS of the displacement.
_OPERATOR_ERROR = 0.02
# Standard deviation of replaced vectors over the RMS of the displacement: they count for nothing.
_REPLACED = 1e3
_MAX_ITER, _TOLERANCE = 8, 0.01


def explain(displacement: Array, traction: Array, std: Array, noise: Array, gel: Gel) -> Array:
    """Return the most probable traction for a displacement, given a prediction and its standard deviation.

    Parameters
    ----------
    displacement : ndarray of shape (n_fields, 2, height, width)
        Displacement, in the unit of the gel's spacing.
    traction, std : ndarray of shape (n_fields, 2, height, width)
        Prediction of a network and its standard deviation, in the unit of Young's modulus.
    noise : ndarray of shape (n_fields, 2, height, width)
        Standard deviation of the displacement, in its unit; NaN for vectors that were replaced.
    gel : Gel
        The gel.

    Returns
    -------
    ndarray of shape (n_fields, 2, height, width)
        Traction, in the unit and precision of the prediction.

    Notes
    -----
    With u = G t + e, errors e of variance N and a prior of mean p and variance S, both independent from pixel to pixel,
    the mean of the posterior is ``t = p + S G' (G S G' + N)^-1 (u - G p)`` [1]_. N is the square of twice the stated
    noise, since measured errors are correlated, and of 2 % of the RMS of the displacement, the error of the operator.
    In simulated cells like those of the training the correction is next to nothing. In 11 measured cells it lowers the
    median net force inside the outline from 22 to 6 % of the total force (`benchmarks.images`).

    References
    ----------
    .. [1] A. Tarantola, Inverse Problem Theory, SIAM 2005, equation 3.37.
    """
    # Scaled to fields of unit RMS in units of the gel, and to data of unit variance.
    moved = _size(displacement)
    pulled = moved * (gel.young / gel.spacing)
    unit, told, prior, spread = (
        (part / size).astype(np.float32)
        for part, size in ((displacement, moved), (noise, moved), (traction, pulled), (std, pulled))
    )
    variance, level = np.square(spread), np.hypot(_CORRELATED * np.nan_to_num(told, nan=_REPLACED), _OPERATOR_ERROR)

    def _displace(tau: Array) -> Array:
        return np.asarray(convolve(tau, gel.dimensionless)) / level

    def _apply(weights: Array) -> Array:
        return _displace(variance * _pull(weights)) + weights

    def _pull(weights: Array) -> Array:
        # The operator is its own transpose: Green's tensor is symmetric and even.
        return np.asarray(convolve(weights / level, gel.dimensionless))

    residual = unit / level - _displace(prior)
    goal = _TOLERANCE * np.sqrt(np.square(residual).sum(axis=(1, 2, 3)))
    found = conjugate_gradients(
        _apply,
        np.zeros_like(residual),
        residual,
        precondition=lambda r: r,
        goal=goal,
        max_iter=_MAX_ITER,
        reorthogonalise=True,
    )
    return np.asarray(traction + variance * _pull(found.x) * pulled, dtype=traction.dtype)


def _size(displacement: Array) -> Array:
    """RMS of every field, (n_fields, 1, 1, 1), relative to its peak before it is squared; 1 for a field of zeros."""
    peak = np.abs(displacement).max(axis=(1, 2, 3), keepdims=True).astype(np.float64)
    peak = np.where(peak > 0, peak, 1)
    rms = peak * np.sqrt(np.square(displacement / peak).mean(axis=(1, 2, 3), keepdims=True))
    return np.where(rms > 0, rms, 1)
