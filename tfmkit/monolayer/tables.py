"""Tables of the stress in cells and sheets and of the forces across borders, with error bars."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from tfmkit._validation import check_field, check_number, unmasked
from tfmkit.monolayer.borders import find_borders
from tfmkit.monolayer.forces import balance_forces, border_vectors, stress_force
from tfmkit.monolayer.labels import Labels, check_labels
from tfmkit.monolayer.tensors import largest_shear, mean_normal_stress, principal_stresses

Array = NDArray[np.floating[Any]]
Row = dict[str, Any]

SHEET = "sheet"
_PLACE = ("field", "cell", "area_m2")
_CELL_QUANTITIES = (
    "mean_normal_stress_N_per_m",
    "largest_normal_stress_N_per_m",
    "largest_shear_N_per_m",
    "anisotropy",
    "mean_normal_stress_cv",
)


def cell_table(stress: ArrayLike, labels: ArrayLike, *, spacing: float, draws: ArrayLike | None = None) -> pd.DataFrame:
    """Return the stress of each cell and of each sheet.

    Parameters
    ----------
    stress : array-like of shape (n_fields, 3, height, width)
        Stress (xx, yy, xy) of a sheet (N/m).
    labels : array-like of shape (n_fields, height, width) or (height, width)
        Number of the cell at each pixel, 0 outside. A mask is a single cell.
    spacing : float
        Distance between grid points (m).
    draws : array-like of shape (n_draws, n_fields, 3, height, width), optional
        Draws of the stress from ``draw`` of an estimator, for error bars.

    Returns
    -------
    pandas.DataFrame
        One row per field and cell, and one for all cells of a field together, whose ``cell`` is ``"sheet"``:
        ``field``, ``cell``, ``area_m2``, ``mean_normal_stress_N_per_m``, ``largest_normal_stress_N_per_m`` and
        ``largest_shear_N_per_m`` (means over the pixels), ``anisotropy`` (largest shear of the mean stress over its
        mean normal stress), ``principal_angle_deg`` (direction of the largest normal stress of the mean stress, from x
        to y, in (-90, 90]) and ``mean_normal_stress_cv`` (coefficient of variation over the pixels). With draws each
        but area and angle has a column with its standard deviation, whose name ends in ``_std``.

    Raises
    ------
    ValueError
        If the arrays do not fit together, or a cell reaches out of the sheet.
    """
    step = check_number(spacing, "spacing", low=0, include_low=False)
    rows: list[Row] = []
    for index, field, image, drawn in _fields(stress, labels, draws):
        numbers = np.unique(image[image > 0]).tolist()
        inside = [(number, image == number) for number in numbers] + [(SHEET, image > 0)] * bool(numbers)
        for name, mask in inside:
            row = {"field": index, "cell": name, "area_m2": mask.sum() * step**2}
            found, angle = _cell_quantities(field, mask)
            row |= _with_std(found, None if drawn is None else _cell_quantities(drawn, mask)[0])
            rows.append(row | {"principal_angle_deg": float(angle)})
    return pd.DataFrame(rows) if rows else pd.DataFrame(columns=[*_PLACE, *_CELL_QUANTITIES, "principal_angle_deg"])


def border_table(
    stress: ArrayLike,
    labels: ArrayLike,
    *,
    spacing: float,
    traction: ArrayLike | None = None,
    draws: ArrayLike | None = None,
    traction_draws: ArrayLike | None = None,
) -> pd.DataFrame:
    r"""Return the tension of each border between two cells and the force across it.

    Parameters
    ----------
    stress : array-like of shape (n_fields, 3, height, width)
        Stress (xx, yy, xy) of a sheet (N/m).
    labels : array-like of shape (n_fields, height, width) or (height, width)
        Number of the cell at each pixel, 0 outside. Cells that lines of 0 separate share no border: see `fill_gaps`.
    spacing : float
        Distance between grid points (m).
    traction : array-like of shape (n_fields, 2, height, width), optional
        Traction of the cells on the gel (Pa), for the forces by balance.
    draws : array-like of shape (n_draws, n_fields, 3, height, width), optional
        Draws of the stress from ``draw`` of an estimator, for error bars.
    traction_draws : array-like of shape (n_draws, n_fields, 2, height, width), optional
        Draws of the traction, for the error bars of the forces by balance.

    Returns
    -------
    pandas.DataFrame
        One row per field and pair of cells with a common border: ``field``, ``cell`` and ``neighbour`` (the smaller
        number first), ``length_m``, the means along the border of ``line_tension_N_per_m`` (size of the force per
        length across it), ``normal_tension_N_per_m`` (positive: the cells pull at each other) and
        ``shear_tension_N_per_m`` (positive: the neighbour pulls the cell to the right of the way to the neighbour, as
        seen on the screen), and the force of the neighbour on the cell, ``force_x_N``, ``force_y_N`` and ``force_N``.
        With a traction, ``balance_force_x_N``, ``balance_force_y_N`` and ``balance_force_N`` are that force from the
        balance of the traction alone, NaN where it does not decide, and ``force_difference_N`` is the size of the
        difference. With draws there are standard deviations, in columns whose names end in ``_std``.

    Raises
    ------
    ValueError
        If the arrays do not fit together, or a cell reaches out of the sheet.

    Notes
    -----
    The line tension is :math:`\sigma n` with the normal n of the border, as in Ng et al. [1]_ and in pyTFM. It is the
    force per length that the two cells exert on each other, not a tension along the border.

    References
    ----------
    .. [1] M. R. Ng et al., eLife 3:e03282 (2014).
    """
    step = check_number(spacing, "spacing", low=0, include_low=False)
    pulled = None if traction is None else check_field(traction, name="traction", dtype=np.float64)
    pulls = _check_draws(traction_draws, 2, "draws of the traction")
    rows: list[Row] = []
    for index, field, image, drawn in _fields(stress, labels, draws):
        of_field = (None if part is None else part[..., index, :, :, :] * step**2 for part in (pulled, pulls))
        rows += [{"field": index, **row} for row in _border_rows(field, drawn, image, step, *of_field)]
    return pd.DataFrame(rows)


def _border_rows(
    field: Array, drawn: Array | None, image: Labels, step: float, forces: Array | None, force_draws: Array | None
) -> Iterator[Row]:
    borders = find_borders(image)
    balances = None if forces is None else balance_forces(forces, image, borders)
    spread = None if force_draws is None else balance_forces(force_draws, image, borders)
    for index, border in enumerate(borders):
        row: Row = {"cell": border.cell, "neighbour": border.neighbour, "length_m": border.lengths.sum() * step}
        found = _border_quantities(field, border, step)
        row |= _with_std(found, None if drawn is None else _border_quantities(drawn, border, step))
        if balances is not None:
            balance = _vector("balance_force", balances[index])
            row |= _with_std(balance, None if spread is None else _vector("balance_force", spread[:, index]))
            apart = [row[f"force_{axis}_N"] - row[f"balance_force_{axis}_N"] for axis in "xy"]
            row["force_difference_N"] = float(np.hypot(*apart))
        yield row


def _cell_quantities(stress: Array, mask: NDArray[np.bool_]) -> tuple[Row, Array]:
    """Return the quantities of a cell, each of the leading shape of `stress`, and the angle of its axis."""
    values = stress[..., None, mask]
    normal = mean_normal_stress(values)[..., 0, :]
    mean = values.mean(axis=-1, keepdims=True)
    xx, yy, xy = (mean[..., component, 0, 0] for component in range(3))
    level = np.abs(normal.mean(axis=-1))
    with np.errstate(divide="ignore", invalid="ignore"):
        variation = normal.std(axis=-1) / level
        shape = largest_shear(mean)[..., 0, 0] / level
    largest = principal_stresses(values)[..., 0, 0, :].mean(axis=-1), largest_shear(values)[..., 0, :].mean(axis=-1)
    quantities = dict(zip(_CELL_QUANTITIES, (normal.mean(axis=-1), *largest, shape, variation), strict=True))
    return quantities, np.degrees(np.arctan2(xy, (xx - yy) / 2) / 2)


def _border_quantities(stress: Array, border: Any, step: float) -> Row:
    vectors = border_vectors(stress, border, border.normals)
    share = border.lengths / border.lengths.sum()
    x, y = border.normals
    normal = vectors[..., 0, :] * x + vectors[..., 1, :] * y
    shear = vectors[..., 1, :] * x - vectors[..., 0, :] * y
    return {
        "line_tension_N_per_m": np.hypot(normal, shear) @ share,
        "normal_tension_N_per_m": normal @ share,
        "shear_tension_N_per_m": shear @ share,
        **_vector("force", stress_force(stress, border) * step),
    }


def _vector(name: str, vector: Array) -> Row:
    return {
        f"{name}_x_N": vector[..., 0],
        f"{name}_y_N": vector[..., 1],
        f"{name}_N": np.hypot(*np.moveaxis(vector, -1, 0)),
    }


def _with_std(found: Row, drawn: Row | None) -> Row:
    row = {name: float(value) for name, value in found.items()}
    if drawn is not None:
        row |= {f"{name}_std": float(np.std(value, ddof=1)) for name, value in drawn.items()}
    return row


def _fields(
    stress: ArrayLike, labels: ArrayLike, draws: ArrayLike | None
) -> Iterator[tuple[int, Array, Labels, Array | None]]:
    """Give each field with its label image and its draws."""
    array = np.asarray(unmasked(stress), dtype=np.float64)
    if array.ndim != 4 or array.shape[1] != 3:
        raise ValueError(f"Expected stress of shape (n_fields, 3, height, width), got shape {array.shape}.")
    images = check_labels(labels, array.shape)
    drawn = _check_draws(draws, 3, "draws of the stress")
    if drawn is not None and drawn.shape[1:] != array.shape:
        raise ValueError(f"Expected draws of the stress of shape (n_draws, *{array.shape}), got shape {drawn.shape}.")
    for index, (field, image) in enumerate(zip(array, images, strict=True)):
        outside = (image > 0) & ~np.isfinite(field).all(axis=0)
        if outside.any():
            raise ValueError(
                f"Expected cells inside of the sheet, got {outside.sum()} pixels of cells without stress in field "
                f"{index}."
            )
        yield index, field, image, None if drawn is None else drawn[:, index]


def _check_draws(draws: ArrayLike | None, n_components: int, name: str) -> Array | None:
    if draws is None:
        return None
    array = np.asarray(unmasked(draws), dtype=np.float64)
    if array.ndim != 5 or len(array) < 2 or array.shape[2] != n_components:
        raise ValueError(
            f"Expected at least 2 {name} of shape (n_draws, n_fields, {n_components}, height, width), "
            f"got shape {array.shape}."
        )
    return array
