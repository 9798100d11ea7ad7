"""How exact the paper's network is: inside the cell and on the whole field, by recipe, beside the released networks.

    python -m benchmarks.tracnet
    python -m benchmarks.tracnet --also NAME=FILE NAME=FILE

The cells are drawn with seeds that no training and no choice used. FILE holds weights that `tfmkit train tracnet` made.
The networks that were released with the paper have relative RMSE 0.11 inside the cell without noise and 0.18 with noise
vectors of 0.00765 px on generic cells of their own test set.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.command import study_parser
from benchmarks.paper.methods import MEAN_DISPLACEMENT
from benchmarks.saving import write_table
from tfmkit.benchmark import add_vector_noise
from tfmkit.deep import DeepTFM
from tfmkit.metrics import mean_normalized_error, relative_rmse
from tfmkit.simulate import CellSimulator

NOISE_PX = (0.0, 0.00765, 0.0188, 0.0375)
# Cells of the paper's size of displacement, and generic cells of any strength, by both protocols.
CELLS: dict[str, dict[str, Any]] = {
    "1 to 8 kPa": {},
    "1 to 8 kPa, wang2021": {"protocol": "wang2021"},
    "0.4277 px": {"mean_displacement": MEAN_DISPLACEMENT},
    "0.4277 px, wang2021": {"mean_displacement": MEAN_DISPLACEMENT, "protocol": "wang2021"},
}


def models(also: dict[str, Path]) -> dict[str, DeepTFM]:
    """Return the packaged TracNet, alone and averaged over turns, and other weights by name."""
    files: dict[str, str | Path] = {"packaged": "tracnet", **also}
    single = {name: DeepTFM.from_pretrained(file) for name, file in files.items()}
    return single | {"packaged, average of eight turns": DeepTFM.from_pretrained("tracnet", average_turns=True)}


def rows(model: DeepTFM, cells: Any, seed: int) -> list[dict[str, float]]:
    """Return the mean errors of one network at every noise level."""
    found = []
    for level in NOISE_PX:
        noisy = add_vector_noise(cells.displacement, level, np.random.default_rng(seed)).astype(np.float32)
        traction = model.predict(noisy)
        errors = {
            "relative_rmse_inside": relative_rmse(cells.traction, traction, mask=cells.mask),
            "relative_rmse": relative_rmse(cells.traction, traction),
            "mean_normalized_error_inside": mean_normalized_error(cells.traction, traction, mask=cells.mask),
            "mean_normalized_error": mean_normalized_error(cells.traction, traction),
        }
        found.append({"noise_px": level, **{name: float(error) for name, error in errors.items()}})
    return found


def _named(text: str) -> tuple[str, Path]:
    name, _, path = text.partition("=")
    return name, Path(path)


def main() -> None:
    """Write the table."""
    parser = study_parser("tracnet", __doc__, fields=28, seed=20_210)
    parser.add_argument("--also", nargs="+", default=[], type=_named, metavar="NAME=FILE", help="other weights")
    options = parser.parse_args()
    also = dict(options.also)
    options.also = sorted(also)
    found = []
    for kind, changes in CELLS.items():
        cells = CellSimulator("generic", random_state=options.seed, **changes).sample(options.fields)
        for name, model in models(also).items():
            found += [{"weights": name, "cells": kind, **row} for row in rows(model, cells, options.seed)]
    write_table(pd.DataFrame(found), "tracnet", options)


if __name__ == "__main__":
    main()
