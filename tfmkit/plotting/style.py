"""The look of every figure: fonts, lines, sizes and colours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tfmkit._validation import check_choice
from tfmkit.io import printable, writing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = ("png", "pdf", "svg")
# Width in inches of one column of a journal page.
COLUMN = 3.5
# Colours of Okabe and Ito, which colour-blind readers tell apart. Their yellow is left out: it is too light on paper.
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
STYLE: dict[Any, Any] = {
    "axes.linewidth": 0.6,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.dpi": 300,
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "legend.frameon": False,
    "legend.fontsize": 7,
    "lines.linewidth": 1.2,
    "pdf.fonttype": 42,
    "savefig.dpi": 300,
    "svg.fonttype": "none",
    "xtick.labelsize": 7,
    "xtick.major.width": 0.6,
    "ytick.labelsize": 7,
    "ytick.major.width": 0.6,
}
# Letters of a name that a figure has room for.
_LONGEST_NAME = 30


@contextmanager
def new_figure(width: float, height: float, layout: Literal["constrained"] | None = "constrained") -> Iterator[Figure]:
    """Give an empty figure in the style of tfmkit.

    Parameters
    ----------
    width, height : float
        Size in inches.
    layout : {"constrained"} or None, default="constrained"
        Layout engine of matplotlib; None where all axes are placed in inches.

    Yields
    ------
    matplotlib.figure.Figure
        The figure.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(STYLE):
        yield Figure(figsize=(width, height), layout=layout)


def literal(text: str) -> str:
    """Return a name from somebody's file as a label that shows it letter by letter.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    str
        At most 30 characters of it. Characters that cannot be printed become ?, and no part is taken for a formula.

    Examples
    --------
    >>> literal("5$ and $x^{$")
    '5\\\\$ and \\\\$x^{\\\\$'
    """
    short = text if len(text) <= _LONGEST_NAME else f"{text[: _LONGEST_NAME - 1]}…"
    return printable(short).replace("$", r"\$")


def save_figure(figure: Figure, path: str | PathLike[str]) -> None:
    """Write a figure; the text in PDF and SVG files stays text that can be edited.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        The figure.
    path : path-like
        File that ends in ``.png``, ``.pdf`` or ``.svg``. A file of that name is replaced once the new one is complete.

    Raises
    ------
    ValueError
        If the file ends in something else.
    """
    import matplotlib as mpl

    format_name = check_choice(Path(path).suffix.removeprefix(".").lower(), "format of a figure", FORMATS)
    # Without a date, equal figures give equal files.
    metadata = {"png": {}, "pdf": {"CreationDate": None}, "svg": {"Date": None}}[format_name]
    with mpl.rc_context(STYLE | {"svg.hashsalt": "tfmkit"}), writing(path) as temporary:
        figure.savefig(temporary, format=format_name, metadata=metadata)
