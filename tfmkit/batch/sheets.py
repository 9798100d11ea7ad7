"""The stress in the sheet of cells of an item: maps for its file, and rows for two tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tfmkit import monolayer
from tfmkit._validation import FloatArray
from tfmkit.base import Draws
from tfmkit.batch.items import Item
from tfmkit.batch.sheet_settings import MonolayerSettings
from tfmkit.io import Cells
from tfmkit.monolayer.tables import SHEET

CHANNELS = ("sxx_N_per_m", "syy_N_per_m", "sxy_N_per_m")
# Images hold no NaN: this channel is 1 in the sheet and 0 outside, where the stress is stored as 0.
IN_SHEET = "in_sheet"
TABLES = ("cells", "borders", "balance")

Tables = dict[str, list[dict[str, Any]]]


def sheet_results(
    item: Item,
    settings: MonolayerSettings,
    cells: Cells,
    traction: FloatArray,
    draws: Draws | None,
    *,
    grid_step: float | None,
    rng: np.random.Generator,
) -> tuple[dict[str, FloatArray], Tables]:
    """Find the stress in the sheet of an item.

    Parameters
    ----------
    item : Item
        The item.
    settings : MonolayerSettings
        Section ``[monolayer]``.
    cells : Cells
        Cells on the grid.
    traction : ndarray of shape (1, 2, height, width)
        Traction in Pa.
    draws : Draws or None
        Tractions behind the error bars.
    grid_step : float or None
        Micrometres between grid points.
    rng : numpy Generator
        Source of randomness of the error bars.

    Returns
    -------
    maps : dict of str to ndarray of shape (height, width)
        Stress in N/m by the names of `CHANNELS`, and the sheet by the name `IN_SHEET`.
    tables : dict of str to list of dict
        Rows of the tables of cells, borders and balance.

    Raises
    ------
    ValueError
        If the size of a pixel is not known, or a parameter does not suit.
    """
    if grid_step is None:
        raise ValueError("Expected pixel_size in [input] for the stress of sheets in N/m, got none.")
    labels = cells.labels.astype(np.int64) if cells.labels.any() else cells.inside.astype(np.int64)
    solver = getattr(monolayer, settings.estimator)(spacing=grid_step * 1e-6, **settings.params)
    tractions = draws.traction if draws is not None and len(draws.traction) > 1 else None
    found = monolayer.analyse_sheet(
        solver, traction, labels, margin=settings.margin / grid_step, draws=tractions, random_state=rng
    )
    place = {"item": item.key, "position": item.position, "frame": item.frame}
    names: dict[Any, str] = dict(enumerate(cells.names, start=1)) | {SHEET: SHEET}
    tables = {name: [place | _named(row, names) for row in _rows(getattr(found, name))] for name in TABLES}
    inside = np.isfinite(found.stress[0]).all(axis=0)
    stress = np.where(inside, found.stress[0], 0).astype(np.float32)
    return dict(zip((*CHANNELS, IN_SHEET), (*stress, inside.astype(np.float32)), strict=True)), tables


def sheet_stress(maps: Mapping[str, NDArray[Any]]) -> FloatArray:
    """Return the stress in the sheet of an item.

    Parameters
    ----------
    maps : mapping of str to ndarray of shape (height, width)
        Maps of the item with the channels `CHANNELS` and `IN_SHEET`.

    Returns
    -------
    ndarray of shape (3, height, width)
        Stress (xx, yy, xy) in N/m, NaN outside of the sheet.
    """
    stress = np.stack([maps[name] for name in CHANNELS]).astype(float)
    return np.where(maps[IN_SHEET] > 0, stress, np.nan)


def sheet_tables(items: Iterable[Mapping[str, list[dict[str, Any]]]]) -> dict[str, pd.DataFrame]:
    """Return the tables of all items.

    Parameters
    ----------
    items : iterable of mapping
        Tables of each item.

    Returns
    -------
    dict of str to DataFrame
        Tables by the names of `TABLES`.
    """
    every = list(items)
    return {name: pd.DataFrame([row for tables in every for row in tables.get(name, [])]) for name in TABLES}


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table as JSON holds them, without the number of the field."""
    plain = table.drop(columns="field", errors="ignore").astype(object)
    return [
        {str(name): value for name, value in row.items()} for row in plain.where(plain.notna(), None).to_dict("records")
    ]


def _named(row: dict[str, Any], names: Mapping[Any, str]) -> dict[str, Any]:
    return row | {key: names[row[key]] for key in ("cell", "neighbour") if key in row}
