"""Figures 2 and 4: one test cell, without and with noise, as heat maps and vectors."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.frozen import FrozenEstimator

from benchmarks.paper.methods import (
    DEEP,
    FTTC_NAMES,
    LEVELS,
    PIXEL_UM,
    TRACNET,
    fttc_at_paper_lambdas,
    networks,
    paper_cells,
)
from benchmarks.paper.panels import (
    draw_arrow_key,
    draw_heat,
    draw_scale_bar,
    draw_vectors,
    draw_window,
    head,
    in_style,
    letter,
    new_figure,
    strongest_window,
)
from benchmarks.saving import save_figure
from benchmarks.stages import Settings, Stage
from tfmkit.benchmark import add_vector_noise
from tfmkit.filters import CutoffFilter

Field = NDArray[Any]
TRUTH = "ground truth"
SHOWN = (DEEP, TRACNET, *FTTC_NAMES[:3])
_ZOOM = 26


def stages(settings: Settings) -> list[Stage]:
    """Return the stages of both figures."""
    return [
        Stage((f"{name}.png",), {**settings, "noise_px": level, "cell": 0}, partial(_make, name=name, level=level))
        for name, level in (("figure_2", LEVELS[0]), ("figure_4", LEVELS[1]))
    ]


@in_style
def _make(folder: Path, settings: Settings, *, name: str, level: float) -> None:
    cell = paper_cells(1, settings["seed"])
    noisy = add_vector_noise(cell.displacement, level, np.random.default_rng(settings["seed"]))
    available = networks() | fttc_at_paper_lambdas()
    plain, filtered = {TRUTH: cell.traction[0]}, {TRUTH: cell.traction[0]}
    for method in SHOWN:
        fitted = FrozenEstimator(available[method].fit(noisy, None))
        plain[method] = fitted.predict(noisy)[0]
        filtered[method] = CutoffFilter(fitted).fit(noisy).predict(noisy, mask=cell.mask)[0]
    save_figure(_draw(plain, filtered, cell.mask[0]), name, folder, settings)


def _draw(plain: dict[str, Field], filtered: dict[str, Field], mask: Field) -> Any:
    """Draw a column per method, and rows of heat maps and vectors, first without filter and then with it."""
    truth = np.hypot(*plain[TRUTH])
    zoom, whole = strongest_window(truth, _ZOOM), _around(mask)
    top = float(np.percentile(truth[mask], 99))
    figure = new_figure(7.2, 7.2)
    axes = figure.subplots(5, len(plain))
    for column, method in enumerate(plain):
        axis = axes[:, column]
        image = draw_heat(axis[0], plain[method], whole, top)
        draw_window(axis[0], zoom)
        for row, fields in ((1, plain), (3, filtered)):
            draw_heat(axis[row], fields[method], zoom, top)
            draw_vectors(axis[row + 1], fields[method], zoom, top / 1.8)
        head(axis[0], method)
    for position, axis in enumerate(axes.flat):
        letter(axis, _letters(position))
    _label(axes, whole, zoom, top)
    figure.colorbar(
        image, ax=axes, label="traction (Pa)", orientation="horizontal", extend="max", shrink=0.4, aspect=40
    )
    return figure


def _label(axes: Any, whole: Any, zoom: Any, top: float) -> None:
    """Name the rows, and give the first column its scales."""
    names = ("no filter", "no filter", "no filter", "cutoff filter", "cutoff filter")
    for axis, name in zip(axes[:, 0], names, strict=True):
        axis.set_ylabel(name)
    draw_scale_bar(axes[0, 0], whole, PIXEL_UM, 20)
    for row in (1, 3):
        draw_scale_bar(axes[row, 0], zoom, PIXEL_UM, 10)
        draw_arrow_key(axes[row + 1, 0], zoom, top / 1.8, 1000 * max(1, round(top / 1000)))


def _letters(position: int) -> str:
    alphabet = "abcdefghijklmnopqrstuvwxyz"
    return alphabet[position] if position < len(alphabet) else "a" + alphabet[position - len(alphabet)]


def _around(mask: Field) -> tuple[slice, slice]:
    """Return the square around the cell with a margin where nothing pulls."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    half = max(np.ptp(rows), np.ptp(columns)) // 2 + 7
    centre = [int(lines.min() + lines.max()) // 2 for lines in (rows, columns)]
    low = [max(0, place - half) for place in centre]
    high = [min(side, place + half) for place, side in zip(centre, mask.shape, strict=True)]
    return slice(low[0], high[0]), slice(low[1], high[1])
