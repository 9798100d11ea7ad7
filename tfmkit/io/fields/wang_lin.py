"""Displacement files of the companion code of Wang & Lin (MATLAB)."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from tfmkit._validation import FloatArray
from tfmkit.io.fields.data import DisplacementData, quiet
from tfmkit.io.fields.mat import load_mat, numeric
from tfmkit.io.images.polygon import inside


@quiet
def read_wang_lin(path: str | PathLike[str]) -> DisplacementData:
    """Read the variable ``dspl`` and, where present, ``trac`` and the border ``brdx``, ``brdy``.

    Parameters
    ----------
    path : str or path-like
        A `.mat` file of any version.

    Returns
    -------
    DisplacementData
        One field in grid pixels (spacing 1), with traction in Pa and the cell's mask where the file has them.

    Raises
    ------
    ValueError
        If the file is damaged, lacks ``dspl``, or holds a number that is not finite.

    Notes
    -----
    In the file the first index runs along x and the second along y, and y points up: both the rows are counted
    from below and the y components are positive upwards. Reading transposes, turns the rows over and changes the
    sign of y components. Borders count from 1 in the same directions.
    """
    file = Path(path)
    return from_variables(load_mat(file), file)


def from_variables(variables: dict[str, Any], path: Path) -> DisplacementData:
    """Return the displacement of the variables of a file of Wang & Lin.

    Parameters
    ----------
    variables : dict of str to object
        Variables of the file.
    path : Path
        File, for messages.

    Returns
    -------
    DisplacementData
        One field.

    Raises
    ------
    ValueError
        If a variable is missing, or of another shape.
    """
    field = _field(variables, "dspl", path)
    height, width = field.shape[1:]
    mask = None
    if {"brdx", "brdy"} <= variables.keys():
        border_x, border_y = (numeric(variables[name], name, path).ravel() for name in ("brdx", "brdy"))
        if border_x.size != border_y.size or border_x.size < 3:
            raise ValueError(f"Expected at least 3 border points in {path}, got {border_x.size} x, {border_y.size} y.")
        mask = inside(border_x - 1, height - border_y, (height, width))[None]
    return DisplacementData(
        displacement=field[None],
        spacing=1.0,
        x=np.arange(width, dtype=float),
        y=np.arange(height, dtype=float),
        sources=(path,),
        layout="wang-lin",
        mask=mask,
        traction=_field(variables, "trac", path)[None] if "trac" in variables else None,
    )


def _field(variables: dict[str, Any], name: str, path: Path) -> FloatArray:
    if name not in variables:
        raise ValueError(f"Expected a variable {name!r} in {path}, got {', '.join(variables) or 'none'}.")
    array = numeric(variables[name], name, path)
    if array.ndim != 3 or array.shape[2] != 2:
        raise ValueError(f"Expected {name} of shape (width, height, 2) in {path}, got {array.shape}.")
    return np.stack([array[:, ::-1, 0].T, -array[:, ::-1, 1].T])
