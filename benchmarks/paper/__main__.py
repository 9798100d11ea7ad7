"""Remake every figure and number of the paper, or what of it is missing."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

from benchmarks import paper
from benchmarks.command import study_parser
from benchmarks.paper import claims, errors, maps, measured, network, training, transfer
from benchmarks.paper.methods import LEVELS, PROTOCOL, weights_digest
from benchmarks.stages import Settings, Stage, run_stages

# Sums of floats depend on how many threads share them, and a training carries that far beyond the printed digits.
THREADS = 2


def plan(folder: Path, n_cells: int, n_transfer: int, seed: int) -> list[Callable[[], Stage | None]]:
    """Return the stages in the order in which they need each other."""
    settings: Settings = {"seed": seed, "protocol": PROTOCOL, "weights": weights_digest()}
    return [
        *(partial(lambda stage: stage, stage) for stage in maps.stages(settings)),
        *(partial(errors.level_stage, level, n_cells, settings) for level in LEVELS),
        partial(errors.figure_stage, folder, settings),
        partial(measured.stage, settings),
        partial(network.stage, settings),
        partial(training.stage, settings),
        partial(transfer.transfer_stage, n_transfer, settings),
        partial(transfer.speed_stage, settings),
        partial(claims.stage, folder),
    ]


def main() -> None:
    """Run what is not done."""
    # The paper has 28 test cells.
    parser = study_parser("paper", paper.__doc__, results="paper", fields=28, seed=2021)
    parser.add_argument("--force", action="store_true", help="make everything anew")
    options = parser.parse_args()
    torch.set_num_threads(THREADS)
    run_stages(
        plan(options.output, options.fields, min(options.fields, 8), options.seed),
        options.output,
        force=options.force,
    )


if __name__ == "__main__":
    main()
