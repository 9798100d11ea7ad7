"""The whole analysis of a sheet: from its traction and its label image to stress and tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from tfmkit._validation import FloatArray, check_field
from tfmkit.monolayer.balance import unbalanced
from tfmkit.monolayer.base import SheetEstimator
from tfmkit.monolayer.labels import Labels, cell_radius, check_labels, fill_gaps, widen
from tfmkit.monolayer.tables import border_table, cell_table


@dataclass(frozen=True, eq=False)
class SheetAnalysis:
    """Stress of sheets and all that is read off.

    Attributes
    ----------
    stress : ndarray of shape (n_fields, 3, height, width)
        Stress (xx, yy, xy) in N/m, NaN outside of the widened sheet.
    labels : ndarray of shape (n_fields, height, width)
        Number of the cell at each pixel, without gaps between cells; 0 outside.
    cells : DataFrame
        As `cell_table` returns it.
    borders : DataFrame
        As `border_table` returns it.
    balance : DataFrame
        As `unbalanced` returns it, of the widened sheet.
    """

    stress: FloatArray
    labels: Labels
    cells: pd.DataFrame
    borders: pd.DataFrame
    balance: pd.DataFrame


def analyse_sheet(
    solver: SheetEstimator,
    traction: ArrayLike,
    labels: ArrayLike,
    *,
    margin: float = 0.0,
    gap: float = 2.0,
    draws: ArrayLike | None = None,
    random_state: Any = None,
) -> SheetAnalysis:
    """Find the stress of sheets, and the tables of their cells, borders and balance.

    Parameters
    ----------
    solver : SheetEstimator
        `MonolayerStress` or `BayesianStress` with the spacing in metres and no height.
    traction : array-like of shape (n_fields, 2, height, width)
        Traction of the cells on the gel (Pa).
    labels : array-like of shape (n_fields, height, width) or (height, width)
        Number of the cell at each pixel, 0 outside. A mask is a single cell.
    margin : float, default=0.0
        Distance in pixels by which the sheet reaches farther than its cells, see `widen`.
    gap : float, default=2.0
        Widest gap between cells, in pixels, that belongs to the cells, see `fill_gaps`.
    draws : array-like of shape (n_draws, n_fields, 2, height, width), optional
        Draws of the traction, for error bars.
    random_state : None, int, numpy Generator or RandomState, optional
        Seed of the error bars.

    Returns
    -------
    SheetAnalysis
        Stress and tables. There are no error bars for a mask without cells, unless the solver has a `cell_size`.

    Raises
    ------
    ValueError
        If the arrays do not fit together or a number is out of its range.
    """
    fields = check_field(traction, name="traction")
    images = np.stack([fill_gaps(image, gap) for image in check_labels(labels, fields.shape)])
    sheets = np.stack([widen(image, margin) for image in images])
    stress = solver.fit(fields).predict(fields, mask=sheets)
    drawn, spacing = None, float(solver.spacing)
    if draws is not None and (images.max(initial=0) > 1 or solver.cell_size is not None):
        drawn = _with_cell_size(solver, images).draw(draws, sheets, random_state=random_state)
    return SheetAnalysis(
        stress,
        images,
        cell_table(stress, images, spacing=spacing, draws=drawn),
        border_table(stress, images, spacing=spacing, traction=fields, draws=drawn, traction_draws=draws),
        unbalanced(fields, sheets, spacing=spacing),
    )


def _with_cell_size(solver: SheetEstimator, images: NDArray[np.int64]) -> SheetEstimator:
    """Return the fitted solver with the size of the cells before they were widened."""
    if solver.cell_size is not None:
        return solver
    radius = float(np.median([cell_radius(image) for image in images if image.any()]))
    settings = solver.get_params() | {"cell_size": 2 * radius * solver.spacing}
    sized = type(solver)(**settings)
    sized.scale_ = solver.scale_
    return sized
