"""How much memory does a long movie need?

A process of its own writes a movie of arrows over images of 512 x 512 pixels, as `tfmkit movie` does, for each format.
The peak is the largest sum of the memory of this process and of the encoder that it starts. It goes to
`movie_memory.csv`.

    python -m benchmarks.movie_memory
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter

from benchmarks.command import study_parser
from benchmarks.memory import watch
from benchmarks.saving import write_table
from tfmkit import plotting

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIDE, SPACING = 512, 8
FORMATS = ("mp4", "gif")


def draw_frames(n_frames: int) -> Iterator[Figure]:
    """Draw traction that turns over an image that changes."""
    n_grid = SIDE // SPACING
    y, x = np.mgrid[:n_grid, :n_grid] / n_grid - 0.5
    ring = 1000 * np.exp(-(((np.hypot(x, y) - 0.3) / 0.05) ** 2))
    extent = plotting.image_extent((SIDE, SIDE), SPACING, 3.5, 3.5)
    grey = gaussian_filter(np.random.default_rng(0).normal(size=(SIDE, SIDE)), 3, mode="wrap")
    for number in range(n_frames):
        angle = np.arctan2(y, x) + number / 50
        field = ring * np.stack([np.cos(angle), np.sin(angle)])
        yield plotting.plot_vectors(
            field, vmax=1000, image=np.roll(grey, number, axis=1), extent=extent, title=f"{number} min"
        )


def measure(file_format: str, n_frames: int) -> dict[str, object]:
    """Write a movie in a process of its own, and return a row of the table."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"movie.{file_format}"
        program = (
            "from benchmarks.movie_memory import draw_frames; from tfmkit.plotting import save_movie; "
            f"save_movie(draw_frames({n_frames}), {str(path)!r}, width={SIDE})"
        )
        peak = watch([sys.executable, "-c", program])
        return {"format": file_format, "frames": n_frames, "peak_MiB": peak.MiB, "size_MB": path.stat().st_size / 1e6}


def main() -> None:
    """Write a movie of each format and write the table."""
    parser = study_parser("movie_memory", __doc__)
    parser.add_argument("--frames", type=int, default=200, help="frames of each movie (default: 200)")
    options = parser.parse_args()
    table = pd.DataFrame(measure(file_format, options.frames) for file_format in FORMATS)
    write_table(table, "movie_memory", options, side=SIDE, spacing=SPACING)


if __name__ == "__main__":
    main()
