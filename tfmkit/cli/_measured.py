"""What the displacement command leaves behind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from tfmkit.displacement import Flag
from tfmkit.displacement.measure import Measurement
from tfmkit.io import write_csv, write_fiji_displacement, write_ome_tiff, write_settings, writing_folder

_CHANNELS = ("ux_px", "uy_px", "flag", "quality")


@dataclass(frozen=True, eq=False)
class Measured:
    """Displacement of the frames of one file.

    Attributes
    ----------
    frames : list of Measurement
        One per deformed image.
    settings : dict
        Input, method and its parameters.
    pixel_size : float or None
        Micrometres per image pixel.
    """

    frames: list[Measurement]
    settings: dict[str, Any]
    pixel_size: float | None


def save_measured(measured: Measured, output: Path) -> dict[str, NDArray[Any]]:
    """Write tables, arrays, images, figures and settings to a folder: all of them or, on an error, none.

    Parameters
    ----------
    measured : Measured
        What to write.
    output : Path
        The folder.

    Returns
    -------
    dict of str to ndarray of shape (n_frames,)
        The columns of the summary.
    """
    frames, first = measured.frames, measured.frames[0]
    summary = _summarise(frames)
    step = None if measured.pixel_size is None else measured.pixel_size * first.spacing
    with writing_folder(output) as folder:
        for number, frame in enumerate(frames, start=1):
            good = frame.flags == Flag.GOOD
            write_fiji_displacement(
                folder / f"displacement_{number:04}.txt", frame.displacement, frame.x, frame.y, good
            )
        with (folder / "displacement.npz").open("wb") as file:
            np.savez(file, allow_pickle=False, **_arrays(frames))
        images = np.stack([[*frame.displacement, frame.flags, frame.quality] for frame in frames])
        write_ome_tiff(
            folder / "displacement.ome.tif", images, channels=_CHANNELS, pixel_size=step, interval=first.interval
        )
        _save_figures(measured, folder)
        write_csv(folder / "summary.csv", summary)
        write_settings(folder / "settings.json", measured.settings)
        # Frames of an earlier, longer run must not pass for frames of this one.
        for pattern in ("displacement_[0-9]*.txt", "displacement_[0-9]*.png"):
            for stale in output.glob(pattern):
                stale.unlink()
    return summary


def _arrays(frames: list[Measurement]) -> dict[str, Any]:
    first = frames[0]
    return {
        "displacement": np.stack([frame.displacement for frame in frames]),
        "measured": np.stack([frame.flags == Flag.GOOD for frame in frames]),
        "flags": np.stack([frame.flags for frame in frames]),
        "quality": np.stack([frame.quality for frame in frames]),
        "drift": np.stack([frame.drift for frame in frames]),
        "x": first.x,
        "y": first.y,
    }


def _summarise(frames: list[Measurement]) -> dict[str, NDArray[Any]]:
    drift = np.stack([frame.drift for frame in frames])
    return {
        "frame": np.arange(1, len(frames) + 1),
        "max_displacement_px": np.array([np.hypot(*frame.displacement).max() for frame in frames]),
        "replaced_fraction": np.array([(frame.flags != Flag.GOOD).mean() for frame in frames]),
        "quality_median": np.array([np.median(frame.quality) for frame in frames]),
        "drift_x_px": drift[:, 0],
        "drift_y_px": drift[:, 1],
        "drift_rotation_rad": drift[:, 2],
    }


def _save_figures(measured: Measured, folder: Path) -> None:
    from tfmkit.plotting import plot_vectors

    for number, frame in _counted(measured.frames):
        factor, unit = (1.0, "px") if measured.pixel_size is None else (measured.pixel_size, "µm")
        look: dict[str, Any] = {"spacing": factor * frame.spacing, "length_unit": unit}
        figure = plot_vectors(frame.displacement, unit="px", name="displacement", **look)
        figure.savefig(folder / f"displacement_{number:04}.png")


def _counted(frames: list[Measurement]) -> Iterator[tuple[int, Measurement]]:
    # On a pipe or in a log file the bar would only be noise.
    yield from tqdm(enumerate(frames, start=1), total=len(frames), desc="figures", unit="frame", disable=None)
