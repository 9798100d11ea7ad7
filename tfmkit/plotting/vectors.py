"""Arrows of one field, over its magnitude or over an image of the cell."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import repeat
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from tfmkit._validation import FloatArray, check_count, check_mask
from tfmkit.plotting.map_axes import (
    Borders,
    Ruler,
    check_single_field,
    draw_image,
    draw_outline,
    grid_borders,
    key_place,
    new_map,
    round_down,
)
from tfmkit.plotting.scale import check_top, robust_maximum

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# An arrow of the largest length takes this part of the spacing; arrows below this part of that length are not drawn.
_REACH, _LEAST = 0.9, 0.05
# Fill, border and outline of the cell, on a light background and on an image.
_ON_LIGHT, _ON_IMAGE = ("#d55e00", "#d55e00", "#0072b2"), ("#ffd92f", "#202020", "#56b4e9")


def plot_vectors(
    field: ArrayLike,
    *,
    spacing: float = 1.0,
    length_unit: str = "px",
    unit: str = "Pa",
    name: str = "traction",
    mask: ArrayLike | None = None,
    n_arrows: int = 20,
    vmax: float | None = None,
    image: ArrayLike | None = None,
    extent: Borders | None = None,
    title: str = "",
) -> Figure:
    """Draw one field as arrows over its magnitude in grey, or over an image of the cell.

    Parameters
    ----------
    field : array-like of shape (2, height, width)
        Traction or displacement.
    spacing : float, default=1.0
        Distance between grid points in `length_unit`.
    length_unit : str, default="px"
        Unit of the scale bar, such as ``"µm"``.
    unit : str, default="Pa"
        Unit of the field.
    name : str, default="traction"
        Name of the field, for the key of the arrows.
    mask : array-like of shape (height, width), optional
        True inside the cell, whose outline is drawn.
    n_arrows : int, default=20
        Largest number of arrows along a side. On finer grids an arrow is the mean vector of a block of grid points.
    vmax : float, optional
        Length, in `unit`, of the vector whose arrow is as long as the arrows' spacing allows; longer vectors get the
        same arrow. By default the `robust_maximum` of the arrows of this field. Give frames of one movie one `vmax`,
        and their arrows can be compared.
    image : array-like of shape (rows, columns), optional
        Grey values of an image of the cell, drawn instead of the magnitude.
    extent : (float, float, float, float), optional
        Borders of the map and its image in grid points, from `image_extent`; by default the pixels of the grid.
    title : str, default=""
        Text above the map.

    Returns
    -------
    matplotlib.figure.Figure
        The arrows, with the scale bar and the key of the arrows below the map. The middle of an arrow lies on its grid
        point, and no arrow reaches its neighbours. Vectors shorter than 5 % of the scale are not drawn.

    Raises
    ------
    ValueError
        If `field` is not a single field or another argument is out of range.
    """
    vectors, step = check_single_field(field, spacing)
    shape = vectors.shape[1:]
    block = _block(shape, n_arrows)
    x, y, arrows = _block_means(vectors, block)
    top = check_top(np.hypot(*arrows), vmax)
    fill, edge, outline = _ON_LIGHT if image is None else _ON_IMAGE
    with new_map(extent or grid_borders(shape), Ruler(step, length_unit), title=title) as (figure, axes):
        if image is None:
            limits, length = axes.axis(), np.hypot(*vectors)
            axes.imshow(length, cmap="Greys", vmin=0, vmax=1.6 * check_top(length, vmax), extent=grid_borders(shape))
            axes.axis(limits)
        else:
            draw_image(axes, image)
        draw_outline(axes, mask, shape, outline)
        look = _draw_arrows(axes, (x, y, arrows), block, top, (fill, edge))
        _draw_key(axes, look, round_down(top), f"{name} {round_down(top):g} {unit}")
    return figure


def longest_arrow(
    fields: Iterable[ArrayLike], counted: Iterable[ArrayLike] | None = None, *, n_arrows: int = 20
) -> float | None:
    """Return one scale for the arrows of many fields.

    Parameters
    ----------
    fields : iterable of array-like of shape (2, height, width)
        The fields.
    counted : iterable of array-like of shape (height, width), optional
        For each field, True at the grid points that count: those with a measured vector, and inside the cells where
        these are known. By default all count.
    n_arrows : int, default=20
        Largest number of arrows along a side, as for `plot_vectors`.

    Returns
    -------
    float or None
        Value for `vmax` of `plot_vectors`: the largest `robust_maximum` of their arrows; None where all fields vanish.

    Raises
    ------
    ValueError
        If a field is not a single one, or `counted` does not fit.
    """
    pairs = zip(fields, repeat(None)) if counted is None else zip(fields, counted, strict=True)
    return max((_longest(field, valid, n_arrows) for field, valid in pairs), default=0.0) or None


def _longest(field: ArrayLike, counted: ArrayLike | None, n_arrows: int) -> float:
    vectors, _ = check_single_field(field, 1.0)
    shape = vectors.shape[1:]
    valid = np.ones(shape) if counted is None else check_mask(counted, (1, 2, *shape))[0].astype(float)
    block = _block(shape, n_arrows)
    arrows = _block_means(vectors * valid, block)[2]
    # A block counts by the half of its grid points.
    return robust_maximum(np.hypot(*arrows), _block_means(np.stack([valid, valid]), block)[2][0] >= 0.5)


def _block(shape: tuple[int, ...], n_arrows: int) -> int:
    """Return the grid points between arrows."""
    return int(np.ceil(max(shape) / check_count(n_arrows, "n_arrows")))


def _block_means(field: FloatArray, block: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the centres (grid points) and the mean vectors of whole blocks."""
    rows, columns = (max(side // block, 1) for side in field.shape[1:])
    cut = field[:, : rows * block, : columns * block]
    height, width = (min(block, side) for side in cut.shape[1:])
    means = cut.reshape(2, rows, height, columns, width).mean(axis=(2, 4))
    x, y = np.meshgrid(np.arange(columns), np.arange(rows))
    return block * x + (width - 1) / 2, block * y + (height - 1) / 2, means


def _draw_arrows(
    axes: Axes, grid: tuple[FloatArray, FloatArray, FloatArray], block: int, top: float, colors: tuple[str, str]
) -> dict[str, Any]:
    """Draw arrows whose middles lie on the grid, and return their look."""
    x, y, arrows = grid
    length = np.hypot(*arrows)
    shown = length > _LEAST * top
    # Vectors longer than the scale keep their direction.
    u, v = (arrows * (top / np.maximum(length, top)))[:, shown]
    fill, edge = colors
    look: dict[str, Any] = {
        "scale_units": "xy", "scale": top / (_REACH * block), "units": "xy", "width": 0.07 * block, "headwidth": 4.5,
        "headlength": 5, "headaxislength": 4.5, "minlength": 0, "color": fill, "edgecolor": edge, "linewidth": 0.2,
    }  # fmt: skip
    axes.quiver(x[shown], y[shown], u, v, angles="xy", pivot="mid", zorder=3, **look)
    return look


def _draw_key(axes: Axes, look: dict[str, Any], length: float, text: str) -> None:
    """Draw an arrow of a round length below the map."""
    left, right = axes.get_xlim()
    place, end = key_place(axes), length / look["scale"] / (right - left)
    axes.quiver([0], [place], [length], [0], transform=axes.transAxes, clip_on=False, **look)
    axes.annotate(
        text, (end, place), xycoords="axes fraction", xytext=(3, 0), textcoords="offset points", va="center",
        fontsize=7, annotation_clip=False,
    )  # fmt: skip
