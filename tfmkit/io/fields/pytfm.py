"""Displacement of pyTFM: one file per component."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

import numpy as np

from tfmkit._validation import FloatArray, check_number
from tfmkit.io.fields.arrays import fill_missing, load_array
from tfmkit.io.fields.data import DisplacementData, quiet


@quiet
def read_pytfm(
    path: str | PathLike[str], *, spacing: float | None = None, interpolate: bool = False
) -> DisplacementData:
    """Read ``<frame>u`` and the ``<frame>v`` beside it.

    Parameters
    ----------
    path : str or path-like
        The `.npy` or `.txt` file of the x component; its name ends in ``u``.
    spacing : float
        Distance between grid points in image pixels, which the files do not hold.
    interpolate : bool, default=False
        Whether missing vectors (NaN) are filled from the others.

    Returns
    -------
    DisplacementData
        One field; rows run down, so that both components are taken as they are.

    Raises
    ------
    ValueError
        If a file is damaged or missing, the two do not match, `spacing` is not given, or a vector is missing and
        `interpolate` is False.
    """
    file = Path(path)
    partner = component_v(file)
    if partner is None:
        raise ValueError(f"Expected a file whose name ends in u, with one that ends in v beside it, got {file}.")
    if spacing is None:
        raise ValueError(f"{file} does not hold the distance between its grid points: give spacing in image pixels.")
    step = check_number(spacing, "spacing", low=0, include_low=False)
    components = [_load_component(part) for part in (file, partner)]
    if components[0].shape != components[1].shape:
        raise ValueError(f"Expected components of one shape, got {components[0].shape} and {components[1].shape}.")
    height, width = components[0].shape
    x, y = step * np.arange(width, dtype=float), step * np.arange(height, dtype=float)
    fields, measured = fill_missing(np.stack(components)[None], file, interpolate=interpolate)
    return DisplacementData(fields, step, x, y, (file, partner), "pytfm", measured)


def component_v(path: Path) -> Path | None:
    """Return the file of the y component that belongs to `path`.

    Parameters
    ----------
    path : Path
        A file that may hold an x component.

    Returns
    -------
    Path or None
        Its partner; None if the name does not end in ``u`` or the partner does not exist.
    """
    partner = path.with_name(path.stem[:-1] + "v" + path.suffix)
    return partner if path.stem.endswith("u") and partner.is_file() else None


def _load_component(path: Path) -> FloatArray:
    if path.suffix == ".npy":
        array = load_array(path)
    else:
        try:
            array = np.array([line.split() for line in path.read_text(encoding="utf-8-sig").splitlines()], dtype=float)
        except ValueError as error:
            raise ValueError(f"Expected a table of numbers in {path}: {error}.") from error
    if array.ndim != 2:
        raise ValueError(f"Expected a table of one displacement component in {path}, got shape {array.shape}.")
    return array
