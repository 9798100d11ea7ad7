"""The struct ``displField`` of the Danuser lab's TFM package (MATLAB)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tfmkit.io.fields.data import DisplacementData
from tfmkit.io.fields.frames import frames_to_grid, read_frames


def from_variables(variables: dict[str, Any], path: Path) -> DisplacementData:
    """Return the displacement of a struct array ``displField(frame).pos/.vec``.

    Parameters
    ----------
    variables : dict of str to object
        Variables of the file.
    path : Path
        File, for messages.

    Returns
    -------
    DisplacementData
        One field per frame, in pixels of the image; y runs down, so that both components are taken as they are.
        Vectors that were not found (NaN) are filled from the others.

    Raises
    ------
    ValueError
        If the struct lacks a field, or a field holds no numbers.
    """
    frames = read_frames(variables["displField"], "displField", path)
    return DisplacementData(**frames_to_grid(frames), sources=(path,), layout="displfield")
