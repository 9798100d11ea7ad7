"""Where the results of an item lie, and whether they still are those of its files and settings."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmkit.displacement.measure import Measurement
from tfmkit.io import write_json, writing

FOLDERS = ("displacement", "fields", "items", "previews")
# What `tfmkit.io.writing` leaves behind when the process is killed.
_UNFINISHED = re.compile(r"\.\d+-.+")


@dataclass(frozen=True)
class ItemFiles:
    """Files of the results of one item.

    Attributes
    ----------
    results : Path
        Folder of the results.
    key : str
        Key of the item.
    """

    results: Path
    key: str

    @property
    def displacement(self) -> Path:
        """What was measured on the images."""
        return self.results / "displacement" / f"{self.key}.npz"

    @property
    def fields(self) -> Path:
        """Displacement and traction on the grid."""
        return self.results / "fields" / f"{self.key}.ome.tif"

    @property
    def preview(self) -> Path:
        """Small images."""
        return self.results / "previews" / f"{self.key}.tif"

    @property
    def record(self) -> Path:
        """Everything else; written last."""
        return self.results / "items" / f"{self.key}.json"

    def complete(self, *, preview: bool) -> bool:
        """Return whether all files are there, the small images only where `preview` asks for them."""
        wanted = [self.record, self.displacement, self.fields, *([self.preview] if preview else [])]
        return all(path.is_file() for path in wanted)

    def remove(self) -> None:
        """Remove all of them."""
        for path in (self.record, self.displacement, self.fields, self.preview):
            path.unlink(missing_ok=True)


def digest(value: Any) -> str:
    """Return a fingerprint of what JSON can hold.

    Parameters
    ----------
    value : object
        Strings, numbers, lists and mappings.

    Returns
    -------
    str
        SHA-256 in hexadecimal digits.
    """
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def file_state(paths: Iterable[Path | None]) -> list[tuple[int, int]]:
    """Return size and time of the last change of files.

    Parameters
    ----------
    paths : iterable of Path or None
        The files; those that are absent are passed over.

    Returns
    -------
    list of (int, int)
        Bytes and nanoseconds.
    """
    states = [path.stat() for path in paths if path is not None]
    return [(state.st_size, state.st_mtime_ns) for state in states]


def read_record(files: ItemFiles) -> dict[str, Any]:
    """Return the record of an item, empty where there is none that can be read.

    Parameters
    ----------
    files : ItemFiles
        Files of the item.

    Returns
    -------
    dict
        What the record says.
    """
    try:
        record = json.loads(files.record.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) and isinstance(record.get("fingerprints"), dict) else {}


def write_record(files: ItemFiles, record: dict[str, Any]) -> None:
    """Write the record of an item.

    Parameters
    ----------
    files : ItemFiles
        Files of the item.
    record : dict
        What JSON can hold.
    """
    write_json(files.record, record)


def save_measurement(files: ItemFiles, measurement: Measurement, fingerprint: str) -> None:
    """Write what was measured, with its fingerprint.

    Parameters
    ----------
    files : ItemFiles
        Files of the item.
    measurement : Measurement
        What was measured.
    fingerprint : str
        What it depends on.
    """
    values = {part.name: getattr(measurement, part.name) for part in fields(Measurement)}
    # NumPy has no None without pickle.
    arrays: dict[str, Any] = {name: np.nan if value is None else value for name, value in values.items()}
    with writing(files.displacement) as temporary:
        np.savez(temporary, allow_pickle=False, fingerprint=np.array(fingerprint), **arrays)


def load_measurement(files: ItemFiles, fingerprint: str) -> Measurement | None:
    """Return what was measured before, if it was measured on the same files with the same settings.

    Parameters
    ----------
    files : ItemFiles
        Files of the item.
    fingerprint : str
        What it depends on now.

    Returns
    -------
    Measurement or None
        None where there is nothing, or nothing that still holds.
    """
    try:
        with np.load(files.displacement, allow_pickle=False) as archive:
            if str(archive["fingerprint"]) != fingerprint:
                return None
            arrays = {part.name: archive[part.name] for part in fields(Measurement)}
    except Exception:  # noqa: BLE001 - whatever is wrong with an old result, it is made again
        return None
    values: dict[str, Any] = {name: array if array.ndim else _number(array) for name, array in arrays.items()}
    return Measurement(**values)


def remove_unfinished(results: Path) -> None:
    """Remove what a killed run had begun to write.

    Parameters
    ----------
    results : Path
        Folder of the results.
    """
    for folder in (results / name for name in FOLDERS):
        for path in folder.glob(".*"):
            if _UNFINISHED.fullmatch(path.name):
                path.unlink()


def _number(array: NDArray[Any]) -> float | None:
    value = float(array)
    return None if np.isnan(value) else value
