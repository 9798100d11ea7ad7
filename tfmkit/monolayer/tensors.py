"""Quantities of a stress at every pixel: its mean normal part, its shear and its axes.

Stress is an array ``(..., 3, height, width)`` of the components xx, yy and xy; it may be NaN outside of a sheet.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tfmkit._validation import unmasked

Array = NDArray[np.floating[Any]]


def mean_normal_stress(stress: ArrayLike) -> Array:
    r"""Return the mean of the normal stresses of all directions.

    Parameters
    ----------
    stress : array-like of shape (..., 3, height, width)
        Stress (xx, yy, xy).

    Returns
    -------
    ndarray of shape (..., height, width)
        :math:`(\sigma_{xx} + \sigma_{yy}) / 2`, in the unit of the stress; positive under tension.

    Raises
    ------
    ValueError
        If `stress` has not three components.
    """
    xx, yy, _ = _components(stress)
    return (xx + yy) / 2


def largest_shear(stress: ArrayLike) -> Array:
    r"""Return the largest shear stress of all directions.

    Parameters
    ----------
    stress : array-like of shape (..., 3, height, width)
        Stress (xx, yy, xy).

    Returns
    -------
    ndarray of shape (..., height, width)
        :math:`\sqrt{(\sigma_{xx} - \sigma_{yy})^2 / 4 + \sigma_{xy}^2}`: half the difference of the principal stresses.

    Raises
    ------
    ValueError
        If `stress` has not three components.
    """
    xx, yy, xy = _components(stress)
    return np.hypot((xx - yy) / 2, xy)


def principal_stresses(stress: ArrayLike) -> Array:
    """Return the largest and the smallest normal stress of all directions.

    Parameters
    ----------
    stress : array-like of shape (..., 3, height, width)
        Stress (xx, yy, xy).

    Returns
    -------
    ndarray of shape (..., 2, height, width)
        The larger one first.

    Raises
    ------
    ValueError
        If `stress` has not three components.
    """
    mean, shear = mean_normal_stress(stress), largest_shear(stress)
    return np.stack([mean + shear, mean - shear], axis=-3)


def principal_axis(stress: ArrayLike) -> Array:
    """Return the direction of the largest normal stress.

    Parameters
    ----------
    stress : array-like of shape (..., 3, height, width)
        Stress (xx, yy, xy).

    Returns
    -------
    ndarray of shape (..., 2, height, width)
        Unit vector (x, y) with x >= 0; the other axis is perpendicular. It points along x where there is no shear.

    Raises
    ------
    ValueError
        If `stress` has not three components.
    """
    xx, yy, xy = _components(stress)
    angle = np.arctan2(xy, (xx - yy) / 2) / 2
    return np.stack([np.cos(angle), np.sin(angle)], axis=-3)


def anisotropy(stress: ArrayLike) -> Array:
    """Return the largest shear over the size of the mean normal stress.

    Parameters
    ----------
    stress : array-like of shape (..., 3, height, width)
        Stress (xx, yy, xy).

    Returns
    -------
    ndarray of shape (..., height, width)
        0 where all directions are alike, 1 where the stress acts along one axis only; NaN without stress.

    Raises
    ------
    ValueError
        If `stress` has not three components.
    """
    mean = np.abs(mean_normal_stress(stress))
    return np.divide(largest_shear(stress), mean, out=np.full_like(mean, np.nan), where=mean > 0)


def _components(stress: ArrayLike) -> tuple[Array, Array, Array]:
    array = np.asarray(unmasked(stress))
    if array.ndim < 3 or array.shape[-3] != 3 or array.dtype.kind != "f":
        raise ValueError(
            f"Expected stress of shape (..., 3, height, width) of floats, got {array.dtype} of {array.shape}."
        )
    return array[..., 0, :, :], array[..., 1, :, :], array[..., 2, :, :]
