"""``tfmkit train``: make the weights that ship with tfmkit again, or variants of them."""

from __future__ import annotations

import argparse
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tfmkit._validation import check_count

if TYPE_CHECKING:
    from tfmkit.deep.files import Weights
    from tfmkit.deep.pretraining.fourier_unet import Recipe

_N_CELLS = 34_000
# Files of measured fields, 32 each, and circuit-model cells to draw them from.
_N_FILES, _N_MEASURED_CELLS = 300, 8_000
# Cells, grid, minibatch and largest noise (of the RMS, per component) of the paper's training; its epochs are tfmkit's.
_PAPER_CELLS, _PAPER_SIDE, _PAPER_BATCH, _PAPER_EPOCHS, _PAPER_NOISE = 708, 104, 64, 300, 0.13


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Parser of the command.
    """
    parser.description = (
        "Train a network on an endless stream of simulated fields (tracnet: on the paper's cells), as the "
        "weights in the package were. The recipe `fields` trains nothing: it makes images of beads and measures them, "
        "for --measured. "
        "A killed training goes on where it stopped when the command is given again."
    )
    parser.add_argument("recipe", choices=("default", "small", "depth", "tracnet", "fields"), help="which weights")
    parser.add_argument("--device", choices=("cpu", "cuda"), help="where to compute (the GPU, if there is one)")
    parser.add_argument(
        "--start",
        metavar="WEIGHTS",
        help="refine these weights (a name or a file) at a low rate, in minibatches small enough for a CPU",
    )
    parser.add_argument(
        "--measured",
        type=Path,
        metavar="DIR",
        help="take two chunks of three from this folder of `tfmkit train fields`",
    )
    parser.add_argument(
        "--told",
        action="store_true",
        help="train a network that is told the standard deviation of every vector; the noise of the stream is uneven",
    )
    parser.add_argument(
        "--files", type=int, metavar="N", help=f"files of measured fields to make ({_N_FILES}) or to use (all)"
    )
    parser.add_argument("--updates", type=int, metavar="N", help="steps of the optimiser (the recipe's number)")
    parser.add_argument(
        "--cells", type=int, metavar="N", help=f"circuit-model cells to draw from ({_N_CELLS}; tracnet {_PAPER_CELLS})"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of weights and stream")
    parser.add_argument(
        "--leave-out", nargs="+", default=[], metavar="FAMILY", help="families of tractions that are not drawn"
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder of the training")
    _add_options_of_tracnet(parser)


def _add_options_of_tracnet(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--recipe",
        dest="tracnet_recipe",
        choices=("adam", "paper"),
        default="adam",
        help="training of tracnet from random weights: by Adam with noise, or as the paper says (default: adam)",
    )
    parser.add_argument(
        "--paper-cells",
        action="store_true",
        help=f"refine tracnet (--start) on the {_PAPER_CELLS} fields of --recipe paper with this seed",
    )
    parser.add_argument(
        "--bfloat16",
        action="store_true",
        help="compute the convolutions of tracnet with 16-bit numbers (--recipe paper and --start): twice as fast on "
        "a CPU with avx512_bf16",
    )


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
    from tfmkit.io import remove_unfinished

    check_count(options.seed, "seed", low=0)
    if options.updates is not None:
        check_count(options.updates, "updates")
    if options.cells is not None:
        check_count(options.cells, "cells", low=100)
    if options.files is not None:
        check_count(options.files, "files")
    if options.recipe == "fields":
        _make_fields(options)
        return
    path = options.output / f"{options.recipe}.safetensors"
    remove_unfinished(options.output, path.name)
    (_train_tracnet if options.recipe == "tracnet" else _train_fourier_unet)(options, path)
    print(f"weights: {path}")


def _make_fields(options: argparse.Namespace) -> None:
    from tqdm import tqdm

    from tfmkit.deep.pretraining.cells import training_cells
    from tfmkit.deep.pretraining.measured import make_files

    cells, n_files = training_cells(options.cells or _N_MEASURED_CELLS, options.seed), options.files or _N_FILES
    for _ in tqdm(make_files(cells, options.output, range(n_files), seed=options.seed), "files", n_files):
        pass
    print(f"measured fields: {options.output}")


def _train_fourier_unet(options: argparse.Namespace, path: Path) -> None:
    if options.tracnet_recipe != "adam" or options.bfloat16 or options.paper_cells:
        raise ValueError(f"Expected --recipe, --bfloat16 and --paper-cells beside tracnet alone, got {options.recipe}.")
    from tfmkit.deep.files import Weights, write_weights
    from tfmkit.deep.pretraining.cells import training_cells
    from tfmkit.deep.pretraining.fourier_unet import MEASURED_REFINEMENT, RECIPES, REFINEMENT, train
    from tfmkit.deep.pretraining.measured import field_files
    from tfmkit.deep.pretraining.stream import FAMILIES

    unknown = set(options.leave_out) - set(FAMILIES)
    if unknown or len(set(options.leave_out)) == len(FAMILIES):
        raise ValueError(f"Expected some of the families {', '.join(FAMILIES)} to leave out, got {options.leave_out}.")
    recipe = RECIPES[options.recipe]
    start = None if options.start is None else _weights_to_refine(options.start, recipe, options.told)
    if start is not None:
        changes = REFINEMENT if options.measured is None else MEASURED_REFINEMENT
        recipe = replace(recipe, start=start.checksum, **changes)
    updates, n_cells = options.updates or recipe.n_updates, options.cells or _N_CELLS
    n_files = 0 if options.measured is None else options.files or len(field_files(options.measured))
    if n_files == 0 and (options.told or options.measured is not None):
        raise ValueError(f"Expected files of `tfmkit train fields` in a folder --measured, got {options.measured}.")
    recipe = replace(
        recipe,
        n_updates=updates,
        seed=options.seed,
        leave_out=tuple(options.leave_out),
        measured=n_files,
        told=options.told,
    )
    cells, state = training_cells(n_cells, options.seed), start and start.tensors
    network = train(recipe, cells, options.output, start=state, measured=options.measured, device=options.device)
    settings = {"recipe": asdict(recipe), "n_cells": n_cells, "start": start and start.settings}
    write_weights(path, Weights("fourier_unet", network.config, settings, network.state_dict()), half=True)


def _weights_to_refine(name: str, recipe: Recipe, told: bool) -> Weights:
    from tfmkit.deep.files import find_weights, read_weights
    from tfmkit.deep.networks.fourier_unet import tell_noise

    weights = read_weights(find_weights(name))
    wanted = {"widths": list(recipe.widths), "blocks": recipe.blocks, "steps": recipe.steps}
    if told and weights.params == wanted:
        return weights._replace(tensors=tell_noise(weights.tensors, recipe.widths))
    wanted |= {"noise": "optional" if recipe.withheld else True} if told else {}
    if weights.network != "fourier_unet" or weights.params != wanted:
        raise ValueError(f"Expected weights of a fourier_unet {wanted}, got {weights.network} {weights.params}.")
    return weights


def _train_tracnet(options: argparse.Namespace, path: Path) -> None:
    """Train the paper's network on the paper's cells: circuit-model cells on the pixels, one Poisson ratio."""
    if options.leave_out:
        raise ValueError(f"Expected tracnet to be trained on its one family, got --leave-out {options.leave_out}.")
    if options.paper_cells and (options.start is None or options.cells is not None):
        raise ValueError("Expected --paper-cells beside --start and without --cells.")
    if options.start is not None:
        if options.tracnet_recipe == "paper":
            raise ValueError(f"Expected the paper's recipe to begin with random weights, got --start {options.start}.")
        _refine_tracnet(options, path)
    elif options.tracnet_recipe == "paper":
        _train_tracnet_as_paper(options, path)
    elif options.bfloat16:
        raise ValueError("Expected --bfloat16 beside --recipe paper or --start, got it with --recipe adam.")
    else:
        _train_tracnet_by_adam(options, path)


def _train_tracnet_as_paper(options: argparse.Namespace, path: Path) -> None:
    from tfmkit.deep.pretraining.tracnet import PaperRecipe, train_as_paper

    if options.cells is not None or options.updates is not None:
        raise ValueError("Expected the paper's numbers of cells and updates, got --cells or --updates.")
    recipe = PaperRecipe(seed=options.seed)
    network = train_as_paper(recipe, options.output, device=options.device, bfloat16=options.bfloat16)
    _write_tracnet(path, {"second_norm": False}, {"recipe": asdict(recipe)}, network)


def _refine_tracnet(options: argparse.Namespace, path: Path) -> None:
    from tfmkit.deep.files import find_weights, read_weights
    from tfmkit.deep.pretraining.tracnet import Refinement, refine

    start = read_weights(find_weights(options.start))
    if start.network != "tracnet":
        raise ValueError(f"Expected weights of tracnet to start from, got those of {start.network}.")
    recipe = Refinement(start.checksum, paper_cells=options.paper_cells, seed=options.seed)
    n_cells = _PAPER_CELLS if options.paper_cells else options.cells or recipe.n_cells
    recipe = replace(recipe, n_cells=n_cells, n_updates=options.updates or recipe.n_updates)
    how = {"device": options.device, "bfloat16": options.bfloat16}
    network = refine(recipe, start.tensors, options.output, params=start.params, **how)
    _write_tracnet(path, start.params, {"recipe": asdict(recipe), "start": start.settings}, network)


def _write_tracnet(path: Path, params: dict[str, Any], settings: dict[str, Any], network: Any) -> None:
    from tfmkit.deep.files import Weights, write_weights
    from tfmkit.deep.pretraining.turned_cells import POISSON

    settings = {"poisson": POISSON, **settings}
    write_weights(path, Weights("tracnet", params, settings, network.state_dict()), half=True)


def _train_tracnet_by_adam(options: argparse.Namespace, path: Path) -> None:
    from tfmkit.deep import DeepTFM
    from tfmkit.simulate import CellSimulator

    n_cells = options.cells or _PAPER_CELLS
    batches = -(-n_cells // _PAPER_BATCH)
    cells = CellSimulator("generic", shape=_PAPER_SIDE, random_state=options.seed).sample(n_cells)
    rng = np.random.default_rng(options.seed)
    rms = np.sqrt(np.square(cells.displacement).mean(axis=(1, 2, 3), keepdims=True))
    level = rng.uniform(0, _PAPER_NOISE, size=rms.shape)
    displacement = (cells.displacement + level * rms * rng.normal(size=cells.displacement.shape)).astype(np.float32)
    model = DeepTFM(
        "tracnet",
        lr=1e-3,
        batch_size=_PAPER_BATCH,
        max_epochs=_PAPER_EPOCHS if options.updates is None else max(1, options.updates // batches),
        train_split=None,
        iterator_train__shuffle=True,
        callbacks__early_stopping=None,
        checkpoint_dir=options.output,
        device=options.device,
        random_state=options.seed,
    )
    model.fit(displacement, cells.traction.astype(np.float32)).save_weights(path, half=True)
