"""Frames whose numbers should not be believed as they stand."""

from __future__ import annotations

import pandas as pd

# Where more vectors than this part were replaced, the map is more filling than measurement.
MOST_REPLACED = 0.25


def find_doubtful(table: pd.DataFrame) -> pd.DataFrame:
    """Return the frames of a table that something speaks against.

    Parameters
    ----------
    table : DataFrame
        Table of a batch.

    Returns
    -------
    DataFrame
        ``item``, ``position``, ``frame`` and ``reason``, one row for each frame and reason, in the order of the table:
        more than a quarter of the vectors were replaced, or the network calls the field foreign.
    """
    columns = ["item", "position", "frame"]
    frames = table.groupby("item", sort=False).first().reset_index()
    frames["replaced_fraction"] = table.groupby("item", sort=False)["replaced_fraction"].max().to_numpy()
    replaced = frames[frames["replaced_fraction"] > MOST_REPLACED]
    foreign = frames[frames["foreign"] == 1]
    replaced = replaced.assign(
        reason=[
            f"{part:.0%} of the vectors were replaced: do both images show the same beads?"
            for part in replaced["replaced_fraction"]
        ]
    )
    foreign = foreign.assign(
        reason=[
            f"the network leaves {misfit:.3g} times what noise would: forces beyond the border, drift, strong noise "
            "that is correlated over many vectors, or tractions unlike those it has learned"
            for misfit in foreign["misfit"]
        ]
    )
    return pd.concat([replaced, foreign])[[*columns, "reason"]].sort_index(kind="stable").reset_index(drop=True)
