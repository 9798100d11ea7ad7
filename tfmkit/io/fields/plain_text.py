"""Text tables of any program: positions and displacements by the names of their columns, or the first four."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tfmkit._validation import FloatArray
from tfmkit.io.fields.columns import Columns, find_columns, has_positions
from tfmkit.io.fields.data import DisplacementData
from tfmkit.io.fields.lengths import Lengths
from tfmkit.io.fields.points import Points, to_displacement
from tfmkit.io.fields.table import Table

_VALID, _REPLACED = 1, 2
_FLAGS, _MASK = 4, 5
_FILL_HINT = " interpolate=True (--interpolate) fills missing vectors from the others."
# PIVlab says by how much it has multiplied lengths; the second is metres per second.
_PIVLAB = re.compile(r"conversion factor xy \(px -> m\):\s*(\S+?),\s*conversion factor uv \(px/frame -> m/s\):\s*(\S+)")


def from_table(table: Table, *, interpolate: bool, lengths: Lengths) -> DisplacementData:
    """Return the field of a table of positions and displacements.

    Parameters
    ----------
    table : Table
        Numbers of the file, y down.
    interpolate : bool
        Whether missing vectors are filled from the others.
    lengths : Lengths
        The unit of lengths, if the user gives it.

    Returns
    -------
    DisplacementData
        One field, or one for each frame if a column numbers them.

    Raises
    ------
    ValueError
        If columns are missing, there is no grid, a vector is missing and `interpolate` is False, or the unit of
        lengths is not clear.

    Notes
    -----
    A column of flags counts 0 as not valid if most flags are not 0, as PIVlab does (1 measured, 2 replaced, 0 masked),
    and else 0 as valid, as OpenPIV does.
    """
    columns = choose_columns(table)
    table.check_finite([columns.x, columns.y])
    values = table.values
    factors = _pivlab_factors(table, columns) or lengths.factors(table.path, columns.position_unit, columns.vector_unit)
    positions, vectors = (
        factors[0] * values[:, [columns.x, columns.y]],
        factors[1] * values[:, [columns.ux, columns.uy]],
    )
    valid, measured = _flags(values, columns)
    missing = np.isnan(vectors).any(axis=1)
    hint = "" if interpolate else _FILL_HINT
    table.check_finite([columns.ux, columns.uy], valid & ~missing if interpolate else valid, hint)
    points = Points(positions, np.where(missing[:, None], 0, vectors), valid & ~missing, measured)
    frames = np.zeros(len(values)) if columns.frame is None else values[:, columns.frame]
    layout = "pivlab" if table.preamble.startswith("PIVlab") else "table"
    fields = [
        to_displacement(points.at(frames == frame), table.path, layout, interpolate=interpolate)
        for frame in np.unique(frames)
    ]
    data = _join(fields, table.path)
    if columns.position_unit is None:
        lengths.check(data)
    return data


def choose_columns(table: Table) -> Columns:
    """Return the columns of positions and displacements of a table.

    Parameters
    ----------
    table : Table
        Numbers of the file.

    Returns
    -------
    Columns
        Those of the names in the file, else the first four, and a fifth and sixth that hold nothing but 0, 1 and 2.

    Raises
    ------
    ValueError
        If the columns have names, and displacements are not among them; or if they have none, and the third holds
        nothing but zeros.
    """
    found = find_columns(table.names)
    if found is not None:
        return found
    if table.names and (has_positions(table.names) or not table.commented):
        raise ValueError(
            f"Expected columns x, y, ux and uy (or u and v, or dx and dy) in {table.path}, got "
            f"{', '.join(map(repr, table.names))}."
        )
    more = table.values[:, _FLAGS:]
    if more.shape[1] in (1, 2) and np.isin(more, (0, _VALID, _REPLACED)).all():
        return Columns(flag=_FLAGS, mask=_MASK if more.shape[1] > 1 else None)
    if more.shape[1] and more.any() and not table.values[:, 2].any():
        raise ValueError(
            f"Expected x, y, ux and uy in the first four columns of {table.path}, got zeros in the third, as if it was "
            "z. Write the names of the columns above them, such as x y z u v w."
        )
    return Columns()


def zero_is_valid(flags: FloatArray) -> bool:
    """Tell whether a flag of 0 stands for a good vector.

    Parameters
    ----------
    flags : ndarray of shape (n_points,)
        Flags of all vectors.

    Returns
    -------
    bool
        True if at least half of the flags are 0: most vectors of a field are good.
    """
    return bool((flags == 0).mean() >= 0.5)


def _flags(values: FloatArray, columns: Columns) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which vectors are valid and which are measured."""
    valid = measured = np.ones(len(values), dtype=bool)
    if columns.flag is not None:
        flags = values[:, columns.flag]
        if zero_is_valid(flags):
            measured = flags == 0
        else:
            valid = (flags != 0) & ~np.isnan(flags)
    if columns.mask is not None:
        mask = values[:, columns.mask]
        valid = valid & ((mask == 0) == zero_is_valid(mask))
    return valid, measured


def _pivlab_factors(table: Table, columns: Columns) -> tuple[float, float] | None:
    """Return the factors that undo the calibration of PIVlab; None for tables without one."""
    found = _PIVLAB.search(table.preamble)
    if found is None or columns.position_unit != "m":
        return None
    try:
        factors = float(found[1]), float(found[2])
    except ValueError:
        return None
    return (1 / factors[0], 1 / factors[1]) if min(factors) > 0 else None


def _join(fields: list[DisplacementData], path: Path) -> DisplacementData:
    first, *others = fields
    if any(other.x.tolist() != first.x.tolist() or other.y.tolist() != first.y.tolist() for other in others):
        raise ValueError(f"Expected the same grid in every frame of {path}, got different ones.")
    measured = [field.measured for field in fields if field.measured is not None]
    return replace(
        first,
        displacement=np.concatenate([field.displacement for field in fields]),
        measured=np.concatenate(measured),
    )
