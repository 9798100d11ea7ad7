"""What a reader would stumble over in a figure, measured from the boxes of its drawn artists."""

from __future__ import annotations

import re
from itertools import combinations

import numpy as np
from matplotlib.text import Text

# Names of axes whose numbers have no unit.
DIMENSIONLESS = {"frame", "relative error"}


def shown_texts(figure):
    """Return the boxes of all texts that a reader sees, by their words and places."""
    figure.draw_without_rendering()
    out_of_view = set()
    for axes in figure.axes:
        for axis, limits in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
            on_page = axis.get_transform().transform
            low, high = sorted(on_page(np.asarray(limits)))
            margin = 1e-6 * (high - low)
            for tick, place in zip(axis.get_major_ticks(), on_page(axis.get_majorticklocs()), strict=False):
                if not low - margin <= place <= high + margin:
                    out_of_view |= {tick.label1, tick.label2}
    texts = [
        text for text in figure.findobj(Text)
        if text.get_visible() and text.get_text().strip() and text not in out_of_view
    ]  # fmt: skip
    return [(text, text.get_window_extent()) for text in texts]


def faults(figure):
    """Return a sentence for each text that leaves the page or covers another one, and for each axis without a unit."""
    texts, page, found = shown_texts(figure), figure.bbox, []
    for text, box in texts:
        if box.x0 < page.x0 - 1 or box.y0 < page.y0 - 1 or box.x1 > page.x1 + 1 or box.y1 > page.y1 + 1:
            found.append(f"{text.get_text()!r} leaves the page")
    for (first, one), (second, other) in combinations(texts, 2):
        slanted = any(text.get_rotation() % 90 for text in (first, second))
        if not slanted and one.shrunk(0.98, 0.98).overlaps(other):
            found.append(f"{first.get_text()!r} covers {second.get_text()!r}")
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            label, numbers = axis.get_label_text(), [text.get_text() for text in axis.get_ticklabels()]
            if any(re.search(r"\d", number) for number in numbers) and not _has_unit(label):
                found.append(f"an axis without a unit: {label!r}")
    for legend in [*figure.legends, *(axes.get_legend() for axes in figure.axes)]:
        box = None if legend is None else legend.get_window_extent()
        if box is not None and any(box.shrunk(0.98, 0.98).overlaps(axes.get_window_extent()) for axes in figure.axes):
            found.append("the legend covers the axes")
    return found


def _has_unit(label):
    return label in DIMENSIONLESS or re.search(r"\(.+\)", label) is not None


def distance(first, second, matrix):
    """Return the distance CIEDE2000 of two colours as seen through a matrix for linear red, green and blue."""
    from skimage.color import deltaE_ciede2000, rgb2lab

    seen = [np.clip(_gamma(matrix @ _linear(np.asarray(color, dtype=float))), 0, 1) for color in (first, second)]
    return float(deltaE_ciede2000(*(rgb2lab(color[None, None]) for color in seen))[0, 0])


def _linear(color):
    return np.where(color <= 0.04045, color / 12.92, ((color + 0.055) / 1.055) ** 2.4)


def _gamma(color):
    positive = np.clip(color, 0, None)
    return np.where(positive <= 0.0031308, 12.92 * positive, 1.055 * positive ** (1 / 2.4) - 0.055)
