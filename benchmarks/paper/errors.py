"""Figure 3: errors of every method over the test cells, with and without cutoff filter, and what differs from what."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.paper.methods import (
    CUTOFF,
    DEEP,
    LEVELS,
    METHODS,
    TRACNET,
    all_methods,
    paper_cells,
    with_cutoff,
)
from benchmarks.paper.panels import COLOURS, in_style, letter, new_figure
from benchmarks.saving import save_figure, save_table
from benchmarks.stages import Settings, Stage, digests
from tfmkit.benchmark import add_vector_noise, compare, paired_tests

METRICS = {
    "mean_normalized_error": "mean normalised error",
    "mean_normalized_error_inside": "mean normalised error, inside the cell",
    "relative_rmse": "relative RMSE",
    "relative_rmse_inside": "relative RMSE, inside the cell",
}
# How much of the peaks is lost, how much background there is, and how true the directions are.
FEATURES = ("dma", "dtmb", "csta")
_KEYS = ["filter", "noise", "estimator"]


def table_name(level: float) -> str:
    """Return the name of the table of one noise level."""
    return f"errors_noise_{level:g}"


def level_stage(level: float, n_cells: int, settings: Settings) -> Stage:
    """Return the stage that measures the errors of every cell at one noise level."""
    settings = {**settings, "n_cells": n_cells, "noise_px": level, "methods": list(METHODS)}
    return Stage((f"{table_name(level)}.csv",), settings, partial(_measure, level=level))


def figure_stage(folder: Path, settings: Settings) -> Stage:
    """Return the stage that sums up the tables of the noise levels."""
    tables = digests(folder, [f"{table_name(level)}.csv" for level in LEVELS])
    return Stage(("figure_3.csv", "figure_3_tests.csv", "figure_3.png"), {**settings, "tables": tables}, _summarise)


def read_errors(folder: Path) -> pd.DataFrame:
    """Return one row per filter, noise, method, cell and metric."""
    wide = pd.concat([pd.read_csv(folder / f"{table_name(level)}.csv") for level in LEVELS])
    wide = wide.sort_values("estimator", key=lambda names: names.map(METHODS.index), kind="stable")
    return wide.melt(["filter", "noise", "estimator", "cell", "seconds"], var_name="metric", value_name="value")


def _measure(folder: Path, settings: Settings, *, level: float) -> None:
    cells = paper_cells(settings["n_cells"], settings["seed"])
    noisy = add_vector_noise(cells.displacement, level, np.random.default_rng(settings["seed"]))
    methods = with_cutoff(all_methods(), noisy, cells.traction)
    # The same seed makes the same noise, so that nothing is recovered twice.
    table = compare(
        cells.displacement,
        cells.traction,
        methods,
        noise=(level,),
        mask=cells.mask,
        patches=cells.patches,
        metrics=(*METRICS, *FEATURES),
        oracle=False,
        random_state=settings["seed"],
    )
    wide = table.pivot(index=["estimator", "noise", "cell", "seconds"], columns="metric", values="value").reset_index()
    filtered = wide["estimator"].str.endswith(CUTOFF)
    wide.insert(0, "filter", np.where(filtered, "cutoff", "none"))
    wide["estimator"] = wide["estimator"].str.removesuffix(CUTOFF)
    # What a method took is told by its plain row; behind the filter it only remembers.
    seconds = wide[~filtered].set_index(["estimator", "cell"])["seconds"]
    wide["seconds"] = seconds.loc[pd.MultiIndex.from_frame(wide[["estimator", "cell"]])].to_numpy()
    save_table(wide, table_name(level), folder, settings)


@in_style
def _summarise(folder: Path, settings: Settings) -> None:
    errors = read_errors(folder)
    groups = errors.groupby(["metric", *_KEYS], sort=False)
    summary = groups.agg(
        mean=("value", "mean"), std=("value", "std"), n_cells=("value", "size"), seconds=("seconds", "first")
    )
    save_table(summary.reset_index(), "figure_3", folder, settings)
    save_table(_tests(errors[errors["metric"].isin(METRICS)]), "figure_3_tests", folder, settings)
    save_figure(_draw(summary), "figure_3", folder, settings)


def _tests(errors: pd.DataFrame) -> pd.DataFrame:
    """Test every method against both networks: among the plain ones, and among the filtered ones."""
    parts = [
        paired_tests(group, reference).assign(filter=kind)
        for kind, group in errors.groupby("filter", sort=False)
        for reference in (DEEP, TRACNET)
    ]
    return pd.concat(parts, ignore_index=True)


def _draw(summary: pd.DataFrame) -> Any:
    figure = new_figure(7.2, 6.0)
    axes = figure.subplots(2, 2)
    for position, (axis, (metric, label)) in enumerate(zip(axes.flat, METRICS.items(), strict=True)):
        _draw_bars(axis, summary.loc[metric])
        axis.set(yscale="log", ylabel=label)
        letter(axis, "abcd"[position])
    # An empty hatched bar explains the light ones.
    hatched = axes[0, 0].bar([0], [np.nan], color="0.85", edgecolor="0.3", hatch="////", linewidth=0.4)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(
        [*handles, hatched], [*labels, "light: with cutoff filter"], loc="outside upper center", ncols=4, fontsize=7
    )
    return figure


def _draw_bars(axis: Any, errors: pd.DataFrame) -> None:
    """Draw groups of bars: one group per noise level, in it a solid and a light bar per method."""
    width = 0.86 / (2 * len(METHODS))
    for number, name in enumerate(METHODS):
        for shift, kind in enumerate(("none", "cutoff")):
            rows = errors.xs((kind, name), level=("filter", "estimator")).reindex(LEVELS)
            places = np.arange(len(LEVELS)) + (2 * number + shift - len(METHODS) + 0.5) * width
            # On a logarithmic axis the lower half of a large spread would end below zero.
            spread = np.stack([np.minimum(rows["std"], 0.9 * rows["mean"]), rows["std"]])
            look = {"alpha": 0.45, "hatch": "////", "edgecolor": "white", "linewidth": 0.0} if shift else {}
            axis.bar(
                places, rows["mean"], width, yerr=spread, color=COLOURS[number], label=None if shift else name,
                error_kw={"linewidth": 0.5}, **look,
            )  # fmt: skip
    labels = ["no noise" if level == 0 else f"{level:g} px" for level in LEVELS]
    axis.set_xticks(np.arange(len(LEVELS)), labels)
    axis.set_xlabel("length of the noise vector")
