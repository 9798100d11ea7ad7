"""Pixel size, time between frames and channel names from the metadata of images."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tfmkit.io.units import micrometres, plain

_SECONDS = {
    "s": 1.0, "sec": 1.0, "secs": 1.0, "second": 1.0, "seconds": 1.0, "ms": 1e-3, "msec": 1e-3, "µs": 1e-6, "us": 1e-6,
    "min": 60.0, "mins": 60.0, "minute": 60.0, "minutes": 60.0,
    "h": 3600.0, "hr": 3600.0, "hour": 3600.0, "hours": 3600.0,
}  # fmt: skip
# Programs write a printing resolution (72, 96, 300 dpi) where they know no other. In these units, pixels coarser
# than this are taken for one; 5 um are 5080 dpi.
_PRINTING_UNITS = ("in", "inch", "cm")
_COARSEST_PIXEL = 5.0
# ImageJ shows movies at this many frames per second unless it is told another rate.
_USUAL_RATE = 7.0
_MOST_UNEVEN = 0.01
_TIFF_UNITS = {2: "inch", 3: "cm"}


@dataclass(frozen=True)
class Scale:
    """Sizes and names from metadata.

    Attributes
    ----------
    pixel_size : tuple of float
        Width and height of a pixel in micrometres; empty where unknown.
    interval : float or None
        Seconds between frames.
    channels : tuple of str
        Names of the channels; empty where they have none.
    """

    pixel_size: tuple[float, ...] = ()
    interval: float | None = None
    channels: tuple[str, ...] = ()


def square_pixel(pixel_size: tuple[float, ...]) -> float | None:
    """Return the side of a pixel in micrometres.

    Parameters
    ----------
    pixel_size : tuple of float
        Width and height, or nothing.

    Returns
    -------
    float or None
        Their mean; None for nothing.

    Raises
    ------
    ValueError
        If they differ by more than 1 %.
    """
    if not pixel_size:
        return None
    width, height = pixel_size
    if not is_square(pixel_size):
        raise ValueError(f"its pixels are {width:g} um wide and {height:g} um high; give pixel_size if that is wrong")
    return (width + height) / 2


def is_square(pixel_size: tuple[float, ...]) -> bool:
    """Tell whether pixels are as wide as high, to 1 %.

    Parameters
    ----------
    pixel_size : tuple of float
        Width and height, or nothing.

    Returns
    -------
    bool
        True also for nothing.
    """
    return max(pixel_size, default=0) - min(pixel_size, default=0) <= _MOST_UNEVEN * max(pixel_size, default=0)


def imagej_scale(metadata: Mapping[str, Any], resolution: tuple[float, ...]) -> Scale:
    """Return the scale in the description that ImageJ writes.

    Parameters
    ----------
    metadata : mapping of str to object
        ``unit``, perhaps ``yunit``, ``finterval``, ``tunit`` and ``Labels``.
    resolution : tuple of float
        Pixels per unit along x and y, from the TIFF tags; empty if there are none.

    Returns
    -------
    Scale
        Pixel size where the unit is a length, and the frame interval.
    """
    unit = str(metadata.get("unit", ""))
    units = unit, str(metadata.get("yunit", unit))
    interval = seconds(metadata.get("finterval"), str(metadata.get("tunit", "s")))
    rate = seconds(metadata.get("fps"), "s")
    if interval is None and rate is not None and rate != _USUAL_RATE:
        interval = 1 / rate
    return Scale(_from_resolution(resolution, units), interval)


def tag_scale(resolution: tuple[float, ...], unit: int) -> Scale:
    """Return the pixel size that TIFF's resolution tags mean, unless it is one for printing.

    Parameters
    ----------
    resolution : tuple of float
        Pixels per unit along x and y; empty if there are none.
    unit : int
        TIFF's ``ResolutionUnit``: 2 is the inch, 3 the centimetre.

    Returns
    -------
    Scale
        Nothing where pixels would be larger than 5 um: such a resolution is one for printing.
    """
    name = _TIFF_UNITS.get(unit, "")
    return Scale(_from_resolution(resolution, (name, name)))


def _from_resolution(resolution: tuple[float, ...], units: tuple[str, str]) -> tuple[float, ...]:
    sizes = tuple(length(1 / number if number else None, unit) for number, unit in zip(resolution, units, strict=False))
    size = both(sizes)
    return () if set(units) & set(_PRINTING_UNITS) and max(size, default=0) > _COARSEST_PIXEL else size


def length(number: Any, unit: str) -> float | None:
    """Return a positive length in micrometres.

    Parameters
    ----------
    number : object
        The number, or its text.
    unit : str
        Its unit.

    Returns
    -------
    float or None
        None if it is absent, unknown or not a length.
    """
    return _positive(number, micrometres(unit))


def seconds(number: Any, unit: str) -> float | None:
    """Return a positive time in seconds.

    Parameters
    ----------
    number : object
        The number, or its text.
    unit : str
        Its unit.

    Returns
    -------
    float or None
        None if it is absent, unknown or not a time.
    """
    return _positive(number, _SECONDS.get(plain(unit)))


def _positive(number: Any, factor: float | None) -> float | None:
    try:
        value = float(number) * (math.nan if factor is None else factor)
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) and value > 0 else None


def both(sizes: tuple[float | None, ...]) -> tuple[float, ...]:
    """Return width and height of a pixel if both are known.

    Parameters
    ----------
    sizes : tuple of float or None
        Width and height.

    Returns
    -------
    tuple of float
        Both, or nothing.
    """
    known = tuple(size for size in sizes if size is not None)
    return known if len(known) == 2 else ()
