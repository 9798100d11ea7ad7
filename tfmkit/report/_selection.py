"""Which frames are shown in full where there are more than a page can hold."""

from __future__ import annotations

import numpy as np
import pandas as pd

RULE = "the one with the largest residual, and others evenly spaced from the first to the last"


def choose_items(table: pd.DataFrame, n_full: int) -> list[str]:
    """Return the keys of the items to show in full, in the order of the table.

    Parameters
    ----------
    table : DataFrame
        Table of a batch: ``item`` and ``displacement_residual``, one row per cell.
    n_full : int
        How many at most.

    Returns
    -------
    list of str
        All keys if there are no more than `n_full`, else as `RULE` says.
    """
    worst = table.groupby("item", sort=False)["displacement_residual"].max().fillna(-np.inf)
    if not n_full or worst.empty:
        return []
    chosen = spread(len(worst), n_full)
    if (leader := int(worst.to_numpy().argmax())) not in chosen:
        # It takes the place of its neighbour, which the first and the last do not leave if a third can.
        inner = chosen[1:-1] or chosen[-1:]
        chosen[chosen.index(min(inner, key=lambda place: abs(place - leader)))] = leader
    return [str(worst.index[place]) for place in sorted(chosen)]


def spread(n_all: int, n_wanted: int) -> list[int]:
    """Return places that are evenly spaced from the first to the last.

    Parameters
    ----------
    n_all : int
        Number of places.
    n_wanted : int
        How many at most.

    Returns
    -------
    list of int
        The places, in order.
    """
    return np.unique(np.rint(np.linspace(0, n_all - 1, min(n_all, n_wanted)))).astype(int).tolist()
