"""``tfmkit traction``: from a displacement file to traction maps, tables and the settings that made them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tfmkit._validation import FloatArray, check_number
from tfmkit.gel import Gel

if TYPE_CHECKING:
    from tfmkit.cli._results import Results
    from tfmkit.io import DisplacementData

# Traction, the settings of the method, and what it chose for every frame.
_Inversion = tuple[FloatArray, dict[str, Any], dict[str, NDArray[Any]]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Parser of the command.
    """
    parser.description = (
        "Recover the traction from a displacement file (Fiji PIV text, Easy-to-use TFM .mat, Wang & Lin "
        ".mat, pyTFM, .npy, .npz) and write heat maps, vector plots, tables, a TIFF and the settings."
    )
    parser.add_argument("file", type=Path, help="displacement file; for pyTFM the one that ends in u")
    parser.add_argument("--young", type=float, required=True, metavar="PA", help="Young's modulus of the gel in Pa")
    parser.add_argument("--poisson", type=float, required=True, metavar="NU", help="Poisson ratio of the gel, 0 to 0.5")
    parser.add_argument(
        "--pixel-size",
        type=float,
        metavar="UM",
        help="micrometres per pixel of the file's displacements; without it there are no energies and forces",
    )
    parser.add_argument(
        "--length-unit",
        metavar="UNIT",
        help="unit of positions and displacements in a text table: px, um, mm, m, nm (by default that of its columns)",
    )
    parser.add_argument(
        "--spacing", type=float, metavar="PX", help="pixels between grid points, for files that do not hold it"
    )
    parser.add_argument(
        "--thickness",
        type=float,
        metavar="UM",
        help="thickness of a gel bonded to glass; by default it has no end (fttc)",
    )
    parser.add_argument("--depth", type=float, default=0.0, metavar="UM", help="depth of the beads in the gel (fttc)")
    parser.add_argument("--interpolate", action="store_true", help="fill holes of the grid from their neighbours")
    parser.add_argument("--method", choices=("fttc", "deep"), default="fttc", help="how to invert")
    parser.add_argument(
        "--lam",
        type=float,
        metavar="LAM",
        help="regularisation of fttc, dimensionless (u in grid px, t in E); by default chosen from each frame's data",
    )
    parser.add_argument(
        "--weights", default="default", metavar="NAME", help="weights of deep: a packaged name or a .safetensors file"
    )
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", help="folder of the results (FILE_traction)")


def run(options: argparse.Namespace) -> None:
    """Carry out the command.

    Parameters
    ----------
    options : argparse.Namespace
        The parsed arguments.

    Raises
    ------
    ValueError
        If an argument or the file is refused; nothing is written then.
    """
    from tfmkit.cli._results import Results, save_results
    from tfmkit.io import read_displacement
    from tfmkit.quantities import layer_in_pixels

    Gel(options.young, options.poisson, options.spacing or 1.0)
    if options.pixel_size is not None:
        check_number(options.pixel_size, "pixel size", low=0, include_low=False)
    if options.lam is not None and options.method != "fttc":
        raise ValueError("--lam belongs to --method fttc; a network has no lambda.")
    layer = layer_in_pixels(options.thickness, options.depth, options.pixel_size)
    if any(layer.values()) and options.method != "fttc":
        raise ValueError("--thickness and --depth belong to --method fttc; networks know the half-space only.")
    lengths = {name: getattr(options, name) for name in ("spacing", "length_unit", "pixel_size")}
    data = read_displacement(options.file, interpolate=options.interpolate, **lengths)
    traction, method, choice = _INVERT[options.method](data, options)
    output = options.output or options.file.with_name(f"{options.file.stem}_traction")
    results = Results(
        data,
        traction,
        options.young,
        options.poisson,
        options.pixel_size,
        method,
        choice,
        thickness=options.thickness,
        depth=options.depth,
    )
    summary = save_results(results, output)
    _report(results, summary, output)


def _invert_fttc(data: DisplacementData, options: argparse.Namespace) -> _Inversion:
    from tfmkit.fttc import FTTC, FTTCCV
    from tfmkit.quantities import layer_in_pixels

    gel = {"young": options.young, "poisson": options.poisson, "spacing": data.spacing}
    gel |= layer_in_pixels(options.thickness, options.depth, options.pixel_size)
    solver = FTTCCV(**gel) if options.lam is None else FTTC(options.lam, **gel)
    solver.fit(data.displacement)
    method = {"name": type(solver).__name__, **solver.get_params()}
    choice = {"lam": solver.lam_, "order": solver.order_} if options.lam is None else {}
    return solver.predict(data.displacement), method, choice


def _invert_deep(data: DisplacementData, options: argparse.Namespace) -> _Inversion:
    from tfmkit.batch._invert import doubts
    from tfmkit.deep import DeepTFM

    network = DeepTFM.from_pretrained(
        options.weights, young=options.young, poisson=options.poisson, spacing=data.spacing
    )
    traction = network.predict(data.displacement)
    method = {"name": "DeepTFM", "weights": str(options.weights)}
    return traction, method, doubts(network, data.displacement, traction)


_INVERT = {"fttc": _invert_fttc, "deep": _invert_deep}


def _report(results: Results, summary: dict[str, NDArray[Any]], output: Path) -> None:
    """Print what a user wants to know first."""
    n_fields = len(results.traction)
    print(
        f"{n_fields} field(s) of {results.data.layout}, {' x '.join(map(str, results.traction.shape[2:]))} grid points"
    )
    print(f"method: {results.method['name']}")
    for name, values in summary.items():
        if name != "frame":
            spread = f" (frames: {values.min():.4g} to {values.max():.4g})" if n_fields > 1 else ""
            print(f"{name:>24} {np.median(values):.4g}{spread}")
    print(f"results in {output}")
