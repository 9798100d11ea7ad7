"""What the traction command leaves behind."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from tfmkit._validation import FloatArray
from tfmkit.cli._inputs import hash_files
from tfmkit.io import DisplacementData, write_csv, write_settings, write_tiff, writing_folder
from tfmkit.metrics import displacement_residual
from tfmkit.quantities import force_quantities, layer_in_pixels, with_units


@dataclass(frozen=True, eq=False)
class Results:
    """Traction and all that is needed to report it.

    Attributes
    ----------
    data : DisplacementData
        What was read, in pixels.
    traction : ndarray of shape (n_fields, 2, height, width)
        Traction in Pa.
    young : float
        Young's modulus in Pa.
    poisson : float
        Poisson ratio.
    pixel_size : float or None
        Micrometres per pixel.
    method : dict
        Name and parameters of the estimator.
    choice : dict of str to ndarray of shape (n_fields,)
        What the estimator chose for every frame, such as lambda.
    thickness : float or None
        Thickness of the gel in micrometres; None for the half-space.
    depth : float
        Depth of the beads in micrometres.
    """

    data: DisplacementData
    traction: FloatArray
    young: float
    poisson: float
    pixel_size: float | None
    method: dict[str, Any]
    choice: dict[str, NDArray[Any]]
    thickness: float | None = None
    depth: float = 0.0

    @property
    def length(self) -> tuple[float, str]:
        """Factor from pixels to the unit of tables and figures, and that unit's name."""
        return (1.0, "px") if self.pixel_size is None else (self.pixel_size, "um")


def save_results(results: Results, output: Path) -> dict[str, NDArray[Any]]:
    """Write figures, tables, TIFF and settings to a folder: all of them or, on an error, none.

    Parameters
    ----------
    results : Results
        What to write.
    output : Path
        The folder.

    Returns
    -------
    dict of str to ndarray of shape (n_fields,)
        The columns of the summary.
    """
    summary = summarise(results)
    factor, _ = results.length
    pixel = None if results.pixel_size is None else factor * results.data.spacing
    traction = results.traction
    images = np.concatenate([np.hypot(traction[:, :1], traction[:, 1:]), traction], axis=1)
    with writing_folder(output) as folder:
        _save_figures(results, folder)
        write_csv(folder / "traction_field.csv", _field_columns(results))
        write_csv(folder / "summary.csv", summary)
        write_tiff(folder / "traction.tif", images, pixel_size=pixel, labels=("|t| Pa", "tx Pa", "ty Pa"))
        write_settings(folder / "settings.json", _settings(results))
        # Frames of an earlier, longer run must not pass for frames of this one.
        for figure in output.glob("traction_*_[0-9]*.png"):
            figure.unlink()
    return summary


def summarise(results: Results) -> dict[str, NDArray[Any]]:
    """Return one row per frame: energy, forces, moments, tractions and the displacement residual.

    Parameters
    ----------
    results : Results
        Traction and displacement.

    Returns
    -------
    dict of str to ndarray of shape (n_fields,)
        The columns; their names end in their units. Integrals run over the cell where the file outlines it, else
        over the whole field.
    """
    data = results.data
    sums = force_quantities(data.displacement, results.traction, spacing=data.spacing, mask=data.mask)
    gel = {"young": results.young, "poisson": results.poisson}
    gel |= layer_in_pixels(results.thickness, results.depth, results.pixel_size)
    options: dict[str, Any] = {"mask": data.mask, "spacing": data.spacing, "multioutput": "raw_values", **gel}
    residual = displacement_residual(data.displacement, results.traction, **options)
    frames = np.arange(1, len(results.traction) + 1)
    columns = with_units(sums, results.pixel_size) | {"displacement_residual": residual}
    return {"frame": frames, **columns, **results.choice}


def _save_figures(results: Results, folder: Path) -> None:
    from tfmkit.plotting import plot_traction_map, plot_vectors

    factor, unit = results.length
    # Frames of one file share a colour scale, so that they can be compared.
    top = float(np.hypot(results.traction[:, 0], results.traction[:, 1]).max()) or None
    for number, field in _frames(results.traction):
        look: dict[str, Any] = {"spacing": factor * results.data.spacing, "length_unit": unit.replace("um", "µm")}
        if results.data.mask is not None:
            look["mask"] = results.data.mask[number - 1]
        plot_traction_map(field, vmax=top, **look).savefig(folder / f"traction_map_{number:04}.png")
        plot_vectors(field, **look).savefig(folder / f"traction_vectors_{number:04}.png")


def _frames(traction: FloatArray) -> Iterable[tuple[int, FloatArray]]:
    # On a pipe or in a log file the bar would only be noise.
    return tqdm(enumerate(traction, start=1), total=len(traction), desc="figures", unit="frame", disable=None)


def _field_columns(results: Results) -> dict[str, NDArray[Any]]:
    data = results.data
    factor, unit = results.length
    n_fields, _, height, width = results.traction.shape
    frame, y, x = np.broadcast_arrays(
        np.arange(1, n_fields + 1)[:, None, None], factor * data.y[:, None], factor * data.x[None, :]
    )
    (ux, uy), (tx, ty) = (np.moveaxis(field, 1, 0) for field in (factor * data.displacement, results.traction))
    columns = {
        "frame": frame,
        f"x_{unit}": x,
        f"y_{unit}": y,
        f"ux_{unit}": ux,
        f"uy_{unit}": uy,
        "tx_Pa": tx,
        "ty_Pa": ty,
        "t_Pa": np.hypot(tx, ty),
    }
    return {name: np.broadcast_to(column, (n_fields, height, width)).ravel() for name, column in columns.items()}


def _settings(results: Results) -> dict[str, Any]:
    data = results.data
    return {
        "input": hash_files(data.sources),
        "layout": data.layout,
        "n_frames": len(results.traction),
        "grid": list(results.traction.shape[2:]),
        "spacing_px": data.spacing,
        "noise_px": None if data.noise is None else data.noise.tolist(),
        "filled_vectors": None if data.measured is None else int((~data.measured).sum()),
        "pixel_size_um": results.pixel_size,
        "young_Pa": results.young,
        "poisson": results.poisson,
        "thickness_um": results.thickness,
        "depth_um": results.depth,
        "method": results.method,
    }
