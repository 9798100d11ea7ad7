"""``tfmkit simulate``: cells with known traction, to test and train on."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

# The families of `tfmkit.simulate`, whose import takes longer than the help may.
CELLS, PATCHES = ("generic", "keratocyte", "neuron", "fibroblast", "adhesion"), ("disc", "hertz")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Parser of the command.
    """
    parser.description = (
        "Simulate cells and write displacement (grid px), traction (Pa), mask and patches to a "
        ".npz file, which `tfmkit traction` and `tfmkit benchmark` read."
    )
    parser.add_argument("-n", "--number", type=int, default=28, help="number of cells")
    parser.add_argument("--family", choices=(*CELLS, *PATCHES), default="generic", help="family of cells or patches")
    parser.add_argument("--shape", type=int, nargs="+", default=[104], metavar="PX", help="side, or height and width")
    parser.add_argument("--young", default="10670", metavar="PA", help="Young's modulus of the gel in Pa, or 10kPa")
    parser.add_argument("--poisson", type=float, default=0.45, metavar="NU", help="Poisson ratio of the gel")
    parser.add_argument("--seed", type=int, default=0, help="equal seeds make equal cells")
    parser.add_argument("-o", "--output", type=Path, default=Path("cells.npz"), metavar="FILE", help="the .npz file")


def run(options: argparse.Namespace) -> None:
    """Carry out the command.

    Parameters
    ----------
    options : argparse.Namespace
        The parsed arguments.

    Raises
    ------
    ValueError
        If an argument is refused; nothing is written then.
    """
    from tfmkit.io import writing
    from tfmkit.quantities import read_young
    from tfmkit.simulate import CellSimulator, PatchSimulator

    if options.output.suffix != ".npz":
        raise ValueError(f"Expected an output file that ends in .npz, got {options.output}.")
    simulator = PatchSimulator if options.family in PATCHES else CellSimulator
    shape = tuple(options.shape) if len(options.shape) > 1 else options.shape[0]
    gel: dict[str, Any] = {"young": read_young(options.young), "poisson": options.poisson}
    cells = simulator(options.family, shape=shape, **gel, random_state=options.seed).sample(options.number)
    arrays: dict[str, Any] = {key: cells[key] for key in ("displacement", "traction", "mask", "patches")}
    with writing(options.output) as temporary:
        np.savez_compressed(temporary, **arrays, **gel)
    print(f"{options.number} cells of family {options.family} in {options.output}")
