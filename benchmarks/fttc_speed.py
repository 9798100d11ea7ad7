"""Seconds of the inverses against the transforms that they need, and against the size of the grid.

Everything is timed in one run, in turns, on float32 fields, on one thread; the fastest round of each counts. Rows:

- the bare real transforms of periodic FTTC (two forward, two inverse per field) and `FTTC.predict` on 64 fields;
- periodic, extended and open prediction and the choice among 50 lambdas, on 32 noisy adhesion cells;
- one prediction per boundary on grids from 64 to 1024 pixels a side.

    OMP_NUM_THREADS=1 python benchmarks/fttc_speed.py
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pandas as pd
import scipy.fft
from tables import write_table

from tfmkit.fttc import FTTC, FTTCCV
from tfmkit.simulate import CellSimulator, add_noise

SIDE = 104
SIDES = (64, 128, 256, 512, 1024)
BOUNDARIES = ("periodic", "extended", "open")


def fastest(tasks: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Return the processor seconds of the fastest round of each task; the tasks take turns."""
    seconds = dict.fromkeys(tasks, np.inf)
    for task in tasks.values():
        task()  # fills the caches
    for _ in range(rounds):
        for name, task in tasks.items():
            start = time.process_time()
            task()
            seconds[name] = min(seconds[name], time.process_time() - start)
    return seconds


def rows(table: str, side: int, n_fields: int, seconds: dict[str, float]) -> list[dict[str, object]]:
    """Return a row per task, relative to the first."""
    first = next(iter(seconds.values()))
    return [
        {"table": table, "task": task, "side": side, "fields": n_fields, "seconds": value, "ratio": value / first}
        for task, value in seconds.items()
    ]


def against_transforms() -> list[dict[str, object]]:
    """Time periodic FTTC against its bare transforms."""
    fields = np.random.default_rng(0).normal(size=(64, 2, SIDE, SIDE)).astype(np.float32)
    model = FTTC(boundary="periodic").fit(fields)
    tasks = {
        "bare transforms": lambda: scipy.fft.irfft2(scipy.fft.rfft2(fields), s=(SIDE, SIDE)),
        "FTTC.predict": lambda: model.predict(fields),
    }
    return rows("transforms", SIDE, 64, fastest(tasks, 20))


def against_periodic() -> list[dict[str, object]]:
    """Time the boundaries and the choice of lambda against periodic prediction."""
    clean = CellSimulator("adhesion", shape=SIDE, random_state=0).sample(32).strain
    fields = add_noise(clean, 0.1, unit="rms", random_state=0)
    models = {boundary: FTTC(0.5, order=1.0, boundary=boundary).fit(fields) for boundary in BOUNDARIES}
    tasks: dict[str, Callable[[], object]] = {
        boundary: lambda model=model: model.predict(fields) for boundary, model in models.items()
    }
    tasks["path of 50 lambdas (fit of FTTCCV)"] = lambda: FTTCCV(np.geomspace(1e-3, 1e3, 50), orders=[1.0]).fit(fields)
    return rows("boundaries", SIDE, 32, fastest(tasks, 7))


def against_size() -> list[dict[str, object]]:
    """Time one field on growing grids."""
    table = []
    for side in SIDES:
        field = np.random.default_rng(0).normal(size=(1, 2, side, side)).astype(np.float32)
        models = {boundary: FTTC(1.0, boundary=boundary).fit(field) for boundary in BOUNDARIES}
        tasks = {boundary: lambda model=model, x=field: model.predict(x) for boundary, model in models.items()}
        table += rows("size", side, 1, fastest(tasks, 3))
    return table


def main() -> None:
    """Time everything and write the table."""
    table = pd.DataFrame([*against_transforms(), *against_periodic(), *against_size()])
    write_table(table, "fttc_speed", precision="float32", clock="processor seconds, fastest round", threads=1)
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
