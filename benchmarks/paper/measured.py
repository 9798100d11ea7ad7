"""Figure 5: measured displacement fields, and how well each traction explains them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm.auto import tqdm

from benchmarks.command import DATA
from benchmarks.paper.methods import DEEP, FTTC_NAMES, PAPER_LAMBDAS, fttc_at_paper_lambdas, networks
from benchmarks.paper.panels import COLOURS, draw_heat, draw_scale_bar, head, in_style, letter, new_figure
from benchmarks.saving import save_figure, save_table
from benchmarks.stages import Settings, Stage
from tfmkit.datasets import DATASETS, fetch
from tfmkit.fttc import FTTCCV
from tfmkit.io import read_displacement
from tfmkit.metrics import displacement_residual

Field = NDArray[Any]
# Beyond the paper: what FTTC can do when it chooses lambda and does not repeat the field at its border.
CHOSEN = "FTTCCV"


@dataclass(frozen=True)
class Source:
    """A measured file: where it is among local copies, and what is known about it.

    Attributes
    ----------
    path : str
        File below the folder of the measured data.
    dataset : str
        The entry of `tfmkit.datasets.DATASETS` with its gel, and where to fetch it.
    frame : int
        Which of its fields.
    bar : float
        Length of a scale bar in micrometres.
    """

    path: str
    dataset: str
    frame: int
    bar: float


SOURCES = {
    "MDCK colony, knock-out": Source("pytfm/KO_04u.npy", "pytfm-ko", 0, 100),
    "MDCK colony, wild type": Source("pytfm/WT_03u.npy", "pytfm-ko", 0, 100),
    "Easy-to-use TFM, cell 1": Source("easy_to_use_tfm/input_data.mat", "easy-to-use-tfm", 0, 10),
    "Easy-to-use TFM, cell 2": Source("easy_to_use_tfm/input_data.mat", "easy-to-use-tfm", 1, 10),
}
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
METHODS = (DEEP, *FTTC_NAMES, CHOSEN)


def stage(settings: Settings) -> Stage | None:
    """Return the stage, or None where there is not a single measured field."""
    found = {name: path for name, source in SOURCES.items() if (path := find_file(source)) is not None}
    for name in SOURCES.keys() - found.keys():
        tqdm.write(f"figure 5 without {name}: no file {SOURCES[name].path} (set TFMKIT_DATA to its folder)")
    if not found:
        return None
    settings = {"weights": settings["weights"], "fields": list(found)}
    return Stage(("figure_5.csv", "figure_5.png"), settings, lambda folder, chosen: _make(folder, chosen, found))


def find_file(source: Source) -> Path | None:
    """Return the local copy, or the one that comes from its home by hash; None without either."""
    path = DATA / source.path
    if path.is_file():
        return path
    if path.name.startswith("WT"):
        return None
    try:
        return fetch(source.dataset)
    except (OSError, ValueError) as error:
        tqdm.write(f"{source.dataset} could not be fetched: {error}")
        return None


@in_style
def _make(folder: Path, settings: Settings, found: dict[str, Path]) -> None:
    rows, tractions, pixels = [], {}, {}
    for name, path in tqdm(found.items(), desc="measured fields", disable=None):
        known = DATASETS[SOURCES[name].dataset]
        data = read_displacement(path, spacing=known.spacing if path.suffix == ".npy" else None)
        displacement = data.displacement[[SOURCES[name].frame]].astype(np.float32)
        # A drift would pass for traction beyond the field.
        displacement -= np.median(displacement, axis=(2, 3), keepdims=True)
        gel = {"young": known.young, "poisson": known.poisson, "spacing": data.spacing}
        tractions[name] = _recover(displacement, gel)
        pixels[name] = data.spacing * known.pixel_size
        rows += [{"field": name, **row} for row in _judge(displacement, tractions[name], gel)]
    table = pd.DataFrame(rows)
    save_table(table, "figure_5", folder, settings)
    save_figure(_draw(tractions, pixels, table), "figure_5", folder, settings)


def _recover(displacement: Field, gel: dict[str, float]) -> dict[str, Field]:
    """Return the traction of one field by every method."""
    network = networks(poisson=gel["poisson"], names=(DEEP,))[DEEP].set_params(**gel)
    methods = {DEEP: network} | fttc_at_paper_lambdas(**gel) | {CHOSEN: FTTCCV(**gel)}
    # The network takes the gel over in fit, which trains nothing.
    return {name: method.fit(displacement).predict(displacement)[0] for name, method in methods.items()}


def _judge(displacement: Field, tractions: dict[str, Field], gel: dict[str, float]) -> list[dict[str, Any]]:
    """Return the displacement residual of each method, and how alike its map is to that of DeepTFM."""
    deep = tractions[DEEP]
    return [
        {
            "estimator": name,
            "lam_paper": dict(zip(FTTC_NAMES, PAPER_LAMBDAS, strict=True)).get(name),
            "displacement_residual": float(displacement_residual(displacement, traction[None], **gel)),
            "similarity_to_deep": float((traction * deep).sum() / np.sqrt((traction**2).sum() * (deep**2).sum())),
            "largest_traction_Pa": float(np.hypot(*traction).max()),
        }
        for name, traction in tractions.items()
    ]


def _draw(tractions: dict[str, dict[str, Field]], pixels: dict[str, float], table: pd.DataFrame) -> Any:
    """Draw a row of heat maps per field, and the residuals under them."""
    figure = new_figure(7.2, 1.3 * len(tractions) + 2.0)
    maps, below = figure.subfigures(2, 1, height_ratios=[1.3 * len(tractions), 2.0])
    axes = maps.subplots(len(tractions), len(METHODS), squeeze=False)
    for row, (name, recovered) in zip(axes, tractions.items(), strict=True):
        top = float(np.percentile(np.hypot(*recovered[DEEP]), 99.7))
        window = tuple(slice(0, side) for side in recovered[DEEP].shape[1:])
        for axis, method in zip(row, METHODS, strict=True):
            image = draw_heat(axis, recovered[method], window, top)
        draw_scale_bar(row[0], window, pixels[name], SOURCES[name].bar)
        row[0].set_ylabel(name.replace(", ", ",\n"))
        maps.colorbar(image, ax=list(row), label="traction (Pa)", extend="max", fraction=0.02, pad=0.01)
    for axis, method in zip(axes[0], METHODS, strict=True):
        head(axis, method.replace(", ", ",\n"))
    for position, axis in enumerate(axes.flat):
        letter(axis, _LETTERS[position])
    _draw_residuals(below.subplots(), table, _LETTERS[axes.size])
    return figure


def _draw_residuals(axis: Any, table: pd.DataFrame, name: str) -> None:
    wide = table.pivot(index="estimator", columns="field", values="displacement_residual").loc[list(METHODS)]
    colours = (COLOURS[0], *COLOURS[2:6], COLOURS[8])
    places = np.arange(len(METHODS))
    spread = wide.std(axis=1, ddof=min(1, wide.shape[1] - 1))
    axis.bar(places, wide.mean(axis=1), 0.55, yerr=spread, color=colours, capsize=3, error_kw={"linewidth": 0.8})
    for field, marker in zip(wide.columns, "osD^", strict=False):
        axis.plot(places, wide[field], marker, color="white", markeredgecolor="0.2", markersize=4, label=field)
    axis.set_xticks(places, [name.replace(", ", ",\n") for name in METHODS])
    axis.set_ylabel("displacement residual")
    axis.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    letter(axis, name)
