"""Numbers as people write them: one unit with a prefix for many values, and as many digits as the error bar allows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

DASH = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"
TIMES = "\N{MULTIPLICATION SIGN}"
_PREFIXES = {-18: "a", -15: "f", -12: "p", -9: "n", -6: "µ", -3: "m", 0: "", 3: "k", 6: "M", 9: "G"}
_DIGITS = 3


@dataclass(frozen=True)
class Unit:
    """A unit, and the factor from SI units to it.

    Attributes
    ----------
    factor : float
        A value in SI units times this factor is the value in this unit.
    name : str
        The unit with its prefix.
    """

    factor: float
    name: str


def readable_unit(values: ArrayLike, name: str, scale: float = 1.0) -> Unit:
    """Return the unit in which the median of some values has one to three digits before the point.

    Parameters
    ----------
    values : array-like
        Values in SI units. Values that are 0 or not finite do not count.
    name : str
        The unit without a prefix.
    scale : float, default=1.0
        Number of that unit in the SI unit: 1e6 for micrometres.

    Returns
    -------
    Unit
        The unit with its prefix, from ``a`` to ``G``.
    """
    sizes = np.abs(np.asarray(values, dtype=float)) * scale
    sizes = sizes[np.isfinite(sizes) & (sizes > 0)]
    power = 3 * int(np.floor(np.log10(np.median(sizes)) / 3)) if sizes.size else 0
    power = int(np.clip(power, min(_PREFIXES), max(_PREFIXES)))
    return Unit(scale * 10.0**-power, _PREFIXES[power] + name)


def format_number(value: float, std: float = np.nan) -> str:
    """Write a number, with its error bar where there is one.

    Parameters
    ----------
    value : float
        The number.
    std : float, default=nan
        Its standard deviation. It is written with one digit, or with two if the first is a 1, and `value` with as many
        decimal places.

    Returns
    -------
    str
        Text such as ``"12.3 ± 0.4"``; a dash where the number is not finite.
    """
    if not np.isfinite(value):
        return DASH
    if not np.isfinite(std) or std <= 0:
        return _rounded(value, _DIGITS - 1 - _power(value)) if value else "0"
    places = -_power(std) + (std < 2 * 10.0 ** _power(std))
    return f"{_rounded(value, places)} ± {_rounded(std, places)}"


def _power(value: float) -> int:
    """Return the power of ten of the first digit."""
    return int(np.floor(np.log10(abs(value))))


def _rounded(value: float, places: int) -> str:
    text = f"{round(value, places):.{max(places, 0)}f}"
    return text.removeprefix("-") if float(text) == 0 else text.replace("-", MINUS)
