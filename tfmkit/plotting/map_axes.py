"""The axes that all maps share: proportions, background image, outline, and the strip with the scale bar."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tfmkit._validation import FloatArray, check_field, check_mask, check_number, unmasked
from tfmkit.plotting.style import COLUMN, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Left, right, bottom and top border.
Borders = tuple[float, float, float, float]
# Figures of maps are not flatter and not taller than these parts of their width.
_FLATTEST, _TALLEST = 0.3, 3.0
# The strip below a map: its bars, their text and its second line, in inches below the axes.
_BAR, _TEXT, _LINE = 0.09, 0.15, 0.42
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
def new_map(borders: Borders, ruler: Ruler) -> Iterator[tuple[Figure, Axes]]:
    """Give a figure with one map, which has no ticks but a scale bar below it.

    Parameters
    ----------
    borders : (float, float, float, float)
        Left, right, bottom and top border of the map in grid points.
    ruler : Ruler
        The length unit.

    Yields
    ------
    figure : matplotlib.figure.Figure
        The figure.
    axes : matplotlib.axes.Axes
        Axes in grid points, y down.
    """
    left, right, bottom, top = borders
    ratio = float(np.clip((bottom - top) / (right - left), _FLATTEST, _TALLEST))
    with new_figure(COLUMN, COLUMN * ratio * 0.88 + 0.2) as figure:
        axes = figure.add_subplot(aspect="equal")
        axes.set(xticks=[], yticks=[], xlim=(left, right), ylim=(bottom, top))
        axes.spines[:].set(visible=True, color="0.6", linewidth=0.5)
        _draw_scale_bar(axes, ruler)
        yield figure, axes


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
    left, right = axes.get_xlim()
    bottom, top = axes.get_ylim()
    slim = (bottom - top) > _TALLEST * (right - left)
    return -(_LINE if slim else 1.15 * _BAR) / _inches(axes)


def _thin(grey: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return every n-th pixel of an image with more pixels than a figure shows."""
    step = max(1, max(grey.shape) // 2000)
    return grey[::step, ::step]


def _draw_scale_bar(axes: Axes, ruler: Ruler) -> None:
    left, right = axes.get_xlim()
    width = (right - left) * ruler.spacing
    length = round_down(_LONGEST_BAR * width)
    bar, text = -_BAR / _inches(axes), -_TEXT / _inches(axes)
    axes.plot([1 - length / width, 1], [bar, bar], color="black", linewidth=2, transform=axes.transAxes,
              solid_capstyle="butt", clip_on=False)  # fmt: skip
    axes.text(1 - length / (2 * width), text, f"{length:g} {ruler.unit}", transform=axes.transAxes, ha="center",
              va="top", fontsize=7)  # fmt: skip


def _inches(axes: Axes) -> float:
    """Return the height of a map in a figure of the width of a column."""
    left, right = axes.get_xlim()
    bottom, top = axes.get_ylim()
    return COLUMN * float(np.clip((bottom - top) / (right - left), _FLATTEST, _TALLEST))
