"""``tfmkit report``: the results of a batch as one page to look at, print and send."""

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
        "Write one HTML page with the table of all cells, images, maps, vectors, residuals, quality, choice of lambda, "
        "time courses and settings of a batch. It needs no other file, no network and no script."
    )
    parser.add_argument("results", type=Path, help="folder that `tfmkit batch` wrote")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="the .html file (default: RESULTS/report.html)"
    )
    parser.add_argument(
        "--full",
        type=int,
        default=12,
        metavar="N",
        help="show at most N frames with all their maps, and N positions over time; the table contains all",
    )
    parser.add_argument(
        "--reference",
        metavar="CONDITION",
        help="condition to compare the others with (default: the first of the table)",
    )
    parser.add_argument(
        "--paired", action="store_true", help="replicates of the same name belong together, such as dishes of one day"
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
        If the folder holds no results of a batch; nothing is written then.
    """
    from tfmkit.report import write_report

    output = options.output or options.results / "report.html"
    if output.suffix not in (".html", ".htm"):
        raise ValueError(f"Expected an output file that ends in .html, got {output}.")
    write_report(options.results, output, n_full=options.full, reference=options.reference, paired=options.paired)
    print(f"report in {output} ({output.stat().st_size / 1e6:.1f} MB)")
