"""Cells per second of `CellSimulator`: a whole batch at a time against a loop that makes one cell at a time.

Both make the same cells, border, traction and displacement, on one thread, and take turns, so that a busy machine slows
both; the fastest round of each counts. Wall and processor seconds are both stored: on a shared machine the second say
what an idle core would do. The table goes to `simulator_speed.csv`.

    OMP_NUM_THREADS=1 taskset -c 0 python -m benchmarks.simulator_speed
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pandas as pd
import scipy.fft

from benchmarks.command import study_parser
from benchmarks.saving import write_table
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
        }
        for way in WAYS
    ]


def main() -> None:
    """Measure every family and write the table."""
    options = study_parser("simulator_speed", __doc__, fields=64, side=104, rounds=3).parse_args()
    rows: list[dict[str, object]] = []
    with scipy.fft.set_workers(1):
        for family in CELL_FAMILIES:
            rows += measure(family, options.side, options.fields, options.rounds)
    write_table(pd.DataFrame(rows), "simulator_speed", options, threads=1)


if __name__ == "__main__":
    main()
