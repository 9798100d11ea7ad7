"""Vectors that cannot be right: how they are found, and what takes their place."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tfmkit._validation import FloatArray

# Threshold and noise level (px) of the normalised median test, both from Westerweel & Scarano (2005).
MEDIAN_THRESHOLD = 2.0
MEDIAN_NOISE = 0.1
# Share of good vectors under a Gaussian window from which its mean is taken.
_LEAST_WEIGHT = 0.05

_NEIGHBOURS = [(row, column) for row in range(3) for column in range(3) if (row, column) != (1, 1)]


def normalised_median(field: FloatArray) -> FloatArray:
    """Compare each vector with its eight neighbours.

    Parameters
    ----------
    field : ndarray of shape (2, height, width)
        Displacement in pixels.

    Returns
    -------
    ndarray of shape (height, width)
        Distance from the neighbours' median over the neighbours' own median distance from it; the larger of the two
        components. Above 2 a vector is an outlier.

    References
    ----------
    Westerweel & Scarano, Experiments in Fluids 39:1096, 2005, eq. 2.
    """
    height, width = field.shape[1:]
    padded = np.pad(field, ((0, 0), (1, 1), (1, 1)), mode="reflect")
    around = np.stack([padded[:, row : row + height, column : column + width] for row, column in _NEIGHBOURS])
    median = np.median(around, axis=0)
    fluctuation = np.median(np.abs(around - median), axis=0)
    return (np.abs(field - median) / (fluctuation + MEDIAN_NOISE)).max(axis=0)


def replace(field: FloatArray, bad: NDArray[Any]) -> FloatArray:
    """Interpolate vectors from the good ones around them.

    Parameters
    ----------
    field : ndarray of shape (2, height, width)
        Displacement.
    bad : ndarray of shape (height, width)
        True where a vector is to be replaced.

    Returns
    -------
    ndarray of shape (2, height, width)
        The field, with Gaussian-weighted means of good vectors in place of bad ones, as local as there are any; 0 if
        there is no good vector at all.
    """
    good = ~bad
    if not good.any():
        return np.zeros_like(field)
    # What is too far from all good vectors gets their mean.
    result = np.where(bad, field[:, good].mean(axis=1)[:, None, None], field)
    missing, known = bad.copy(), good.astype(field.dtype)
    sigma = 1.0
    while missing.any() and sigma < max(bad.shape):
        weight = ndimage.gaussian_filter(known, sigma, mode="constant")
        near = missing & (weight > _LEAST_WEIGHT)
        if near.any():
            for component in range(2):
                mean = ndimage.gaussian_filter(np.where(bad, 0, field[component]), sigma, mode="constant")
                result[component][near] = mean[near] / weight[near]
            missing &= ~near
        sigma *= 2
    return result
