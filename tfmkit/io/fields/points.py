"""Vectors at points: onto the grid that they lie on, and out as lines of text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tfmkit._validation import FloatArray, check_field
from tfmkit.holes import fill
from tfmkit.io.fields.data import DisplacementData
from tfmkit.io.fields.grid import (
    beside_points,
    even_axes,
    fill_grid,
    grid_axes,
    grid_step,
    interpolate_onto,
    refuse_holes,
)
from tfmkit.io.writing import writing


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
        False where there is no vector, so that the grid has a hole there.
    measured : ndarray of shape (n_points,)
        False where another program filled the vector in.
    """

    positions: FloatArray
    vectors: FloatArray
    valid: NDArray[np.bool_]
    measured: NDArray[np.bool_]

    def at(self, chosen: NDArray[np.bool_]) -> Points:
        """Return some of the points.

        Parameters
        ----------
        chosen : ndarray of shape (n_points,)
            True for those that are wanted.

        Returns
        -------
        Points
            The others are left out.
        """
        return Points(self.positions[chosen], self.vectors[chosen], self.valid[chosen], self.measured[chosen])


def to_displacement(points: Points, path: Path, layout: str, *, interpolate: bool) -> DisplacementData:
    """Return the field on the grid that points lie on.

    Parameters
    ----------
    points : Points
        Displacements.
    path : Path
        The file that they come from.
    layout : str
        Name of the layout.
    interpolate : bool
        Whether holes are filled from the other vectors, and scattered vectors brought onto a grid.

    Returns
    -------
    DisplacementData
        One field. Scattered vectors are interpolated linearly onto an even grid as dense as they are. Outside of them
        the nearest one counts. The grid is measured where a measured vector lies within one step.

    Raises
    ------
    ValueError
        If there is no grid, or it has holes, and `interpolate` is False.
    """
    try:
        x, y = grid_axes(points.positions)
    except ValueError as error:
        if not interpolate:
            raise ValueError(
                f"{str(error).rstrip('.')} in {path}. interpolate=True (--interpolate) brings scattered vectors onto "
                "one."
            ) from error
        return _scattered(points, path, layout)
    field, present = fill_grid(points.positions[points.valid], points.vectors[points.valid], x, y)
    if not interpolate:
        refuse_holes(present, x, y, path)
    measured = (points.valid & points.measured).astype(float)
    flags, _ = fill_grid(points.positions, np.stack([measured] * 2, axis=1), x, y)
    return DisplacementData(fill(field, ~present)[None], grid_step(x, y), x, y, (path,), layout, flags[:1] > 0)


def _scattered(points: Points, path: Path, layout: str) -> DisplacementData:
    positions = points.positions[points.valid]
    x, y = even_axes(positions)
    field = interpolate_onto(positions, points.vectors[points.valid], x, y)
    measured = beside_points(points.positions[points.valid & points.measured], x, y)
    return DisplacementData(field[None], float(x[1] - x[0]), x, y, (path,), layout, measured[None])


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
