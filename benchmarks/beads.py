"""Bead images to displacement: errors, peaks and seconds of every method, on the same synthetic beads in one run.

    python -m benchmarks.beads

Writes ``beads.csv``. openpiv (GPL, no dependency of tfmkit) takes part where it is
installed. ``seconds`` are those of the processor, on one thread, for the fastest pair.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import redirect_stdout
from importlib.util import find_spec
from io import StringIO
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from benchmarks.command import study_parser
from benchmarks.saving import write_table
from tfmkit._validation import FloatArray
from tfmkit.displacement import PIV, CrossCorrelation, OpticalFlow
from tfmkit.displacement._lattice import resample
from tfmkit.simulate import BeadSimulator

# Name -> what differs from the bar's beads.
CASES: dict[str, dict[str, Any]] = {
    "peak 6 px": {},
    "peak 3 px": {"peak": 3.0},
    "peak 10 px": {"peak": 10.0},
    "peak 0.5 px": {"peak": 0.5},
    "0.015 beads/px^2": {"density": 0.015},
    "0.06 beads/px^2": {"density": 0.06},
    "50 photons": {"photons": 50.0},
    "a tenth of beads missing": {"missing": 0.1},
}
Method = Callable[[Any], FloatArray]


def openpiv_windef(beads: Any, windows: tuple[int, ...]) -> FloatArray:
    """Measure with openpiv's window deformation, and interpolate to the nodes of the truth."""
    from openpiv import windef

    settings = windef.PIVSettings()
    settings.windowsizes = windows
    settings.overlap = tuple(size // 2 for size in windows)
    settings.num_iterations = len(windows)
    with redirect_stdout(StringIO()):
        x, y, u, v, _ = windef.simple_multipass(beads.pairs[0, 0], beads.pairs[0, 1], settings)
    # openpiv counts y from the bottom and turns both rows and v with it.
    rows = beads.pairs.shape[2] - 1 - y[:, 0]
    field = np.stack([np.asarray(u, dtype=float), -np.asarray(v, dtype=float)])
    order = np.argsort(rows)
    return resample(field[:, order], (rows[order], x[0]), (beads.grid_y, beads.grid_x))


def transformer(estimator: Any) -> Method:
    """Return an estimator's displacement of the only pair."""
    return lambda beads: estimator.fit_transform(beads.pairs)[0]


def methods() -> dict[str, Method]:
    """Return what is compared."""
    compared = {
        "PIV()": transformer(PIV()),
        "PIV(smoothing=4)": transformer(PIV(smoothing=4.0)),
        "CrossCorrelation(32)": transformer(CrossCorrelation(32)),
        "CrossCorrelation(16)": transformer(CrossCorrelation(16)),
        "scikit-image ILK, radius 12": transformer(OpticalFlow(radius=12)),
    }
    if find_spec("openpiv"):
        compared["openpiv 64-32-16"] = lambda beads: openpiv_windef(beads, (64, 32, 16))
        compared["openpiv 64-32"] = lambda beads: openpiv_windef(beads, (64, 32))
    return compared


def measure(name: str, method: Method, beads: Any) -> dict[str, Any]:
    """Return error, peak and seconds of one method on one pair."""
    start = time.process_time()
    field = method(beads)
    seconds = time.process_time() - start
    error = np.hypot(*(field - beads.displacement[0]))
    return {
        "method": name,
        "median_error_px": np.median(error),
        "p95_error_px": np.percentile(error, 95),
        "rms_error_px": np.sqrt((error**2).mean()),
        "peak_recovery": np.hypot(*field).max() / np.hypot(*beads.displacement[0]).max(),
        "seconds": seconds,
    }


def main() -> None:
    """Run every method on every pair of every case."""
    options = study_parser("beads", __doc__, fields=4, seed=100).parse_args()
    compared = methods()
    for method in compared.values():
        # The first call of a method builds tables and loads libraries.
        method(BeadSimulator(random_state=1).sample())
    rows = []
    for case, settings in CASES.items():
        for seed in range(options.seed, options.seed + options.fields):
            beads = BeadSimulator(random_state=seed, **settings).sample()
            rows += [{"case": case, **measure(name, method, beads)} for name, method in compared.items()]
    groups = pd.DataFrame(rows).groupby(["case", "method"], sort=False)
    means = groups[["median_error_px", "p95_error_px", "rms_error_px", "peak_recovery"]].mean()
    table = means.assign(seconds=groups.seconds.min()).reset_index()
    write_table(table, "beads", options, threads=1, cases=CASES)


if __name__ == "__main__":
    with threadpool_limits(1):
        main()
