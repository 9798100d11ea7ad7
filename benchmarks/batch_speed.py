"""Seconds from a pair of bead images to traction, and the memory of long movies in `tfmkit batch`.

Times are the fastest of some rounds on two threads, with the processor's seconds beside them, which a busy machine
changes less. Memory is the largest sum of the resident sets of `tfmkit batch` and all its workers, in which pages that
they share count several times. The tables go to `batch_speed.csv` and `batch_memory.csv`.

    OMP_NUM_THREADS=2 python -m benchmarks.batch_speed
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import tifffile
import torch

from benchmarks.command import study_parser
from benchmarks.memory import watch
from benchmarks.saving import write_table
from tfmkit._validation import FloatArray
from tfmkit.deep import DeepTFM
from tfmkit.displacement import PIV
from tfmkit.fttc import FTTCCV
from tfmkit.simulate import BeadSimulator

SIDE = 512
SPACING = 4
GEL = {"young": 8_000.0, "poisson": 0.45, "spacing": float(SPACING)}
ESTIMATORS: dict[str, Callable[[], Any]] = {
    "FTTCCV": lambda: FTTCCV(**GEL),
    "DeepTFM": lambda: DeepTFM.from_pretrained(device="cpu", **GEL),
}
CONFIG = """
[input]
relaxed = "relaxed.tif"
deformed = "deformed.tif"
pixel_size = 0.1
[gel]
young = 8000.0
poisson = 0.45
[traction]
estimator = "{estimator}"
[run]
jobs = {jobs}
"""


def seconds(call: Callable[[], Any]) -> tuple[float, float, Any]:
    """Return the seconds on the clock and on the processor that a call takes, and its result."""
    wall, processor = time.perf_counter(), time.process_time()
    result = call()
    return time.perf_counter() - wall, time.process_time() - processor, result


def to_traction(model: Any, displacement: FloatArray) -> FloatArray:
    """Return the traction, with lambda chosen where the estimator has one; a network is fitted already."""
    return (model if isinstance(model, DeepTFM) else model.fit(displacement)).predict(displacement)


def measure_speed(rounds: int, threads: int) -> pd.DataFrame:
    """Time displacement and traction of one pair."""
    torch.set_num_threads(threads)
    pairs = BeadSimulator(SIDE, spacing=SPACING, random_state=0).sample().pairs
    models = {name: make() for name, make in ESTIMATORS.items()}
    rows = []
    for number in range(rounds):
        wall, processor, displacement = seconds(partial(PIV(spacing=SPACING).fit_transform, pairs))
        rows.append({"round": number, "step": "PIV", "seconds": wall, "processor_seconds": processor})
        for name, model in models.items():
            wall, processor, _ = seconds(partial(to_traction, model, displacement))
            rows.append({"round": number, "step": name, "seconds": wall, "processor_seconds": processor})
    table = pd.DataFrame(rows).groupby("step", sort=False)[["seconds", "processor_seconds"]].agg(["min", "median"])
    table.columns = ["_".join(part) for part in table.columns]
    for name in ESTIMATORS:
        table.loc[f"PIV + {name}"] = table.loc["PIV"] + table.loc[name]
    return table.reset_index()


def write_movie(folder: Path, n_frames: int) -> None:
    """Write a relaxed image and a movie of deformed ones, which drift and have noise of their own."""
    relaxed, deformed = BeadSimulator(SIDE, random_state=0).sample().pairs[0]
    rng = np.random.default_rng(0)
    tifffile.imwrite(folder / "relaxed.tif", relaxed.astype(np.uint16))
    with tifffile.TiffWriter(folder / "deformed.tif") as writer:
        for frame in range(n_frames):
            image = np.roll(deformed, (frame % 7 - 3, frame % 5 - 2), axis=(0, 1)) + rng.poisson(2, deformed.shape)
            writer.write(np.clip(image, 0, 65535).astype(np.uint16), contiguous=True)


def measure_memory(estimator: str, n_frames: int, jobs: int) -> dict[str, Any]:
    """Run a batch and return its largest memory."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        write_movie(folder, n_frames)
        (folder / "movie.toml").write_text(CONFIG.format(estimator=estimator, jobs=jobs))
        peak = watch([sys.executable, "-m", "tfmkit.cli", "batch", str(folder / "movie.toml")])
        rows = len(pd.read_csv(folder / "movie_results" / "table.csv"))
    return {
        "estimator": estimator,
        "frames": n_frames,
        "rows": rows,
        "exit_code": peak.exit_code,
        "peak_MiB": peak.MiB,
        "processes": peak.processes,
        "seconds": peak.seconds,
    }


def main() -> None:
    """Measure both."""
    parser = study_parser("batch_speed", __doc__, rounds=7, threads=2, jobs=2)
    parser.add_argument("--frames", type=int, nargs=2, default=(200, 40), help="frames for FTTCCV and for DeepTFM")
    options = parser.parse_args()
    speed = measure_speed(options.rounds, options.threads)
    write_table(speed, "batch_speed", options, side=SIDE, spacing=SPACING)
    runs = zip(ESTIMATORS, options.frames, strict=True)
    memory = pd.DataFrame([measure_memory(*run, options.jobs) for run in runs])
    write_table(memory, "batch_memory", options, side=SIDE, spacing=SPACING)


if __name__ == "__main__":
    main()
