"""The balance of the traction under a sheet: the net force and the torque that it leaves on each part."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from tfmkit._validation import check_field, check_number
from tfmkit.monolayer.labels import check_labels
from tfmkit.monolayer.motions import rigid_motions
from tfmkit.monolayer.sheet import make_sheet

Array = NDArray[np.floating[Any]]

COLUMNS = ["field", "part", "area_m2", "net_force_x_N", "net_force_y_N", "torque_Nm", "net_force_fraction"]


def unbalanced(traction: ArrayLike, mask: ArrayLike, *, spacing: float) -> pd.DataFrame:
    r"""Return the net force and the torque that the traction leaves on each part of a sheet.

    Parameters
    ----------
    traction : array-like of shape (n_fields, 2, height, width)
        Traction of the cells on the gel (Pa).
    mask : array-like of shape (n_fields, height, width) or (height, width)
        True, or the number of a cell, inside the sheet.
    spacing : float
        Distance between grid points (m).

    Returns
    -------
    pandas.DataFrame
        One row per field and connected part: ``field``, ``part`` (from 0), ``area_m2``, ``net_force_x_N``,
        ``net_force_y_N``, ``torque_Nm`` (about the middle of the part, positive from x to y) and
        ``net_force_fraction``, of the summed length of all forces.

    Raises
    ------
    ValueError
        If `traction` is not a batch of fields, the mask does not fit it, or the spacing is not positive.

    Notes
    -----
    A sheet that no neighbour pulls at has no net force and no torque: :math:`\int t \, dA = 0`. Where they are not
    small, the mask misses a part of the traction or the traction is wrong there. Both estimators of this room take
    them off before they look for the stress.
    """
    fields = check_field(traction, name="traction", dtype=np.float64)
    step = check_number(spacing, "spacing", low=0, include_low=False)
    labels = check_labels(mask, fields.shape)
    rows: list[dict[str, Any]] = []
    for index, (field, cells) in enumerate(zip(fields, labels, strict=True)):
        sheet = make_sheet(cells > 0)
        pulled = sheet.values(field) * step**2
        for part in range(sheet.n_parts):
            chosen = sheet.inside & (sheet.parts == part)
            x, y = (place[chosen] - place[chosen].mean() for place in (sheet.columns, sheet.rows))
            rows.append({"field": index, "part": part, **_sums(pulled[:, chosen], x * step, y * step, step)})
    return pd.DataFrame(rows, columns=COLUMNS)


def _sums(forces: Array, x: Array, y: Array, step: float) -> dict[str, float]:
    along_x, along_y, turn = np.einsum("mcp,cp->m", rigid_motions(x, y), forces)
    total = float(np.hypot(*forces).sum())
    return {
        "area_m2": x.size * step**2,
        "net_force_x_N": along_x,
        "net_force_y_N": along_y,
        "torque_Nm": turn,
        "net_force_fraction": float(np.hypot(along_x, along_y)) / total if total else 0.0,
    }
