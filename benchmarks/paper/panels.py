"""Panels of the figures: heat maps, vectors, scale bars and letters in one style."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Window = tuple[slice, slice]

# Networks warm, FTTC at fixed lambdas in blues, methods that choose for themselves in other colours. Readers without
# green or red cones tell them apart, too.
COLOURS = (
    "#c1272d",
    "#fc9272",
    "#08306b",
    "#2171b5",
    "#6baed6",
    "#b3cde3",
    "0.55",
    "0.2",
    "#66c2a4",
    "#dd1c77",
    "#d9a400",
)  # fmt: skip
_STYLE: dict[str, Any] = {
    "axes.linewidth": 0.6,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 8,
    "font.family": "DejaVu Sans",
    "font.size": 7.5,
    "hatch.linewidth": 0.5,
    "legend.frameon": False,
    "savefig.dpi": 300,
    "xtick.labelsize": 7,
    "xtick.major.width": 0.6,
    "ytick.labelsize": 7,
    "ytick.major.width": 0.6,
}
# A decorator of the functions that draw and write a figure. Only inside them does matplotlib have this style.
in_style = mpl.rc_context(_STYLE)

_BACKING = {"facecolor": "black", "edgecolor": "none", "alpha": 0.6, "pad": 0.6}


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of a size in inches; no window opens. Call it from a function that is `in_style`."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0.01, hspace=0.01)
    return figure


def letter(axis: Axes, text: str) -> None:
    """Write the letter of a panel over its upper left corner."""
    axis.set_title(text, loc="left", fontweight="bold", fontsize=9, pad=3)


def head(axis: Axes, text: str) -> None:
    """Write what a column of panels shows over its first one."""
    axis.set_title(text, fontsize=7.5, pad=4)


def draw_heat(axis: Axes, field: NDArray[Any], window: Window, top: float, *, colours: str = "inferno") -> Any:
    """Draw the length of the vectors in a window.

    Parameters
    ----------
    axis : Axes
        Where to draw.
    field : ndarray of shape (2, height, width)
        Traction in Pa.
    window : (slice, slice)
        Rows and columns to show.
    top : float
        End of the colour scale in Pa.
    colours : str, default="inferno"
        Colour map.

    Returns
    -------
    matplotlib.image.AxesImage
        The image, for a colour bar.
    """
    rows, columns = window
    length = np.hypot(*field)[window]
    extent = (columns.start - 0.5, columns.stop - 0.5, rows.stop - 0.5, rows.start - 0.5)
    image = axis.imshow(length, cmap=colours, vmin=0, vmax=top, extent=extent, interpolation="nearest")
    _clean(axis)
    return image


def draw_vectors(axis: Axes, field: NDArray[Any], window: Window, unit_length: float) -> None:
    """Draw the mean vectors of blocks of 2 x 2 pixels in a window over the length in grey; no arrow reaches the next.

    Parameters
    ----------
    axis : Axes
        Where to draw.
    field : ndarray of shape (2, height, width)
        Traction in Pa.
    window : (slice, slice)
        Rows and columns to show.
    unit_length : float
        Pascals of an arrow as long as a pixel. Vectors whose arrows would be longer than 1.8 pixels get this length.
    """
    draw_heat(axis, field, window, 4 * unit_length, colours="Greys")
    rows, columns = window
    height, width = (2 * ((lines.stop - lines.start) // 2) for lines in window)
    part = np.stack([component[window][:height, :width] for component in field])
    arrows = part.reshape(2, height // 2, 2, width // 2, 2).mean(axis=(2, 4))
    arrows = arrows / np.maximum(1, np.hypot(*arrows) / (1.8 * unit_length))
    y, x = np.mgrid[rows.start : rows.start + height : 2, columns.start : columns.start + width : 2] + 0.5
    axis.quiver(
        x, y, *arrows, angles="xy", scale_units="xy", scale=unit_length, pivot="mid", width=0.009, headwidth=3.2,
        headlength=3.6, color="#c1272d", minlength=0.1,
    )  # fmt: skip


def draw_arrow_key(axis: Axes, window: Window, unit_length: float, pascals: float) -> None:
    """Draw a reference arrow below the left half of a vector panel."""
    rows, columns = window
    start = (columns.start + 0.3, rows.stop + 0.8)
    axis.annotate(
        "", (start[0] + pascals / unit_length, start[1]), start,
        arrowprops={"arrowstyle": "-|>", "color": "#c1272d", "linewidth": 1.0, "shrinkA": 0, "shrinkB": 0},
        annotation_clip=False,
    )  # fmt: skip
    end = start[0] + pascals / unit_length
    axis.text(end + 0.6, start[1], f"{pascals / 1000:g} kPa", va="center", ha="left", fontsize=6.5)


def draw_scale_bar(axis: Axes, window: Window, pixel: float, length: float) -> None:
    """Draw a bar of a length in micrometres in the lower right corner."""
    rows, columns = window
    side, bar = columns.stop - columns.start, length / pixel
    # The text is wider than a short bar and has to stay inside the panel, too.
    middle = columns.stop - 0.5 - 0.04 * side - max(bar / 2, 0.15 * side)
    low = rows.stop - 0.5 - 0.06 * (rows.stop - rows.start)
    axis.plot([middle - bar / 2, middle + bar / 2], [low, low], color="white", linewidth=2.2, solid_capstyle="butt")
    axis.text(
        middle, low - 0.035 * side, f"{length:g} µm", color="white", ha="center", va="bottom", fontsize=6.5,
        bbox=_BACKING,
    )  # fmt: skip


def draw_window(axis: Axes, window: Window) -> None:
    """Draw the outline of the part that is shown magnified."""
    rows, columns = window
    box = [columns.start - 0.5, columns.stop - 0.5], [rows.start - 0.5, rows.stop - 0.5]
    axis.plot(*_corners(*box), color="white", linewidth=0.6)


def _corners(x: list[float], y: list[float]) -> tuple[list[float], list[float]]:
    return [x[0], x[1], x[1], x[0], x[0]], [y[0], y[0], y[1], y[1], y[0]]


def strongest_window(length: NDArray[Any], side: int) -> Window:
    """Return the square window that holds the most.

    Parameters
    ----------
    length : ndarray of shape (height, width)
        Lengths of the vectors.
    side : int
        Pixels along its side.

    Returns
    -------
    (slice, slice)
        Rows and columns.
    """
    sums = np.pad(length.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    inside = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    row, column = (int(place) for place in np.unravel_index(inside.argmax(), inside.shape))
    return slice(row, row + side), slice(column, column + side)


def _clean(axis: Axes) -> None:
    axis.set(xticks=[], yticks=[])
    for spine in axis.spines.values():
        spine.set_visible(False)
