"""NumPy files that hold a field or a batch of fields."""

from __future__ import annotations

import math
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import IO, Any
from zipfile import ZipFile

import numpy as np
from numpy.typing import NDArray

from tfmkit._validation import FloatArray, check_number
from tfmkit.io.fields.data import DisplacementData
from tfmkit.io.limits import most_in_file

_NAMES = ("displacement", "strain", "X")
_GRID, _SCALE = ("x", "y", "measured"), "pixel_size_um"
_ARCHIVE_START = b"PK\3\4"
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def read_arrays(path: str | PathLike[str], *, spacing: float | None = None) -> DisplacementData:
    """Read a `.npy` or `.npz` file.

    Parameters
    ----------
    path : str or path-like
        An array of shape (2, height, width) or (n_fields, 2, height, width), in tfmkit's convention. An archive
        must hold it under the name ``displacement``, ``strain`` or ``X``, or as its only array. An archive of
        `tfmkit displacement` also holds ``x``, ``y``, ``measured`` and, where it is known, ``pixel_size_um``.
    spacing : float, optional
        Distance between grid points in the unit of the displacement; by default the step of ``x``, or else 1, which
        means that this unit is the grid pixel.

    Returns
    -------
    DisplacementData
        As many fields as the array has.

    Raises
    ------
    ValueError
        If the file is damaged, holds Python objects, or is not a batch of fields, or `spacing` is given and the file
        holds its own.
    """
    file = Path(path)
    array = load_array(file)
    fields = array[None] if array.ndim == 3 else array
    if fields.ndim == 4 and fields.shape[1] != 2 and fields.shape[-1] == 2:
        raise ValueError(
            f"Expected (2, height, width) or (n_fields, 2, height, width) in {path}, got {array.shape}: channels last. "
            "Save numpy.moveaxis(array, -1, -3)."
        )
    if fields.ndim != 4:
        raise ValueError(f"Expected (2, height, width) or (n_fields, 2, height, width) in {path}, got {array.shape}.")
    grid = _load_grid(file)
    if not grid:
        step = check_number(1.0 if spacing is None else spacing, "spacing", low=0, include_low=False)
        x, y = (step * np.arange(side, dtype=float) for side in fields.shape[:1:-1])
        return DisplacementData(fields, step, x, y, (file,), "numpy")
    if spacing is not None:
        raise ValueError(f"{file} holds the positions of its vectors: leave spacing out.")
    x, y, measured = (grid[name] for name in _GRID)
    if measured.size != fields.size // 2 or y.size != fields.shape[2]:
        raise ValueError(f"Expected y and a flag for each vector of {fields.shape} in {path}, got {measured.shape}.")
    if x.ndim != 1 or x.size < 2 or not np.isfinite(x).all() or not x[1] > x[0]:
        raise ValueError(f"Expected rising positions x of the columns in {path}, got {x}.")
    flags = measured.reshape(-1, y.size, x.size)
    scale = float(grid[_SCALE]) if _SCALE in grid and grid[_SCALE].ndim == 0 else None
    return DisplacementData(fields, float(x[1] - x[0]), x, y, (file,), "numpy", flags, pixel_size=scale)


def _load_grid(path: Path) -> dict[str, NDArray[Any]]:
    """Return positions and flags of an archive that has them all, and the pixel size where it has one."""
    if path.suffix != ".npz":
        return {}
    wanted: list[str] = []

    def choose(names: list[str]) -> list[str]:
        wanted.extend(name for name in (*_GRID, _SCALE) if name in names and set(_GRID) <= set(names))
        return wanted

    found = _load(path, choose)
    if any(array.dtype.kind not in "fiub" for array in found):
        raise ValueError(f"Expected numbers as {', '.join(wanted)} in {path}, got dtypes {[a.dtype for a in found]}.")
    return dict(zip(wanted, found, strict=True))


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
        If the file is damaged or holds no such array, or one that claims more bytes than the file can hold.
    """
    (loaded,) = _load(path, lambda names: [_name_in(names)])
    if loaded.dtype.kind not in "fiub":
        raise ValueError(f"Expected an array of real numbers in {path}, got dtype {loaded.dtype}.")
    return loaded.astype(np.float32 if loaded.dtype in (np.float16, np.float32) else np.float64, copy=False)


def _load(path: Path, choose: Callable[[list[str]], list[str]]) -> list[NDArray[Any]]:
    """Return the array of a `.npy`, or those of a `.npz` that `choose` picks by name."""
    size = path.stat().st_size
    with path.open("rb") as file:
        try:
            if file.read(len(_ARCHIVE_START)) != _ARCHIVE_START:
                file.seek(0)
                _check_claim(file, size)
                file.seek(0)
                return [np.lib.format.read_array(file, allow_pickle=False)]
            with ZipFile(file) as archive:
                names = choose([name.removesuffix(".npy") for name in archive.namelist()])
                arrays, left = [], most_in_file(size)
                for name in names:
                    with archive.open(f"{name}.npy") as member:
                        # Integers become float64.
                        left -= _check_claim(member, left, least=8)
                    with archive.open(f"{name}.npy") as member:
                        arrays.append(np.lib.format.read_array(member, allow_pickle=False))
                return arrays
        except Exception as error:
            # On damaged bytes, parsers of archives and headers raise errors of any kind.
            raise ValueError(f"Expected a NumPy file, got {path} that cannot be read as one: {error}.") from error


def _check_claim(file: IO[bytes], most: int, least: int = 1) -> int:
    """Return the bytes that the header of an array claims; NumPy would allocate more than there can be.

    Integers count by at least `least` bytes each.
    """
    version = np.lib.format.read_magic(file)
    if version not in _HEADERS:
        raise ValueError(f"its format is {version}")
    shape, _, dtype = _HEADERS[version](file)
    width = dtype.itemsize if dtype.kind == "f" else max(least, dtype.itemsize)
    if (claimed := math.prod(shape) * width) > most:
        raise ValueError(f"it claims {claimed} bytes, more than the {most} that it can hold")
    return int(claimed)


def _name_in(names: list[str]) -> str:
    known = [name for name in _NAMES if name in names]
    if not known and len(names) != 1:
        raise ValueError(f"one array or one named {', '.join(_NAMES)} is wanted, it has {names}")
    return (known or names)[0]
