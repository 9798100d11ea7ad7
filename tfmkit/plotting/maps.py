"""Heat maps of one quantity on the grid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from tfmkit.plotting.map_axes import (
    Borders,
    Ruler,
    check_single_field,
    draw_colour_bar,
    draw_outline,
    grid_borders,
    new_map,
)
from tfmkit.plotting.scale import check_top, extension

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# From this traction on (Pa), the colour bar counts in kPa.
_KILO_FROM = 2000.0


def plot_traction_map(
    traction: ArrayLike,
    *,
    spacing: float = 1.0,
    length_unit: str = "px",
    mask: ArrayLike | None = None,
    vmax: float | None = None,
    extent: Borders | None = None,
    title: str = "",
) -> Figure:
    """Draw the magnitude of one traction field as a heat map.

    Parameters
    ----------
    traction : array-like of shape (2, height, width)
        Traction in Pa.
    spacing : float, default=1.0
        Distance between grid points in `length_unit`.
    length_unit : str, default="px"
        Unit of the scale bar, such as ``"µm"``.
    mask : array-like of shape (height, width), optional
        True inside the cell, whose outline is drawn.
    vmax : float, optional
        Traction in Pa at the upper end of the colour bar; by default the `robust_maximum` of the field.
    extent : (float, float, float, float), optional
        Borders of the map in grid points, from `image_extent`, where it shall cover an image; by default the pixels of
        the grid.
    title : str, default=""
        Text above the map.

    Returns
    -------
    matplotlib.figure.Figure
        The map with its colour bar, and a scale bar below it.

    Raises
    ------
    ValueError
        If `traction` is not a single field or another argument is out of range.
    """
    field, _ = check_single_field(traction, spacing)
    length = np.hypot(*field)
    top = check_top(length, vmax)
    factor, unit = (1e-3, "kPa") if top >= _KILO_FROM else (1.0, "Pa")
    look: dict[str, Any] = {"spacing": spacing, "length_unit": length_unit, "mask": mask, "extent": extent}
    return plot_map(factor * length, label=f"traction |t| ({unit})", vmax=factor * top, title=title, **look)


def plot_map(
    values: ArrayLike,
    *,
    label: str,
    spacing: float = 1.0,
    length_unit: str = "px",
    mask: ArrayLike | None = None,
    vmax: float | None = None,
    cmap: str = "inferno",
    extent: Borders | None = None,
    title: str = "",
) -> Figure:
    """Draw a quantity that starts at 0, such as a magnitude or an error, as a heat map.

    Parameters
    ----------
    values : array-like of shape (height, width)
        The quantity.
    label : str
        Text beside the colour bar: the quantity and its unit.
    spacing : float, default=1.0
        Distance between grid points in `length_unit`.
    length_unit : str, default="px"
        Unit of the scale bar, such as ``"µm"``.
    mask : array-like of shape (height, width), optional
        True inside the cell, whose outline is drawn.
    vmax : float, optional
        Value at the upper end of the colour bar; by default the `robust_maximum`.
    cmap : str, default="inferno"
        One of matplotlib's colour maps that run from dark to light.
    extent : (float, float, float, float), optional
        Borders of the map in grid points, from `image_extent`, where it shall cover an image; by default the pixels of
        the grid.
    title : str, default=""
        Text above the map.

    Returns
    -------
    matplotlib.figure.Figure
        The map with its colour bar, and a scale bar below it.

    Raises
    ------
    ValueError
        If `values` is not a map of finite numbers or another argument is out of range.
    """
    table = np.asarray(values)
    if table.ndim != 2:
        raise ValueError(f"Expected a map of shape (height, width), got shape {table.shape}.")
    field, step = check_single_field(np.stack([table, table]), spacing)
    top = check_top(field[0], vmax)
    borders = grid_borders(table.shape)
    with new_map(extent or borders, Ruler(step, length_unit), title=title, bar=True) as (figure, axes):
        limits = axes.axis()
        image = axes.imshow(field[0], cmap=cmap, vmin=0, vmax=top, interpolation="nearest", extent=borders)
        axes.axis(limits)
        draw_colour_bar((figure, axes), image, label, extension(field[0], top))
        draw_outline(axes, mask, table.shape, "white")
    return figure
