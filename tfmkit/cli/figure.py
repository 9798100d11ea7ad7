"""``tfmkit figure``: figures of the frames of a batch, for papers."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Parser of the command.
    """
    parser.description = (
        "Draw frames of a batch: the traction or the displacement as arrows over the image of the cell, or the "
        "traction as a heat map, with the outline of the cells and a scale bar. All figures of one call have the same "
        "scale, and text in PDF and SVG files can be edited."
    )
    parser.add_argument("results", type=Path, help="folder that `tfmkit batch` wrote")
    parser.add_argument(
        "--item", nargs="+", metavar="KEY", help="items, by their names in the column item of table.csv (default: all)"
    )
    parser.add_argument(
        "--kind", choices=("traction", "map", "displacement"), default="traction", help="content of the figures"
    )
    parser.add_argument("--format", choices=("png", "pdf", "svg"), default="pdf", help="format of the figures")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="DIR", help="folder of the figures (default: RESULTS/figures)"
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
        If the folder holds no results of a batch, or an item is not among them.
    """
    from tfmkit.batch import read_results
    from tfmkit.report.figures import write_figures

    results = read_results(options.results)
    known = list(results.table["item"].unique())
    unknown = [key for key in options.item or () if key not in known]
    if unknown or not known:
        raise ValueError(f"Expected items of {options.results}, such as {', '.join(known[:5])}, got {unknown}.")
    folder = options.output or options.results / "figures"
    paths = write_figures(results, set(options.item or known), options.kind, folder, options.format)
    print(f"{len(paths)} figure(s) in {folder}")
