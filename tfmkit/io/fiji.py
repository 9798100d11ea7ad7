"""Text tables of Fiji's PIV and FTTC plugins, and of whoever writes x y ux uy."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tfmkit._validation import FloatArray
from tfmkit.io._data import DisplacementData
from tfmkit.io._grid import fill_grid, fill_holes, grid_axes

_PIV_COLUMNS = 16
# What the PIV plugin writes in its last column.
_INTERPOLATED, _INVALID = 999, -1
# What it writes for a displacement where it found no correlation peak.
_NOT_FOUND = -999


def read_fiji_piv(path: str | PathLike[str], *, interpolate: bool = False) -> DisplacementData:
    """Read a table of displacements, one point per line.

    Parameters
    ----------
    path : str or path-like
        Text with columns ``x y ux uy`` in pixels, y down, separated by tabs or spaces. Further columns are ignored,
        but for the 16 of Fiji's iterative PIV, the last of which flags vectors. Lines with ``#`` are comments.
        Points may come row by row or column by column.
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
    file = Path(path)
    table = _read_table(file)
    points, vectors = table[:, :2], table[:, 2:4]
    valid = np.ones(len(table), dtype=bool)
    original = valid
    if table.shape[1] == _PIV_COLUMNS:
        flags = table[:, -1]
        valid = (flags != _INVALID) & (vectors != _NOT_FOUND).all(axis=1)
        original = flags != _INTERPOLATED
    x, y = grid_axes(points)
    field, present = fill_grid(points[valid], vectors[valid], x, y)
    if not interpolate:
        _refuse_holes(present, x, y, file)
    measured = fill_grid(points, np.stack([valid & original] * 2, axis=1).astype(float), x, y)[0][0] > 0
    step = float(np.mean([np.diff(x).mean(), np.diff(y).mean()]))
    whole = fill_holes(field, present, x, y)
    return DisplacementData(whole[None], step, x, y, (file,), "fiji-piv", measured[None])


def _read_table(path: Path) -> FloatArray:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"Expected a text table, got {path} that is no text: {error}.") from error
    lines = {number: line.partition("#")[0].split() for number, line in enumerate(text.splitlines(), start=1)}
    lines = {number: words for number, words in lines.items() if words}
    if not lines:
        raise ValueError(f"Expected a table of displacements, got {path} without a single line.")
    widths = {len(words) for words in lines.values()}
    if len(widths) > 1 or min(widths) < 4:
        raise ValueError(
            f"Expected lines of one number of columns, at least x y ux uy, in {path}, got {sorted(widths)} columns."
        )
    try:
        table = np.array(list(lines.values()), dtype=np.float64)
    except ValueError as error:
        raise ValueError(f"Expected numbers in {path}: {error}.") from error
    bad = [number for number, row in zip(lines, table, strict=True) if not np.isfinite(row[:4]).all()]
    if bad:
        raise ValueError(f"Expected finite numbers in {path}, got others in line(s) {bad[:5]}.")
    return table


def _refuse_holes(present: NDArray[np.bool_], x: FloatArray, y: FloatArray, path: Path) -> None:
    if not present.all():
        row, column = np.argwhere(~present)[0]
        raise ValueError(
            f"Expected a vector at every grid point, got {(~present).sum()} hole(s) in {path}, the first at "
            f"x={x[column]:g}, y={y[row]:g}. interpolate=True (--interpolate) fills them in from their neighbours."
        )
