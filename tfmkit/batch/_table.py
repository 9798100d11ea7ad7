"""The table of a run: rows of all items in order, as CSV and parquet."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from tfmkit.batch.items import Failure
from tfmkit.batch.record import COLUMNS
from tfmkit.io import writing

_TEXT = ("item", "position", "cell")


def make_table(rows: Iterable[dict[str, Any]]) -> pd.DataFrame:
    """Return the table of all rows.

    Parameters
    ----------
    rows : iterable of dict
        Rows of the items.

    Returns
    -------
    DataFrame
        The columns of `COLUMNS`, NaN where something is not known. The first frame of a position is at 0 s.
    """
    wide = pd.DataFrame(list(rows), columns=[*COLUMNS, "interval_s"])
    first = wide.groupby("position")["frame"].transform("min")
    wide["time_s"] = (wide["frame"] - first) * wide["interval_s"].astype("float64")
    kinds = {name: "str" if name in _TEXT else "int64" if name == "frame" else "float64" for name in COLUMNS}
    return wide[list(COLUMNS)].astype(kinds)


def failure_table(failures: Iterable[Failure], folder: Path) -> pd.DataFrame:
    """Return the table of what went wrong.

    Parameters
    ----------
    failures : iterable of Failure
        Items without results.
    folder : Path
        Where the input lies; files in it are named from there.

    Returns
    -------
    DataFrame
        Columns ``item``, ``file`` and ``error``.
    """
    rows = [(failure.item, _below(failure.file, folder), failure.error) for failure in failures]
    return pd.DataFrame(rows, columns=["item", "file", "error"]).astype("str")


def write_csv_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table as CSV, numbers so that they read back as the same.

    Parameters
    ----------
    path : Path
        The file.
    table : DataFrame
        What to write.
    """
    with writing(path) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n")


def write_parquet_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table as parquet.

    Parameters
    ----------
    path : Path
        The file.
    table : DataFrame
        What to write.
    """
    with writing(path) as temporary:
        table.to_parquet(temporary, index=False)


def _below(file: str, folder: Path) -> str:
    path = Path(file)
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else file
