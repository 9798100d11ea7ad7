"""NumPy files that hold a field or a batch of fields."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

import numpy as np

from tfmkit._validation import FloatArray, check_number
from tfmkit.io._data import DisplacementData

_NAMES = ("displacement", "strain", "X")


def read_arrays(path: str | PathLike[str], *, spacing: float = 1.0) -> DisplacementData:
    """Read a `.npy` or `.npz` file.

    Parameters
    ----------
    path : str or path-like
        An array of shape (2, height, width) or (n_fields, 2, height, width), in tfmkit's convention. An archive
        must hold it under the name ``displacement``, ``strain`` or ``X``, or as its only array.
    spacing : float, default=1.0
        Distance between grid points in the unit of the displacement; 1 means that this unit is the grid pixel.

    Returns
    -------
    DisplacementData
        As many fields as the array has.

    Raises
    ------
    ValueError
        If the file is damaged, holds Python objects, or is no batch of fields.
    """
    file = Path(path)
    step = check_number(spacing, "spacing", low=0, include_low=False)
    array = load_array(file)
    fields = array[None] if array.ndim == 3 else array
    if fields.ndim != 4:
        raise ValueError(f"Expected (2, height, width) or (n_fields, 2, height, width) in {path}, got {array.shape}.")
    x, y = (step * np.arange(side, dtype=float) for side in fields.shape[:1:-1])
    return DisplacementData(fields, step, x, y, (file,), "numpy")


def load_array(path: Path) -> FloatArray:
    """Return the array of a NumPy file, never unpickling anything.

    Parameters
    ----------
    path : Path
        A `.npy` or `.npz` file.

    Returns
    -------
    ndarray
        The array, floating (float32 stays float32).

    Raises
    ------
    ValueError
        If the file is damaged or holds no such array.
    """
    with path.open("rb") as file:
        try:
            loaded = np.load(file, allow_pickle=False)
            if isinstance(loaded, np.lib.npyio.NpzFile):
                loaded = loaded[_name_in(loaded.files)]
        except Exception as error:
            # Zip and header parsers raise whatever they stumble over on damaged bytes.
            raise ValueError(f"Expected a NumPy file, got {path} that cannot be read as one: {error}.") from error
    if loaded.dtype.kind not in "fiub":
        raise ValueError(f"Expected an array of real numbers in {path}, got dtype {loaded.dtype}.")
    return loaded.astype(np.float32 if loaded.dtype in (np.float16, np.float32) else np.float64, copy=False)


def _name_in(names: list[str]) -> str:
    known = [name for name in _NAMES if name in names]
    if not known and len(names) != 1:
        raise ValueError(f"one array or one named {', '.join(_NAMES)} is wanted, it has {names}")
    return (known or names)[0]
