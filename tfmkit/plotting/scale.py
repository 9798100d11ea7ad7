"""The upper end of scales: the same for colour bars and arrows of figures, movies and reports."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tfmkit._validation import FloatArray, check_mask, check_number

# The end of a scale is this percentile of the lengths, so that a few wild vectors do not darken all others.
_PERCENTILE = 99.8
# Grid points this close to the border of the field, as a share of its side, do not count: noise is strongest there.
_RIM = 0.03


def robust_maximum(values: ArrayLike, counted: ArrayLike | None = None) -> float:
    """Return the end of a scale, which a few wild values do not move.

    Parameters
    ----------
    values : array-like of shape (height, width)
        Lengths of vectors, or another quantity that is not negative.
    counted : array-like of shape (height, width), optional
        True at the grid points that count: those with a measured vector, and inside the cells where these are known. By
        default all count.

    Returns
    -------
    float
        The 99.8th percentile of the values that count, which leaves out one of 500, without those at the border of the
        field (3 % of its side, at least one grid point). If none is left, or the percentile is 0, it is the largest
        value that counts, and then the largest value of all.

    Raises
    ------
    ValueError
        If `counted` does not have the shape of the values.

    Examples
    --------
    >>> import numpy as np
    >>> lengths = np.full((40, 40), 100.0)
    >>> lengths[7, 5] = 1e6
    >>> robust_maximum(lengths)
    100.0
    """
    lengths = np.asarray(values, dtype=float)
    valid = np.ones(lengths.shape, dtype=bool)
    if counted is not None:
        valid = check_mask(counted, (1, 2, *lengths.shape))[0]
    inner = lengths[valid & _inside(lengths.shape)]
    if inner.size and (top := float(np.percentile(inner, _PERCENTILE, method="higher"))) > 0:
        return top
    return float(lengths[valid].max(initial=0.0)) or float(lengths.max(initial=0.0))


def check_top(length: FloatArray, vmax: float | None) -> float:
    """Return the upper end of a scale.

    Parameters
    ----------
    length : ndarray of shape (height, width)
        Values on the scale, >= 0.
    vmax : float or None
        The end that was asked for.

    Returns
    -------
    float
        `vmax`, or the robust maximum of the values, or 1 where all values are 0.

    Raises
    ------
    ValueError
        If `vmax` is not positive.
    """
    if vmax is not None:
        return check_number(vmax, "vmax", low=0, include_low=False)
    return robust_maximum(length) or 1.0


def extension(values: FloatArray, top: float) -> str:
    """Return the form of the upper end of a colour bar.

    Parameters
    ----------
    values : ndarray
        The values.
    top : float
        Upper end of the colour bar.

    Returns
    -------
    str
        ``"max"``, an arrow, if values lie beyond the end, else ``"neither"``.
    """
    return "max" if values.max() > top * (1 + 1e-6) else "neither"


def _inside(shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return True where grid points lie away from the border of the field."""
    inside = np.zeros(shape, dtype=bool)
    rows, columns = (max(1, round(_RIM * side)) for side in shape)
    inside[rows : shape[0] - rows, columns : shape[1] - columns] = True
    return inside
