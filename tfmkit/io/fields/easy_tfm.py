"""Files of Easy-to-use TFM (MATLAB), in and out."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.io import savemat

from tfmkit._validation import FloatArray, check_field, check_pair
from tfmkit.holes import fill
from tfmkit.io.fields.data import DisplacementData
from tfmkit.io.fields.grid import even_axes, fill_grid, grid_axes, interpolate_onto
from tfmkit.io.fields.mat import load_mat, numeric, struct_field
from tfmkit.io.fields.points import point_columns
from tfmkit.io.writing import writing

# Positions (x, y) and vectors of one frame, each (n_points, 2).
_Frame = tuple[FloatArray, FloatArray]


def read_easy_tfm(path: str | PathLike[str]) -> DisplacementData:
    """Read a struct ``input_data`` with ``displacement(frame).pos/.vec`` and perhaps ``noise(frame).pos/.vec``.

    Where there is a struct ``TFM_results`` on the same points beside it, its traction is read too.

    Parameters
    ----------
    path : str or path-like
        A `.mat` file of any version.

    Returns
    -------
    DisplacementData
        One field per frame. Points that lie on one grid in every frame are taken as they are; scattered ones are
        interpolated onto an evenly spaced grid (linear, the nearest vector outside their hull).

    Raises
    ------
    ValueError
        If the file is damaged, lacks the struct or a field, or holds a number that is not finite.
    """
    file = Path(path)
    return from_variables(load_mat(file), file)


def from_variables(variables: dict[str, Any], path: Path) -> DisplacementData:
    """Return what `read_easy_tfm` does from variables that are loaded already.

    Parameters
    ----------
    variables : dict of str to object
        Variables of the file.
    path : Path
        File, for messages.

    Returns
    -------
    DisplacementData
        One field per frame.

    Raises
    ------
    ValueError
        If the struct is not what it should be.
    """
    struct = variables.get("input_data")
    frames = _frames(struct_field(struct, "displacement", path), "displacement", path)
    x, y, fields, measured = _to_grid(frames)
    noise = None
    if isinstance(struct, list) and "noise" in struct[0]:
        vectors = [vec for _, vec in _frames(struct[0]["noise"], "noise", path)]
        if len(vectors) == len(frames):
            # A common drift is no noise, so the spread is taken about the mean of each component.
            noise = np.array([np.sqrt(vec.var(axis=0).mean()) for vec in vectors])
    traction = _traction(variables.get("TFM_results"), frames, x, y, path) if measured.all() else None
    return DisplacementData(
        fields, float(x[1] - x[0]), x, y, (path,), "easy-to-use-tfm", measured, noise=noise, traction=traction
    )


def write_easy_tfm(
    path: str | PathLike[str],
    displacement: ArrayLike,
    x: ArrayLike,
    y: ArrayLike,
    *,
    traction: ArrayLike | None = None,
) -> None:
    """Write the structs ``input_data`` and, with traction, ``TFM_results`` for MATLAB.

    Parameters
    ----------
    path : str or path-like
        The `.mat` file, of MATLAB's version 5; one of that name is replaced once the new one is complete.
    displacement : array-like of shape (n_frames, 2, height, width)
        Displacement in pixels; x to the right, y down, positive from relaxed to deformed.
    x, y : array-like of shape (width,) and (height,)
        Positions of the columns and rows in pixels.
    traction : array-like of shape (n_frames, 2, height, width), optional
        Traction in Pa that the cell exerts on the gel.

    Raises
    ------
    ValueError
        If a field is none, the axes do not fit, or displacement and traction differ in shape.
    """
    if traction is None:
        fields, loads = check_field(displacement), None
    else:
        fields, loads = check_pair(displacement, traction)
    frames = [point_columns(field, x, y) for field in fields]
    variables: dict[str, Any] = {
        "input_data": {
            "displacement": _struct([{"pos": _pairs(*points[:2]), "vec": _pairs(*points[2:])} for points in frames])
        }
    }
    if loads is not None:
        variables["TFM_results"] = _struct(
            [
                {
                    "pos": _pairs(*points[:2]),
                    "traction": _pairs(*load[2:]),
                    "traction_magnitude": np.hypot(*load[2:])[:, None],
                    "displacement": _pairs(*points[2:]),
                }
                for points, load in zip(frames, (point_columns(field, x, y) for field in loads), strict=True)
            ]
        )
    with writing(path) as temporary:
        savemat(str(temporary), variables, appendmat=False, do_compression=True)


def _struct(elements: list[dict[str, FloatArray]]) -> NDArray[Any]:
    """Return MATLAB's struct array of one row."""
    struct = np.empty((1, len(elements)), dtype=[(name, object) for name in elements[0]])
    for number, element in enumerate(elements):
        struct[0, number] = tuple(element.values())
    return struct


def _pairs(first: FloatArray, second: FloatArray) -> FloatArray:
    return np.stack([first, second], axis=1)


def _traction(structs: Any, frames: list[_Frame], x: FloatArray, y: FloatArray, path: Path) -> FloatArray | None:
    """Return the results' traction; None where there is none, or on other points than the displacement."""
    if not isinstance(structs, list) or len(structs) != len(frames):
        return None
    fields = []
    for number, (result, (pos, _)) in enumerate(zip(structs, frames, strict=True), start=1):
        if not isinstance(result, dict) or not {"pos", "traction"} <= result.keys():
            return None
        at, load = (numeric(result[part], f"TFM_results({number}).{part}", path) for part in ("pos", "traction"))
        if load.shape != at.shape or not np.array_equal(at, pos):
            return None
        fields.append(fill_grid(at, load, x, y)[0])
    return np.stack(fields)


def _frames(structs: Any, name: str, path: Path) -> list[_Frame]:
    if not isinstance(structs, list) or not structs:
        raise ValueError(f"Expected a struct array input_data.{name} in {path}, got {type(structs).__name__}.")
    return [_frame(frame, f"{name}({number})", path) for number, frame in enumerate(structs, start=1)]


def _frame(frame: Any, name: str, path: Path) -> _Frame:
    if not isinstance(frame, dict) or not {"pos", "vec"} <= frame.keys():
        raise ValueError(f"Expected fields pos and vec in input_data.{name} of {path}.")
    pos, vec = (numeric(frame[part], f"{name}.{part}", path) for part in ("pos", "vec"))
    if pos.ndim != 2 or pos.shape[1] != 2 or pos.shape != vec.shape or not len(pos):
        raise ValueError(f"Expected {name}.pos and .vec of shape (n, 2) in {path}, got {pos.shape} and {vec.shape}.")
    return pos, vec


def _to_grid(frames: list[_Frame]) -> tuple[FloatArray, FloatArray, FloatArray, NDArray[np.bool_]]:
    try:
        x, y = grid_axes(np.concatenate([pos for pos, _ in frames]))
        filled = [fill_grid(pos, vec, x, y) for pos, vec in frames]
    except ValueError:
        return _scattered_to_grid(frames)
    fields = np.stack([fill(field, ~present) for field, present in filled])
    return x, y, fields, np.stack([present for _, present in filled])


def _scattered_to_grid(frames: list[_Frame]) -> tuple[FloatArray, FloatArray, FloatArray, NDArray[np.bool_]]:
    # Stacked frames share a grid: that of the first.
    x, y = even_axes(frames[0][0])
    fields = np.stack([interpolate_onto(pos, vec, x, y) for pos, vec in frames])
    return x, y, fields, np.zeros((len(frames), y.size, x.size), dtype=bool)
