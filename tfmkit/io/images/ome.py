"""OME-XML: which planes of a TIFF file are whose, and their scale."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from xml.etree import ElementTree as ET

from tfmkit.io.images.scale import Scale, both, length, seconds


@dataclass(frozen=True)
class OmePlanes:
    """Planes of one image, as OME-XML lists them.

    Attributes
    ----------
    shape : (int, int, int)
        Points in time, depths and channels.
    pages : tuple of int
        Page of each plane in the file, channels fastest and time slowest.
    """

    shape: tuple[int, int, int]
    pages: tuple[int, ...]


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
        If it is not OME-XML, or declares entities, which OME-XML does not use.
    """
    if "<!DOCTYPE" in xml or "<!ENTITY" in xml:
        raise ValueError("its OME-XML declares entities, which is refused")
    try:
        root = ET.fromstring(xml)  # noqa: S314 - dangerous XML is refused above
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
        The result of `parse_ome`.
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


def own_pixels(pixels: list[ET.Element], xml: str, path: Path) -> list[ET.Element]:
    """Return the images whose planes are in a file, of those that its OME-XML describes.

    Parameters
    ----------
    pixels : list of Element
        The result of `parse_ome`.
    xml : str
        The whole document.
    path : Path
        The file.

    Returns
    -------
    list of Element
        All images if no files are named. Else those of this file, by its UUID or name. A file that was renamed has the
        first image if all images have the same planes, without a pixel size if these differ.

    Raises
    ------
    ValueError
        If no image is in this file.
    """
    homes = [_homes(image) for image in pixels]
    if not any(homes):
        return pixels
    uuid = ET.fromstring(xml).get("UUID")  # noqa: S314 - `parse_ome` has refused dangerous documents
    own = [image for image, home in zip(pixels, homes, strict=True) if (path.name in home) or (uuid and uuid in home)]
    if own:
        return own
    if uuid or len({_signature(image) for image in pixels}) > 1:
        raise ValueError("its OME-XML speaks of images in other files; save them as one file")
    first = pixels[0]
    if len({ome_scale(image).pixel_size for image in pixels}) > 1:
        for axis in "XY":
            first.attrib.pop(f"PhysicalSize{axis}", None)
    return [first]


def ome_planes(image: ET.Element, n_pages: int) -> OmePlanes:
    """Return the pages of the planes of an image.

    Parameters
    ----------
    image : Element
        Its ``Pixels``.
    n_pages : int
        Pages of the file.

    Returns
    -------
    OmePlanes
        All planes, time slowest and channels fastest.

    Raises
    ------
    ValueError
        If a plane is missing: the image is spread over several files.
    """
    sizes = {axis: int(image.get(f"Size{axis}", 1)) for axis in "TZC"}
    order = [axis for axis in image.get("DimensionOrder", "XYCZT") if axis in sizes]
    found = dict(_listed(image, sizes, order))
    places = [(t, z, c) for t in range(sizes["T"]) for z in range(sizes["Z"]) for c in range(sizes["C"])]
    if any(not 0 <= found.get(place, -1) < n_pages for place in places):
        raise ValueError("its planes are spread over it and other files; save them as one file")
    return OmePlanes((sizes["T"], sizes["Z"], sizes["C"]), tuple(found[place] for place in places))


def _listed(image: ET.Element, sizes: dict[str, int], order: list[str]) -> Iterator[tuple[tuple[int, int, int], int]]:
    """Give time, depth and channel of each plane and its page; a block counts on, its first axis fastest."""
    n_planes = math.prod(sizes.values())
    for part in image:
        if not _is(part, "TiffData"):
            continue
        at = {axis: int(part.get(f"First{axis}", 0)) for axis in sizes}
        start = sum(at[axis] * math.prod(sizes[other] for other in order[:n]) for n, axis in enumerate(order))
        page = int(part.get("IFD", 0))
        for step in range(min(int(part.get("PlaneCount", 1 if "IFD" in part.attrib else n_planes)), n_planes)):
            number = start + step
            for axis in order:
                number, at[axis] = divmod(number, sizes[axis])
            if not number:
                yield (at["T"], at["Z"], at["C"]), page + step


def _homes(image: ET.Element) -> set[str]:
    """Return names and UUIDs of the files that hold the planes of an image."""
    uuids = [part for block in image if _is(block, "TiffData") for part in block if _is(part, "UUID")]
    names = {Path(part.get("FileName", "").replace("\\", "/")).name for part in uuids}
    return (names | {(part.text or "").strip() for part in uuids}) - {""}


def _signature(image: ET.Element) -> tuple[tuple[str, ...], ...]:
    """Return all that says where the planes of an image are, except the file."""
    sizes = tuple(image.get(name, "") for name in ("SizeT", "SizeZ", "SizeC", "SizeX", "SizeY", "DimensionOrder"))
    names = ("FirstT", "FirstZ", "FirstC", "IFD", "PlaneCount")
    blocks = (tuple(part.get(name, "") for name in names) for part in image if _is(part, "TiffData"))
    return sizes, *blocks


def ome_scale(pixels: ET.Element) -> Scale:
    """Return the scale of one image in OME-XML.

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
        length(pixels.get(f"PhysicalSize{axis}"), pixels.get(f"PhysicalSize{axis}Unit", "µm")) for axis in "XY"
    )
    interval = seconds(pixels.get("TimeIncrement"), pixels.get("TimeIncrementUnit", "s"))
    names = tuple(part.get("Name") or part.get("Fluor") or "" for part in pixels if _is(part, "Channel"))
    return Scale(both(size), _delta_t(pixels) if interval is None else interval, names if all(names) else ())


def _delta_t(pixels: ET.Element) -> float | None:
    times = sorted(
        (int(plane.get("TheT", 0)), time)
        for plane in pixels
        if _is(plane, "Plane") and plane.get("TheC", "0") == "0" and plane.get("TheZ", "0") == "0"
        if (time := _seconds_of(plane)) is not None
    )
    steps = [later - earlier for (_, earlier), (_, later) in pairwise(times)]
    return median(steps) if steps and median(steps) > 0 else None


def _seconds_of(plane: ET.Element) -> float | None:
    if plane.get("DeltaT", "") in ("0", "0.0"):
        return 0.0
    return seconds(plane.get("DeltaT"), plane.get("DeltaTUnit", "s"))


def _is(element: ET.Element, name: str) -> bool:
    return element.tag.rpartition("}")[2] == name
