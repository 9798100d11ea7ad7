"""``tfmkit train``: make the weights that ship with tfmkit again, or variants of them."""

from __future__ import annotations

import argparse
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from tfmkit._validation import check_count

_N_CELLS = 34_000


def add_parser(subparsers: Any) -> None:
    """Add the command to the parser.

    Parameters
    ----------
    subparsers : argparse action
        What ``add_subparsers`` returned.
    """
    parser = subparsers.add_parser(
        "train",
        help="train a network on simulated cells",
        description="Train a network on an endless stream of simulated fields, as the weights in the package were. "
        "A killed training goes on where it stopped when the command is given again.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("recipe", choices=("default", "small"), help="which weights")
    parser.add_argument("--device", choices=("cpu", "cuda"), help="where to compute (the GPU, if there is one)")
    parser.add_argument("--updates", type=int, metavar="N", help="steps of the optimiser (the recipe's number)")
    parser.add_argument("--cells", type=int, default=_N_CELLS, metavar="N", help="circuit-model cells to draw from")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of weights and stream")
    parser.add_argument(
        "--leave-out", nargs="+", default=[], metavar="FAMILY", help="families of tractions that are not drawn"
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder of the training")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Carry out the command.

    Parameters
    ----------
    options : argparse.Namespace
        The parsed arguments.

    Raises
    ------
    ValueError
        If an argument is refused, or the folder holds another training.
    """
    from tfmkit.deep.weights import write_weights
    from tfmkit.pretraining.cells import training_cells
    from tfmkit.pretraining.loop import RECIPES, train
    from tfmkit.pretraining.stream import FAMILIES

    recipe = RECIPES[options.recipe]
    updates = check_count(options.updates if options.updates is not None else recipe.n_updates, "updates")
    seed = check_count(options.seed, "seed", low=0)
    n_cells = check_count(options.cells, "cells", low=100)
    unknown = set(options.leave_out) - set(FAMILIES)
    if unknown or len(set(options.leave_out)) == len(FAMILIES):
        raise ValueError(f"Expected some of the families {', '.join(FAMILIES)} to leave out, got {options.leave_out}.")
    recipe = replace(recipe, n_updates=updates, seed=seed, leave_out=tuple(options.leave_out))
    network = train(recipe, training_cells(n_cells, seed), options.output, device=options.device)
    path = options.output / f"{options.recipe}.safetensors"
    settings = {"recipe": asdict(recipe), "n_cells": n_cells}
    write_weights(path, network, network="fourier_unet", params=network.config, settings=settings, half=True)
    print(f"weights: {path}")
