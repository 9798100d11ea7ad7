"""Seconds from a turned knob to the new traction in the window of napari, and the memory of many turns.

The pair has 512 x 512 pixels. Each turn changes one setting and waits for layers and table. The pause before the
window begins counts. The processor's seconds of the window and of its process stand beside those on the clock; a busy
machine changes them less. Memory is the resident set of both after some turns, on a smaller pair. The tables go to
`napari_preview.csv` and `napari_memory.csv`.

    xvfb-run -a .venv-napari/bin/python -m benchmarks.napari_preview
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import psutil

from benchmarks.command import study_parser
from benchmarks.saving import write_table
from tfmkit.simulate import BeadSimulator

SIDE, SMALL_SIDE = 512, 128
PATIENCE = 600_000


def open_window(side: int) -> tuple[Any, Any]:
    """Return a viewer with a pair of images, and the window after its first preview."""
    import napari

    from tfmkit.napari.window import PreviewWindow

    viewer = napari.Viewer()
    viewer.window.resize(1500, 950)
    pair = BeadSimulator(side, random_state=0).sample().pairs[0].round().astype(np.uint16)
    for image, name in zip(pair, ("relaxed", "deformed"), strict=True):
        viewer.add_image(image, name=name, scale=(0.1, 0.1), units=("um", "um"))
    window = PreviewWindow(viewer)
    viewer.window.add_dock_widget(window, name="Traction of one frame")
    window.form.poisson.setValue(0.45)
    turn(window, lambda: window.form.young.setValue(8000))
    return viewer, window


def turn(window: Any, change: Callable[[], None]) -> None:
    """Change a setting and wait until the preview is drawn."""
    from qtpy.QtCore import QEventLoop, QTimer

    loop = QEventLoop()
    window.previewed.connect(loop.quit)
    QTimer.singleShot(PATIENCE, loop.quit)
    change()
    loop.exec()
    window.previewed.disconnect(loop.quit)
    window.repaint()


def processor_seconds(window: Any) -> float:
    """Return the seconds that the window and its process have worked."""
    times = psutil.Process(window.session.process_id).cpu_times()
    return time.process_time() + times.user + times.system


def measure_speed(rounds: int) -> pd.DataFrame:
    """Time the turns of three knobs."""
    viewer, window = open_window(SIDE)
    piv = window.form.displacement.boxes["piv"]
    knobs: dict[str, Callable[[int], None]] = {
        "PIV smoothing": lambda number: piv["smoothing"].setValue(1 + (number + 1) / 100),
        "Young's modulus": lambda number: window.form.young.setValue(8000 + 100 * number),
        "PIV spacing 4 or 8": lambda number: piv["spacing"].setValue(8 if number % 2 else 4),
    }
    rows = []
    for knob, change in knobs.items():
        for number in range(1, rounds + 1):
            start, worked = time.perf_counter(), processor_seconds(window)
            turn(window, lambda change=change, number=number: change(number))
            spent = {"seconds": time.perf_counter() - start, "processor_seconds": processor_seconds(window) - worked}
            rows.append({"knob": knob, **spent})
    window.session.close()
    viewer.close()
    table = pd.DataFrame(rows).groupby("knob", sort=False)[["seconds", "processor_seconds"]].agg(["min", "median"])
    table.columns = ["_".join(part) for part in table.columns]
    return table.reset_index()


def measure_memory(turns: int) -> pd.DataFrame:
    """Return the memory after some turns of a knob."""
    viewer, window = open_window(SMALL_SIDE)
    rows = []
    for number in range(turns + 1):
        if number % max(turns // 10, 1) == 0:
            sizes = [psutil.Process(each).memory_info().rss / 2**20 for each in (None, window.session.process_id)]
            rows.append({"turns": number, "window_MiB": sizes[0], "process_MiB": sizes[1]})
        turn(window, lambda number=number: window.form.young.setValue(7000 + number))
    window.session.close()
    viewer.close()
    return pd.DataFrame(rows)


def main() -> None:
    """Measure both."""
    parser = study_parser("napari_preview", __doc__, rounds=7)
    parser.add_argument("--turns", type=int, default=100, help="turns for the memory (default: 100)")
    options = parser.parse_args()
    write_table(measure_speed(options.rounds), "napari_preview", options, side=SIDE)
    write_table(measure_memory(options.turns), "napari_memory", options, side=SMALL_SIDE)


if __name__ == "__main__":
    main()
