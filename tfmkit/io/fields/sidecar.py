"""The pixel size of text files of `tfmkit displacement`, which lies beside them in ``settings.json``.

Fiji reads a text file of numbers only, so a line with the pixel size would make the file unreadable there.
"""

from __future__ import annotations

import json
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path

from tfmkit.io.fields.data import DisplacementData

SIDECAR = "settings.json"
# Value of the key "command" in the settings of `tfmkit displacement`.
COMMAND = "tfmkit displacement"
_TEXTS = "displacement_[0-9]*.txt"
_LARGEST = 2**20


def add_pixel_size(data: DisplacementData, path: Path) -> DisplacementData:
    """Return displacement with the pixel size that `tfmkit displacement` stored beside its file.

    Parameters
    ----------
    data : DisplacementData
        The content of the file.
    path : Path
        The file.

    Returns
    -------
    DisplacementData
        The same data; with a pixel size if the file is a ``displacement_NNNN.txt`` beside the settings of `tfmkit
        displacement`, and these have one.

    Raises
    ------
    ValueError
        If the pixel size in the settings is not a positive number.
    """
    sidecar = path.with_name(SIDECAR)
    if not fnmatch(path.name, _TEXTS) or not sidecar.is_file() or sidecar.stat().st_size > _LARGEST:
        return data
    try:
        settings = json.loads(sidecar.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        # Other programs may keep a file of this name there.
        return data
    if not isinstance(settings, dict) or settings.get("command") != COMMAND:
        return data
    return replace(data, pixel_size=settings.get("pixel_size_um"))
