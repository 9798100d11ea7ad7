"""The comparison of conditions, with which the report opens."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from tfmkit.columns import FORCES, Quantity, known
from tfmkit.compare import at_rest, average_frames, compare_conditions, describe_at_rest, describe_effect
from tfmkit.plotting import plot_superplot
from tfmkit.report.names import CONDITION, REPLICATE
from tfmkit.report.pictures import Panel, embed_figure


@dataclass(frozen=True)
class Comparison:
    """The conditions of a batch against one of them.

    Attributes
    ----------
    conditions : list of str
        All conditions.
    warning : str
        Reason why nothing is compared; empty if something is.
    panels : list of Panel
        One SuperPlot per quantity.
    table : DataFrame or None
        Result of :func:`tfmkit.compare.compare_conditions`, where something is compared.
    doubts : str
        Sentences about rows at rest, which are left out, and about those in doubt, which are compared; empty if there
        are none.
    """

    conditions: list[str]
    warning: str
    panels: list[Panel]
    table: pd.DataFrame | None = None
    doubts: str = ""


def compare_batch(table: pd.DataFrame, *, reference: str | None = None, paired: bool = False) -> Comparison | None:
    """Compare the conditions in the table of a batch.

    Parameters
    ----------
    table : DataFrame
        Table of a batch.
    reference : str, optional
        Condition to compare with; by default the first of the table.
    paired : bool, default=False
        Whether replicates of the same name belong together.

    Returns
    -------
    Comparison or None
        The comparison; None if the table has no two conditions.

    Raises
    ------
    ValueError
        If `reference` is not a condition of the table.
    """
    if CONDITION not in table or table[CONDITION].nunique() < 2:
        return None
    conditions = [str(name) for name in table[CONDITION].unique()]
    if REPLICATE not in table:
        warning = (
            f"The table has no column {REPLICATE!r}, so the conditions are not compared: cells of one dish are not "
            f"independent. Name the dish, the day or the animal as {{{REPLICATE}}} in the patterns of the files."
        )
        return Comparison(conditions, warning, [])
    quantities = known(FORCES, table)
    columns = [quantity.column for quantity in quantities]
    cells = average_frames(table, columns, by=CONDITION, replicate=REPLICATE)
    result = compare_conditions(
        table, quantities=columns, by=CONDITION, replicate=REPLICATE, reference=reference, paired=paired
    )
    panels = [_panel(cells, result, quantity) for quantity in quantities]
    sentences = (describe_at_rest(table, CONDITION), _count_doubts(table[~at_rest(table)]))
    return Comparison(conditions, "", panels, result, " ".join(filter(None, sentences)))


def _count_doubts(table: pd.DataFrame) -> str:
    """Return a sentence about the cells in doubt, which count like all others."""
    in_doubt = table.assign(doubtful=table["doubts"].fillna("") != "")
    counts = in_doubt.groupby(CONDITION, sort=False)["doubtful"].agg(["sum", "size"])
    parts = [f"{row['sum']} of {row['size']} rows of {name}" for name, row in counts.iterrows() if row["sum"]]
    return f"In doubt, and compared like all others: {', '.join(parts)}." if parts else ""


def _panel(cells: pd.DataFrame, result: pd.DataFrame, quantity: Quantity) -> Panel:
    unit = quantity.unit_for(cells)
    figure = plot_superplot(
        cells, quantity.column, ylabel=quantity.label(unit), factor=unit.factor, by=CONDITION, replicate=REPLICATE,
        reference=str(result["reference"].iloc[0]),
    )  # fmt: skip
    rows = result[result["quantity"] == quantity.column].to_dict("records")
    note = " ".join(describe_effect(row, unit) for row in rows)
    alt = f"SuperPlot of the {quantity.title}: cells as dots and means of each replicate as markers. {note}"
    return Panel(quantity.title.capitalize(), *embed_figure(figure), alt, note, shape="curve")
