"""Which columns of a table are positions and displacements, by their names, and their units."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tfmkit.io.units import is_pixel, micrometres

# Names without spaces, signs and capitals; the likeliest first.
_X = ("x", "xpos", "posx", "xposition", "positionx", "xcoord", "xcoordinate", "xc", "x0")
_Y = tuple(name.replace("x", "y") for name in _X)
_UX = (
    "ux",
    "u",
    "dx",
    "dispx",
    "xdisp",
    "displacementx",
    "xdisplacement",
    "deltax",
    "ux1",
    "udisp",
    "vx",
    "ucomponent",
)
_UY = (
    "uy",
    "v",
    "dy",
    "dispy",
    "ydisp",
    "displacementy",
    "ydisplacement",
    "deltay",
    "uy1",
    "vdisp",
    "vy",
    "vcomponent",
)
_FLAG = ("flags", "flag", "vectortype", "typevector", "type", "valid", "isvalid")
_FRAME = ("frame", "slice", "frameno", "framenumber")
_UNIT = re.compile(r"(.*?)\s*(?:[\[(]([^\])]*)[\])]|\s+in\s+(\S+)|/\s*(\w+))\s*")


@dataclass(frozen=True)
class Columns:
    """Numbers of the columns of a table, and the units of its lengths.

    Attributes
    ----------
    x, y, ux, uy : int
        Positions and components of the displacement.
    flag : int or None
        Whether a vector is valid.
    mask : int or None
        Whether a place is masked.
    frame : int or None
        Number of the frame.
    position_unit, vector_unit : str or None
        Units of positions and of displacements; None if the names do not tell.
    """

    x: int = 0
    y: int = 1
    ux: int = 2
    uy: int = 3
    flag: int | None = None
    mask: int | None = None
    frame: int | None = None
    position_unit: str | None = None
    vector_unit: str | None = None


def find_columns(names: tuple[str, ...]) -> Columns | None:
    """Return the columns of positions and displacements.

    Parameters
    ----------
    names : tuple of str
        Names of all columns, with units in brackets or behind an underscore, such as ``"u [px/frame]"``.

    Returns
    -------
    Columns or None
        None if one of the four is missing.
    """
    split = [_split(name) for name in names]
    plain = [name for name, _ in split]
    found = [_first(plain, wanted) for wanted in (_X, _Y, _UX, _UY)]
    x, y, ux, uy = found
    if x is None or y is None or ux is None or uy is None:
        return None
    flag, mask, frame = (_first(plain, wanted) for wanted in (_FLAG, ("mask",), _FRAME))
    return Columns(x, y, ux, uy, flag, mask, frame, split[x][1], split[ux][1])


def has_positions(names: tuple[str, ...]) -> bool:
    """Tell whether names of columns speak of x and y.

    Parameters
    ----------
    names : tuple of str
        Names of all columns.

    Returns
    -------
    bool
        True if both are there.
    """
    plain = [_split(name)[0] for name in names]
    return _first(plain, _X) is not None and _first(plain, _Y) is not None


def _first(names: list[str], wanted: tuple[str, ...]) -> int | None:
    return next((names.index(name) for name in wanted if name in names), None)


def _split(name: str) -> tuple[str, str | None]:
    """Return a name in small letters without spaces and signs, and its unit."""
    found = _UNIT.fullmatch(name)
    word, unit = (found[1], found[2] or found[3] or found[4]) if found else (name, None)
    if unit is None:
        head, _, tail = word.rpartition("_")
        if head and (is_pixel(tail) or micrometres(tail) is not None):
            word, unit = head, tail
    unit = None if unit is None or not unit.strip() else unit.strip()
    return re.sub(r"[^a-z0-9]", "", word.lower()), unit
