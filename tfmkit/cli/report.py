"""``tfmkit report``: the results of a batch as one page to look at, print and send."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def add_parser(subparsers: Any) -> None:
    """Add the command to the parser.

    Parameters
    ----------
    subparsers : argparse action
        What ``add_subparsers`` returned.
    """
    parser = subparsers.add_parser(
        "report",
        help="results of a batch as one HTML page",
        description="Write one HTML page with the table of all cells, images, maps, vectors, residuals, quality, "
        "choice of lambda, time courses and settings of a batch. It needs no other file, no network and no script.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("results", type=Path, help="folder that `tfmkit batch` wrote")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="the .html file (RESULTS/report.html)")
    parser.add_argument(
        "--full",
        type=int,
        default=12,
        metavar="N",
        help="show at most N frames with all their maps, and N positions over time; the table has all",
    )
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
        If the folder holds no results of a batch; nothing is written then.
    """
    from tfmkit.report import write_report

    output = options.output or options.results / "report.html"
    if output.suffix not in (".html", ".htm"):
        raise ValueError(f"Expected an output file that ends in .html, got {output}.")
    write_report(options.results, output, n_full=options.full)
    print(f"report in {output} ({output.stat().st_size / 1e6:.1f} MB)")
