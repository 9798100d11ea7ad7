"""Means over the frames of each cell, and over the cells of each replicate."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

# These columns name a cell in the table of a batch. A table without them has one row per cell.
_CELL = ("position", "cell")
# Squares of larger numbers are no numbers.
_LARGEST = 1e150


def average_frames(
    table: pd.DataFrame, quantities: Sequence[str], *, by: str = "condition", replicate: str = "replicate"
) -> pd.DataFrame:
    """Return one row per cell: the mean over its frames.

    Parameters
    ----------
    table : DataFrame
        One row per frame and cell, such as ``table.csv`` of a batch.
    quantities : sequence of str
        Columns to average.
    by : str, default="condition"
        Column with the condition.
    replicate : str, default="replicate"
        Column with the replicate: a dish, a day, an animal.

    Returns
    -------
    DataFrame
        The columns `by`, `replicate` (as text), those that name the cell, and the quantities.

    Raises
    ------
    ValueError
        If a column is missing, a quantity holds text or an unlikely number, or a row has no condition or no
        replicate.
    """
    for column in (by, replicate, *quantities):
        if column not in table:
            known = ", ".join(str(name) for name in table.columns)
            raise ValueError(f"Expected a column {column!r} in the table, got {known}.")
    _check_numbers(table, quantities, (by, replicate))
    if table[[by, replicate]].isna().any(axis=None):
        raise ValueError(f"Expected a {by} and a {replicate} in every row, got rows without.")
    named = table.assign(**{by: table[by].astype(str), replicate: table[replicate].astype(str)})
    if not set(_CELL) <= set(table):
        return named[[by, replicate, *quantities]]
    keys = [*dict.fromkeys([by, replicate, *_CELL])]
    return named.groupby(keys, sort=False)[list(quantities)].mean().reset_index()


def _check_numbers(table: pd.DataFrame, quantities: Sequence[str], groups: tuple[str, str]) -> None:
    if groups[0] == groups[1]:
        raise ValueError(
            f"Expected one column with the condition and another with the replicate, got {groups[0]!r} twice."
        )
    for column in quantities:
        if column in groups or not pd.api.types.is_numeric_dtype(table[column]):
            raise ValueError(f"Expected a column of numbers as a quantity, got {column!r}, which holds text or groups.")
        largest = float(table[column].abs().max())
        if largest > _LARGEST:
            raise ValueError(f"Expected numbers up to {_LARGEST:g} in the column {column!r}, got {largest:g}.")


def average_replicates(
    cells: pd.DataFrame, quantity: str, *, by: str = "condition", replicate: str = "replicate"
) -> pd.DataFrame:
    """Return one row per condition and replicate: the mean over its cells.

    Parameters
    ----------
    cells : DataFrame
        Result of `average_frames`.
    quantity : str
        Column to average. Cells without a value do not count.
    by : str, default="condition"
        Column with the condition.
    replicate : str, default="replicate"
        Column with the replicate.

    Returns
    -------
    DataFrame
        The columns `by`, `replicate`, ``mean`` and ``n_cells``, in the order of the table.
    """
    known = cells.dropna(subset=[quantity]).groupby([by, replicate], sort=False)[quantity]
    return known.agg(mean="mean", n_cells="size").reset_index()
