"""Images of cells and beads, and maps of classes, in the frame of the maps: outline and scale bar."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from tfmkit._validation import check_number
from tfmkit.plotting.map_axes import Borders, Ruler, draw_outline, grid_borders, new_map

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_image(
    image: ArrayLike,
    *,
    spacing: float = 1.0,
    length_unit: str = "px",
    place: Borders | None = None,
    extent: Borders | None = None,
    mask: ArrayLike | None = None,
    outline: str = "#ffd92f",
    title: str = "",
) -> Figure:
    """Draw an image as it is, with the outline of the cell and a scale bar.

    Parameters
    ----------
    image : array-like of shape (rows, columns) or (rows, columns, 3), uint8
        Grey values, or red, green and blue.
    spacing : float, default=1.0
        Distance between grid points in `length_unit`.
    length_unit : str, default="px"
        Unit of the scale bar, such as ``"µm"``.
    place : (float, float, float, float), optional
        Left, right, bottom and top border of the image in grid points; by default its pixels are grid points.
    extent : (float, float, float, float), optional
        Borders of the map in grid points; by default those of the image.
    mask : array-like of shape (height, width), optional
        True inside the cell at the grid points; its outline is drawn.
    outline : str, default="#ffd92f"
        Colour of the outline.
    title : str, default=""
        Text above the map.

    Returns
    -------
    matplotlib.figure.Figure
        The image.

    Raises
    ------
    ValueError
        If the image is not one of 8 bits, or the spacing is not positive.
    """
    pixels = np.asarray(image)
    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3) or pixels.shape[2:] not in ((), (3,)):
        raise ValueError(f"Expected an image of 8 bits, grey or in three colours, got shape {pixels.shape}.")
    ruler = Ruler(check_number(spacing, "spacing", low=0, include_low=False), length_unit)
    where = place or grid_borders(pixels.shape[:2])
    with new_map(extent or where, ruler, title=title) as (figure, axes):
        limits = axes.axis()
        axes.imshow(pixels, cmap="gray", vmin=0, vmax=255, extent=where)
        axes.axis(limits)
        if mask is not None:
            draw_outline(axes, mask, np.shape(mask), outline)
    return figure
