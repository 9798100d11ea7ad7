"""Text files of OpenPIV."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

import numpy as np

from tfmkit.io.fields.data import DisplacementData
from tfmkit.io.fields.table import Points, Table, read_table, to_displacement

_HEADER = ("x", "y", "u", "v")
_VALID = 0
# In files of five columns the last says what was an outlier, in those of six the fifth.
_FLAGS = 4
_MASK = 5


def read_openpiv(path: str | PathLike[str], *, interpolate: bool = False) -> DisplacementData:
    """Read a table of displacements that `openpiv.tools.save` wrote.

    Parameters
    ----------
    path : str or path-like
        Text with columns ``x y u v flags mask`` in pixels, separated by tabs; older versions have no mask, or neither,
        or no header.
    interpolate : bool, default=False
        Whether grid points without a vector are filled in from their neighbours.

    Returns
    -------
    DisplacementData
        One field, positive from the first to the second image: the first must have been the relaxed one.

    Raises
    ------
    ValueError
        If the file is empty, no table, no grid, has holes and `interpolate` is False, a number is not finite, or
        the lines are in no order that tells where y points to.

    Notes
    -----
    OpenPIV writes rows from the top of the image to its bottom. Where their y falls, it had turned the coordinates
    with `transform_coordinates`, which its own workflows do before they save: y and v point up then, and reading
    turns them back. Where y rises, it and v point down already.
    OpenPIV replaces outliers and leaves their flag, so that flagged vectors are taken as they are and told as not
    measured. Masked places, for which it writes zeros, and vectors that are not a number are holes.
    Times and lengths that the file was scaled to stay as they are: displacements in pixels need ``dt=1`` and no
    scaling.
    """
    return from_table(read_table(Path(path)), interpolate=interpolate)


def from_table(table: Table, *, interpolate: bool) -> DisplacementData:
    """Return what `read_openpiv` does from a table that is read already.

    Parameters
    ----------
    table : Table
        Numbers of the file.
    interpolate : bool
        Whether holes are filled in.

    Returns
    -------
    DisplacementData
        One field.

    Raises
    ------
    ValueError
        If it is no grid, has holes and `interpolate` is False, or its lines are in no order.
    """
    table.check_finite(slice(2))
    n_columns = table.values.shape[1]
    points, vectors = table.values[:, :2].copy(), table.values[:, 2:4].copy()
    valid = np.asarray(~np.isnan(vectors).any(axis=1))
    table.check_finite(slice(2, 4), valid)
    if n_columns > _MASK:
        valid = valid & (table.values[:, _MASK] == _VALID)
    original = table.values[:, _FLAGS] == _VALID if n_columns > _FLAGS else np.ones(len(points), dtype=bool)
    steps = np.diff(points[:, 1])
    if (steps < 0).any():
        if (steps > 0).any():
            raise ValueError(f"Expected rows from top to bottom in {table.path}, got lines in no order of y.")
        points[:, 1] = points[:, 1].max() + points[:, 1].min() - points[:, 1]
        vectors[:, 1] *= -1
    return to_displacement(Points(points, vectors, valid, original), table.path, "openpiv", interpolate=interpolate)


def is_openpiv(table: Table) -> bool:
    """Tell whether a table is one of OpenPIV.

    Parameters
    ----------
    table : Table
        Numbers of a file.

    Returns
    -------
    bool
        True if its header says so or, where it has none, if it has a fifth and perhaps a sixth column of flags.
    """
    if table.header:
        return table.header[: len(_HEADER)] == _HEADER
    columns = table.values[:, _FLAGS:]
    return columns.shape[1] in (1, 2) and bool(np.isin(columns, (0, 1, 2)).all())
