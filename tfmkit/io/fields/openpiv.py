"""Text files of OpenPIV."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

import numpy as np

from tfmkit.io.fields.data import DisplacementData, quiet
from tfmkit.io.fields.lengths import Lengths
from tfmkit.io.fields.plain_text import zero_is_valid
from tfmkit.io.fields.points import Points, to_displacement
from tfmkit.io.fields.table import Table, read_table

_HEADER = ("x", "y", "u", "v", "flags", "mask")
_VALID = 0
# In files of five columns the last flags outliers, in those of six the fifth.
_FLAGS = 4
_MASK = 5


@quiet
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
    return from_table(read_table(Path(path)), interpolate=interpolate, lengths=Lengths(checked=False))


def from_table(table: Table, *, interpolate: bool, lengths: Lengths) -> DisplacementData:
    """Return the displacement of a table of OpenPIV.

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
        If it is not a grid, has holes and `interpolate` is False, its lines are in no order, or the unit of lengths
        is not clear.
    """
    table.check_finite([0, 1])
    n_columns = table.values.shape[1]
    scale = lengths.factors(table.path, None, None)
    positions, vectors = scale[0] * table.values[:, :2], scale[1] * table.values[:, 2:4]
    valid = np.asarray(~np.isnan(vectors).any(axis=1))
    table.check_finite([2, 3], valid)
    if n_columns > _MASK:
        valid = valid & (table.values[:, _MASK] == _VALID)
    original = table.values[:, _FLAGS] == _VALID if n_columns > _FLAGS else np.ones(len(positions), dtype=bool)
    steps = np.diff(positions[:, 1])
    if (steps < 0).any():
        if (steps > 0).any():
            raise ValueError(f"Expected rows from top to bottom in {table.path}, got lines in no order of y.")
        positions[:, 1] = positions[:, 1].max() + positions[:, 1].min() - positions[:, 1]
        vectors[:, 1] *= -1
    points = Points(positions, vectors, valid, original)
    data = to_displacement(points, table.path, "openpiv", interpolate=interpolate)
    lengths.check(data)
    return data


def is_openpiv(table: Table) -> bool:
    """Tell whether a table is one of OpenPIV.

    Parameters
    ----------
    table : Table
        Numbers of a file.

    Returns
    -------
    bool
        True if the comment above its numbers has the names that OpenPIV writes, or if it has no names and a fifth and
        perhaps a sixth column of flags; in both cases only if most flags are 0, which is a good vector.
    """
    more = table.values[:, _FLAGS:]
    flagged = more.shape[1] in (1, 2) and bool(np.isin(more, (0, 1, 2)).all())
    if flagged and not zero_is_valid(more[:, 0]):
        return False
    if not table.names:
        return flagged
    own = tuple(name.lower() for name in table.names) in (_HEADER[:4], _HEADER[:5], _HEADER)
    # Four names in a comment could be anybody's; OpenPIV writes tabs between them.
    return own and table.commented and (flagged or "\t" in table.preamble)
