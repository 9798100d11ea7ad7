"""The command line that all studies share, and the folders that they read and write."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results"
# Measured data that the repository does not hold.
DATA = Path(os.environ.get("TFMKIT_DATA", ROOT.parent / "shared" / "data"))
HELP = {
    "fields": "test fields of each family",
    "seed": "seed of the test fields and their noise",
    "rounds": "rounds of each timing; the fastest counts",
    "threads": "threads of one process",
    "jobs": "processes",
    "side": "grid points along a side",
}


def study_parser(name: str, description: str | None, *, results: str = "", **defaults: int) -> argparse.ArgumentParser:
    """Return the parser of one study.

    Parameters
    ----------
    name : str
        Name of the study, as in ``python -m benchmarks.NAME``.
    description : str
        The docstring of its module.
    results : str, default=""
        Folder of its results below `RESULTS`.
    **defaults : int
        Default of every whole-number option that the study takes; the names are the keys of `HELP`.

    Returns
    -------
    ArgumentParser
        Parser with these options and ``--output``. A study adds options of its own.
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m benchmarks.{name}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for option, default in defaults.items():
        parser.add_argument(f"--{option}", type=int, default=default, help=f"{HELP[option]} (default: {default})")
    parser.add_argument("-o", "--output", type=Path, default=RESULTS / results, help="folder of the results")
    return parser
