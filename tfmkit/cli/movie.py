"""``tfmkit movie``: movies of the positions of a batch."""

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
        "Write one movie for each position with more than one frame, all with the same scale, with the outline of the "
        "cells, a scale bar and the time. `tfmkit report` links to movies in RESULTS/movies. MP4 needs imageio-ffmpeg "
        "(pip install tfmkit[movie])."
    )
    parser.add_argument("results", type=Path, help="folder that `tfmkit batch` wrote")
    parser.add_argument("--position", nargs="+", metavar="NAME", help="positions (default: all that move)")
    parser.add_argument(
        "--kind", choices=("traction", "map", "displacement"), default="traction", help="content of the movies"
    )
    parser.add_argument("--format", choices=("mp4", "gif"), default="mp4", help="format of the movies")
    parser.add_argument("--fps", type=float, default=5.0, metavar="N", help="frames per second")
    parser.add_argument("--width", type=int, default=800, metavar="PX", help="width in pixels")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="DIR", help="folder of the movies (default: RESULTS/movies)"
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
        If the folder holds no results of a batch, or an argument is refused.
    """
    from tfmkit.batch import read_results
    from tfmkit.report.movies import MOVIES, write_movies

    folder = options.output or options.results / MOVIES
    paths = write_movies(
        read_results(options.results),
        folder,
        positions=options.position,
        kind=options.kind,
        file_format=options.format,
        fps=options.fps,
        width=options.width,
    )
    for path in paths:
        print(f"{path} ({path.stat().st_size / 1e6:.1f} MB)")
