"""The axes that all maps share: proportions, background image, outline, and the strip with the scale bar."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tfmkit._validation import FloatArray, check_field, check_mask, check_number, unmasked
from tfmkit.plotting.style import new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Left, right, bottom and top border.
Borders = tuple[float, float, float, float]
# All lengths in inches. A map is as wide as it may be, or narrower where it would be too tall.
_WIDEST, _TALLEST = 2.72, 3.4
# Around it: a border, a title above, the colour bar with its texts to the right. The figure is never narrower or
# shorter than these, so that the texts fit.
_BORDER, _ABOVE, _TITLE, _BESIDE = 0.05, 0.13, 0.12, 0.73
_NARROWEST, _SHORTEST = 1.75, 1.6
# The colour bar: its distance from the map and its width.
_GAP, _THICK = 0.09, 0.1
# The strip below a map: its bars, their text and its second line, below the map.
_BAR, _TEXT, _LINE = 0.09, 0.15, 0.42
_STRIP = 0.3
# Maps that are narrower than this have the key of the arrows on a second line.
_SLIM = 2.4
# The scale bar takes at most this part of the width of the map.
_LONGEST_BAR = 0.3
# Values outside these percentiles of a background image are drawn as black and as the lightest grey.
_CONTRAST = (1.0, 99.5)


@dataclass(frozen=True)
class Ruler:
    """The length unit of a map.

    Attributes
    ----------
    spacing : float
        Distance between grid points in `unit`.
    unit : str
        Unit of the scale bar.
    """

    spacing: float
    unit: str


def check_single_field(field: ArrayLike, spacing: float) -> tuple[FloatArray, float]:
    """Return one field and its spacing, checked.

    Parameters
    ----------
    field : array-like of shape (2, height, width)
        The field.
    spacing : float
        Distance between grid points.

    Returns
    -------
    field : ndarray of shape (2, height, width)
        The field.
    spacing : float
        The spacing.

    Raises
    ------
    ValueError
        If the array is not a single field of finite numbers, or the spacing is not positive.
    """
    array = np.asarray(unmasked(field))
    if array.ndim != 3:
        raise ValueError(f"Expected a single field of shape (2, height, width), got shape {array.shape}.")
    return check_field(array[None], name="field")[0], check_number(spacing, "spacing", low=0, include_low=False)


def round_down(value: float) -> float:
    """Return the largest number of the form 1, 2 or 5 times a power of ten that is not above `value`.

    Parameters
    ----------
    value : float
        A number above 0.

    Returns
    -------
    float
        The round number.
    """
    power = 10.0 ** np.floor(np.log10(value))
    return float(power * max(digit for digit in (1, 2, 5) if digit * power <= value * (1 + 1e-9)))


@contextmanager
def new_map(borders: Borders, ruler: Ruler, *, title: str = "", bar: bool = False) -> Iterator[tuple[Figure, Axes]]:
    """Give a figure with one map, which has no ticks but a scale bar below it.

    Maps with the same borders have the same size, with or without a colour bar.

    Parameters
    ----------
    borders : (float, float, float, float)
        Left, right, bottom and top border of the map in grid points.
    ruler : Ruler
        The length unit.
    title : str, default=""
        Text above the map.
    bar : bool, default=False
        Whether there is room for a colour bar.

    Yields
    ------
    figure : matplotlib.figure.Figure
        The figure.
    axes : matplotlib.axes.Axes
        Axes in grid points, y down.
    """
    left, right, bottom, top = borders
    width, height = _map_size(borders)
    box, strip = max(height, _SHORTEST), _STRIP + (_LINE - _TEXT) * (width < _SLIM)
    wide = max(_BORDER + width + (_BESIDE if bar else _BORDER), _NARROWEST)
    tall = strip + box + _ABOVE + _TITLE * bool(title)
    with new_figure(wide, tall, layout=None) as figure:
        axes = figure.add_axes((_BORDER / wide, strip / tall, width / wide, box / tall), aspect="equal")
        axes.set(xticks=[], yticks=[], xlim=(left, right), ylim=(bottom, top))
        axes.spines[:].set(visible=True, color="0.6", linewidth=0.5)
        if title:
            axes.set_title(title, loc="left", fontsize=8, pad=3)
        _draw_scale_bar(axes, ruler)
        yield figure, axes


def draw_colour_bar(place: tuple[Figure, Axes], image: Any, label: str, extend: str = "neither") -> None:
    """Draw a colour bar beside a map.

    Parameters
    ----------
    place : (matplotlib.figure.Figure, matplotlib.axes.Axes)
        A map with room for it.
    image : matplotlib.cm.ScalarMappable
        Image whose colours it explains.
    label : str
        The quantity and its unit.
    extend : {"neither", "max", "both"}, default="neither"
        Ends beyond which values lie.
    """
    figure, axes = place
    box, width = axes.get_position(original=True), figure.get_figwidth()
    beside = figure.add_axes((box.x1 + _GAP / width, box.y0, _THICK / width, box.height))
    figure.colorbar(image, cax=beside, extend=extend)
    beside.set_ylabel(label, fontsize=7)


def grid_borders(shape: tuple[int, ...]) -> Borders:
    """Return the borders of the pixels of a grid.

    Parameters
    ----------
    shape : (int, int)
        Rows and columns.

    Returns
    -------
    (float, float, float, float)
        Left, right, bottom and top border in grid points.
    """
    return -0.5, shape[1] - 0.5, shape[0] - 0.5, -0.5


def draw_outline(axes: Axes, mask: ArrayLike | None, shape: tuple[int, ...], color: str) -> None:
    """Draw the border of a mask as a dashed line.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Axes of a map.
    mask : array-like of shape (height, width), or None
        True inside the cell.
    shape : (int, int)
        Rows and columns of the grid.
    color : str
        Colour of the line.

    Raises
    ------
    ValueError
        If the mask does not have the shape of the grid.
    """
    if mask is None:
        return
    inside = np.pad(check_mask(mask, (1, 2, *shape))[0].astype(float), 1)
    if not inside.any():
        return
    # The rim of zeros closes the outline of a cell that touches the border of the map.
    x, y = np.arange(-1, shape[1] + 1), np.arange(-1, shape[0] + 1)
    axes.contour(x, y, inside, levels=[0.5], colors=color, linewidths=0.8, linestyles="dashed")


def draw_image(axes: Axes, image: ArrayLike) -> None:
    """Draw an image of the cell as a dim background that fills the map.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Axes of a map.
    image : array-like of shape (rows, columns)
        Grey values.

    Raises
    ------
    ValueError
        If the image is not an array of finite grey values with two axes.
    """
    grey = np.asarray(image, dtype=float)
    if grey.ndim != 2 or not grey.size or not np.isfinite(grey).all():
        raise ValueError(f"Expected an image of finite grey values (rows, columns), got shape {grey.shape}.")
    low, high = np.percentile(grey, _CONTRAST)
    # Grey values end at 60 % of white, so that arrows and outline stand out everywhere.
    top = low + max(high - low, 1e-12) / 0.6
    axes.imshow(_thin(grey), cmap="gray", vmin=low, vmax=top, extent=(*axes.get_xlim(), *axes.get_ylim()))


def image_extent(image_shape: tuple[int, int], spacing: float, x0: float, y0: float) -> Borders:
    """Return the borders of an image in grid points.

    Parameters
    ----------
    image_shape : (int, int)
        Rows and columns of the image in pixels.
    spacing : float
        Distance between grid points in pixels of the image.
    x0, y0 : float
        Position of the first grid point in pixels, from the centre of the first pixel.

    Returns
    -------
    (float, float, float, float)
        Left, right, bottom and top border, as `plot_vectors` takes them.
    """
    height, width = image_shape
    right, bottom = (width - 0.5 - x0) / spacing, (height - 0.5 - y0) / spacing
    return (-0.5 - x0) / spacing, right, bottom, (-0.5 - y0) / spacing


def key_place(axes: Axes) -> float:
    """Return the height of the key of the arrows, in the strip below a map.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Axes of a map.

    Returns
    -------
    float
        Fraction of the height of the axes, below 0: beside the scale bar, or below it where the map is slim.
    """
    width, height = _map_size((*axes.get_xlim(), *axes.get_ylim()))
    return -(_LINE if width < _SLIM else 1.15 * _BAR) / height


def _thin(grey: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return every n-th pixel of an image with more pixels than a figure shows."""
    step = max(1, max(grey.shape) // 2000)
    return grey[::step, ::step]


def _draw_scale_bar(axes: Axes, ruler: Ruler) -> None:
    left, right = axes.get_xlim()
    width = (right - left) * ruler.spacing
    length = round_down(_LONGEST_BAR * width)
    _, height = _map_size((*axes.get_xlim(), *axes.get_ylim()))
    bar, text = -_BAR / height, -_TEXT / height
    axes.plot([1 - length / width, 1], [bar, bar], color="black", linewidth=2, transform=axes.transAxes,
              solid_capstyle="butt", clip_on=False)  # fmt: skip
    axes.text(1 - length / (2 * width), text, f"{length:g} {ruler.unit}", transform=axes.transAxes, ha="center",
              va="top", fontsize=7)  # fmt: skip


def _map_size(borders: Borders) -> tuple[float, float]:
    """Return width and height of a map in inches."""
    left, right, bottom, top = borders
    ratio = (bottom - top) / (right - left)
    width = min(_WIDEST, _TALLEST / ratio)
    return width, width * ratio
