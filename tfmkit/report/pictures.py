"""Figures of the page: pictures as text that HTML can hold, with captions and legends."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# Pixels of a picture for each inch of its figure. A screen shows fewer, phones and paper show finer ones.
_STORED, _SHOWN = 182, 103


@dataclass(frozen=True)
class Key:
    """A line of a legend.

    Attributes
    ----------
    style : str
        Class of the colour sample in the page's style sheet.
    text : str
        Meaning of the colour.
    """

    style: str
    text: str


@dataclass(frozen=True)
class Panel:
    """A figure of the page.

    Attributes
    ----------
    title : str
        Its title.
    source : str
        The picture as a data URI.
    width, height : int
        Its size on the page in pixels of a screen.
    alt : str
        Its content in words.
    note : str
        Further facts, for the caption.
    legend : list of Key
        Meanings of its colours, where the picture does not name them.
    shape : str
        ``"map"`` with a colour bar, ``"image"`` without one, or ``"curve"``.
    """

    title: str
    source: str
    width: int
    height: int
    alt: str
    note: str = ""
    legend: list[Key] = field(default_factory=list)
    shape: str = "map"


def embed_figure(figure: Any, *, colors: int | None = None) -> tuple[str, int, int]:
    """Return a figure as a data URI.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        The figure.
    colors : int, optional
        Number of colours that are enough for it, up to 256, which makes the file smaller; by default all are kept.

    Returns
    -------
    source : str
        ``data:image/png;base64,...``; equal figures give equal text.
    width, height : int
        Its size on the page in pixels of a screen, at which its text is as large as small print.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure.set_dpi(_STORED)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    # An opaque picture needs no fourth channel.
    picture = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    if colors is not None:
        # This choice of colours keeps rare ones, such as those of arrows and outlines.
        picture = picture.quantize(colors, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    stored = BytesIO()
    picture.save(stored, format="PNG")
    width, height = (round(_SHOWN * float(side)) for side in figure.get_size_inches())
    return "data:image/png;base64," + b64encode(stored.getvalue()).decode("ascii"), width, height


def overlay_beads(relaxed: NDArray[np.uint8], deformed: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return two images on top of each other: relaxed in magenta, deformed in green, both together in white.

    Parameters
    ----------
    relaxed, deformed : ndarray of shape (height, width), uint8
        The images.

    Returns
    -------
    ndarray of shape (height, width, 3), uint8
        Red, green and blue.
    """
    return np.stack([relaxed, deformed, relaxed], axis=-1)
