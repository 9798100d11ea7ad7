"""Thousands of damaged files: every reader ends in a ValueError or OSError, without a warning, in seconds.

    python -m benchmarks.mutations --mutations 500

Each kind of file is damaged so many times, in a process of its own that may use 6 GiB of addresses. The table says for
each kind how many files were read nevertheless, how many were refused, the faults, the seconds of the slowest one, and
the MiB that the process grew by. The last row is a large file that is not damaged.
"""

from __future__ import annotations

import faulthandler
import multiprocessing
import resource
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from benchmarks.command import study_parser
from benchmarks.damaged_files import LARGE
from benchmarks.damaged_results import all_subjects
from benchmarks.damaged_vendors import lacking
from benchmarks.saving import write_table

# A process may have so many bytes of addresses, beyond which memory is refused to it.
_ADDRESSES = 6 * 2**30


def attack(name: str, n_mutations: int, seed: int, folder: Path) -> dict[str, Any]:
    """Damage one kind of file `n_mutations` times, and count the ends.

    Parameters
    ----------
    name : str
        Key of `all_subjects`, or of `LARGE`.
    n_mutations : int
        Number of damaged files.
    seed : int
        Seed of the damage.
    folder : Path
        An empty folder.

    Returns
    -------
    dict
        ``read``, ``refused``, ``seconds`` of the slowest, ``mib`` that the process grew by, and ``faults``: the number
        of the mutation and its error or warning, up to 20.
    """
    subject = {**all_subjects(folder), **LARGE}[name]
    path = subject.writes(folder)
    content, start = path.read_bytes(), memory()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        subject.reads(path)
    # The first reading imports the libraries of the kind.
    start = start if name in LARGE else memory()
    ends, slowest, faults = Counter[str](), 0.0, []
    for number in range(n_mutations):
        # The number of a mutation is enough to make it again.
        path.write_bytes(subject.mutate(content, np.random.default_rng([seed, number])))
        began = time.process_time()
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            try:
                subject.reads(path)
                ends["read"] += 1
            except (ValueError, OSError):
                ends["refused"] += 1
            except Exception as error:  # noqa: BLE001 - these are what is looked for
                faults.append((number, repr(error)[:200]))
        # Doubts about masks are meant for the user.
        faults += [(number, f"warning: {each.message}"[:200]) for each in told if each.category is not UserWarning]
        slowest = max(slowest, time.process_time() - began)
    grown = (memory() - start) / 2**20
    return {"read": ends["read"], "refused": ends["refused"], "seconds": slowest, "mib": grown, "faults": faults[:20]}


def mutations_of(name: str, n_mutations: int) -> int:
    """Return the number of files of a kind.

    Fewer where reading is a whole run of a batch, or goes through zarr, which is slow; one of a large file.
    """
    if name in LARGE:
        return 1
    share = 20 if name.startswith("resume/") else 4 if name.startswith("zarr/chunk") else 1
    return max(n_mutations // share, 1)


def memory() -> int:
    """Return the largest memory of this process so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def in_child(name: str, n_mutations: int, seed: int) -> dict[str, Any]:
    """Run `attack` in a process of its own, which may end."""
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe(duplex=False)
    child = context.Process(target=_report, args=(there, name, n_mutations, seed))
    child.start()
    there.close()
    try:
        found = dict(here.recv())
    except EOFError:
        found = {"read": 0, "refused": 0, "seconds": np.nan, "mib": np.nan}
    child.join()
    return found if child.exitcode == 0 else {**found, "faults": [(-1, f"the process ended with {child.exitcode}")]}


def _report(pipe: Any, name: str, n_mutations: int, seed: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESSES, _ADDRESSES))
    with tempfile.TemporaryDirectory() as folder:
        pipe.send(attack(name, n_mutations, seed, Path(folder)))


def main() -> None:
    """Attack every kind of file."""
    parser = study_parser("mutations", __doc__, seed=0)
    parser.add_argument("--mutations", type=int, default=500, help="damaged files of each kind")
    parser.add_argument("--subject", action="append", help="one kind of file (may be repeated; default: all)")
    options = parser.parse_args()
    faulthandler.enable()
    with tempfile.TemporaryDirectory() as scratch:
        names = options.subject or [*all_subjects(Path(scratch)), *LARGE]
    rows = []
    for name in tqdm(names, disable=None):
        if package := lacking(name):
            print(f"{name} is left out: {package} is not installed", file=sys.stderr)
            continue
        count = mutations_of(name, options.mutations)
        found = in_child(name, count, options.seed)
        for number, fault in found["faults"]:
            print(f"{name}, mutation {number}: {fault}", file=sys.stderr)
        rows.append({"kind": name, "mutations": count, **found, "faults": len(found["faults"])})
    write_table(pd.DataFrame(rows), "mutations", options)


if __name__ == "__main__":
    main()
