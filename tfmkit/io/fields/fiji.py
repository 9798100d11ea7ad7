"""Text tables of Fiji's PIV and FTTC plugins, and of other programs that write x y ux uy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from tfmkit._validation import FloatArray, check_mask
from tfmkit.io.fields import plain_text
from tfmkit.io.fields.data import DisplacementData, quiet
from tfmkit.io.fields.grid import fill_grid, grid_axes, grid_step, refuse_holes
from tfmkit.io.fields.lengths import Lengths
from tfmkit.io.fields.points import Points, point_columns, to_displacement, write_points
from tfmkit.io.fields.table import Table, read_table

_PIV_COLUMNS = 16
# Flags of the PIV plugin in its last column.
_INTERPOLATED, _INVALID = 999, -1
# Its displacement if it found no correlation peak.
_NOT_FOUND = -999
_TRACTION_COLUMNS = 5
# Relative error of a magnitude that is printed with few digits.
_ROUNDING = 1e-2


@dataclass(frozen=True, eq=False)
class TractionData:
    """Traction on a regular grid.

    Attributes
    ----------
    traction : ndarray of shape (1, 2, height, width)
        Traction in Pa that the cell exerts on the gel; x to the right, y down.
    spacing : float
        Distance between neighbouring grid points in pixels.
    x : ndarray of shape (width,)
        Position of the columns in pixels.
    y : ndarray of shape (height,)
        Position of the rows in pixels.
    """

    traction: FloatArray
    spacing: float
    x: FloatArray
    y: FloatArray


@quiet
def read_fiji_piv(path: str | PathLike[str], *, interpolate: bool = False) -> DisplacementData:
    """Read a table of displacements, one point per line.

    Parameters
    ----------
    path : str or path-like
        Text with columns ``x y ux uy`` in pixels, y down, with any separator. Columns may have names, in any order.
        Further columns are ignored, except for flags: the last of the 16 of Fiji's iterative PIV, or a fifth of 0, 1
        and 2. A comment runs from ``#`` to the end of the line. Points may come in any order.
    interpolate : bool, default=False
        Whether grid points without a valid vector are filled in from their neighbours.

    Returns
    -------
    DisplacementData
        One field.

    Raises
    ------
    ValueError
        If the file is empty, no table, no grid, or has holes and `interpolate` is False, or a number is not finite.

    Notes
    -----
    Slice 1 of the plugin's stack is the relaxed gel and slice 2 the gel with the cell, so that its displacement is
    positive from relaxed to deformed as tfmkit's is. Of its flags, -1 (invalid) makes a hole and 999 (filled in by
    the plugin) a vector that was not measured; 21 (second correlation peak) is measured.
    """
    return from_piv_table(read_table(Path(path)), interpolate=interpolate, lengths=Lengths(checked=False))


def from_piv_table(table: Table, *, interpolate: bool, lengths: Lengths) -> DisplacementData:
    """Return the field of a table that may be Fiji's.

    Parameters
    ----------
    table : Table
        Numbers of the file.
    interpolate : bool
        Whether missing vectors are filled from the others.
    lengths : Lengths
        The unit of lengths, if the user gives it.

    Returns
    -------
    DisplacementData
        One field.

    Raises
    ------
    ValueError
        If it is not a grid, has holes and `interpolate` is False, or a number is not finite.
    """
    if table.values.shape[1] != _PIV_COLUMNS or table.names:
        return replace(plain_text.from_table(table, interpolate=interpolate, lengths=lengths), layout="fiji-piv")
    table.check_finite([0, 1, 2, 3])
    positions, vectors, flags = table.values[:, :2], table.values[:, 2:4], table.values[:, -1]
    valid = (flags != _INVALID) & (vectors != _NOT_FOUND).all(axis=1)
    scale = lengths.factors(table.path, None, None)
    points = Points(scale[0] * positions, scale[1] * vectors, valid, flags != _INTERPOLATED)
    data = to_displacement(points, table.path, "fiji-piv", interpolate=interpolate)
    lengths.check(data)
    return data


def read_fiji_traction(path: str | PathLike[str]) -> TractionData:
    """Read the result of Fiji's FTTC, a file ``Traction_<displacement file>``.

    Parameters
    ----------
    path : str or path-like
        Text with columns ``x y Tx Ty |T|`` in pixels and Pa, y down, separated by tabs or spaces.

    Returns
    -------
    TractionData
        One field.

    Raises
    ------
    ValueError
        If the file is empty, no table of this kind, no whole grid, or a number is not finite.
    """
    table = read_table(Path(path))
    table.check_finite(list(range(min(_TRACTION_COLUMNS, table.values.shape[1]))))
    length = np.hypot(*table.values[:, 2:4].T)
    if table.values.shape[1] != _TRACTION_COLUMNS or not np.allclose(
        table.values[:, 4], length, rtol=_ROUNDING, atol=_ROUNDING * length.max()
    ):
        raise ValueError(f"Expected columns x y Tx Ty |T| in {path}, got others: the last is no length of a vector.")
    x, y = grid_axes(table.values[:, :2])
    traction, present = fill_grid(table.values[:, :2], table.values[:, 2:4], x, y)
    refuse_holes(present, x, y, table.path)
    return TractionData(traction[None], grid_step(x, y), x, y)


def write_fiji_displacement(
    path: str | PathLike[str], displacement: ArrayLike, x: ArrayLike, y: ArrayLike, measured: ArrayLike | None = None
) -> None:
    """Write a displacement field for Fiji's FTTC: ``x y ux uy``, row by row.

    Parameters
    ----------
    path : str or path-like
        The text file; one of that name is replaced once the new one is complete.
    displacement : array-like of shape (2, height, width)
        Displacement in pixels; x to the right, y down, positive from relaxed to deformed.
    x, y : array-like of shape (width,) and (height,)
        Positions of the columns and rows in pixels.
    measured : array-like of shape (height, width), optional
        False where a vector was filled in from its neighbours. With it, the file has the 16 columns of Fiji's PIV, the
        last of which says so; the columns of second peaks are 0.

    Raises
    ------
    ValueError
        If the displacement is not a finite field, or the axes or flags do not fit to it.
    """
    columns = point_columns(displacement, x, y)
    if measured is None:
        write_points(Path(path), columns)
        return
    flags = np.where(check_mask(measured, (1, *np.shape(displacement)))[0], 0.0, _INTERPOLATED)
    ux, uy = columns[2:]
    nothing = [np.zeros_like(ux)] * (_PIV_COLUMNS - len(columns) - 3)
    write_points(Path(path), [*columns, np.hypot(ux, uy), np.arctan2(uy, ux), *nothing, flags.ravel()])


def write_fiji_traction(path: str | PathLike[str], traction: ArrayLike, x: ArrayLike, y: ArrayLike) -> None:
    """Write a traction field as Fiji's FTTC does: ``x y Tx Ty |T|``, row by row.

    Parameters
    ----------
    path : str or path-like
        The text file, which Fiji calls ``Traction_<displacement file>``; one of that name is replaced once the new
        one is complete.
    traction : array-like of shape (2, height, width)
        Traction in Pa that the cell exerts on the gel; x to the right, y down.
    x, y : array-like of shape (width,) and (height,)
        Positions of the columns and rows in pixels.

    Raises
    ------
    ValueError
        If the traction is not a finite field, or the axes do not fit to it.
    """
    columns = point_columns(traction, x, y)
    write_points(Path(path), [*columns, np.hypot(*columns[2:])])
