"""Metrics over pixels: the whole field, the cell, or the strongest tractions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import binary_dilation

from tfmkit._validation import FloatArray, check_choice, check_count, check_field, check_mask, check_number
from tfmkit.gel.operator import ForwardOperator
from tfmkit.metrics._common import MULTIOUTPUT, average, check_tractions, magnitude, ratio


def relative_rmse(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    mask: ArrayLike | None = None,
    percentile: float | None = None,
    multioutput: str = "uniform_average",
) -> float | FloatArray:
    r"""Return the relative root-mean-square error, also called normalised error.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_fields, 2, height, width)
        True and recovered traction, in one unit.
    mask : array-like of shape (n_fields, height, width) or (height, width), optional
        True where the error counts, as inside the cell. By default the whole field counts.
    percentile : float in [0, 100], optional
        Count only pixels where the truth or the recovered field is longer than this percentile of the true
        lengths of the field. Not together with `mask`.
    multioutput : {"uniform_average", "raw_values"}, default="uniform_average"
        Mean over fields, or one value per field.

    Returns
    -------
    float or ndarray of shape (n_fields,)
        Error; 0 is perfect, 1 is what zero traction gets.

    Raises
    ------
    ValueError
        If the input is no pair of batches, both regions are given, or a truth is zero in its region.

    Notes
    -----
    :math:`\sqrt{\sum_R |\hat t - t|^2 / \sum_R |t|^2}` over the region :math:`R`, as in the companion code
    of [1]_, whose region is the interior of the cell.

    References
    ----------
    .. [1] Wang & Lin, Traction force microscopy by deep learning, Biophys. J. 120:3079 (2021).

    Examples
    --------
    >>> import numpy as np
    >>> truth = np.ones((1, 2, 3, 3))
    >>> relative_rmse(truth, 1.5 * truth)
    0.5
    """
    check_choice(multioutput, "multioutput", MULTIOUTPUT)
    truth, recovered = check_tractions(y_true, y_pred)
    region = _region(truth, recovered, mask, percentile)
    return average(_relative_rmse(truth, recovered, region, of="a true traction in the region"), multioutput)


def mean_normalized_error(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    mask: ArrayLike | None = None,
    multioutput: str = "uniform_average",
) -> float | FloatArray:
    r"""Return the summed length of the error vectors over the summed length of the true vectors.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_fields, 2, height, width)
        True and recovered traction, in one unit.
    mask : array-like of shape (n_fields, height, width) or (height, width), optional
        True where the error counts. By default the whole field counts.
    multioutput : {"uniform_average", "raw_values"}, default="uniform_average"
        Mean over fields, or one value per field.

    Returns
    -------
    float or ndarray of shape (n_fields,)
        Error; 0 is perfect, 1 is what zero traction gets.

    Raises
    ------
    ValueError
        If the input is no pair of batches or a truth is zero in its region.

    Notes
    -----
    :math:`\sum_R |\hat t - t| / \sum_R |t|`, the error whose means over 28 cells [1]_ shows. Lengths are not
    squared, so that many short background vectors weigh more than in :func:`relative_rmse`.

    References
    ----------
    .. [1] Wang & Lin, Traction force microscopy by deep learning, bioRxiv 2020.05.20.107128 (2020), figure 3.
    """
    check_choice(multioutput, "multioutput", MULTIOUTPUT)
    truth, recovered = check_tractions(y_true, y_pred)
    region = _region(truth, recovered, mask, None)
    error = _sum_inside(magnitude(recovered - truth), region)
    length = _sum_inside(magnitude(truth), region)
    return average(ratio(error, length, of="a true traction in the region"), multioutput)


def displacement_residual(
    displacement: ArrayLike,
    y_pred: ArrayLike,
    *,
    mask: ArrayLike | None = None,
    buffer: int = 8,
    young: float = 10_670.0,
    poisson: float = 0.45,
    spacing: float = 1.0,
    boundary: str = "open",
    thickness: float | None = None,
    depth: float = 0.0,
    multioutput: str = "uniform_average",
) -> float | FloatArray:
    """Return the relative error of the displacement that the recovered traction makes.

    Parameters
    ----------
    displacement : array-like of shape (n_fields, 2, height, width)
        Measured displacement, in the unit of `spacing`.
    y_pred : array-like of shape (n_fields, 2, height, width)
        Recovered traction, in the unit of `young`.
    mask : array-like of shape (n_fields, height, width) or (height, width), optional
        True inside the cell. By default the whole field counts.
    buffer : int, default=8
        Widen the mask by this many pixels in every direction, diagonals included.
    young : float, default=10670.0
        Young's modulus, in the unit of the traction.
    poisson : float, default=0.45
        Poisson ratio.
    spacing : float, default=1.0
        Distance between grid points, in the unit of the displacement.
    boundary : {"open", "periodic"}, default="open"
        Whether the gel goes on past the field or repeats it.
    thickness : float, optional
        Thickness of the gel in the unit of `spacing`; by default the half-space.
    depth : float, default=0.0
        Depth of the beads below the surface in the unit of `spacing`.
    multioutput : {"uniform_average", "raw_values"}, default="uniform_average"
        Mean over fields, or one value per field.

    Returns
    -------
    float or ndarray of shape (n_fields,)
        Residual; 0 where the traction explains the whole displacement, 1 for zero traction.

    Raises
    ------
    ValueError
        If the input is no pair of batches or a displacement is zero in its region.

    Notes
    -----
    The one figure of merit without a true traction [1]_. It says how well the data are explained and not
    how good the traction is: a solver that fits the noise has the smaller residual.

    References
    ----------
    .. [1] Wang & Lin, Traction force microscopy by deep learning, Biophys. J. 120:3079 (2021).
    """
    check_choice(multioutput, "multioutput", MULTIOUTPUT)
    check_count(buffer, "buffer", low=0)
    measured = check_field(displacement, dtype=np.float64)
    traction = check_field(y_pred, name="recovered traction", dtype=np.float64)
    if measured.shape != traction.shape:
        raise ValueError(f"Expected displacement and traction of one shape, got {measured.shape} and {traction.shape}.")
    region = _region(measured, traction, mask, None)
    if region is not None and buffer > 0:
        # Only the middle plane of the structuring element is set: fields of a batch do not touch.
        square = np.zeros((3, 3, 3), dtype=bool)
        square[1] = True
        region = binary_dilation(region, square, iterations=buffer)
    gel = ForwardOperator(
        measured.shape[2:],
        young=young,
        poisson=poisson,
        spacing=spacing,
        boundary=boundary,
        thickness=thickness,
        depth=depth,
    )
    recomputed = gel.apply(traction)
    return average(_relative_rmse(measured, recomputed, region, of="a displacement in the region"), multioutput)


def _relative_rmse(truth: FloatArray, recovered: FloatArray, region: NDArray[Any] | None, *, of: str) -> FloatArray:
    squared_error = _sum_inside(((recovered - truth) ** 2).sum(axis=1), region)
    squared_truth = _sum_inside((truth**2).sum(axis=1), region)
    return np.sqrt(ratio(squared_error, squared_truth, of=of))


def _region(
    truth: FloatArray, recovered: FloatArray, mask: ArrayLike | None, percentile: float | None
) -> NDArray[Any] | None:
    """Return the pixels that count (n_fields, height, width), or None for all of them."""
    if mask is not None and percentile is not None:
        raise ValueError("Expected a mask or a percentile, got both.")
    if mask is not None:
        return check_mask(mask, truth.shape)
    if percentile is None:
        return None
    level = check_number(percentile, "percentile", low=0, high=100)
    length = magnitude(truth)
    threshold = np.percentile(length, level, axis=(1, 2), keepdims=True)
    return (length > threshold) | (magnitude(recovered) > threshold)


def _sum_inside(values: FloatArray, region: NDArray[Any] | None) -> FloatArray:
    return values.sum(axis=(1, 2)) if region is None else np.where(region, values, 0.0).sum(axis=(1, 2))
