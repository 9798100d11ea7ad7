"""Metrics over pixels: the whole field, the cell, or the strongest tractions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import binary_dilation

from tfmkit._validation import FloatArray, check_choice, check_count, check_field, check_mask, check_number
from tfmkit.gel.operator import ForwardOperator

MULTIOUTPUT = ("uniform_average", "raw_values")


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
        Count only pixels where the true or the recovered vector is longer than this percentile of the true
        lengths in the field, or inside the mask if there is one.
    multioutput : {"uniform_average", "raw_values"}, default="uniform_average"
        Mean over fields, or one value per field.

    Returns
    -------
    float or ndarray of shape (n_fields,)
        Error; 0 is perfect, 1 is the error of a traction of zero.

    Raises
    ------
    ValueError
        If the two arrays are not batches of one shape, or if a true field is zero in its region.

    Notes
    -----
    :math:`\sqrt{\sum_R |\hat t - t|^2 / \sum_R |t|^2}` over the region :math:`R`. The companion code of [1]_ uses the
    interior of the cell as its region.

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
        Error; 0 is perfect, 1 is the error of a traction of zero.

    Raises
    ------
    ValueError
        If the two arrays are not batches of one shape, or if a true field is zero in its region.

    Notes
    -----
    :math:`\sum_R |\hat t - t| / \sum_R |t|`. Figure 3 of [1]_ shows means of this error over 28 cells. Lengths are
    not squared, so many short background vectors weigh more than in :func:`relative_rmse`.

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
    """Return the relative error of the displacement recomputed from the recovered traction.

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
        Boundary of the forward operator: the gel continues beyond the field, or the field repeats.
    thickness : float, optional
        Thickness of the gel in the unit of `spacing`; by default the half-space.
    depth : float, default=0.0
        Depth of the beads below the surface in the unit of `spacing`.
    multioutput : {"uniform_average", "raw_values"}, default="uniform_average"
        Mean over fields, or one value per field.

    Returns
    -------
    float or ndarray of shape (n_fields,)
        Residual; 0 if the traction explains the whole displacement, 1 for a traction of zero.

    Raises
    ------
    ValueError
        If the two arrays are not batches of one shape, or if a displacement is zero in its region.

    Notes
    -----
    The relative RMSE between the measured displacement and the forward operator applied to the recovered traction
    [1]_. The residual needs no true traction. It tells how well the traction explains the data, and it does not tell
    how close the traction is to the truth: a solver that fits the noise has a smaller residual.

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
        # The structuring element has only its middle plane, so that the fields of a batch stay apart.
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


def check_tractions(y_true: ArrayLike, y_pred: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Check true and recovered traction, on a grid of any size.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_fields, 2, height, width)
        True and recovered traction.

    Returns
    -------
    (ndarray, ndarray), each of shape (n_fields, 2, height, width)
        True and recovered traction in double precision.

    Raises
    ------
    ValueError
        If the two arrays are not batches of one shape.
    """
    truth = check_field(y_true, name="true traction", min_side=1, dtype=np.float64)
    recovered = check_field(y_pred, name="recovered traction", min_side=1, dtype=np.float64)
    if truth.shape != recovered.shape:
        raise ValueError(f"Expected true and recovered traction of one shape, got {truth.shape} and {recovered.shape}.")
    return truth, recovered


def magnitude(field: FloatArray) -> FloatArray:
    """Return vector lengths.

    Parameters
    ----------
    field : ndarray of shape (n_fields, 2, height, width)
        Vectors.

    Returns
    -------
    ndarray of shape (n_fields, height, width)
        Their lengths.
    """
    return np.hypot(field[:, 0], field[:, 1])


def percentile_in_region(values: FloatArray, region: NDArray[Any], percentile: float) -> FloatArray:
    """Return a percentile of the values in a region of each field, with linear interpolation.

    Parameters
    ----------
    values : ndarray of shape (n_fields, height, width)
        Values.
    region : ndarray of bool, shape (n_fields, height, width)
        True at the values that count.
    percentile : float
        Percentile in [0, 100].

    Returns
    -------
    ndarray of shape (n_fields,)
        Percentiles; inf for an empty region.

    Notes
    -----
    `numpy.nanpercentile` gives the same, but loops over fields in Python.
    """
    ordered = np.sort(np.where(region, values, np.inf).reshape(len(values), -1), axis=1)
    position = percentile / 100 * np.maximum(region.sum(axis=(1, 2)) - 1, 0)
    low, high = np.floor(position).astype(int), np.ceil(position).astype(int)
    lower = np.take_along_axis(ordered, low[:, None], axis=1)[:, 0]
    upper = np.take_along_axis(ordered, high[:, None], axis=1)[:, 0]
    step = np.subtract(upper, lower, out=np.zeros_like(upper), where=low < high)
    return lower + (position - low).astype(values.dtype) * step


def ratio(numerator: FloatArray, denominator: FloatArray, *, of: str, fields: FloatArray | None = None) -> FloatArray:
    """Divide, and refuse a zero in the denominator.

    Parameters
    ----------
    numerator, denominator : ndarray of shape (n,)
        One number per field or per patch.
    of : str
        Name of the denominator in the error message.
    fields : ndarray of shape (n,), optional
        The field that each number belongs to. By default the numbers are one per field.

    Returns
    -------
    ndarray of shape (n,)
        Quotients.

    Raises
    ------
    ValueError
        If a denominator is zero; the message names the fields.
    """
    zero = denominator == 0
    if zero.any():
        culprits = np.flatnonzero(zero) if fields is None else np.unique(fields[zero])
        raise ValueError(f"Expected {of} that is not zero, got zero in field(s) {culprits.tolist()}.")
    return numerator / denominator


def average(values: FloatArray, multioutput: str) -> float | FloatArray:
    """Return one value per field, or their mean.

    Parameters
    ----------
    values : ndarray of shape (n_fields,)
        One value per field.
    multioutput : {"uniform_average", "raw_values"}
        Mean over fields, or the values themselves.

    Returns
    -------
    float or ndarray of shape (n_fields,)
        Mean or values.

    Raises
    ------
    ValueError
        If `multioutput` is neither of the two.
    """
    check_choice(multioutput, "multioutput", MULTIOUTPUT)
    return values if multioutput == "raw_values" else float(values.mean())


def _relative_rmse(truth: FloatArray, recovered: FloatArray, region: NDArray[Any] | None, *, of: str) -> FloatArray:
    squared_error = _sum_inside(((recovered - truth) ** 2).sum(axis=1), region)
    squared_truth = _sum_inside((truth**2).sum(axis=1), region)
    return np.sqrt(ratio(squared_error, squared_truth, of=of))


def _region(
    truth: FloatArray, recovered: FloatArray, mask: ArrayLike | None, percentile: float | None
) -> NDArray[Any] | None:
    """Return the pixels that count (n_fields, height, width), or None for all of them."""
    inside = None if mask is None else check_mask(mask, truth.shape)
    if percentile is None:
        return inside
    level = check_number(percentile, "percentile", low=0, high=100)
    length = magnitude(truth)
    region = np.ones(length.shape, dtype=bool) if inside is None else inside
    threshold = percentile_in_region(length, region, level)[:, None, None]
    return region & ((length > threshold) | (magnitude(recovered) > threshold))


def _sum_inside(values: FloatArray, region: NDArray[Any] | None) -> FloatArray:
    return values.sum(axis=(1, 2)) if region is None else np.where(region, values, 0.0).sum(axis=(1, 2))
