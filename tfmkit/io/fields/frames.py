"""Frames of vectors at points, as MATLAB programs store them, on one grid."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmkit._validation import FloatArray
from tfmkit.holes import fill
from tfmkit.io.fields.grid import beside_points, even_axes, fill_grid, grid_axes, grid_step, interpolate_onto
from tfmkit.io.fields.mat import numeric

# Positions (x, y) and vectors of one frame, each (n_points, 2); a vector of NaN is missing.
Frame = tuple[FloatArray, FloatArray]


def read_frames(structs: Any, name: str, path: Path) -> list[Frame]:
    """Return the frames of a struct array with fields ``pos`` and ``vec``.

    Parameters
    ----------
    structs : list of dict
        The struct array, as `load_mat` returns it.
    name : str
        Its name for messages.
    path : Path
        File, for messages.

    Returns
    -------
    list of Frame
        One per element; missing vectors are NaN.

    Raises
    ------
    ValueError
        If it is not such a struct array, or positions or vectors are not as many pairs of numbers.
    """
    if not isinstance(structs, list) or not structs:
        raise ValueError(f"Expected a struct array {name} in {path}, got {type(structs).__name__}.")
    return [_read_frame(frame, f"{name}({number})", path) for number, frame in enumerate(structs, start=1)]


def _read_frame(frame: Any, name: str, path: Path) -> Frame:
    if not isinstance(frame, dict) or not {"pos", "vec"} <= frame.keys():
        raise ValueError(f"Expected fields pos and vec in {name} of {path}.")
    pos = numeric(frame["pos"], f"{name}.pos", path)
    vec = numeric(frame["vec"], f"{name}.vec", path, missing=True)
    if pos.ndim != 2 or pos.shape[1] != 2 or pos.shape != vec.shape or not len(pos):
        raise ValueError(f"Expected {name}.pos and .vec of shape (n, 2) in {path}, got {pos.shape} and {vec.shape}.")
    return pos, vec


def frames_to_grid(frames: list[Frame]) -> dict[str, Any]:
    """Return the fields of frames on the grid of their points.

    Parameters
    ----------
    frames : list of (ndarray of shape (n_points, 2), ndarray of shape (n_points, 2))
        Positions and vectors; missing vectors are NaN.

    Returns
    -------
    dict of str to object
        ``displacement``, ``spacing``, ``x``, ``y`` and ``measured`` of `DisplacementData`. Missing vectors are filled
        from the others. Points that lie on no grid are interpolated onto an even one, which is measured where a point
        lies within one step.

    Raises
    ------
    ValueError
        If the points do not span an area, or too few vectors are there.
    """
    try:
        x, y = grid_axes(np.concatenate([positions for positions, _ in frames]))
        filled = [fill_grid(*present(frame), x, y) for frame in frames]
    except ValueError:
        return _scattered_to_grid(frames)
    fields = np.stack([fill(field, ~there) for field, there in filled])
    return _parts(fields, x, y, np.stack([there for _, there in filled]))


def present(frame: Frame) -> Frame:
    """Return the points of a frame that have a vector.

    Parameters
    ----------
    frame : (ndarray of shape (n_points, 2), ndarray of shape (n_points, 2))
        Positions and vectors.

    Returns
    -------
    Frame
        Without the missing vectors.
    """
    positions, vectors = frame
    there = np.isfinite(vectors).all(axis=1)
    return positions[there], vectors[there]


def _scattered_to_grid(frames: list[Frame]) -> dict[str, Any]:
    # All frames share the grid of the first.
    x, y = even_axes(frames[0][0])
    points = [present(frame) for frame in frames]
    fields = np.stack([interpolate_onto(*frame, x, y) for frame in points])
    return _parts(fields, x, y, np.stack([beside_points(positions, x, y) for positions, _ in points]))


def _parts(fields: FloatArray, x: FloatArray, y: FloatArray, measured: NDArray[np.bool_]) -> dict[str, Any]:
    return {"displacement": fields, "spacing": grid_step(x, y), "x": x, "y": y, "measured": measured}
