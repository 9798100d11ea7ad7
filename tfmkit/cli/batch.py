"""``tfmkit batch``: many positions and long movies, from a configuration to one table."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Parser of the command.
    """
    parser.description = (
        "Measure displacement and traction of all positions and frames that a TOML file describes. Finished items are "
        "kept: a run that was killed goes on where it stopped, and after a change of a setting only the steps that "
        "depend on it are repeated. Files that fail are named, the others complete, and the exit code is 1."
    )
    parser.add_argument(
        "config", type=Path, help="TOML file with the sections input, gel, drift, displacement, traction and run"
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="DIR",
        help="folder of the results (default: that of the configuration, or NAME_results)",
    )
    parser.add_argument(
        "--jobs", type=int, metavar="N", help="number of processes, 0 for one per core (default: the configuration's)"
    )
    parser.add_argument("--dask", metavar="ADDRESS", help="scheduler of a dask cluster that does the work instead")


def run(options: argparse.Namespace) -> int:
    """Carry out the command.

    Parameters
    ----------
    options : argparse.Namespace
        The parsed arguments.

    Returns
    -------
    int
        0 if all items have results, 1 if some do not.

    Raises
    ------
    ValueError
        If the configuration is refused; nothing is written then.
    """
    from tfmkit import batch
    from tfmkit.io import printable

    results = batch.run(options.config, results=options.output, jobs=options.jobs, dask=options.dask)
    for failure in results.failures.itertuples():
        print(printable(f"tfmkit: {failure.item}: {failure.file}: {failure.error}"), file=sys.stderr)
    for remark in results.remarks.itertuples():
        print(printable(f"tfmkit: {remark.item}: {remark.remark}"), file=sys.stderr)
    for doubt in batch.find_doubtful(results.table).itertuples():
        print(printable(f"tfmkit: {doubt.item}: in doubt, {doubt.reason}"), file=sys.stderr)
    print(f"{len(results)} item(s), {len(results.table)} row(s), {len(results.failures)} failure(s)")
    print(f"results in {results.folder}")
    return 1 if len(results.failures) else 0
