"""The files that `tfmkit displacement` writes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmkit._validation import FloatArray
from tfmkit.cli.summary import count_frames
from tfmkit.displacement import Flag
from tfmkit.displacement.measure import Measurement, finite_std
from tfmkit.doubts import find_doubts, join_doubts, woven
from tfmkit.io import write_csv, write_fiji_displacement, write_ome_tiff, write_settings, writing_folder
from tfmkit.noise.measure import stated_level

BLANK = "the image is blank and was left out"
_CHANNELS = ("ux_px", "uy_px", "sx_px", "sy_px", "flag", "quality")


@dataclass(frozen=True, eq=False)
class Measured:
    """Displacement of the frames of one file.

    Attributes
    ----------
    frames : dict of int to Measurement
        Displacement of each deformed image by its number, from 1.
    blank : list of int
        Numbers of the deformed images that show nothing and are left out.
    settings : dict
        Input, method and its parameters.
    pixel_size : float or None
        Micrometres per image pixel.
    """

    frames: dict[int, Measurement]
    blank: list[int]
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
    frames = list(measured.frames.values())
    first, summary = frames[0], _summarise(measured)
    step = None if measured.pixel_size is None else measured.pixel_size * first.spacing
    with writing_folder(output) as folder:
        for number, frame in measured.frames.items():
            good = frame.flags == Flag.GOOD
            write_fiji_displacement(
                folder / f"displacement_{number:04}.txt", frame.displacement, frame.x, frame.y, good
            )
        with (folder / "displacement.npz").open("wb") as file:
            np.savez(file, allow_pickle=False, **_arrays(measured))
        images = np.stack(
            [[*frame.displacement, *finite_std(_std(frame)), frame.flags, frame.quality] for frame in frames]
        )
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


def _std(frame: Measurement) -> FloatArray:
    return np.full_like(frame.displacement, np.nan) if frame.std is None else frame.std


def _arrays(measured: Measured) -> dict[str, Any]:
    frames = list(measured.frames.values())
    first = frames[0]
    arrays = {
        "displacement": np.stack([frame.displacement for frame in frames]),
        "std": np.stack([_std(frame) for frame in frames]),
        "measured": np.stack([frame.flags == Flag.GOOD for frame in frames]),
        "flags": np.stack([frame.flags for frame in frames]),
        "quality": np.stack([frame.quality for frame in frames]),
        "drift": np.stack([frame.drift for frame in frames]),
        "x": first.x,
        "y": first.y,
    }
    return arrays if measured.pixel_size is None else {**arrays, "pixel_size_um": measured.pixel_size}


def _summarise(measured: Measured) -> dict[str, NDArray[Any]]:
    """Return one row per deformed image; a blank one has no numbers."""
    frames = list(measured.frames.values())
    drift = np.stack([frame.drift for frame in frames])
    numbers = np.array([*measured.frames, *measured.blank])
    columns = {
        "max_displacement_px": np.array([np.hypot(*frame.displacement).max() for frame in frames]),
        "replaced_fraction": np.array([(frame.flags != Flag.GOOD).mean() for frame in frames]),
        "quality_median": np.array([np.median(frame.quality) for frame in frames]),
        "noise_px": np.concatenate([stated_level(_std(frame)[None]) for frame in frames]),
        "drift_x_px": drift[:, 0],
        "drift_y_px": drift[:, 1],
        "drift_rotation_rad": drift[:, 2],
    }
    none = np.full(len(measured.blank), np.nan)
    doubts = [join_doubts(find_doubts(_signs(frame), "displacement")) for frame in frames] + [BLANK] * len(none)
    order = np.argsort(numbers)
    known = {name: np.concatenate([values, none])[order] for name, values in columns.items()}
    return {"frame": numbers[order], **known, "doubts": np.array(doubts, dtype=str)[order]}


def _signs(frame: Measurement) -> dict[str, float]:
    return frame.signs | {"woven": float(woven(frame.displacement[None])[0])}


def _save_figures(measured: Measured, folder: Path) -> None:
    from tfmkit.plotting import longest_arrow, plot_vectors, save_figure

    factor, unit = (1.0, "px") if measured.pixel_size is None else (measured.pixel_size, "µm")
    numbers, frames = zip(*measured.frames.items(), strict=True)
    scale = longest_arrow((frame.displacement for frame in frames), (frame.flags == Flag.GOOD for frame in frames))
    for place, frame in count_frames(frames, "figures"):
        figure = plot_vectors(
            frame.displacement,
            spacing=factor * frame.spacing,
            length_unit=unit,
            unit="px",
            name="displacement",
            vmax=scale,
        )
        save_figure(figure, folder / f"displacement_{numbers[place - 1]:04}.png")
