"""Files of Easy-to-use TFM (MATLAB), in and out."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.io import savemat

from tfmkit._validation import FloatArray, check_field, check_pair
from tfmkit.io.fields.data import DisplacementData, quiet
from tfmkit.io.fields.frames import Frame, frames_to_grid, present, read_frames
from tfmkit.io.fields.grid import fill_grid
from tfmkit.io.fields.mat import load_mat, numeric, struct_field
from tfmkit.io.fields.points import point_columns
from tfmkit.io.writing import writing


@quiet
def read_easy_tfm(path: str | PathLike[str]) -> DisplacementData:
    """Read a struct ``input_data`` with ``displacement(frame).pos/.vec`` and perhaps ``noise(frame).pos/.vec``.

    If there is a struct ``TFM_results`` on the same points beside it, its traction is read too.

    Parameters
    ----------
    path : str or path-like
        A `.mat` file of any version.

    Returns
    -------
    DisplacementData
        One field per frame. Points that lie on one grid in every frame are taken as they are, and missing vectors
        (NaN) are filled from the others; scattered points are interpolated onto an evenly spaced grid (linear, the
        nearest vector outside of them). The noise is None if a frame has no vectors in ``noise``.

    Raises
    ------
    ValueError
        If the file is damaged, lacks the struct or a field, or holds a number that is not finite.
    """
    file = Path(path)
    return from_variables(load_mat(file), file)


def from_variables(variables: dict[str, Any], path: Path) -> DisplacementData:
    """Return the displacement of the variables of an Easy-to-use TFM file.

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
        If the struct lacks a field, or a field holds no numbers.
    """
    struct = variables.get("input_data")
    frames = read_frames(struct_field(struct, "displacement", path), "input_data.displacement", path)
    parts = frames_to_grid(frames)
    traction = None
    if parts["measured"].all():
        traction = _traction(variables.get("TFM_results"), frames, parts["x"], parts["y"], path)
    noise = _noise(struct, len(frames), path)
    return DisplacementData(**parts, sources=(path,), layout="easy-to-use-tfm", noise=noise, traction=traction)


def _noise(struct: Any, n_frames: int, path: Path) -> FloatArray | None:
    """Return the noise level of each frame; None if one of them has no vectors far from the cell."""
    regions = struct[0].get("noise")
    if not isinstance(regions, list) or len(regions) != n_frames or not all(map(_has_vectors, regions)):
        return None
    vectors = [present(frame)[1] for frame in read_frames(regions, "input_data.noise", path)]
    if not all(len(vec) for vec in vectors):
        return None
    # A common drift is not noise: the spread is taken about the mean of each component.
    return np.array([np.sqrt(vec.var(axis=0).mean()) for vec in vectors])


def _has_vectors(frame: Any) -> bool:
    return isinstance(frame, dict) and np.size(frame.get("vec", ())) > 0


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
        If a field is not one, the axes do not fit, or displacement and traction differ in shape.
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


def _traction(structs: Any, frames: list[Frame], x: FloatArray, y: FloatArray, path: Path) -> FloatArray | None:
    """Return the traction of the results; None if there are none, or their points are not those of the displacement."""
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
