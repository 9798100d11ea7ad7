"""Figures of the page: pictures as text that HTML can hold, with captions and legends."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# A column of the page is about 360 px wide; phones and paper show finer pixels.
_FIGURE_WIDTH = 640
_SIDE = 384
_LEVELS = 16


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
    alt: str
    note: str = ""
    legend: list[Key] = field(default_factory=list)
    shape: str = "map"


def embed_figure(figure: Any) -> str:
    """Return a figure as a data URI.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        The figure.

    Returns
    -------
    str
        ``data:image/png;base64,...``; equal figures give equal text.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure.set_dpi(_FIGURE_WIDTH / figure.get_figwidth())
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    # An opaque picture needs no fourth channel.
    return _embed(Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB"))


def embed_beads(relaxed: NDArray[np.uint8], deformed: NDArray[np.uint8]) -> str:
    """Return two images on top of each other: relaxed in magenta, deformed in green, both together in white.

    Parameters
    ----------
    relaxed, deformed : ndarray of shape (height, width), uint8
        The images.

    Returns
    -------
    str
        A data URI.
    """
    # In noise an eye tells fewer than 16 levels apart, and few levels halve the file.
    first, second = (_shrunk(image) // (256 // _LEVELS) for image in (relaxed, deformed))
    picture = Image.fromarray((_LEVELS * first + second).astype(np.uint8)).convert("P")
    levels = np.arange(_LEVELS) * (255 // (_LEVELS - 1))
    magenta, green = np.meshgrid(levels, levels, indexing="ij")
    picture.putpalette(np.stack([magenta, green, magenta], axis=-1).astype(np.uint8).tobytes())
    return _embed(_enlarged(picture))


def embed_grey(image: NDArray[np.uint8]) -> str:
    """Return an image in grey.

    Parameters
    ----------
    image : ndarray of shape (height, width), uint8
        The image.

    Returns
    -------
    str
        A data URI.
    """
    return _embed(Image.fromarray(_shrunk(image)))


def embed_classes(classes: NDArray[np.int64], colors: list[tuple[int, int, int]]) -> str:
    """Return a map of a few classes as an image with one colour each.

    Parameters
    ----------
    classes : ndarray of shape (height, width)
        Numbers from 0.
    colors : list of (int, int, int)
        Red, green and blue of each number.

    Returns
    -------
    str
        A data URI.
    """
    picture = Image.fromarray(classes.astype(np.uint8)).convert("P")
    picture.putpalette(np.array(colors, dtype=np.uint8).tobytes())
    return _embed(_enlarged(picture))


def _shrunk(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    picture = Image.fromarray(image)
    picture.thumbnail((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    return np.asarray(picture)


def _enlarged(picture: Image.Image) -> Image.Image:
    """Return a small picture with larger pixels; a browser would blur them."""
    factor = max(1, _SIDE // max(picture.size))
    return picture.resize((factor * picture.width, factor * picture.height), Image.Resampling.NEAREST)


def _embed(picture: Image.Image) -> str:
    stored = BytesIO()
    picture.save(stored, format="PNG")
    return "data:image/png;base64," + b64encode(stored.getvalue()).decode("ascii")
