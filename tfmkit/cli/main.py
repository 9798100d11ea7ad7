"""From arguments to an exit code."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from tfmkit import __version__
from tfmkit.cli import batch, benchmark, displacement, report, simulate, traction, train

_COMMANDS = (displacement, traction, batch, report, simulate, benchmark, train)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    arguments : sequence of str, optional
        What follows ``tfmkit`` on the command line; by default what the process was started with.

    Returns
    -------
    int
        0 if all went well, 1 if a part of it failed, 2 if the input was refused (the reason is on standard error).
    """
    parser = argparse.ArgumentParser(
        prog="tfmkit", description="Traction force microscopy: how hard, and where, a cell pulls on its gel."
    )
    parser.add_argument("--version", action="version", version=f"tfmkit {__version__}")
    subparsers = parser.add_subparsers(required=True, metavar="command")
    for command in _COMMANDS:
        command.add_parser(subparsers)
    options = parser.parse_args(arguments)
    try:
        return int(options.run(options) or 0)
    except (ValueError, OSError) as error:
        print(f"tfmkit: {error}", file=sys.stderr)
        return 2
