"""The effect of a condition: its size, its confidence interval and its test, from the means of replicates."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from tfmkit._validation import FloatArray, unmasked

# Below this number of replicates the interval is so wide that readers are warned.
FEW = 3


@dataclass(frozen=True)
class Effect:
    """Effect of a condition against a reference.

    Attributes
    ----------
    size : float
        The effect, in the sense of `scale`.
    low, high : float
        Ends of its confidence interval; NaN without a test.
    p_value : float
        Of the two-sided test that there is no effect; NaN without a test.
    scale : str
        ``"ratio"``: the relative change, so that 0.3 is 30 % more than the reference. ``"difference"``: in the unit of
        the quantity.
    test : str
        Name of the test; empty without one.
    note : str
        Reason why there is no test, or a warning.
    """

    size: float
    low: float
    high: float
    p_value: float
    scale: str
    test: str
    note: str


def estimate_effect(
    condition: ArrayLike, reference: ArrayLike, *, paired: bool = False, confidence: float = 0.95
) -> Effect:
    r"""Compare the means of replicates of two conditions.

    Parameters
    ----------
    condition, reference : array-like of shape (n_replicates,)
        Mean of each replicate; with `paired` in the same order.
    paired : bool, default=False
        Whether the n-th replicates of both conditions belong together, such as two dishes of one day.
    confidence : float, default=0.95
        Level of the interval.

    Returns
    -------
    Effect
        The effect. With fewer than two replicates in a condition there is neither an interval nor a test.

    Notes
    -----
    Where all means have one sign, their logarithms are compared, since forces scatter by factors. The effect is then
    :math:`\exp(\Delta) - 1` with the difference :math:`\Delta` of the mean logarithms. Otherwise the means themselves
    are compared. The test is Welch's t-test [1]_, which allows for different variances, or Student's paired t-test.

    References
    ----------
    .. [1] Welch, Biometrika 34:28 (1947).

    Examples
    --------
    >>> effect = estimate_effect([13.0, 12.0, 14.0], [10.0, 9.5, 10.5])
    >>> round(effect.size, 2), effect.scale, effect.p_value < 0.05
    (0.3, 'ratio', True)
    """
    groups = [np.asarray(unmasked(group), dtype=float) for group in (condition, reference)]
    signs = np.sign(np.concatenate(groups))
    scale = "ratio" if signs.size and abs(signs.sum()) == signs.size else "difference"
    first, second = (np.log(np.abs(group)) for group in groups) if scale == "ratio" else groups
    size = _mean(first) - _mean(second)
    low, high, p_value, test = np.nan, np.nan, np.nan, ""
    note = _note(first, second, paired=paired)
    if not note.startswith("No test"):
        test = "paired t-test" if paired else "Welch's t-test"
        with warnings.catch_warnings():
            # One condition may lack scatter: its spread is a rounding error then, which does no harm beside the other.
            warnings.simplefilter("ignore", RuntimeWarning)
            result = stats.ttest_rel(first, second) if paired else stats.ttest_ind(first, second, equal_var=False)
        interval = result.confidence_interval(confidence)
        low, high, p_value = float(interval.low), float(interval.high), float(result.pvalue)
    if scale == "ratio":
        with np.errstate(over="ignore"):
            size, low, high = (float(np.expm1(value)) for value in (size, low, high))
    return Effect(size, low, high, p_value, scale, test, note)


def _mean(values: FloatArray) -> float:
    return float(values.mean()) if values.size else np.nan


def _is_constant(first: FloatArray, second: FloatArray, *, paired: bool) -> bool:
    """Return whether there is no scatter to test against."""
    spreads = [np.ptp(first - second)] if paired else [np.ptp(first), np.ptp(second)]
    scale = max(np.abs(first).max(), np.abs(second).max(), 1e-300)
    return max(spreads) <= 1e-12 * scale


def _note(first: FloatArray, second: FloatArray, *, paired: bool) -> str:
    fewest = min(len(first), len(second))
    if fewest < 2:
        return (
            f"No test: {len(first)} and {len(second)} replicates. A test needs two or more in each condition; cells of "
            "one replicate are not independent."
        )
    if _is_constant(first, second, paired=paired):
        return "No test: the replicates do not differ."
    return f"Only {fewest} replicates: the interval is wide." if fewest < FEW else ""
