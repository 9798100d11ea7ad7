"""Seconds of the inverses against the transforms that they need, and against the size of the grid.

Everything is timed in one run, in turns, on float32 fields, on one thread; the fastest round of each counts. Rows:

- the bare real transforms of periodic FTTC (two forward, two inverse per field) and `FTTC.predict` on 64 fields;
- prediction under the three boundaries, and the choice among 50 lambdas (`FTTCCV.fit` with one order, which is the same
  under every boundary), on 32 noisy adhesion cells; `path` is that choice over the prediction of the same boundary;
- one prediction per boundary, and `FTTCCV` as it stands (choice among 500 candidates and prediction), on grids from 64
  to 1024 pixels a side; open to 512. The exponents of the seconds in the number of pixels, fitted from 128 on, are
  printed, and `fttc_speed.png` shows the seconds beside a line of n log n.

    OMP_NUM_THREADS=1 python -m benchmarks.fttc_speed
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pandas as pd
import scipy.fft
from matplotlib.figure import Figure

from benchmarks.command import study_parser
from benchmarks.saving import save_figure, write_table
from tfmkit.fttc import FTTC, FTTCCV
from tfmkit.plotting.style import COLORS, MARKERS
from tfmkit.simulate import CellSimulator, add_noise

SIDE = 104
SIDES = (64, 128, 256, 512, 1024)
BOUNDARIES = ("periodic", "extended", "open")
LARGEST_OPEN = 512
PATH = "path of 50 lambdas (fit of FTTCCV)"


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


def against_transforms(rounds: int) -> list[dict[str, object]]:
    """Time periodic FTTC against its bare transforms."""
    fields = np.random.default_rng(0).normal(size=(64, 2, SIDE, SIDE)).astype(np.float32)
    model = FTTC(boundary="periodic").fit(fields)
    tasks = {
        "bare transforms": lambda: scipy.fft.irfft2(scipy.fft.rfft2(fields), s=(SIDE, SIDE)),
        "FTTC.predict": lambda: model.predict(fields),
    }
    return rows("transforms", SIDE, 64, fastest(tasks, rounds))


def against_periodic(rounds: int) -> list[dict[str, object]]:
    """Time the boundaries and the choice of lambda against periodic prediction."""
    clean = CellSimulator("adhesion", shape=SIDE, random_state=0).sample(32).displacement
    fields = add_noise(clean, 0.1, unit="rms", random_state=0)
    models = {boundary: FTTC(0.5, order=1.0, boundary=boundary).fit(fields) for boundary in BOUNDARIES}
    tasks: dict[str, Callable[[], object]] = {
        boundary: lambda model=model: model.predict(fields) for boundary, model in models.items()
    }
    tasks[PATH] = lambda: FTTCCV(np.geomspace(1e-3, 1e3, 50), orders=[1.0]).fit(fields)
    table = rows("boundaries", SIDE, 32, fastest(tasks, rounds))
    path = table[-1]["seconds"]
    return table + [
        {**row, "table": "path", "task": f"path over {row['task']}", "seconds": path, "ratio": path / row["seconds"]}
        for row in table[:-1]
    ]


def against_size(rounds: int) -> list[dict[str, object]]:
    """Time one field on growing grids."""
    table = []
    for side in SIDES:
        field = np.random.default_rng(0).normal(size=(1, 2, side, side)).astype(np.float32)
        # Conjugate gradients take tens of transforms of twice the side.
        boundaries = BOUNDARIES if side <= LARGEST_OPEN else BOUNDARIES[:2]
        models = {boundary: FTTC(1.0, boundary=boundary).fit(field) for boundary in boundaries}
        models["FTTCCV"] = FTTCCV()
        tasks = {name: lambda model=model, x=field: model.fit(x).predict(x) for name, model in models.items()}
        table += rows("size", side, 1, fastest(tasks, rounds))
    return table


def exponents(sizes: pd.DataFrame) -> dict[str, float]:
    """Return the slope of the logarithm of the seconds against that of the number of pixels, per task."""
    large = sizes[sizes["side"] >= 128]
    return {
        task: round(float(np.polyfit(2 * np.log(part["side"]), np.log(part["seconds"]), 1)[0]), 3)
        for task, part in large.groupby("task", sort=False)
    }


def draw(sizes: pd.DataFrame, slopes: dict[str, float]) -> Figure:
    """Draw seconds against pixels, doubly logarithmic, with a line of n log n through the first periodic point."""
    figure = Figure(figsize=(4, 3.2), layout="constrained", dpi=200)
    axes = figure.add_subplot()
    for (task, part), color, marker in zip(sizes.groupby("task", sort=False), COLORS, MARKERS, strict=False):
        name = f"{task}, exponent {slopes[task]:.2f}"
        axes.loglog(part["side"] ** 2, part["seconds"], color=color, marker=marker, markersize=3, label=name)
    pixels = np.array(SIDES, dtype=float) ** 2
    growth = pixels * np.log(pixels)
    first = sizes.loc[(sizes["task"] == "periodic") & (sizes["side"] == SIDES[1]), "seconds"].item()
    axes.loglog(pixels, growth / growth[1] * first, "--", color="grey", label="n log n")
    axes.set(xlabel="pixels n of one field", ylabel="time of one thread (s)")
    axes.legend(frameon=False, fontsize=7)
    return figure


def main() -> None:
    """Time everything, write the table and draw it."""
    options = study_parser("fttc_speed", __doc__, rounds=20).parse_args()
    # The slower tasks take fewer rounds.
    most, many, few = options.rounds, max(1, 3 * options.rounds // 4), max(1, options.rounds // 4)
    table = pd.DataFrame([*against_transforms(most), *against_periodic(many), *against_size(few)])
    sizes = table[table["table"] == "size"]
    slopes = exponents(sizes)
    settings = {"precision": "float32", "clock": "processor seconds, fastest round", "threads": 1, "exponents": slopes}
    save_figure(draw(sizes, slopes), "fttc_speed", options.output, settings)
    write_table(table, "fttc_speed", options, **settings)


if __name__ == "__main__":
    main()
