"""Metrics over adhesions, which labels mark as patches.

The argument `patches` is an array of integers ``(n_fields, height, width)``: 0 in the background, and one positive
label per adhesion. Labels need not be consecutive, and two fields may use the same labels. A metric is a mean over
the patches of each field, whatever their sizes, and then a mean over the fields.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tfmkit._validation import FloatArray, check_choice, unmasked
from tfmkit.metrics.fields import MULTIOUTPUT, average, check_tractions, magnitude, ratio

_TRUE_PATCH = "a true traction in every patch"


@dataclass(frozen=True)
class _Patches:
    """All patches of a batch, with one number each.

    `inside` (n_fields, height, width) marks the pixels of patches, `number` is the patch of each of these pixels,
    and `field` is the field of each patch.
    """

    inside: NDArray[Any]
    number: NDArray[Any]
    field: NDArray[Any]

    def mean(self, values: FloatArray) -> FloatArray:
        """Return the mean of (n_fields, height, width) values over each patch."""
        return np.bincount(self.number, weights=values[self.inside]) / np.bincount(self.number)

    def maximum(self, values: FloatArray) -> FloatArray:
        """Return the maximum of (n_fields, height, width) values over each patch."""
        largest = np.full(self.field.size, -np.inf)
        np.maximum.at(largest, self.number, values[self.inside])
        return largest

    def per_field(self, values: FloatArray) -> FloatArray:
        """Return the mean over the patches of each field."""
        return np.bincount(self.field, weights=values) / np.bincount(self.field)

    def background_mean(self, values: FloatArray) -> FloatArray:
        """Return the mean over the pixels outside all patches of each field."""
        outside = ~self.inside
        n_pixels = outside.sum(axis=(1, 2))
        return ratio(np.where(outside, values, 0.0).sum(axis=(1, 2)), n_pixels, of="a number of background pixels")


def dtma(
    y_true: ArrayLike, y_pred: ArrayLike, *, patches: ArrayLike, multioutput: str = "uniform_average"
) -> float | FloatArray:
    r"""Return the deviation of traction magnitude at adhesions.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_fields, 2, height, width)
        True and recovered traction, in one unit.
    patches : array-like of int of shape (n_fields, height, width) or (height, width)
        Labels of the adhesions, 0 in the background.
    multioutput : {"uniform_average", "raw_values"}, default="uniform_average"
        Mean over fields, or one value per field.

    Returns
    -------
    float or ndarray of shape (n_fields,)
        Signed deviation; 0 is ideal, negative values mean too little traction, -1 is the value of zero traction.

    Raises
    ------
    ValueError
        If a field has no patch, or a patch has no true traction.

    Notes
    -----
    Mean over patches of :math:`(\overline{|\hat t|} - \overline{|t|}) / \overline{|t|}`, where bars are means
    over the pixels of a patch [1]_ [2]_.

    References
    ----------
    .. [1] Sabass et al., Biophys. J. 94:207 (2008).
    .. [2] Huang et al., Sci. Rep. 9:539 (2019).
    """
    truth, recovered, adhesions = _check(y_true, y_pred, patches, multioutput)
    true_mean = adhesions.mean(magnitude(truth))
    deviation = adhesions.mean(magnitude(recovered)) - true_mean
    return average(
        adhesions.per_field(ratio(deviation, true_mean, of=_TRUE_PATCH, fields=adhesions.field)), multioutput
    )


def dtmb(
    y_true: ArrayLike, y_pred: ArrayLike, *, patches: ArrayLike, multioutput: str = "uniform_average"
) -> float | FloatArray:
    r"""Return the deviation of traction magnitude in the background.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_fields, 2, height, width)
        True and recovered traction, in one unit.
    patches : array-like of int of shape (n_fields, height, width) or (height, width)
        Labels of the adhesions, 0 in the background.
    multioutput : {"uniform_average", "raw_values"}, default="uniform_average"
        Mean over fields, or one value per field.

    Returns
    -------
    float or ndarray of shape (n_fields,)
        Signed deviation; 0 is ideal, positive values mean too much traction in the background.

    Raises
    ------
    ValueError
        If a field has no patch, no background, or no true traction in its patches.

    Notes
    -----
    Mean of :math:`|\hat t| - |t|` outside the patches, over the mean over patches of :math:`\overline{|t|}`. The
    background of the truth in [1]_ is zero, so that its term is missing there.

    References
    ----------
    .. [1] Huang et al., Sci. Rep. 9:539 (2019).
    """
    truth, recovered, adhesions = _check(y_true, y_pred, patches, multioutput)
    background = adhesions.background_mean(magnitude(recovered) - magnitude(truth))
    foreground = adhesions.per_field(adhesions.mean(magnitude(truth)))
    return average(ratio(background, foreground, of="a true traction in the patches"), multioutput)


def snr(
    y_true: ArrayLike, y_pred: ArrayLike, *, patches: ArrayLike, multioutput: str = "uniform_average"
) -> float | FloatArray:
    r"""Return the signal-to-noise ratio of the recovered traction.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_fields, 2, height, width)
        True and recovered traction, in one unit. Signal and noise both come from the recovered traction; only the
        shape of the truth is used.
    patches : array-like of int of shape (n_fields, height, width) or (height, width)
        Labels of the adhesions, 0 in the background.
    multioutput : {"uniform_average", "raw_values"}, default="uniform_average"
        Mean over fields, or one value per field.

    Returns
    -------
    float or ndarray of shape (n_fields,)
        Ratio; greater is better. It is inf if the background does not vary, and 0 for a traction of zero.

    Raises
    ------
    ValueError
        If a field has no patch or no background.

    Notes
    -----
    Mean over patches of :math:`\overline{|\hat t|}`, divided by the standard deviation of the background vectors,
    :math:`\sqrt{\langle|\hat t - \langle\hat t\rangle|^2\rangle}` [1]_.

    References
    ----------
    .. [1] Huang et al., Sci. Rep. 9:539 (2019).
    """
    _, recovered, adhesions = _check(y_true, y_pred, patches, multioutput)
    signal = adhesions.per_field(adhesions.mean(magnitude(recovered)))
    mean_vector = np.stack([adhesions.background_mean(component) for component in recovered.swapaxes(0, 1)], axis=1)
    deviation = magnitude(recovered - mean_vector[:, :, None, None])
    noise = np.sqrt(adhesions.background_mean(deviation**2))
    silent = np.where(signal > 0, np.inf, 0.0)
    return average(np.divide(signal, noise, out=silent, where=noise > 0), multioutput)


def dma(
    y_true: ArrayLike, y_pred: ArrayLike, *, patches: ArrayLike, multioutput: str = "uniform_average"
) -> float | FloatArray:
    r"""Return the deviation of the traction maximum at adhesions.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_fields, 2, height, width)
        True and recovered traction, in one unit.
    patches : array-like of int of shape (n_fields, height, width) or (height, width)
        Labels of the adhesions, 0 in the background.
    multioutput : {"uniform_average", "raw_values"}, default="uniform_average"
        Mean over fields, or one value per field.

    Returns
    -------
    float or ndarray of shape (n_fields,)
        Signed deviation; 0 is ideal, positive values are overshoot, -1 is the value of zero traction.

    Raises
    ------
    ValueError
        If a field has no patch, or a patch has no true traction.

    Notes
    -----
    Mean over patches of :math:`(\max|\hat t| - \max|t|) / \max|t|` [1]_.

    References
    ----------
    .. [1] Huang et al., Sci. Rep. 9:539 (2019).
    """
    truth, recovered, adhesions = _check(y_true, y_pred, patches, multioutput)
    true_peak = adhesions.maximum(magnitude(truth))
    deviation = adhesions.maximum(magnitude(recovered)) - true_peak
    return average(
        adhesions.per_field(ratio(deviation, true_peak, of=_TRUE_PATCH, fields=adhesions.field)), multioutput
    )


def dta(
    y_true: ArrayLike, y_pred: ArrayLike, *, patches: ArrayLike, multioutput: str = "uniform_average"
) -> float | FloatArray:
    """Return the deviation of traction angle at adhesions.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_fields, 2, height, width)
        True and recovered traction, in one unit.
    patches : array-like of int of shape (n_fields, height, width) or (height, width)
        Labels of the adhesions, 0 in the background.
    multioutput : {"uniform_average", "raw_values"}, default="uniform_average"
        Mean over fields, or one value per field.

    Returns
    -------
    float or ndarray of shape (n_fields,)
        Angle in degrees, from 0 (ideal) to 180. A patch without recovered traction counts as 90.

    Raises
    ------
    ValueError
        If a field has no patch, or if the true traction of a patch adds up to zero.

    Notes
    -----
    Mean over patches of the unsigned angle between the mean vectors of truth and recovered field [1]_.

    References
    ----------
    .. [1] Sabass et al., Biophys. J. 94:207 (2008).
    """
    truth, recovered, adhesions = _check(y_true, y_pred, patches, multioutput)
    dot, cross = _patch_products(truth, recovered, adhesions)
    # arctan2 keeps small angles, which the arccos of a cosine near 1 rounds to zero.
    angle = np.where((dot == 0) & (cross == 0), 90.0, np.degrees(np.arctan2(np.abs(cross), dot)))
    return average(adhesions.per_field(angle), multioutput)


def csta(
    y_true: ArrayLike, y_pred: ArrayLike, *, patches: ArrayLike, multioutput: str = "uniform_average"
) -> float | FloatArray:
    """Return the cosine similarity of traction at adhesions.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_fields, 2, height, width)
        True and recovered traction, in one unit.
    patches : array-like of int of shape (n_fields, height, width) or (height, width)
        Labels of the adhesions, 0 in the background.
    multioutput : {"uniform_average", "raw_values"}, default="uniform_average"
        Mean over fields, or one value per field.

    Returns
    -------
    float or ndarray of shape (n_fields,)
        Cosine, from 1 (ideal) to -1. A patch without recovered traction counts as 0.

    Raises
    ------
    ValueError
        If a field has no patch, or if the true traction of a patch adds up to zero.

    Notes
    -----
    Mean over patches of the cosine of the angle between the mean vectors of truth and recovered field.
    """
    truth, recovered, adhesions = _check(y_true, y_pred, patches, multioutput)
    dot, cross = _patch_products(truth, recovered, adhesions)
    length = np.hypot(dot, cross)
    cosine = np.divide(dot, length, out=np.zeros_like(dot), where=length > 0)
    return average(adhesions.per_field(cosine), multioutput)


def _check(
    y_true: ArrayLike, y_pred: ArrayLike, patches: ArrayLike, multioutput: str
) -> tuple[FloatArray, FloatArray, _Patches]:
    check_choice(multioutput, "multioutput", MULTIOUTPUT)
    truth, recovered = check_tractions(y_true, y_pred)
    return truth, recovered, _number_patches(patches, truth.shape)


def _number_patches(patches: ArrayLike, shape: tuple[int, ...]) -> _Patches:
    labels = np.asarray(unmasked(patches))
    wanted = (shape[0], *shape[2:])
    if labels.dtype.kind not in "iu" or labels.shape not in (wanted, wanted[1:]):
        raise ValueError(
            f"Expected patches as integers of shape {wanted} or {wanted[1:]}, got {labels.dtype} of {labels.shape}."
        )
    if labels.min() < 0:
        raise ValueError(f"Expected patch labels of at least 0, got {labels.min()}.")
    labels = np.broadcast_to(labels, wanted).astype(np.int64)
    inside = labels > 0
    if not inside.any(axis=(1, 2)).all():
        empty = np.flatnonzero(~inside.any(axis=(1, 2)))
        raise ValueError(f"Expected at least one patch in every field, got none in field(s) {empty.tolist()}.")
    # The same label in two fields marks two patches.
    n_labels = labels.max() + 1
    keys = (labels + n_labels * np.arange(len(labels))[:, None, None])[inside]
    unique, number = np.unique(keys, return_inverse=True)
    return _Patches(inside, number, unique // n_labels)


def _patch_products(truth: FloatArray, recovered: FloatArray, patches: _Patches) -> tuple[FloatArray, FloatArray]:
    """Return dot and cross product of the mean recovered vector of each patch with its true direction."""
    true_x, true_y = (patches.mean(truth[:, component]) for component in (0, 1))
    recovered_x, recovered_y = (patches.mean(recovered[:, component]) for component in (0, 1))
    length = np.hypot(true_x, true_y)
    unit_x = ratio(true_x, length, of="a true traction with a direction in every patch", fields=patches.field)
    unit_y = true_y / length
    return unit_x * recovered_x + unit_y * recovered_y, unit_x * recovered_y - unit_y * recovered_x
