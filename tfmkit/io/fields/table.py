"""Text tables of one grid point per line, in and out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tfmkit._validation import FloatArray, check_field
from tfmkit.holes import fill
from tfmkit.io.fields.data import DisplacementData
from tfmkit.io.fields.grid import fill_grid, grid_axes, refuse_holes
from tfmkit.io.writing import writing


@dataclass(frozen=True, eq=False)
class Table:
    """A text file of numbers.

    Attributes
    ----------
    path : Path
        The file.
    values : ndarray of shape (n_lines, n_columns)
        Its numbers, at least four a line.
    lines : ndarray of shape (n_lines,)
        Where in the file they stand, counted from 1.
    header : tuple of str
        Words of the comment in the first line, in small letters.
    """

    path: Path
    values: FloatArray
    lines: NDArray[np.int_]
    header: tuple[str, ...]

    def check_finite(self, columns: slice, rows: NDArray[np.bool_] | slice = slice(None)) -> None:
        """Refuse numbers that are not finite, except in other columns and rows.

        Parameters
        ----------
        columns : slice
            Which columns must be finite.
        rows : ndarray of shape (n_lines,) or slice
            Which lines must be.

        Raises
        ------
        ValueError
            If one is not; the message says in which line.
        """
        bad = self.lines[rows][~np.isfinite(self.values[rows, columns]).all(axis=1)]
        if bad.size:
            raise ValueError(f"Expected finite numbers in {self.path}, got others in line(s) {bad[:5].tolist()}.")


def read_table(path: Path) -> Table:
    """Read columns of numbers separated by tabs or spaces; what follows a ``#`` is a comment.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    Table
        Its numbers.

    Raises
    ------
    ValueError
        If the file is no text, empty, or its lines are not equally many numbers, at least four.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"Expected a text table, got {path} that is no text: {error}.") from error
    numbered = {number: line.partition("#")[0].split() for number, line in enumerate(text.splitlines(), start=1)}
    lines = {number: words for number, words in numbered.items() if words}
    if not lines:
        raise ValueError(f"Expected a table of displacements, got {path} without a single line.")
    widths = {len(words) for words in lines.values()}
    if len(widths) > 1 or min(widths) < 4:
        raise ValueError(
            f"Expected lines of one number of columns, at least x y ux uy, in {path}, got {sorted(widths)} columns."
        )
    try:
        values = np.array(list(lines.values()), dtype=np.float64)
    except ValueError as error:
        raise ValueError(f"Expected numbers in {path}: {error}.") from error
    comment = text.partition("\n")[0].partition("#")[2]
    return Table(path, values, np.array(list(lines)), tuple(comment.lower().split()))


@dataclass(frozen=True, eq=False)
class Points:
    """Vectors at points, in tfmkit's convention.

    Attributes
    ----------
    positions : ndarray of shape (n_points, 2)
        x to the right and y down.
    vectors : ndarray of shape (n_points, 2)
        Their components, of any value where not valid.
    valid : ndarray of shape (n_points,)
        False where the vector is none, so that the grid has a hole there.
    measured : ndarray of shape (n_points,)
        False where another program filled the vector in.
    """

    positions: FloatArray
    vectors: FloatArray
    valid: NDArray[np.bool_]
    measured: NDArray[np.bool_]


def to_displacement(points: Points, path: Path, layout: str, *, interpolate: bool) -> DisplacementData:
    """Return the field on the grid that points lie on.

    Parameters
    ----------
    points : Points
        Displacements.
    path : Path
        Where they come from.
    layout : str
        Name of the layout.
    interpolate : bool
        Whether holes are filled in from their neighbours.

    Returns
    -------
    DisplacementData
        One field.

    Raises
    ------
    ValueError
        If there is no grid, or it has holes and `interpolate` is False.
    """
    x, y = grid_axes(points.positions)
    field, present = fill_grid(points.positions[points.valid], points.vectors[points.valid], x, y)
    if not interpolate:
        refuse_holes(present, x, y, path)
    measured = (points.valid & points.measured).astype(float)
    flags, _ = fill_grid(points.positions, np.stack([measured] * 2, axis=1), x, y)
    return DisplacementData(fill(field, ~present)[None], grid_step(x, y), x, y, (path,), layout, flags[:1] > 0)


def grid_step(x: FloatArray, y: FloatArray) -> float:
    """Return the distance between neighbouring points of a square grid.

    Parameters
    ----------
    x, y : ndarray of shape (width,) and (height,)
        Axes of the grid.

    Returns
    -------
    float
        Mean of all steps along x and along y, which positions printed with few digits make uneven.
    """
    return float(np.mean([np.diff(x).mean(), np.diff(y).mean()]))


def write_points(path: Path, columns: Sequence[FloatArray]) -> None:
    """Write numbers with one point per line.

    Parameters
    ----------
    path : Path
        The text file.
    columns : sequence of ndarray of shape (n_points,)
        Columns of the text, such as those of `point_columns` and more.
    """
    # The shortest text that reads back as the same number.
    rows: Iterable[list[float]] = (row.tolist() for row in np.stack(columns, axis=1))
    with writing(path) as temporary:
        temporary.write_text("".join(" ".join(map(repr, row)) + "\n" for row in rows), encoding="utf-8")


def point_columns(
    field: ArrayLike, x: ArrayLike, y: ArrayLike
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return a field as a list of points, row by row.

    Parameters
    ----------
    field : array-like of shape (2, height, width)
        Its vectors.
    x, y : array-like of shape (width,) and (height,)
        Positions of the columns and rows.

    Returns
    -------
    tuple of ndarray of shape (height * width,)
        Positions x and y, and the components along x and y.

    Raises
    ------
    ValueError
        If the field is none, or the axes do not fit to it.
    """
    vectors = check_field(np.asarray(field)[None], name="field")[0].astype(np.float64)
    columns, rows = (np.asarray(axis, dtype=np.float64) for axis in (x, y))
    if columns.shape != vectors.shape[2:] or rows.shape != vectors.shape[1:2]:
        raise ValueError(f"Expected {vectors.shape[2]} x and {vectors.shape[1]} y, got {columns.shape}, {rows.shape}.")
    at_x, at_y = np.meshgrid(columns, rows)
    return at_x.ravel(), at_y.ravel(), vectors[0].ravel(), vectors[1].ravel()
