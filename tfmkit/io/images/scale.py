"""Pixel size, time between frames and channel names from the metadata of images."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Any
from xml.etree import ElementTree as ET

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
_MOST_UNEVEN = 0.01
_TIFF_UNITS = {2: "inch", 3: "cm"}


@dataclass(frozen=True)
class Scale:
    """What metadata says beside the pixels.

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


def parse_ome(xml: str) -> list[ET.Element]:
    """Return the ``Pixels`` elements of OME-XML, one per image.

    Parameters
    ----------
    xml : str
        The whole document.

    Returns
    -------
    list of Element
        In the order of the document.

    Raises
    ------
    ValueError
        If it is no OME-XML, or declares entities, which OME-XML has no use for.
    """
    if "<!DOCTYPE" in xml or "<!ENTITY" in xml:
        raise ValueError("its OME-XML declares entities, which is refused")
    try:
        root = ET.fromstring(xml)  # noqa: S314 - what makes XML dangerous is refused above
    except ET.ParseError as error:
        raise ValueError(f"its OME-XML is damaged: {error}") from error
    pixels = [part for image in root if _is(image, "Image") for part in image if _is(part, "Pixels")]
    if not pixels:
        raise ValueError("its OME-XML describes no image")
    return pixels


def check_ome_planes(pixels: Iterable[ET.Element], n_pages: int) -> None:
    """Refuse OME-XML that claims more planes than the file has pages.

    Parameters
    ----------
    pixels : iterable of Element
        What `parse_ome` returns.
    n_pages : int
        Pages of the file.

    Raises
    ------
    ValueError
        If planes are missing: the file is one of several, or was cut short.
    """
    for image in pixels:
        samples = max([int(part.get("SamplesPerPixel", 1)) for part in image if _is(part, "Channel")], default=1)
        n_planes = math.prod(int(image.get(f"Size{axis}", 1)) for axis in "ZCT") // max(samples, 1)
        claims = [
            int(part.get(name, 0))
            for part in image
            if _is(part, "TiffData")
            for name in ("IFD", "PlaneCount", "NumPlanes")
        ]
        if (wanted := max([n_planes, *claims])) > n_pages:
            raise ValueError(
                f"its OME-XML claims {wanted} planes and it has {n_pages}: either it was cut short or the images are "
                "spread over several files; save them as one"
            )


def ome_scale(pixels: ET.Element) -> Scale:
    """Return what OME-XML says of one image.

    Parameters
    ----------
    pixels : Element
        Its ``Pixels``.

    Returns
    -------
    Scale
        ``PhysicalSizeX`` and ``PhysicalSizeY``, ``TimeIncrement`` or the median step of ``DeltaT``, and names of
        channels.
    """
    size = tuple(
        _length(pixels.get(f"PhysicalSize{axis}"), pixels.get(f"PhysicalSize{axis}Unit", "µm")) for axis in "XY"
    )
    interval = _time(pixels.get("TimeIncrement"), pixels.get("TimeIncrementUnit", "s"))
    names = tuple(part.get("Name") or part.get("Fluor") or "" for part in pixels if _is(part, "Channel"))
    return Scale(_both(size), _delta_t(pixels) if interval is None else interval, names if all(names) else ())


def imagej_scale(metadata: Mapping[str, Any], resolution: tuple[float, ...]) -> Scale:
    """Return what ImageJ's description says.

    Parameters
    ----------
    metadata : mapping of str to object
        ``unit``, perhaps ``yunit``, ``finterval``, ``tunit`` and ``Labels``.
    resolution : tuple of float
        Pixels per unit along x and y, from the TIFF tags; empty where there are none.

    Returns
    -------
    Scale
        Pixel size where the unit is a length, and the frame interval.
    """
    unit = str(metadata.get("unit", ""))
    units = unit, str(metadata.get("yunit", unit))
    interval = _time(metadata.get("finterval"), str(metadata.get("tunit", "s")))
    return Scale(_from_resolution(resolution, units), interval)


def tag_scale(resolution: tuple[float, ...], unit: int) -> Scale:
    """Return the pixel size that TIFF's resolution tags mean, unless it is one for printing.

    Parameters
    ----------
    resolution : tuple of float
        Pixels per unit along x and y; empty where there are none.
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
    sizes = tuple(
        _length(1 / number if number else None, unit) for number, unit in zip(resolution, units, strict=False)
    )
    size = _both(sizes)
    return () if set(units) & set(_PRINTING_UNITS) and max(size, default=0) > _COARSEST_PIXEL else size


def _length(number: Any, unit: str) -> float | None:
    """Return a positive length in micrometres; None if it is absent, unknown or not a length."""
    return _positive(number, micrometres(unit))


def _time(number: Any, unit: str) -> float | None:
    """Return a positive time in seconds; None if it is absent, unknown or not a time."""
    return _positive(number, _SECONDS.get(plain(unit)))


def _positive(number: Any, factor: float | None) -> float | None:
    try:
        value = float(number) * (math.nan if factor is None else factor)
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) and value > 0 else None


def _both(sizes: tuple[float | None, ...]) -> tuple[float, ...]:
    known = tuple(size for size in sizes if size is not None)
    return known if len(known) == 2 else ()


def _delta_t(pixels: ET.Element) -> float | None:
    times = sorted(
        (int(plane.get("TheT", 0)), seconds)
        for plane in pixels
        if _is(plane, "Plane") and plane.get("TheC", "0") == "0" and plane.get("TheZ", "0") == "0"
        if (seconds := _convert_time(plane)) is not None
    )
    steps = [later - earlier for (_, earlier), (_, later) in pairwise(times)]
    return median(steps) if steps and median(steps) > 0 else None


def _convert_time(plane: ET.Element) -> float | None:
    if plane.get("DeltaT", "") in ("0", "0.0"):
        return 0.0
    return _time(plane.get("DeltaT"), plane.get("DeltaTUnit", "s"))


def _is(element: ET.Element, name: str) -> bool:
    return element.tag.rpartition("}")[2] == name
