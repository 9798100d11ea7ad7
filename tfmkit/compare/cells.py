"""Means over the frames of each cell, and over the cells of each replicate; frames at rest are left out."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from tfmkit.columns import FORCES, known

# These columns name a cell in the table of a batch. A table without them has one row per cell.
_CELL = ("position", "cell")
# Squares of larger numbers are no numbers.
_LARGEST = 1e150


def at_rest(table: pd.DataFrame) -> pd.Series:
    """Tell which rows are frames whose displacement is zero everywhere.

    Parameters
    ----------
    table : DataFrame
        One row per frame and cell, such as ``table.csv`` of a batch.

    Returns
    -------
    Series of bool
        True where all forces are zero and there is no residual of the displacement. The relaxed image has such rows
        where it is compared with itself. Noise alone makes no such rows.
    """
    forces = [quantity.column for quantity in known(FORCES, table)]
    if "displacement_residual" not in table or not forces:
        return pd.Series(data=False, index=table.index)
    return table["displacement_residual"].isna() & (table[forces] == 0).all(axis=1)


def average_frames(
    table: pd.DataFrame, quantities: Sequence[str], *, by: str = "condition", replicate: str = "replicate"
) -> pd.DataFrame:
    """Return one row per cell: the mean over its frames, without those at rest (`at_rest`).

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
    table = table[~at_rest(table)]
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
