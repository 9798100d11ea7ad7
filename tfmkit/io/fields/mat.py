"""MATLAB files of either generation as plain dictionaries and arrays."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from scipy.io import loadmat
from scipy.io.matlab import matfile_version

from tfmkit._validation import FloatArray
from tfmkit.io.fields.hdf5 import load_hdf5
from tfmkit.io.fields.mat5 import load_mat5


def load_mat(path: Path) -> dict[str, Any]:
    """Return the variables of a `.mat` file.

    Parameters
    ----------
    path : Path
        File of any MATLAB version; 7.3 is HDF5.

    Returns
    -------
    dict of str to object
        Numeric arrays in MATLAB's order of axes and texts; a struct of any size is a list of dictionaries, and a cell
        array a list of its elements. None for anything else.

    Raises
    ------
    ValueError
        If the file is cut short, is not a MATLAB file, or points to other files.
    """
    try:
        if h5py.is_hdf5(path):
            return load_hdf5(path)
        return load_mat5(path) if matfile_version(path)[0] == 1 else _load_mat4(path)
    except OSError as error:
        if not path.is_file():
            raise
        raise ValueError(f"Expected a MATLAB file, got {path} that cannot be read as one: {error}.") from error
    except Exception as error:
        # On damaged bytes, both parsers of binary files raise errors of any kind.
        raise ValueError(f"Expected a MATLAB file, got {path} that cannot be read as one: {error}.") from error


def struct_field(structs: Any, name: str, path: Path) -> Any:
    """Return field `name` of a struct that must have one element.

    Parameters
    ----------
    structs : list of dict
        The struct, as `load_mat` returns it.
    name : str
        Wanted field.
    path : Path
        File, for the error message.

    Returns
    -------
    object
        The field's value.

    Raises
    ------
    ValueError
        If it is not a struct of one element, or lacks the field.
    """
    if not isinstance(structs, list) or len(structs) != 1 or name not in structs[0]:
        raise ValueError(f"Expected a struct with a field {name!r} in {path}, got none.")
    return structs[0][name]


def numeric(value: Any, name: str, path: Path, *, missing: bool = False) -> FloatArray:
    """Return `value` as a finite float array.

    Parameters
    ----------
    value : object
        A variable of the file.
    name : str
        Its name for the error message.
    path : Path
        File, for the error message.
    missing : bool, default=False
        Whether NaN is accepted, as long as not all are NaN.

    Returns
    -------
    ndarray
        The array in float64 (positions are often stored as uint16, which wraps below zero).

    Raises
    ------
    ValueError
        If it is not real numbers, or one of them is not finite and not accepted.
    """
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiub":
        raise ValueError(f"Expected numbers as {name} in {path}, got {type(value).__name__}.")
    array = value.astype(np.float64)
    bad = ~np.isfinite(array)
    if bad.any() and (not missing or np.isinf(array).any() or bad.all()):
        raise ValueError(f"Expected finite {name} in {path}, got {bad.sum()} values that are not.")
    return array


def _load_mat4(path: Path) -> dict[str, Any]:
    """Return the arrays of a file of version 4, which knows neither structs nor compression."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        variables = loadmat(path)
    return {name: value for name, value in variables.items() if isinstance(value, np.ndarray)}
