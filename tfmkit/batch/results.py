"""Results of a batch, read back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import pandas as pd
from numpy.typing import NDArray

from tfmkit.batch.folder import check_finished
from tfmkit.batch.store import ItemFiles, check_file, read_channels
from tfmkit.batch.table import RUN

_KEY = re.compile(r"[A-Za-z0-9_-]{1,200}")
# Columns of the table that are printed, and the most rows.
_SHOWN = (
    "position", "frame", "cell", "strain_energy_J", "total_force_N", "net_force_fraction", "contractile_moment_Nm",
    "max_traction_Pa",
)  # fmt: skip
_MAX_ROWS = 20


@dataclass(frozen=True)
class ItemResult:
    """Results of one position and frame; arrays are read when they are asked for.

    Attributes
    ----------
    key : str
        Key of the item.
    record : dict
        Choices and numbers: ``position``, ``frame``, ``grid``, ``drift``, ``flags``, ``choice``,
        ``lambda_path``, ``rows`` and more.
    files : ItemFiles
        Its files.
    """

    key: str
    record: dict[str, Any]
    files: ItemFiles

    def fields(self) -> dict[str, NDArray[Any]]:
        """Return the maps on the grid.

        Returns
        -------
        dict of str to ndarray of shape (height, width)
            ``ux_px``, ``uy_px``, ``tx_Pa``, ``ty_Pa``, with error bars ``sx_px``, ``sy_px``, ``sx_Pa`` and ``sy_Pa``
            where they are known, ``flag``, ``quality`` and ``cell``. ``sx_px`` and ``sy_px`` are -1 at replaced
            vectors.

        Raises
        ------
        ValueError
            If the file is damaged, or is not that of the record.
        """
        return self._read("fields")

    def previews(self) -> dict[str, NDArray[Any]]:
        """Return the small images.

        Returns
        -------
        dict of str to ndarray of shape (height, width)
            ``relaxed``, ``deformed`` and, where there is one, ``cell``, uint8; empty for displacement files.

        Raises
        ------
        ValueError
            If the file is damaged, or is not that of the record.
        """
        return self._read("preview") if self.files.preview.is_file() else {}

    def _read(self, name: str) -> dict[str, NDArray[Any]]:
        path, written = getattr(self.files, name), self.record.get("files")
        check_file(path, written.get(name) if isinstance(written, dict) else None)
        return read_channels(path)


@dataclass(frozen=True, eq=False)
class Results:
    """Results of a batch.

    Attributes
    ----------
    folder : Path
        Folder of the results.
    table : DataFrame
        One row per position, frame and cell.
    failures : DataFrame
        ``item``, ``file`` and ``error`` of the items without results.
    settings : dict
        Configuration, versions and fingerprints.
    """

    folder: Path
    table: pd.DataFrame
    failures: pd.DataFrame
    settings: dict[str, Any]

    @property
    def remarks(self) -> pd.DataFrame:
        """Return the remarks on cells: regions that were left out, and doubts about masks.

        Returns
        -------
        DataFrame
            Columns ``item`` and ``remark``.
        """
        file = self.folder / "remarks.csv"
        if not file.is_file():
            return pd.DataFrame(columns=["item", "remark"], dtype="str")
        return pd.read_csv(file, dtype="str", keep_default_na=False)

    def __repr__(self) -> str:
        """Return a table of the main columns, one row per position, frame and cell.

        Returns
        -------
        str
            The folder, the numbers of items with and without results, and the table.
        """
        shown = self.table[[column for column in _SHOWN if column in self.table]]
        text = shown.to_string(index=False, max_rows=_MAX_ROWS, float_format="{:.3g}".format)
        return f"{len(self)} items in {self.folder}, {len(self.failures)} without results\n{text}"

    def __len__(self) -> int:
        """Return the number of items that have results.

        Returns
        -------
        int
            Number of items.
        """
        return int(self.table["item"].nunique())

    def items(self) -> Iterator[ItemResult]:
        """Give the items in the order of the table, one at a time.

        Yields
        ------
        ItemResult
            Record and arrays of an item.

        Raises
        ------
        ValueError
            If the table names an item whose key is not valid, or a record is missing, damaged or of another run.
        """
        records = self.settings.get("records")
        for key in self.table["item"].drop_duplicates():
            # Keys become paths, and a table can be edited.
            if not _KEY.fullmatch(key):
                raise ValueError(f"Expected keys of letters, digits, _ and - in {self.folder}, got {key!r}.")
            files = ItemFiles(self.folder, key)
            check_file(files.record, records.get(key) if isinstance(records, dict) else None)
            yield ItemResult(key, _read_json(files.record), files)


def read_results(folder: str | PathLike[str]) -> Results:
    """Read the results of a batch.

    Parameters
    ----------
    folder : path-like
        Folder that `run` or ``tfmkit batch`` wrote.

    Returns
    -------
    Results
        Table, failures and settings; fields and images of the items are read when they are asked for.

    Raises
    ------
    ValueError
        If the folder does not hold the results of a batch that has ended, a file in it is damaged, or table and
        settings are of different runs.
    """
    path = Path(folder)
    check_finished(path)
    settings = _read_json(path / "settings.json")
    try:
        table = pd.read_parquet(path / "table.parquet")
        failures = pd.read_csv(path / "failures.csv", dtype="str", keep_default_na=False)
    except Exception as error:
        # On damaged bytes, parsers of tables raise errors of any kind.
        raise ValueError(
            f"Expected the results of a batch in {path}, got tables that cannot be read: {error}."
        ) from error
    if not {"item", "position", "frame", "cell"} <= set(table) or table["item"].isna().any():
        raise ValueError(
            f"Expected the table of a batch in {path}, got one with the columns {', '.join(map(str, table))}."
        )
    if RUN in table.attrs and table.attrs[RUN] != settings.get(RUN):
        raise ValueError(f"Expected table and settings of one run in {path}, got those of two. Run the batch again.")
    return Results(path, table, failures, settings)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"Expected the results of a batch, but {path} cannot be read: {error}.") from error
    if not isinstance(content, dict):
        raise ValueError(f"Expected settings in {path}, got {type(content).__name__}.")
    return content
