"""The result of a comparison as sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from tfmkit.compare.cells import at_rest
from tfmkit.units import Unit, format_number


def describe_effect(row: Mapping[Any, Any], unit: Unit, confidence: float = 0.95) -> str:
    """Return a row of :func:`tfmkit.compare.compare_conditions` as a sentence.

    Parameters
    ----------
    row : mapping
        The row.
    unit : Unit
        Unit of the quantity.
    confidence : float, default=0.95
        Level of the interval.

    Returns
    -------
    str
        Effect, interval, p-value, test, and the numbers of replicates and cells; or the reason why there is no test.
    """
    counts = (
        f"{row['n_replicates']} and {row['n_replicates_reference']} replicates "
        f"({row['n_cells']} and {row['n_cells_reference']} cells)"
    )
    factor, end = (100.0, " %") if row["scale"] == "ratio" else (unit.factor, f" {unit.name}")
    effect, low, high = (_signed(factor * row[key]) for key in ("effect", "effect_low", "effect_high"))
    text = f"{row['condition']} against {row['reference']}: {effect}{end}"
    if not row["test"]:
        return f"{text}. {row['note']}"
    corrected = "" if row["p_holm"] == row["p_value"] else f", corrected for all conditions {_p_value(row['p_holm'])}"
    text += f" ({100 * confidence:g} % interval {low} to {high}{end}), p {_p_value(row['p_value'])}{corrected}"
    return f"{text}; {row['test']} over {counts}. {row['note']}".strip()


def describe_at_rest(table: pd.DataFrame, by: str = "condition") -> str:
    """Say which rows of a table are left out because their frames are at rest.

    Parameters
    ----------
    table : DataFrame
        The table that is compared.
    by : str, default="condition"
        Column with the condition.

    Returns
    -------
    str
        A sentence; empty if there are none.
    """
    counts = table[by][at_rest(table)].astype(str).value_counts(sort=False)
    if counts.empty:
        return ""
    parts = ", ".join(f"{number} row(s) of {name}" for name, number in counts.items())
    return f"Left out, because nothing moves there, as if the relaxed image was compared with itself: {parts}."


def _signed(value: float) -> str:
    return ("+" if value > 0 else "") + format_number(value)


def _p_value(value: float) -> str:
    return f"= {value:.2g}" if value >= 1e-4 else "< 0.0001"
