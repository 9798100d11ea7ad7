"""The entry of the command line: it imports only the command that was asked for."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from tfmkit import __version__
from tfmkit.processes import Stop, stopping

# Commands, which are modules of this package with `add_arguments` and `run`, and their lines in the help.
COMMANDS = {
    "displacement": "bead images to displacement",
    "traction": "displacement file to traction map",
    "monolayer": "stress inside sheets of cells",
    "batch": "many positions and frames to one table",
    "report": "results of a batch as one HTML page",
    "figure": "figures of a batch, for papers",
    "movie": "movies of a batch",
    "compare": "conditions against each other",
    "simulate": "cells with known traction",
    "benchmark": "errors of the methods on simulated cells",
    "train": "train a network on simulated cells",
}


class HelpFormatter(argparse.ArgumentDefaultsHelpFormatter):
    """Help texts with the defaults of those options that have one."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        return action.help if action.default in (None, False, []) else super()._get_help_string(action)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    arguments : sequence of str, optional
        The arguments after ``tfmkit``; by default those of the process.

    Returns
    -------
    int
        0 if all went well, 1 if a part of it failed, 2 if the input was refused or a file could not be written, 130 or
        143 if Ctrl-C or SIGTERM ended the command. One line on standard error says why.
    """
    given = sys.argv[1:] if arguments is None else list(arguments)
    try:
        with stopping():
            options = _parser(given[0] if given else None).parse_args(given)
            return int(options.run(options) or 0)
    except Stop as stop:
        print("tfmkit: stopped. Finished results are kept.", file=sys.stderr)
        return int(stop.code or 0)
    except (ValueError, OSError) as error:
        from tfmkit.io import printable

        print(printable(f"tfmkit: {error}"), file=sys.stderr)
        return 2


def _parser(command: str | None) -> argparse.ArgumentParser:
    """Return the parser, with the arguments of one command."""
    parser = argparse.ArgumentParser(
        prog="tfmkit", description="Traction force microscopy: how hard, and where, a cell pulls on its gel."
    )
    parser.add_argument("--version", action="version", version=f"tfmkit {__version__}")
    subparsers = parser.add_subparsers(required=True, metavar="command")
    for name, line in COMMANDS.items():
        subparser = subparsers.add_parser(name, help=line, formatter_class=HelpFormatter)
        if name == command:
            module = import_module(f"tfmkit.cli.{name}")
            module.add_arguments(subparser)
            subparser.set_defaults(run=module.run)
    return parser
