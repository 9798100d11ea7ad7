"""Units of length as people and programs write them."""

from __future__ import annotations

from typing import Any

from tfmkit._validation import check_number

_MICROMETRES = {
    "m": 1e6, "cm": 1e4, "mm": 1e3, "µm": 1.0, "um": 1.0, "nm": 1e-3, "pm": 1e-6, "å": 1e-4, "in": 25400.0,
    "inch": 25400.0, "micron": 1.0, "microns": 1.0,
    **{
        prefix + word: factor
        for prefix, factor in (("", 1e6), ("centi", 1e4), ("milli", 1e3), ("micro", 1.0), ("nano", 1e-3))
        for word in ("metre", "metres", "meter", "meters")
    },
}  # fmt: skip
_PIXELS = ("px", "pixel", "pixels", "pix")
# Pixels of a microscope, in micrometres. Smaller numbers are likely in one of the units below, each with the number
# below which it is the likely one; larger numbers are likely in nanometres.
_LEAST_PIXEL, _LARGEST_PIXEL = 1e-3, 30.0
_LIKELY = ((1e-5, "m"), (_LEAST_PIXEL, "mm"))


def plain(unit: str) -> str:
    """Return the name of a unit with one character for micro and without capitals.

    Parameters
    ----------
    unit : str
        The name in a file.

    Returns
    -------
    str
        A single letter keeps its case, because M is not m.
    """
    # ImageJ writes the micro sign as an escape; the Greek letter looks the same and is another character.
    name = unit.strip().replace("\\u00B5", "µ").replace("μ", "µ")
    return name if name == "M" else name.lower()


def micrometres(unit: str) -> float | None:
    """Return a unit of length in micrometres.

    Parameters
    ----------
    unit : str
        Its name, such as ``"mm"``, ``"micron"`` or ``"Metre"``.

    Returns
    -------
    float or None
        Micrometres; None if it is not a length.
    """
    return _MICROMETRES.get(plain(unit))


def is_pixel(unit: str) -> bool:
    """Tell whether a unit is the pixel.

    Parameters
    ----------
    unit : str
        Its name.

    Returns
    -------
    bool
        True for ``"px"``, ``"Pixels"`` and the like.
    """
    return plain(unit) in _PIXELS


def check_pixel_size(value: Any, name: str = "pixel_size") -> float:
    """Return the size of a pixel in micrometres, if it can be that of a microscope.

    Parameters
    ----------
    value : float
        The size that the user gave.
    name : str, default="pixel_size"
        Its name in an error message.

    Returns
    -------
    float
        The size.

    Raises
    ------
    ValueError
        If it is not a positive number, or is so small or large that it is likely in another unit; the message says in
        which, and how to write it.
    """
    size = check_number(value, name, low=0, include_low=False)
    if _LEAST_PIXEL <= size <= _LARGEST_PIXEL:
        return size
    unit = next((unit for limit, unit in _LIKELY if size < limit), "nm")
    raise ValueError(
        f"Expected {name} in micrometres, got {size:g}, which is likely in {unit}: write {size * _MICROMETRES[unit]:g}."
    )
