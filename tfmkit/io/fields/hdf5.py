"""Variables of MATLAB 7.3 files, which are HDF5, from the file itself and from nowhere else."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from tfmkit.io.limits import DEEPEST, most_in_file, most_objects


def load_hdf5(path: Path) -> dict[str, Any]:
    """Return the variables of a MATLAB 7.3 file.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    dict of str to object
        Numeric arrays, lists and dictionaries, as `tfmkit.io.fields.mat.load_mat` describes them; None for anything
        else.

    Raises
    ------
    ValueError
        If the file points to other files, claims more than it can hold, or holds itself.
    OSError
        If it is damaged.
    """
    with h5py.File(path, "r") as file:
        return _Reader(file).members(file, [name for name in file if not name.startswith("#")])


class _Reader:
    """The values of one file, with one limit for all of them together."""

    def __init__(self, file: h5py.File) -> None:
        self.file = file
        size = file.id.get_filesize()
        self.most = self.bytes_left = most_in_file(size)
        self.objects_left = most_objects(size)

    def members(self, group: h5py.Group, names: Iterable[str], depth: int = 0) -> dict[str, Any]:
        return {name: self.value(_member(group, name), depth) for name in names}

    def value(self, node: Any, depth: int) -> Any:
        self.objects_left -= 1
        if depth > DEEPEST or self.objects_left < 0:
            raise ValueError(f"{node.name} holds itself, or too many others")
        if not isinstance(node, h5py.Dataset):
            return self.struct(node, depth)
        self.check(node)
        if _holds_references(node):
            # MATLAB's cell array, element by element in MATLAB's order.
            return [self.value(self.file[reference], depth + 1) for reference in node[()].T.flat]
        if node.dtype.kind not in "fiubc":
            return None
        if node.attrs.get("MATLAB_empty"):
            # The dataset holds the shape of an array without elements.
            sides = [int(side) for side in node[()].flat]
            return np.zeros(sides if 0 in sides else 0)
        # MATLAB writes its column-major arrays as they lie in memory, so that axes come out reversed.
        return np.asarray(node[()]).T

    def struct(self, group: h5py.Group, depth: int) -> list[dict[str, Any]]:
        members = {name: _member(group, name) for name in group}
        if not members or not all(_holds_references(member) for member in members.values()):
            return [self.members(group, members, depth + 1)]
        columns = {name: self.value(member, depth + 1) for name, member in members.items()}
        n_elements = min(map(len, columns.values()))
        return [{name: column[i] for name, column in columns.items()} for i in range(n_elements)]

    def check(self, node: h5py.Dataset) -> None:
        if node.external or node.is_virtual:
            raise ValueError(f"{node.name} lies in another file, which is not read")
        # Numbers that were never written take no place in the file, but memory once they are read.
        self.bytes_left -= 8 * node.size
        if self.bytes_left < 0:
            raise ValueError(
                f"{node.name} claims {8 * node.size} bytes, more than is left of the {self.most} that it can hold"
            )


def _member(group: h5py.Group, name: str) -> h5py.Group | h5py.Dataset:
    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
        raise ValueError(f"{name} is a link to another place, which is not followed")
    return group[name]


def _holds_references(node: h5py.Group | h5py.Dataset) -> bool:
    return isinstance(node, h5py.Dataset) and h5py.check_ref_dtype(node.dtype) is h5py.Reference
