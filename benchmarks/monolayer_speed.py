"""How long the stress of one sheet of 10,000 pixels takes, beside pyTFM's solver.

The table `monolayer_speed.csv` holds the shortest time of some rounds, and the processor's time, for a field of
189 x 193 pixels with one frame, and with ten frames that share a mask. pyTFM needs an interpreter of its own.

    OMP_NUM_THREADS=2 python -m benchmarks.monolayer_speed --pytfm PYTHON
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.command import study_parser
from benchmarks.saving import write_table
from tfmkit.monolayer import BayesianStress, MonolayerStress
from tfmkit.simulate import MonolayerSimulator

SHAPE, PIXELS = (189, 193), 10_000
PYTFM = Path(__file__).with_name("monolayer_pytfm.py")


def timed(solver: Any, traction: np.ndarray, mask: np.ndarray, rounds: int) -> dict[str, float]:
    """Return the shortest time of some rounds."""
    solver.fit(traction)
    times = []
    for _ in range(rounds):
        start = time.perf_counter(), time.process_time()
        solver.predict(traction, mask=mask)
        times.append((time.perf_counter() - start[0], time.process_time() - start[1]))
    return dict(zip(("seconds", "cpu_seconds"), np.min(times, axis=0).tolist(), strict=True))


def timed_pytfm(interpreter: str, traction: np.ndarray, mask: np.ndarray) -> dict[str, float]:
    """Return the time of pyTFM's solver."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sheet.npz"
        np.savez(path, mask=mask, traction=traction)
        command = [interpreter, str(PYTFM), str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    wall, processor = (float(word) for word in done.stdout.split()[-2:])
    return {"seconds": wall, "cpu_seconds": processor}


def study(rounds: int, interpreter: str | None) -> Iterator[dict[str, Any]]:
    """Give the rows of the table."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    mask = np.hypot(x - 96, y - 94) < np.sqrt(PIXELS / np.pi)
    colonies = MonolayerSimulator(shape=SHAPE, colony_size=0.55, random_state=0).sample(10)
    noise = np.random.default_rng(0).standard_normal(colonies.traction.shape)
    traction = colonies.traction + 0.05 * colonies.traction.std() * noise
    for solver in (MonolayerStress(), BayesianStress()):
        for n_frames in (1, 10):
            times = timed(solver, traction[:n_frames], mask, rounds)
            yield {"solver": type(solver).__name__, "frames": n_frames, "pixels": mask.sum(), **times}
    if interpreter is not None:
        yield {"solver": "pyTFM", "frames": 1, "pixels": mask.sum(), **timed_pytfm(interpreter, traction[0], mask)}


def main() -> None:
    """Make the table."""
    parser = study_parser("monolayer_speed", __doc__, rounds=5)
    parser.add_argument("--pytfm", help="a Python interpreter that has pyTFM")
    options = parser.parse_args()
    rows = pd.DataFrame(list(study(options.rounds, options.pytfm)))
    del options.pytfm
    write_table(rows, "monolayer_speed", options)


if __name__ == "__main__":
    main()
