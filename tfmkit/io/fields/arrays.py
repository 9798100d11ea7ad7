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
from tfmkit.holes import fill
from tfmkit.io.fields.data import DisplacementData, quiet
from tfmkit.io.limits import most_in_file
from tfmkit.io.silence import silent_literals

_NAMES = ("displacement", "strain", "X")
_COMPONENTS = (("u", "v"), ("ux", "uy"))
_GRID = ("x", "y", "measured", "spacing", "pixel_size_um", "std")
_ARCHIVE_START = b"PK\3\4"
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


@quiet
def read_arrays(
    path: str | PathLike[str], *, spacing: float | None = None, interpolate: bool = False
) -> DisplacementData:
    """Read a `.npy` or `.npz` file.

    Parameters
    ----------
    path : str or path-like
        An array of shape (2, height, width) or (n_fields, 2, height, width), in tfmkit's convention. An archive
        must hold it under the name ``displacement``, ``strain`` or ``X``, or as its only array, or the components as
        ``u`` and ``v`` or ``ux`` and ``uy``. It may also hold the positions ``x`` and ``y``, ``measured``, ``std``,
        the ``spacing`` and ``pixel_size_um``, as an archive of `tfmkit displacement` does.
    spacing : float, optional
        Distance between grid points in the unit of the displacement; by default that of the file, or else 1, which
        means that this unit is the grid pixel.
    interpolate : bool, default=False
        Whether missing vectors (NaN) are filled from the others.

    Returns
    -------
    DisplacementData
        As many fields as the array has.

    Raises
    ------
    ValueError
        If the file is damaged, holds Python objects, or is not a batch of fields, `spacing` is given and the file
        holds its own, or a vector is missing and `interpolate` is False.
    """
    file = Path(path)
    array = load_array(file)
    fields = array[None] if array.ndim == 3 else array
    if fields.ndim == 4 and fields.shape[1] != 2 and fields.shape[-1] == 2:
        raise ValueError(
            f"Expected (2, height, width) or (n_fields, 2, height, width) in {path}, got {array.shape}: channels last. "
            "Save numpy.moveaxis(array, -1, -3)."
        )
    if fields.ndim != 4 or fields.shape[1] != 2:
        raise ValueError(f"Expected (2, height, width) or (n_fields, 2, height, width) in {path}, got {array.shape}.")
    grid = _load_grid(file)
    fields, measured = fill_missing(fields, file, interpolate=interpolate)
    if "measured" in grid:
        measured = _measured(grid["measured"], fields, measured, file)
    scale = float(grid["pixel_size_um"]) if grid.get("pixel_size_um", np.empty(1)).ndim == 0 else None
    own = "spacing" in grid or {"x", "y"} <= grid.keys()
    if own and spacing is not None:
        raise ValueError(f"{file} holds the positions of its vectors: leave spacing out.")
    step, x, y = _axes(grid, fields.shape, 1.0 if spacing is None else spacing, file)
    std = _std(grid["std"], fields, file) if "std" in grid else None
    return DisplacementData(fields, step, x, y, (file,), "numpy", measured, pixel_size=scale, std=std)


def fill_missing(fields: FloatArray, path: Path, *, interpolate: bool) -> tuple[FloatArray, NDArray[np.bool_] | None]:
    """Fill the vectors of fields that are not a number.

    Parameters
    ----------
    fields : ndarray of shape (n_fields, 2, height, width)
        Vectors; those with a component of NaN are missing.
    path : Path
        File, for the error message.
    interpolate : bool
        Whether missing vectors may be filled.

    Returns
    -------
    fields : ndarray of shape (n_fields, 2, height, width)
        The fields without holes.
    measured : ndarray of shape (n_fields, height, width) or None
        False where a vector was filled; None if none was.

    Raises
    ------
    ValueError
        If a vector is missing and `interpolate` is False.
    """
    missing = np.asarray(np.isnan(fields).any(axis=1))
    if not missing.any():
        return fields, None
    if not interpolate:
        raise ValueError(
            f"Expected a vector at every grid point, got {missing.sum()} hole(s) of NaN in {path}. interpolate=True "
            "(--interpolate) fills them in from their neighbours."
        )
    return np.stack([fill(field, holes) for field, holes in zip(fields, missing, strict=True)]), ~missing


def _measured(flags: NDArray[Any], fields: FloatArray, present: NDArray[np.bool_] | None, path: Path) -> NDArray[Any]:
    """Return the flags of an archive for every vector, False also where a vector was missing."""
    if flags.size != fields.size // 2:
        raise ValueError(f"Expected a flag for each vector of {fields.shape} in {path}, got {flags.shape}.")
    shaped = flags.reshape(-1, *fields.shape[2:])
    return shaped if present is None else shaped.astype(bool) & present


def _std(values: NDArray[Any], fields: FloatArray, path: Path) -> FloatArray:
    if values.size != fields.size:
        raise ValueError(f"Expected a standard deviation for each of {fields.shape} in {path}, got {values.shape}.")
    return values.reshape(fields.shape).astype(fields.dtype)


def _axes(
    grid: dict[str, NDArray[Any]], shape: tuple[int, ...], spacing: float, path: Path
) -> tuple[float, FloatArray, FloatArray]:
    """Return spacing and axes: from the positions of the file, else from its spacing, else from the one given."""
    if {"x", "y"} <= grid.keys():
        x, y = (_axis(grid[name], name, size, path) for name, size in (("x", shape[3]), ("y", shape[2])))
        return float(x[1] - x[0]), x, y
    step = check_number(grid["spacing"].item() if "spacing" in grid else spacing, "spacing", low=0, include_low=False)
    return step, step * np.arange(shape[3], dtype=float), step * np.arange(shape[2], dtype=float)


def _axis(values: NDArray[Any], name: str, size: int, path: Path) -> FloatArray:
    """Return the positions of columns or rows, which may be given for each vector."""
    axis = values if values.ndim < 2 else values[0] if name == "x" else values[:, 0]
    if axis.shape != (size,) or size < 2 or not np.isfinite(axis).all() or not (np.diff(axis) > 0).all():
        raise ValueError(f"Expected {size} rising positions {name} in {path}, got {values.shape}: {axis}.")
    return axis.astype(np.float64)


def _load_grid(path: Path) -> dict[str, NDArray[Any]]:
    """Return what an archive says about positions, flags and scale."""
    if path.suffix != ".npz":
        return {}
    wanted: list[str] = []

    def choose(names: list[str]) -> list[str]:
        wanted.extend(name for name in _GRID if name in names)
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
    found = _load(path, _names_in)
    loaded = found[0] if len(found) == 1 else _join(found, path)
    if loaded.dtype.kind not in "fiub":
        raise ValueError(f"Expected an array of real numbers in {path}, got dtype {loaded.dtype}.")
    return loaded.astype(np.float32 if loaded.dtype in (np.float16, np.float32) else np.float64, copy=False)


def _join(components: list[NDArray[Any]], path: Path) -> NDArray[Any]:
    """Return fields of both components."""
    u, v = components
    if u.shape != v.shape or u.ndim not in (2, 3):
        raise ValueError(f"Expected components of one shape, rows by columns, in {path}, got {u.shape} and {v.shape}.")
    return np.stack([u, v], axis=-3)


def _load(path: Path, choose: Callable[[list[str]], list[str]]) -> list[NDArray[Any]]:
    """Return the array of a `.npy`, or those of a `.npz` that `choose` picks by name."""
    size = path.stat().st_size
    with path.open("rb") as file, silent_literals():
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


def _names_in(names: list[str]) -> list[str]:
    """Return the name of the array in an archive, or those of its two components."""
    known = [name for name in _NAMES if name in names]
    pairs = [list(pair) for pair in _COMPONENTS if set(pair) <= set(names)]
    if known or len(names) == 1:
        return (known or names)[:1]
    if pairs:
        return pairs[0]
    raise ValueError(f"one array or one named {', '.join(_NAMES)}, or u and v, is wanted, it has {names}")
