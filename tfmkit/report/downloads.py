"""Files that the page holds, for readers to save: tables and references."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from tfmkit.batch.table import write_table
from tfmkit.literature import Reference, as_bibtex

_MEDIA = {".csv": "text/csv", ".parquet": "application/vnd.apache.parquet", ".bib": "text/plain"}


@dataclass(frozen=True)
class Download:
    """A file in the page.

    Attributes
    ----------
    name : str
        Name under which it is saved.
    title : str
        Its content, for readers.
    uri : str
        The file as a data URI.
    size : str
        Its size, for readers.
    """

    name: str
    title: str
    uri: str
    size: str


def offer_tables(table: pd.DataFrame, comparison: pd.DataFrame | None) -> list[Download]:
    """Return the tables of a batch as files in the page.

    Parameters
    ----------
    table : DataFrame
        Table of the batch.
    comparison : DataFrame or None
        Result of :func:`tfmkit.compare.compare_conditions`, where conditions are compared.

    Returns
    -------
    list of Download
        All cells as CSV and as Parquet, and the comparison as CSV.
    """
    files = [("table.csv", "all cells", table), ("table.parquet", "all cells", table)]
    files += [] if comparison is None else [("comparison.csv", "comparison of the conditions", comparison)]
    return [_offer(name, title, _written(name, frame)) for name, title, frame in files]


def offer_references(references: Iterable[Reference], version: str) -> Download:
    """Return the literature as a BibTeX file in the page.

    Parameters
    ----------
    references : iterable of Reference
        The papers.
    version : str
        Version of tfmkit.

    Returns
    -------
    Download
        The file.
    """
    return _offer("references.bib", "references", as_bibtex(references, version).encode())


def _offer(name: str, title: str, content: bytes) -> Download:
    uri = f"data:{_MEDIA[Path(name).suffix]};base64,{b64encode(content).decode('ascii')}"
    return Download(name, title, uri, f"{max(1, round(len(content) / 1e3))} kB")


def _written(name: str, table: pd.DataFrame) -> bytes:
    """Return the bytes of a table, as `tfmkit batch` writes it."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        write_table(path, table)
        return path.read_bytes()
