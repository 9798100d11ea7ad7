"""MATLAB files that PIVlab exports, and others with matrices x, y, u and v."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tfmkit.io.fields.data import DisplacementData
from tfmkit.io.fields.frames import Frame, frames_to_grid
from tfmkit.io.fields.mat import numeric

# PIVlab's types of vectors are 1 (measured), 2 (replaced by its filter, and taken as measured) and this one.
_MASKED = 0
# Ends of the names of components, the best first.
_KINDS = ("_filtered", "_original", "")


def is_pivlab(variables: dict[str, Any]) -> bool:
    """Tell whether a MATLAB file is one of PIVlab.

    Parameters
    ----------
    variables : dict of str to object
        Variables of the file.

    Returns
    -------
    bool
        True if it has positions and displacements as matrices, or is a session.
    """
    components = {"u_original", "v_original"} <= variables.keys() or {"u", "v"} <= variables.keys()
    return ({"x", "y"} <= variables.keys() and components) or "resultslist" in variables


def from_variables(variables: dict[str, Any], path: Path) -> DisplacementData:
    """Return the displacement of a file of PIVlab.

    Parameters
    ----------
    variables : dict of str to object
        Variables of the file.
    path : Path
        File, for messages.

    Returns
    -------
    DisplacementData
        One field per frame, in pixels; y runs down. Filtered vectors are taken if there are some. Masked vectors and
        those of NaN are filled from the others.

    Raises
    ------
    ValueError
        If the file is a session, variables are missing or do not fit together, or lengths are calibrated by an unknown
        factor.
    """
    if "resultslist" in variables:
        raise ValueError(f"Expected exported results in {path}, got a session of PIVlab: export them as a MAT file.")
    scale = _scale(variables, path)
    xs, ys = (_frames(variables, name, path) for name in ("x", "y"))
    kind = next((end for end in _KINDS if any(np.size(part) for part in _list(variables.get(f"u{end}")))), _KINDS[0])
    us, vs = (_frames(variables, f"{part}{kind}", path) for part in "uv")
    types = _list(variables.get(f"typevector{kind}"))
    if not len(us) == len(vs) or len(xs) not in (1, len(us)) or len(ys) != len(xs):
        raise ValueError(f"Expected as many x, y, u and v in {path}, got {len(xs)}, {len(ys)}, {len(us)}, {len(vs)}.")
    frames = []
    for number, (u, v) in enumerate(zip(us, vs, strict=True)):
        at = number if len(xs) > 1 else 0
        masked = types[number] if number < len(types) else None
        frames.append(_frame((xs[at], ys[at]), (u, v), masked, scale, path))
    return DisplacementData(**frames_to_grid(frames), sources=(path,), layout="pivlab")


def _frame(
    positions: tuple[Any, Any], components: tuple[Any, Any], types: Any, scale: tuple[float, float], path: Path
) -> Frame:
    x, y = (numeric(part, "x and y", path) for part in positions)
    u, v = (numeric(part, "u and v", path, missing=True) for part in components)
    if not x.shape == y.shape == u.shape == v.shape:
        raise ValueError(f"Expected x, y, u and v of one shape in {path}, got {[a.shape for a in (x, y, u, v)]}.")
    vectors = np.stack([u.ravel(), v.ravel()], axis=1) / scale[1]
    if isinstance(types, np.ndarray) and types.shape == u.shape:
        vectors[types.ravel() == _MASKED] = np.nan
    return np.stack([x.ravel(), y.ravel()], axis=1) / scale[0], vectors


def _scale(variables: dict[str, Any], path: Path) -> tuple[float, float]:
    """Return the units of positions and displacements, as multiples of the pixel and the pixel per frame."""
    units = "".join(map(str, np.ravel(variables.get("units", "[px]"))))
    if "px" in units:
        return 1.0, 1.0
    names = ("calxy", "calu" if "calu" in variables else "caluv")
    factors = [float(numeric(variables[name], name, path).flat[0]) if name in variables else 0.0 for name in names]
    if min(factors) <= 0:
        raise ValueError(f"Expected lengths in pixels in {path}, got {units}: export them without calibration.")
    return factors[0], factors[1]


def _frames(variables: dict[str, Any], name: str, path: Path) -> list[Any]:
    parts = [part for part in _list(variables.get(name)) if np.size(part)]
    if not parts:
        raise ValueError(f"Expected {name} of at least one frame in {path}, got none.")
    return parts


def _list(value: Any) -> list[Any]:
    """Return a cell array as a list; a lone matrix is that of one frame."""
    return value if isinstance(value, list) else [] if value is None else [value]
