"""The files of an item's results, and whether they still belong to its images and settings.

Every step of an item has a fingerprint of all that it depends on: a changed setting repeats the steps that depend on
it and no others. Files count by their size and the time of their last change, and not by their place, so that a folder
can be moved. The version of tfmkit is part of every fingerprint.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmkit import __version__
from tfmkit._validation import FloatArray
from tfmkit.batch.config import Config
from tfmkit.batch.items import Item
from tfmkit.displacement.measure import Measurement
from tfmkit.gel import Gel
from tfmkit.io import open_images, write_json, write_ome_tiff, writing
from tfmkit.io.silence import silent_literals

FOLDERS = ("displacement", "fields", "items", "previews")
# Key of a record for the fingerprint of all others.
_DIGEST = "digest"


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
        """Return the file of the displacement as it was measured.

        Returns
        -------
        Path
            An ``.npz`` file.
        """
        return self.results / "displacement" / f"{self.key}.npz"

    @property
    def fields(self) -> Path:
        """Return the file of the maps on the grid.

        Returns
        -------
        Path
            An OME-TIFF of displacement, traction and more.
        """
        return self.results / "fields" / f"{self.key}.ome.tif"

    @property
    def preview(self) -> Path:
        """Return the file of the small images.

        Returns
        -------
        Path
            A TIFF.
        """
        return self.results / "previews" / f"{self.key}.tif"

    @property
    def record(self) -> Path:
        """Return the file of the record, which is written last.

        Returns
        -------
        Path
            JSON with numbers and fingerprints.
        """
        return self.results / "items" / f"{self.key}.json"

    def remove(self) -> None:
        """Remove all of them."""
        for path in (self.record, self.displacement, self.fields, self.preview):
            path.unlink(missing_ok=True)


@dataclass(frozen=True)
class Store:
    """Results of one item that are kept from run to run, as long as they hold.

    Attributes
    ----------
    files : ItemFiles
        Files of the results.
    item : Item
        The item.
    config : Config
        The settings.
    weights : str
        Fingerprint of a network's weights.
    """

    files: ItemFiles
    item: Item
    config: Config
    weights: str

    def measurement(self, measure: Callable[[], Measurement]) -> Measurement:
        """Return the displacement of an earlier run, or measure it if that is missing or does not hold.

        Parameters
        ----------
        measure : callable
            Function that measures the displacement, which is then written with its fingerprint.

        Returns
        -------
        Measurement
            The displacement.
        """
        fingerprint = self._measurement
        known = self._load_measurement(fingerprint)
        if known is not None:
            return known
        measurement = measure()
        values = {part.name: getattr(measurement, part.name) for part in fields(Measurement)}
        # The last digits of sums depend on the order in memory, and a file keeps this one.
        values = {
            name: np.asarray(value, order="C") if isinstance(value, np.ndarray) else value
            for name, value in values.items()
        }
        # NumPy has no None without pickle.
        arrays: dict[str, Any] = {name: np.nan if value is None else value for name, value in values.items()}
        with writing(self.files.displacement) as temporary:
            np.savez(temporary, allow_pickle=False, fingerprint=np.array(fingerprint), **arrays)
        return Measurement(**values)

    def load_record(self, gel: Gel, pixel_size: float | None) -> tuple[dict[str, Any], set[str]]:
        """Return the record of the item, and the steps that have to be done for it to hold.

        Parameters
        ----------
        gel : Gel
            The gel with all lengths in pixels.
        pixel_size : float or None
            Micrometres per pixel.

        Returns
        -------
        record : dict
            The record of the last run; empty if there is none.
        stale : set of str
            Those of ``"measurement"``, ``"preview"``, ``"traction"`` and ``"scale"`` whose results do not hold. If
            there are any, the record has been removed from the folder, as it no longer fits the other files.
        """
        record = self._read_record()
        known, wanted = record.get("fingerprints", {}), self._fingerprints(gel, pixel_size)
        stale = {step for step, fingerprint in wanted.items() if known.get(step) != fingerprint}
        written = record.get("files", {})
        if self.item.has_images and written.get("preview") != describe_file(self.files.preview):
            stale.add("preview")
        if written.get("fields") != describe_file(self.files.fields):
            stale.add("traction")
        if stale:
            self.files.record.unlink(missing_ok=True)
        return record, stale

    def save_record(self, record: Mapping[str, Any], gel: Gel, pixel_size: float | None) -> None:
        """Write the record of the item, with the fingerprints of its steps and of its files.

        Parameters
        ----------
        record : mapping
            Strings, numbers, lists and mappings of them.
        gel : Gel
            The gel with all lengths in pixels.
        pixel_size : float or None
            Micrometres per pixel.
        """
        files = {name: describe_file(getattr(self.files, name)) for name in ("fields", "preview")}
        fingerprints = self._fingerprints(gel, pixel_size)
        complete = {**record, "files": files, "fingerprints": fingerprints}
        write_json(self.files.record, {**complete, _DIGEST: digest(complete)})

    def _load_measurement(self, fingerprint: str) -> Measurement | None:
        try:
            # NumPy leaves a damaged file open.
            with (
                silent_literals(),
                self.files.displacement.open("rb") as file,
                np.load(file, allow_pickle=False) as archive,
            ):
                if str(archive["fingerprint"]) != fingerprint:
                    return None
                arrays = {part.name: archive[part.name] for part in fields(Measurement)}
        except Exception:  # noqa: BLE001 - an old result that cannot be read is made again
            return None
        values: dict[str, Any] = {name: array if array.ndim else _number(array) for name, array in arrays.items()}
        return Measurement(**values)

    def _read_record(self) -> dict[str, Any]:
        try:
            record = json.loads(self.files.record.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        # A record that lost a number would be kept for ever.
        if not isinstance(record, dict) or record.pop(_DIGEST, None) != digest(record):
            return {}
        return record

    @property
    def _measurement(self) -> str:
        """Fingerprint of the displacement: images, drift and method; not the gel, traction or size of a pixel."""
        item, config = self.item, self.config
        files: list[Path | None] = [item.source, item.relaxed, item.exclude]
        images = ["channel", "relaxed_channel", "relaxed_frame", "z", "position"]
        names = images if item.has_images else list(config.input.reading)
        settings: list[Any] = [__version__, item.page, item.moment, [getattr(config.input, name) for name in names]]
        if item.has_images:
            settings += [config.drift.model_dump(), config.displacement.model_dump()]
            # The drift is measured outside the mask.
            files += [item.mask] if config.drift.enabled else []
        return digest([*settings, _present(files)])

    def _fingerprints(self, gel: Gel, pixel_size: float | None) -> dict[str, str]:
        item, config, measurement = self.item, self.config, self._measurement
        draws = [config.run.samples, config.run.seed]
        method = config.traction.model_dump()
        traction: list[Any] = [measurement, asdict(gel), method, self.weights, draws, _present([item.mask])]
        if config.monolayer is not None:
            # Stress is in N/m, so that the size of a pixel matters.
            traction += [config.monolayer.model_dump(), pixel_size]
        return {
            "measurement": measurement,
            "preview": digest([measurement, config.input.cell_channel, _present([item.cell])]),
            "traction": digest(traction),
            "scale": digest([pixel_size, config.input.interval]),
        }


def digest(value: Any) -> str:
    """Return a fingerprint.

    Parameters
    ----------
    value : object
        Strings, numbers, lists and mappings of them, and paths of files.

    Returns
    -------
    str
        SHA-256 in hexadecimal digits. A file counts by its size in bytes and the time of its last change.
    """
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=_file_state).encode()).hexdigest()


def write_fields(path: Path, maps: dict[str, FloatArray], pixel_size: float | None) -> None:
    """Write maps on one grid as the channels of an OME-TIFF.

    Parameters
    ----------
    path : Path
        The file.
    maps : dict of str to ndarray of shape (height, width)
        Name and values of each channel.
    pixel_size : float or None
        Micrometres between grid points.
    """
    images = np.stack(list(maps.values())).astype(np.float32)
    write_ome_tiff(path, images[None], channels=tuple(maps), pixel_size=pixel_size)


def read_channels(path: Path) -> dict[str, NDArray[Any]]:
    """Read the channels of an image file.

    Parameters
    ----------
    path : Path
        A file of maps or small images.

    Returns
    -------
    dict of str to ndarray of shape (height, width)
        The channels by their names.
    """
    with open_images(path) as series:
        return {name: series.read(0, number) for number, name in enumerate(series.channels)}


def describe_file(path: Path) -> dict[str, Any] | None:
    """Return the size of a file and a fingerprint of its content.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    dict of str to object
        ``bytes`` and ``sha256``; None without the file.
    """
    if not path.is_file():
        return None
    content = path.read_bytes()
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def check_file(path: Path, wanted: Any) -> None:
    """Refuse a file of results that is not as its run wrote it.

    Parameters
    ----------
    path : Path
        The file.
    wanted : dict or None
        Its description from `describe_file`, taken by the run.

    Raises
    ------
    ValueError
        If it differs, or is missing.
    """
    found = describe_file(path)
    if found is None or found != wanted:
        got = "no file" if found is None else f"one of {found['bytes']} bytes that another run, or nobody, wrote"
        raise ValueError(f"Expected {path} as the run of the tables wrote it, got {got}. Run the batch again.")


def _present(files: list[Path | None]) -> list[Path]:
    return [file for file in files if file is not None]


def _file_state(path: Path) -> tuple[int, int]:
    # An OME-Zarr is a folder of files.
    states = [part.stat() for part in (path, *(path.rglob("*") if path.is_dir() else ()))]
    return sum(state.st_size for state in states), max(state.st_mtime_ns for state in states)


def _number(array: NDArray[Any]) -> float | None:
    value = float(array)
    return None if np.isnan(value) else value
