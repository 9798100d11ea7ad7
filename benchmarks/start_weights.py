"""Error of DeepTFM after training on 20, 100 or 700 cells of the user's own, from random and from packaged weights.

The cells are adhesion cells of 64 x 64 points with 10 % white noise; 40 others, of another seed, test the result. Each
start is trained as one would train it: random weights for many epochs, packaged ones for few epochs at a lower rate,
or not at all. Training ends early when 10 epochs bring no improvement. The table goes to `start_weights.csv`; rows
of other numbers of cells stay.

    python -m benchmarks.start_weights --cells 20 100 700
"""

from __future__ import annotations

import time
from argparse import Namespace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm.auto import tqdm

from benchmarks.command import study_parser
from benchmarks.saving import write_table
from tfmkit.deep import DeepTFM
from tfmkit.metrics import relative_rmse
from tfmkit.simulate import CellSimulator, add_noise

NOISE = 0.1
SIDE = 64


class Start(NamedTuple):
    """Weights to start from (None: random ones), epochs by the number of cells, and the learning rate."""

    weights: str | None
    epochs: dict[int, int]
    lr: float


STARTS = (
    Start("small", {20: 0, 100: 0, 700: 0}, 3e-4),
    Start("default", {20: 0, 100: 0, 700: 0}, 3e-4),
    Start("small", {20: 10, 100: 10, 700: 3}, 3e-4),
    Start("small", {20: 50}, 3e-4),
    Start("default", {20: 10, 100: 3}, 3e-4),
    Start(None, {20: 50, 100: 30, 700: 6}, 3e-3),
)


def noisy_cells(n: int, seed: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return displacement and traction of adhesion cells."""
    cells = CellSimulator("adhesion", shape=SIDE, oversample=3, random_state=seed).sample(n)
    displacement = add_noise(cells.noise_free_displacement, NOISE, unit="rms", random_state=seed)
    return displacement.astype(np.float32), cells.traction.astype(np.float32)


def measure(start: Start, own: tuple[NDArray[Any], ...], test: tuple[NDArray[Any], ...], seed: int) -> dict[str, Any]:
    """Return a row of the table: the error on the test cells and the time of the training on one core."""
    n = len(own[0])
    epochs = start.epochs[n]
    model = DeepTFM(weights=start.weights, max_epochs=epochs, lr=start.lr, random_state=seed, verbose=0)
    began = time.process_time()
    model.fit(*own)
    seconds = time.process_time() - began
    error = relative_rmse(test[1], model.predict(test[0]))
    settings = {"cells": n, "start": start.weights or "random", "epochs": epochs, "lr": start.lr if epochs else None}
    return settings | {"epochs_run": len(model.history), "error": error, "cpu_seconds": seconds}


def with_earlier(rows: list[dict[str, Any]], options: Namespace) -> pd.DataFrame:
    """Return the rows and, from the table that is there, those of other numbers of cells."""
    table, path = pd.DataFrame(rows), options.output / "start_weights.csv"
    if path.exists():
        earlier = pd.read_csv(path)
        table = pd.concat([earlier[~earlier["cells"].isin(options.cells)], table])
    return table.sort_values(["cells", "epochs", "start"], ignore_index=True)


def main() -> None:
    """Train from every start and write the table."""
    parser = study_parser("start_weights", __doc__, fields=40, seed=2)
    parser.add_argument("--cells", type=int, nargs="+", choices=(20, 100, 700), default=[20, 100, 700])
    options = parser.parse_args()
    test = noisy_cells(options.fields, options.seed)
    own = {n: noisy_cells(n, options.seed - 1) for n in options.cells}
    jobs = [(start, n) for n in options.cells for start in STARTS if n in start.epochs]
    rows = [measure(start, own[n], test, seed=0) for start, n in tqdm(jobs)]
    table = with_earlier(rows, options)
    cells = [int(n) for n in table["cells"].unique()]
    write_table(table, "start_weights", options, side=SIDE, noise=NOISE, cells=cells)


if __name__ == "__main__":
    main()
