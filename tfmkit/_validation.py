"""Checks of input: the only place that knows the layout of field arrays.

A batch of fields is an ndarray ``(n_fields, 2, height, width)``; component 0 points along x (columns, to
the right), component 1 along y (rows, downwards). Everything that takes a field from a user passes it
through here first, so that bad input ends in one kind of error before any work is done.
"""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

MIN_SIDE = 8
# Longest integer that an error message shows.
_MOST_DIGITS = 400

FloatArray = NDArray[np.floating[Any]]


def unmasked(values: Any) -> Any:
    """Return masked arrays as plain arrays, with NaN at masked entries.

    NumPy's own conversion drops the mask, and the numbers under it, which may be anything, count as measured.

    Parameters
    ----------
    values : array-like
        An array, masked or not, or lists of them.

    Returns
    -------
    array-like
        `values` itself where nothing is masked in it. Masked integers and booleans become float64.
    """
    if isinstance(values, np.ma.MaskedArray):
        if not np.ma.is_masked(values):
            return values.data
        return np.ma.filled(values if values.dtype.kind in "fcO" else values.astype(np.float64), np.nan)
    if isinstance(values, (list, tuple)):
        return [unmasked(part) if isinstance(part, (list, tuple, np.ma.MaskedArray)) else part for part in values]
    return values


def check_field(X: ArrayLike, *, name: str = "displacement", min_side: int = MIN_SIDE, dtype: Any = None) -> FloatArray:
    """Return `X` as a finite, C-contiguous float batch of vector fields.

    Parameters
    ----------
    X : array-like of shape (n_fields, 2, height, width)
        Vector fields; integers and booleans become float64, float16 becomes float32. A masked entry is missing: it
        counts as NaN.
    name : str, default="displacement"
        Name of the array in an error message.
    min_side : int, default=8
        Smallest height and width that is accepted.
    dtype : dtype, optional
        Floating type of the result; by default that of `X` (float32 stays float32).

    Returns
    -------
    ndarray of shape (n_fields, 2, height, width)
        `X` itself where nothing has to change, else a copy.

    Raises
    ------
    ValueError
        If `X` is not numeric, complex, not 4-D with two components, empty, too small, or not finite.
    """
    array = _as_float(X, name, dtype)
    # scikit-learn's own checks look for these two phrases ("Expected ... array", "0 sample(s)").
    if array.ndim != 4 or array.shape[1] != 2:
        raise ValueError(
            f"Expected {name} as an array of shape (n_fields, 2, height, width), got shape {array.shape}. "
            "Reshape your data: a single field of shape (2, height, width) becomes a batch by field[None]."
        )
    if array.shape[0] == 0:
        raise ValueError(f"Found {name} with 0 sample(s) (shape={array.shape}) while a minimum of 1 is required.")
    if min(array.shape[2:]) < min_side:
        raise ValueError(f"Expected {name} on a grid of at least {min_side} px a side, got {array.shape[2:]}.")
    _refuse_non_finite(array, name)
    return np.ascontiguousarray(array)


def check_pair(X: ArrayLike, y: ArrayLike, *, min_side: int = MIN_SIDE) -> tuple[FloatArray, FloatArray]:
    """Return displacement `X` and traction `y` as matching batches of fields.

    Parameters
    ----------
    X, y : array-like of shape (n_fields, 2, height, width)
        Displacement and traction.
    min_side : int, default=8
        Smallest height and width that is accepted.

    Returns
    -------
    X, y : ndarray of shape (n_fields, 2, height, width)
        The checked arrays.

    Raises
    ------
    ValueError
        If either is not a batch of fields or their shapes differ.
    """
    displacement = check_field(X, name="displacement", min_side=min_side)
    traction = check_field(y, name="traction", min_side=min_side)
    if displacement.shape != traction.shape:
        raise ValueError(
            f"Expected displacement and traction of one shape, got {displacement.shape} and {traction.shape}."
        )
    return displacement, traction


def check_data(X: ArrayLike, y: ArrayLike | None) -> FloatArray:
    """Return displacement `X`, and refuse a traction `y` that does not match it.

    Parameters
    ----------
    X : array-like of shape (n_fields, 2, height, width)
        Displacement.
    y : array-like of shape (n_fields, 2, height, width), optional
        Traction.

    Returns
    -------
    ndarray of shape (n_fields, 2, height, width)
        The checked displacement.

    Raises
    ------
    ValueError
        If either is not a batch of fields or their shapes differ.
    """
    return check_field(X) if y is None else check_pair(X, y)[0]


def check_mask(mask: ArrayLike, shape: tuple[int, ...], *, soft: bool = False) -> NDArray[Any]:
    """Return `mask` broadcast to one plane per field.

    Parameters
    ----------
    mask : array-like of shape (n_fields, height, width) or (height, width)
        True (or a weight in [0, 1] where `soft`) inside the cell.
    shape : tuple of int
        Shape of the fields, ``(n_fields, 2, height, width)``.
    soft : bool, default=False
        Whether weights between 0 and 1 are kept; otherwise the mask is boolean.

    Returns
    -------
    ndarray of shape (n_fields, height, width)
        Boolean, or float where `soft`.

    Raises
    ------
    ValueError
        If the shape does not fit, or a value lies outside [0, 1] or is not finite.
    """
    array = np.asarray(unmasked(mask))
    if array.dtype != bool:
        array = _as_float(array, "mask", None)
        _refuse_non_finite(array, "mask")
        if array.size and (array.min() < 0 or array.max() > 1):
            raise ValueError(f"Expected mask values in [0, 1], got [{array.min()}, {array.max()}].")
        if not soft and not np.isin(array, (0, 1)).all():
            raise ValueError("Expected a mask of True and False (or 0 and 1), got values in between.")
    wanted = (shape[0], *shape[2:])
    if array.shape not in (wanted, wanted[1:]):
        raise ValueError(f"Expected a mask of shape {wanted} or {wanted[1:]}, got {array.shape}.")
    return np.broadcast_to(array.astype(float if soft else bool), wanted)


def check_noise(noise: ArrayLike, shape: tuple[int, ...]) -> FloatArray:
    """Return the standard deviation of a displacement as an array of its shape.

    Parameters
    ----------
    noise : array-like of shape (n_fields, 2, height, width)
        Standard deviation of each component of each vector, NaN where it is not known.
    shape : tuple of int
        Shape of the displacement.

    Returns
    -------
    ndarray of shape (n_fields, 2, height, width)
        The standard deviation.

    Raises
    ------
    ValueError
        If the shape does not fit, or a value is negative or infinite.
    """
    array = _as_float(unmasked(noise), "noise", None)
    if array.shape != shape:
        raise ValueError(f"Expected noise of the shape of the displacement, {shape}, got {array.shape}.")
    if np.isinf(array).any() or (array < 0).any():
        raise ValueError("Expected standard deviations >= 0 as noise, and NaN where they are not known.")
    return array


def check_number(
    value: Any,
    name: str,
    *,
    low: float = -np.inf,
    high: float = np.inf,
    include_low: bool = True,
    include_high: bool = True,
) -> float:
    """Return `value` as a finite float inside an interval.

    Parameters
    ----------
    value : real number
        The value that the user gave.
    name : str
        Its name in an error message.
    low, high : float
        Ends of the interval.
    include_low, include_high : bool, default=True
        Whether the ends belong to it.

    Returns
    -------
    float
        The number.

    Raises
    ------
    ValueError
        If `value` is not a finite real number or lies outside.
    """
    interval = f"{'[' if include_low else '('}{low}, {high}{']' if include_high else ')'}"
    number = np.nan if isinstance(value, bool) or not isinstance(value, Real) else _as_number(value)
    if not np.isfinite(number):
        # An integer of thousands of digits has no text.
        got = repr(value) if not isinstance(value, Integral) or abs(value) < 10**_MOST_DIGITS else "more digits"
        raise ValueError(f"Expected {name} to be a finite number in {interval}, got {got}.")
    if number < low or number > high or (number == low and not include_low) or (number == high and not include_high):
        raise ValueError(f"Expected {name} in {interval}, got {value!r}.")
    return number


def check_count(value: Any, name: str, *, low: int = 1) -> int:
    """Return `value` as an int of at least `low`.

    Parameters
    ----------
    value : int
        The value that the user gave.
    name : str
        Its name in an error message.
    low : int, default=1
        Smallest accepted value.

    Returns
    -------
    int
        The count.

    Raises
    ------
    ValueError
        If `value` is not an integer or too small.
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or int(value) < low:
        raise ValueError(f"Expected {name} to be an integer of at least {low}, got {value!r}.")
    return int(value)


def check_choice(value: Any, name: str, choices: tuple[str, ...]) -> str:
    """Return `value` if it is one of `choices`.

    Parameters
    ----------
    value : str
        The value that the user gave.
    name : str
        Its name in an error message.
    choices : tuple of str
        The accepted values.

    Returns
    -------
    str
        The value.

    Raises
    ------
    ValueError
        If it is none of them.
    """
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"Expected {name} to be one of {', '.join(map(repr, choices))}, got {value!r}.")
    return value


def check_shape(shape: Any, *, min_side: int = MIN_SIDE) -> tuple[int, int]:
    """Return a grid shape as ``(height, width)``.

    Parameters
    ----------
    shape : int or (int, int)
        One side of a square grid, or height and width.
    min_side : int, default=8
        Smallest side that is accepted.

    Returns
    -------
    (int, int)
        Height and width.

    Raises
    ------
    ValueError
        If it is not one or two integers of at least `min_side`.
    """
    sides = (shape, shape) if isinstance(shape, Integral) else shape
    if not isinstance(sides, (tuple, list)) or len(sides) != 2:
        raise ValueError(f"Expected a grid shape (height, width) or one side, got {shape!r}.")
    height, width = (check_count(side, "each side of the grid", low=min_side) for side in sides)
    return height, width


def check_random_state(random_state: Any) -> np.random.Generator:
    """Return the source of random numbers that a user asks for.

    Parameters
    ----------
    random_state : None, int, numpy Generator or RandomState
        Seed. A Generator is returned as it is; a RandomState gives one draw.

    Returns
    -------
    numpy Generator
        The source.

    Raises
    ------
    ValueError
        If `random_state` is not a seed.
    """
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(2**31, size=4, dtype=np.int64))
    try:
        return np.random.default_rng(random_state)
    except (TypeError, ValueError) as error:
        raise ValueError(
            "Expected random_state to be None, an integer >= 0, a numpy Generator or a RandomState, "
            f"got {random_state!r}."
        ) from error


def root_stream(random_state: Any) -> np.random.Generator:
    """Make the stream that all others of one call descend from.

    Parameters
    ----------
    random_state : None, int, numpy Generator or RandomState
        Seed. A Generator or RandomState gives one draw to it, so that its next call makes other fields.

    Returns
    -------
    numpy Generator
        A stream that can be asked for children by its ``spawn``.

    Raises
    ------
    ValueError
        If `random_state` is not a seed.
    """
    stream = check_random_state(random_state)
    # A child of the user's own stream, whose next call then has another.
    return np.random.default_rng(int(stream.integers(2**63))) if stream is random_state else stream


def _as_number(value: Real) -> float:
    try:
        return float(value)
    except OverflowError:
        return np.inf


def _as_float(X: ArrayLike, name: str, dtype: Any) -> FloatArray:
    try:
        array = np.asarray(unmasked(X))
    except (ValueError, TypeError) as error:
        raise ValueError(f"Expected {name} as a numeric array, got {type(X).__name__}: {error}.") from error
    if array.dtype.kind == "c":
        raise ValueError(f"Complex data not supported: expected real {name}, got dtype {array.dtype}.")
    if array.dtype.kind == "O":
        try:
            array = array.astype(np.float64)
        except (ValueError, TypeError) as error:
            raise ValueError(f"Expected {name} as a numeric array, got objects: {error}.") from error
    if array.dtype.kind not in "fiub":
        raise ValueError(f"Expected {name} as a numeric array, got dtype {array.dtype}.")
    if dtype is None:
        dtype = {"float32": np.float32, "float16": np.float32}.get(array.dtype.name, np.float64)
    return array.astype(dtype, copy=False)


def check_result(result: FloatArray, name: str) -> FloatArray:
    """Return a result, unless it left the range of its numbers on the way.

    Parameters
    ----------
    result : ndarray
        The result of finite input.
    name : str
        Its name in an error message.

    Returns
    -------
    ndarray
        The result itself.

    Raises
    ------
    ValueError
        If a value is not finite.
    """
    try:
        _refuse_non_finite(result, name)
    except ValueError as error:
        raise ValueError(
            f"{error} A number of the input or of the parameters is too large or too small for {result.dtype}: choose "
            "units in which all are of ordinary size."
        ) from None
    return result


def _refuse_non_finite(array: FloatArray, name: str) -> None:
    # A sum is one pass without a temporary; only a suspicious one is looked at closely.
    with np.errstate(over="ignore", invalid="ignore"):
        suspicious = not np.isfinite(array.sum())
    if suspicious and not np.isfinite(array).all():
        n_bad = int((~np.isfinite(array)).sum())
        raise ValueError(f"Expected finite {name}, got {n_bad} values that are NaN or inf (infinity).")
