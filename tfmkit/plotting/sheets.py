"""Figures of the stress in sheets of cells: its map with principal axes, and the tension of borders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tfmkit._validation import check_number
from tfmkit.monolayer import border_table, mean_normal_stress, principal_axis, principal_stresses
from tfmkit.monolayer.borders import find_borders
from tfmkit.monolayer.labels import check_labels
from tfmkit.plotting.map_axes import Borders, Ruler, draw_colour_bar, grid_borders, new_map

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = NDArray[np.floating[Any]]

_MILLI = 1e3
# About this many crosses of axes stand along the longer side of the sheet.
_CROSSES = 16


def plot_sheet_stress(
    stress: ArrayLike,
    *,
    spacing: float = 1.0,
    length_unit: str = "px",
    labels: ArrayLike | None = None,
    vmax: float | None = None,
    extent: Borders | None = None,
) -> Figure:
    """Draw the mean normal stress of one sheet as a heat map, with crosses along its principal axes.

    Parameters
    ----------
    stress : array-like of shape (3, height, width)
        Stress (xx, yy, xy) in N/m, NaN outside of the sheet.
    spacing : float, default=1.0
        Distance between grid points in `length_unit`.
    length_unit : str, default="px"
        Unit of the scale bar, such as ``"µm"``.
    labels : array-like of shape (height, width), optional
        Number of the cell at each pixel, 0 outside; the borders of the cells are drawn.
    vmax : float, optional
        Stress in N/m at both ends of the colour bar; by default the largest.
    extent : (float, float, float, float), optional
        Borders of the map in grid points, from `image_extent`; by default the pixels of the grid.

    Returns
    -------
    matplotlib.figure.Figure
        The map; tension is red and pressure blue. The arms of a cross are as long as the principal stresses.

    Raises
    ------
    ValueError
        If `stress` is not one field of three components, or another argument is out of range.
    """
    field = _check_stress(stress)
    normal = _MILLI * mean_normal_stress(field)
    top = _top(normal, None if vmax is None else _MILLI * vmax)
    borders = grid_borders(normal.shape)
    with new_map(extent or borders, _ruler(spacing, length_unit), bar=True) as (figure, axes):
        limits = axes.axis()
        image = axes.imshow(normal, cmap="RdBu_r", vmin=-top, vmax=top, interpolation="nearest", extent=borders)
        axes.axis(limits)
        draw_colour_bar((figure, axes), image, "mean normal stress (mN/m)", _extension(normal, top))
        if labels is not None:
            _draw_cells(axes, check_labels(labels, (1, *normal.shape))[0])
        _draw_axes(axes, field)
    return figure


def plot_border_tension(
    stress: ArrayLike,
    labels: ArrayLike,
    *,
    spacing: float = 1.0,
    length_unit: str = "px",
    vmax: float | None = None,
    extent: Borders | None = None,
) -> Figure:
    """Draw the borders between cells in the colour of their normal tension.

    Parameters
    ----------
    stress : array-like of shape (3, height, width)
        Stress (xx, yy, xy) in N/m, NaN outside of the sheet.
    labels : array-like of shape (height, width)
        Number of the cell at each pixel, 0 outside.
    spacing : float, default=1.0
        Distance between grid points in `length_unit`.
    length_unit : str, default="px"
        Unit of the scale bar, such as ``"µm"``.
    vmax : float, optional
        Tension in N/m at both ends of the colour bar; by default the largest.
    extent : (float, float, float, float), optional
        Borders of the map in grid points, from `image_extent`; by default the pixels of the grid.

    Returns
    -------
    matplotlib.figure.Figure
        The cells in grey, and each border in the colour of its mean normal tension.

    Raises
    ------
    ValueError
        If `stress` is not one field of three components, or another argument is out of range.
    """
    field = _check_stress(stress)
    image = check_labels(labels, (1, *field.shape[1:]))[0]
    table = border_table(field[None], image, spacing=1.0)
    tensions = _MILLI * (table["normal_tension_N_per_m"].to_numpy() if len(table) else np.zeros(0))
    top = _top(tensions, None if vmax is None else _MILLI * vmax)
    borders = grid_borders(image.shape)
    with new_map(extent or borders, _ruler(spacing, length_unit), bar=True) as (figure, axes):
        limits = axes.axis()
        axes.imshow(np.where(image > 0, 0.85, 1.0), cmap="gray", vmin=0, vmax=1, extent=borders)
        colours = axes.imshow(np.full(image.shape, np.nan), cmap="RdBu_r", vmin=-top, vmax=top, extent=borders)
        axes.axis(limits)
        for border, tension in zip(find_borders(image), tensions, strict=True):
            y, x = (border.first + border.second) / 2
            axes.scatter(x, y, s=5, color=colours.cmap(colours.norm(tension)), linewidths=0)
        draw_colour_bar((figure, axes), colours, "normal tension of borders (mN/m)", _extension(tensions, top))
    return figure


def _check_stress(stress: ArrayLike) -> Array:
    field = np.asarray(stress, dtype=float)
    if field.ndim != 3 or field.shape[0] != 3:
        raise ValueError(f"Expected the stress of one sheet, of shape (3, height, width), got shape {field.shape}.")
    return field


def _ruler(spacing: float, length_unit: str) -> Ruler:
    return Ruler(check_number(spacing, "spacing", low=0, include_low=False), length_unit)


def _top(values: Array, vmax: float | None) -> float:
    if vmax is not None:
        return check_number(vmax, "vmax", low=0, include_low=False)
    sizes = np.abs(values[np.isfinite(values)])
    return float(sizes.max(initial=0.0)) or 1.0


def _extension(values: Array, top: float) -> str:
    """Return the form of the ends of a colour bar from -top to top."""
    sizes = np.abs(values[np.isfinite(values)])
    return "both" if sizes.max(initial=0.0) > top * (1 + 1e-6) else "neither"


def _draw_cells(axes: Axes, labels: NDArray[np.int64]) -> None:
    for number in np.unique(labels[labels > 0]):
        axes.contour(labels == number, levels=[0.5], colors="0.25", linewidths=0.6)


def _draw_axes(axes: Axes, stress: Array) -> None:
    """Draw crosses along the principal axes, with arms as long as the principal stresses."""
    rows, columns = np.nonzero(np.isfinite(stress).all(axis=0))
    if not rows.size:
        return
    step = max(int(np.ceil(max(np.ptp(rows), np.ptp(columns)) / _CROSSES)), 1)
    shown = (rows % step == step // 2) & (columns % step == step // 2)
    y, x = rows[shown], columns[shown]
    along = principal_axis(stress)[:, y, x]
    sizes = principal_stresses(stress)[:, y, x]
    arms = 0.45 * step * sizes / (np.abs(principal_stresses(stress)[:, rows, columns]).max() or 1.0)
    for arm, across in zip(arms, (along, np.stack([-along[1], along[0]])), strict=True):
        (dx, dy) = arm * across
        axes.plot([x - dx, x + dx], [y - dy, y + dy], color="black", linewidth=0.7)
