"""The files that `tfmkit displacement` writes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmkit.cli.summary import count_frames
from tfmkit.displacement import Flag
from tfmkit.displacement.measure import Measurement
from tfmkit.doubts import find_doubts, join_doubts
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
        Displacement and settings.
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
            np.savez(file, allow_pickle=False, **_arrays(measured))
        images = np.stack([[*frame.displacement, frame.flags, frame.quality] for frame in frames])
        write_ome_tiff(
            folder / "displacement.ome.tif", images, channels=_CHANNELS, pixel_size=step, interval=first.interval
        )
        _save_figures(measured, folder)
        write_csv(folder / "summary.csv", summary)
        write_settings(folder / "settings.json", measured.settings)
        # Frames of an earlier and longer run are removed, so that they are not taken for frames of this run.
        for pattern in ("displacement_[0-9]*.txt", "displacement_[0-9]*.png"):
            for stale in output.glob(pattern):
                stale.unlink()
    return summary


def _arrays(measured: Measured) -> dict[str, Any]:
    frames, first = measured.frames, measured.frames[0]
    arrays = {
        "displacement": np.stack([frame.displacement for frame in frames]),
        "measured": np.stack([frame.flags == Flag.GOOD for frame in frames]),
        "flags": np.stack([frame.flags for frame in frames]),
        "quality": np.stack([frame.quality for frame in frames]),
        "drift": np.stack([frame.drift for frame in frames]),
        "x": first.x,
        "y": first.y,
    }
    return arrays if measured.pixel_size is None else {**arrays, "pixel_size_um": measured.pixel_size}


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
        "doubts": np.array([join_doubts(find_doubts(frame.signs, "displacement")) for frame in frames], dtype=str),
    }


def _save_figures(measured: Measured, folder: Path) -> None:
    from tfmkit.plotting import longest_arrow, plot_vectors, save_figure

    factor, unit = (1.0, "px") if measured.pixel_size is None else (measured.pixel_size, "µm")
    scale = longest_arrow(frame.displacement for frame in measured.frames)
    for number, frame in count_frames(measured.frames, "figures"):
        figure = plot_vectors(
            frame.displacement,
            spacing=factor * frame.spacing,
            length_unit=unit,
            unit="px",
            name="displacement",
            vmax=scale,
        )
        save_figure(figure, folder / f"displacement_{number:04}.png")
