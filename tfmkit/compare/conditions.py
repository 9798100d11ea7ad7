"""All conditions of a table against one reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import pandas as pd

from tfmkit._validation import check_choice, check_number
from tfmkit.columns import FORCES, known
from tfmkit.compare.cells import average_frames, average_replicates
from tfmkit.compare.effects import estimate_effect
from tfmkit.compare.holm import correct_holm


def compare_conditions(
    table: pd.DataFrame,
    *,
    by: str = "condition",
    replicate: str = "replicate",
    quantities: Sequence[str] | None = None,
    reference: str | None = None,
    paired: bool = False,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Compare every condition with a reference, with replicates as the unit of the test.

    Parameters
    ----------
    table : DataFrame
        One row per frame and cell, such as ``table.csv`` of a batch. Frames of a cell are averaged first, then cells of
        a replicate.
    by : str, default="condition"
        Column with the condition.
    replicate : str, default="replicate"
        Column with the replicate: a dish, a day, an animal. Replicates of the same name in two conditions belong
        together only if `paired` is True.
    quantities : sequence of str, optional
        Columns to compare; by default strain energy, total force, contractile moment and largest traction.
    reference : str, optional
        Condition to compare with; by default the first of the table.
    paired : bool, default=False
        Whether replicates of the same name belong together, such as the dishes of one day. Replicates that only one of
        the two conditions has are left out then.
    confidence : float, default=0.95
        Level of the intervals, between 0 and 1.

    Returns
    -------
    DataFrame
        One row per quantity and condition: ``quantity``, ``condition``, ``reference``, ``n_replicates``, ``n_cells``,
        ``mean`` (over replicates) and the same of the reference (``..._reference``); ``effect``, ``effect_low``,
        ``effect_high``, ``scale``, ``p_value``, ``test`` and ``note`` as in
        :class:`tfmkit.compare.effects.Effect`; ``p_holm``, corrected for the number of conditions.

    Raises
    ------
    ValueError
        If a column is missing, there are fewer than two conditions, or the reference is not among them.
    """
    check_number(confidence, "confidence", low=0, high=1, include_low=False)
    columns = [each.column for each in known(FORCES, table)] if quantities is None else list(quantities)
    cells = average_frames(table, columns, by=by, replicate=replicate)
    conditions = list(cells[by].unique())
    if len(conditions) < 2:
        raise ValueError(f"Expected two or more values in the column {by!r}, got {', '.join(conditions) or 'none'}.")
    control = check_choice(conditions[0] if reference is None else reference, "reference", tuple(conditions))
    others = [condition for condition in conditions if condition != control]
    frames = []
    for quantity in columns:
        means = average_replicates(cells, quantity, by=by, replicate=replicate)
        groups = {name: group.set_index(replicate) for name, group in means.groupby(by, sort=False)}
        empty = means.iloc[:0].set_index(replicate)
        pairs = [(name, groups.get(name, empty), groups.get(control, empty)) for name in others]
        rows = [_row(quantity, control, *pair, paired=paired, confidence=confidence) for pair in pairs]
        frame = pd.DataFrame(rows)
        frames.append(frame.assign(p_holm=correct_holm(frame["p_value"])))
    return pd.concat(frames, ignore_index=True)


def _row(
    quantity: str, control: str, name: str, group: pd.DataFrame, base: pd.DataFrame, *, paired: bool, confidence: float
) -> dict[str, object]:
    if paired:
        shared = [label for label in group.index if label in base.index]
        group, base = group.loc[shared], base.loc[shared]
    effect = asdict(estimate_effect(group["mean"], base["mean"], paired=paired, confidence=confidence))
    return {
        "quantity": quantity,
        "condition": name,
        "reference": control,
        "n_replicates": len(group),
        "n_replicates_reference": len(base),
        "n_cells": int(group["n_cells"].sum()),
        "n_cells_reference": int(base["n_cells"].sum()),
        "mean": group["mean"].mean(),
        "mean_reference": base["mean"].mean(),
        "effect": effect.pop("size"),
        "effect_low": effect.pop("low"),
        "effect_high": effect.pop("high"),
        **effect,
    }
