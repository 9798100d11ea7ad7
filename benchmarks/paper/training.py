"""Figure S2: how a training goes, by the paper's optimiser and by tfmkit's, in the paper's unit of error.

The whole TracNet takes hours on two cores. The curve is that of a network of the same form with an eighth of the
filters on a coarser grid, on as many cells, in minibatches as large.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from skorch.callbacks import Callback, LRScheduler
from torch import Tensor, nn
from tqdm.auto import tqdm

from benchmarks.paper.panels import in_style, new_figure
from benchmarks.saving import save_figure, save_table
from benchmarks.stages import Settings, Stage
from tfmkit.deep import DeepTFM
from tfmkit.simulate import CellSimulator

N_CELLS, BATCH = 708, 64
SETTINGS: Settings = {"n_cells": N_CELLS, "batch_size": BATCH, "widths": [4, 8, 16, 32], "side": 24, "epochs": 30}
_SHOWN = 64


class HalfSquares(nn.Module):
    """Half the squared error, summed over pixels and averaged over fields: the paper's regression layer."""

    def forward(self, y_pred: Tensor, y_true: Tensor) -> Tensor:
        """Compute the loss."""
        return 0.5 * (y_pred - y_true).square().sum() / len(y_true)


class SummedError(Callback):
    """Write down the paper's error, the root of the squared error summed over pixels, after every epoch.

    Parameters
    ----------
    displacement, traction : ndarray of shape (n_fields, 2, height, width)
        A minibatch that was trained on, followed by one that was not.
    """

    def __init__(self, displacement: NDArray[Any], traction: NDArray[Any]) -> None:
        self.displacement = displacement
        self.traction = traction

    def on_epoch_end(self, net: DeepTFM, **kwargs: Any) -> None:
        """Predict both minibatches and record their mean errors."""
        error = np.sqrt(((net.predict(self.displacement) - self.traction) ** 2).sum(axis=(1, 2, 3)))
        net.history.record("trained_on", float(error[:_SHOWN].mean()))
        net.history.record("held_out", float(error[_SHOWN:].mean()))


RECIPES: dict[str, dict[str, Any]] = {
    "paper: SGD, 6e-4": {
        "criterion": HalfSquares,
        "optimizer": torch.optim.SGD,
        "optimizer__momentum": 0.9,
        "optimizer__weight_decay": 5e-4,
        "lr": 6e-4,
        "callbacks__schedule": LRScheduler(policy="StepLR", step_size=10, gamma=0.7943),
    },
    "tfmkit: Adam, 3e-3": {},
}


def stage(settings: Settings, **changes: Any) -> Stage:
    """Return the stage."""
    return Stage(("figure_s2.csv", "figure_s2.png"), {**SETTINGS, "seed": settings["seed"], **changes}, _make)


@in_style
def _make(folder: Path, settings: Settings) -> None:
    held_out = settings["n_cells"] + _SHOWN
    simulator = CellSimulator("generic", shape=settings["side"], random_state=settings["seed"] + 1)
    displacement, traction = simulator.sample(held_out, return_X_y=True)
    curves = [_train(name, displacement, traction, settings) for name in tqdm(RECIPES, desc="trainings", disable=None)]
    table = pd.concat(curves, ignore_index=True)
    save_table(table, "figure_s2", folder, settings)
    save_figure(_draw(table), "figure_s2", folder, settings)


def _train(recipe: str, displacement: NDArray[Any], traction: NDArray[Any], settings: Settings) -> pd.DataFrame:
    """Return the error per epoch by one recipe."""
    n_cells = settings["n_cells"]
    watched = np.r_[:_SHOWN, n_cells : n_cells + _SHOWN]
    model = DeepTFM(
        "tracnet",
        module__widths=tuple(settings["widths"]),
        max_epochs=settings["epochs"],
        batch_size=settings["batch_size"],
        # The paper's 11 iterations an epoch leave the incomplete minibatch out.
        iterator_train__drop_last=True,
        iterator_train__shuffle=True,
        train_split=None,
        callbacks=[("summed_error", SummedError(displacement[watched], traction[watched]))],
        callbacks__early_stopping=None,
        random_state=settings["seed"],
        verbose=0,
        **RECIPES[recipe],
    ).fit(displacement[:n_cells], traction[:n_cells])
    columns = {name: model.history[:, name] for name in ("epoch", "trained_on", "held_out")}
    batches = n_cells // settings["batch_size"]
    return pd.DataFrame({"recipe": recipe, **columns, "iterations_per_epoch": batches})


def _draw(table: pd.DataFrame) -> Any:
    figure = new_figure(3.5, 2.6)
    axis = figure.subplots()
    for (recipe, curve), colour in zip(table.groupby("recipe", sort=False), ("#08306b", "#c1272d"), strict=True):
        axis.plot(curve["epoch"], curve["trained_on"] / 1000, color=colour, linewidth=1.1, label=recipe)
        axis.plot(curve["epoch"], curve["held_out"] / 1000, "--", color=colour, linewidth=0.9, label="  cells held out")
    axis.set(xlabel="epoch", ylabel="root of summed squared error\nper image (kPa)", ylim=(0, None))
    iterations = int(table["iterations_per_epoch"].iloc[0])
    above = axis.secondary_xaxis("top", functions=(lambda x: x * iterations, lambda x: x / iterations))
    above.set_xlabel("iteration")
    axis.legend(fontsize=6.5)
    return figure
