"""Cells per second of `CellSimulator`: a whole batch at a time against a loop that makes one cell at a time.

Both make the same cells, border, traction and displacement, on one thread, and take turns, so that a busy machine slows
both; the fastest round of each counts. Wall and processor seconds are both stored: on a shared machine the second say
what an idle core would do. The table goes to `simulator_speed.csv`.

    OMP_NUM_THREADS=1 taskset -c 0 python benchmarks/simulator_speed.py --cells 64 --rounds 3
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import scipy
import scipy.fft

from tfmkit.io import writing
from tfmkit.simulate import CELL_FAMILIES, CellSimulator


def sample_batch(family: str, side: int, n_cells: int) -> None:
    """Make all cells by one call."""
    CellSimulator(family, shape=side, random_state=0).sample(n_cells)


def sample_one_by_one(family: str, side: int, n_cells: int) -> None:
    """Make the cells by one call each."""
    simulator = CellSimulator(family, shape=side, random_state=np.random.default_rng(0))
    for _ in range(n_cells):
        simulator.sample(1)


WAYS: dict[str, Callable[[str, int, int], None]] = {"batch": sample_batch, "loop": sample_one_by_one}


def measure(family: str, side: int, n_cells: int, rounds: int) -> list[dict[str, object]]:
    """Return a row per way of making the cells."""
    wall: dict[str, list[float]] = {way: [] for way in WAYS}
    processor: dict[str, list[float]] = {way: [] for way in WAYS}
    sample_batch(family, side, 2)  # fills the cache of Green's tensors
    for _ in range(rounds):
        for way, sample in WAYS.items():
            start = time.perf_counter(), time.process_time()
            sample(family, side, n_cells)
            wall[way].append(time.perf_counter() - start[0])
            processor[way].append(time.process_time() - start[1])
    return [
        {
            "family": family,
            "way": way,
            "cells_per_second_wall": round(n_cells / min(wall[way]), 1),
            "cells_per_second_processor": round(n_cells / min(processor[way]), 1),
            "cells": n_cells,
            "side": side,
            "rounds": rounds,
            "threads": 1,
            "numpy": np.__version__,
            "scipy": scipy.__version__,
        }
        for way in WAYS
    ]


def main() -> None:
    """Measure every family and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, default=64, help="cells per round")
    parser.add_argument("--side", type=int, default=104, help="grid points a side")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each way")
    arguments = parser.parse_args()
    rows: list[dict[str, object]] = []
    with scipy.fft.set_workers(1):
        for family in CELL_FAMILIES:
            rows += measure(family, arguments.side, arguments.cells, arguments.rounds)
    table = pd.DataFrame(rows)
    print(table.to_string(index=False))
    with writing(Path(__file__).with_suffix(".csv")) as temporary:
        table.to_csv(temporary, index=False)


if __name__ == "__main__":
    main()
