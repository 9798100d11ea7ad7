"""The files that `tfmkit traction` writes."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmkit._validation import FloatArray
from tfmkit.cli.provenance import hash_files
from tfmkit.cli.summary import count_frames
from tfmkit.doubts import displacement_fraction, find_doubts, join_doubts, woven
from tfmkit.gel import Gel
from tfmkit.io import DisplacementData, write_csv, write_settings, write_tiff, writing_folder
from tfmkit.mechanics import contraction, force_summary
from tfmkit.metrics import displacement_residual
from tfmkit.quantities import with_units


@dataclass(frozen=True, eq=False)
class Look:
    """The look of the figures.

    Attributes
    ----------
    format : str
        ``"png"``, ``"pdf"`` or ``"svg"``.
    vmax : float or None
        Traction in Pa at the upper end of all scales; None for the largest of all frames where
        displacement was measured.
    images : list of ndarray of shape (rows, columns)
        Image of the cell for each frame, or none.
    """

    format: str = "png"
    vmax: float | None = None
    images: list[NDArray[Any]] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Results:
    """Traction and all that is needed to report it.

    Attributes
    ----------
    data : DisplacementData
        The displacement, in pixels.
    traction : ndarray of shape (n_fields, 2, height, width)
        Traction in Pa.
    gel : Gel
        The gel in pixels.
    layer : dict
        ``thickness_um`` and ``depth_um`` as they were given.
    pixel_size : float or None
        Micrometres per pixel.
    method : dict
        Name and parameters of the method.
    columns : dict of str to ndarray of shape (n_fields,)
        Choices of the method for every frame, such as lambda, and doubts about it.
    """

    data: DisplacementData
    traction: FloatArray
    gel: Gel
    layer: dict[str, float | None]
    pixel_size: float | None
    method: dict[str, Any]
    columns: dict[str, NDArray[Any]]

    @property
    def length(self) -> tuple[float, str]:
        """Return the unit of lengths in tables and figures.

        Returns
        -------
        factor : float
            Factor from pixels to the unit.
        name : str
            Name of the unit.
        """
        return (1.0, "px") if self.pixel_size is None else (self.pixel_size, "um")


def save_results(results: Results, look: Look, output: Path) -> dict[str, NDArray[Any]]:
    """Write figures, tables, TIFF and settings to a folder: all of them or, on an error, none.

    Parameters
    ----------
    results : Results
        Traction and displacement.
    look : Look
        The look of the figures.
    output : Path
        The folder.

    Returns
    -------
    dict of str to ndarray of shape (n_fields,)
        The columns of the summary.
    """
    summary = summarise(results)
    pixel = None if results.pixel_size is None else results.pixel_size * results.data.spacing
    traction = results.traction
    images = np.concatenate([np.hypot(traction[:, :1], traction[:, 1:]), traction], axis=1)
    with writing_folder(output) as folder:
        _save_figures(results, look, folder)
        write_csv(folder / "traction_field.csv", _field_columns(results))
        write_csv(folder / "summary.csv", summary)
        write_tiff(folder / "traction.tif", images, pixel_size=pixel, labels=("|t| Pa", "tx Pa", "ty Pa"))
        write_settings(folder / "settings.json", _settings(results))
        # Figures of an earlier and longer run are removed, so that they are not taken for frames of this run.
        for figure in output.glob("traction_*_[0-9]*.*"):
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
        The columns; their names end in their units. Integrals run over the cell where there is a mask, else over the
        whole field.
    """
    data = results.data
    sums = force_summary(
        data.displacement, results.traction, spacing=data.spacing, mask=data.mask, measured=data.measured
    )
    frames = np.arange(1, len(results.traction) + 1)
    columns = with_units(sums, results.pixel_size) | {"displacement_residual": _residual(results), **results.columns}
    return {"frame": frames, **columns, "doubts": _doubts(results, columns)}


def _residual(results: Results) -> FloatArray:
    """Return the residual of each frame, NaN for a frame without displacement, whose images show no common beads."""
    data, residual = results.data, np.full(len(results.traction), np.nan)
    moves = data.displacement.any(axis=(1, 2, 3))
    if moves.any():
        residual[moves] = displacement_residual(
            data.displacement[moves],
            results.traction[moves],
            mask=None if data.mask is None else data.mask[moves],
            multioutput="raw_values",
            **asdict(results.gel),
        )
    return residual


def _doubts(results: Results, columns: dict[str, NDArray[Any]]) -> NDArray[np.str_]:
    """Return the doubts about each frame, as a column of the summary."""
    data = results.data
    signs = columns | {"contraction": contraction(results.traction, mask=data.mask)}
    signs["displacement_fraction"] = displacement_fraction(data.displacement, data.spacing)
    signs["woven"] = woven(data.displacement)
    if data.measured is not None:
        signs["replaced_fraction"] = 1 - data.measured.mean(axis=(1, 2))
    if data.mask is None:
        # Without an outline, forces beyond the border are missing from the balance.
        signs.pop("net_force_fraction")
    each = [{name: float(values[frame]) for name, values in signs.items()} for frame in range(len(data.displacement))]
    return np.array([join_doubts(find_doubts(numbers, "traction")) for numbers in each], dtype=str)


def _save_figures(results: Results, look: Look, folder: Path) -> None:
    from tfmkit.plotting import (
        image_extent,
        longest_arrow,
        plot_traction_map,
        plot_vectors,
        robust_maximum,
        save_figure,
    )

    factor, unit = results.length
    data, traction = results.data, results.traction
    # Frames of one file share their scales, so that they can be compared.
    counted = _counted(data)
    top = look.vmax or max(map(robust_maximum, np.hypot(traction[:, 0], traction[:, 1]), counted)) or None
    longest = look.vmax or longest_arrow(traction, counted)
    for number, vectors in count_frames(list(traction), "figures"):
        shared: dict[str, Any] = {"spacing": factor * data.spacing, "length_unit": unit.replace("um", "µm")}
        shared["mask"] = None if data.mask is None else data.mask[number - 1]
        over: dict[str, Any] = {}
        if look.images:
            over["image"] = look.images[number - 1]
            # A file without positions has its first grid point at 0; the image then covers the grid.
            if data.x[0] or data.y[0]:
                over["extent"] = image_extent(over["image"].shape, data.spacing, data.x[0], data.y[0])
        end = f"{number:04}.{look.format}"
        save_figure(plot_traction_map(vectors, vmax=top, **shared), folder / f"traction_map_{end}")
        save_figure(plot_vectors(vectors, vmax=longest, **shared, **over), folder / f"traction_vectors_{end}")


def _counted(data: DisplacementData) -> NDArray[np.bool_]:
    """Return True at the grid points that the ends of scales are taken from: measured ones, in the cells."""
    shape = (len(data.displacement), *data.displacement.shape[2:])
    parts = [part for part in (data.measured, data.mask) if part is not None]
    return np.logical_and.reduce([np.ones(shape, dtype=bool), *parts])


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
    data, gel = results.data, results.gel
    return {
        "input": hash_files(data.sources),
        "layout": data.layout,
        "n_frames": len(results.traction),
        "grid": list(results.traction.shape[2:]),
        "spacing_px": data.spacing,
        "noise_px": None if data.noise is None else data.noise.tolist(),
        "filled_vectors": None if data.measured is None else int((~data.measured).sum()),
        "pixel_size_um": results.pixel_size,
        "young_Pa": gel.young,
        "poisson": gel.poisson,
        **results.layer,
        "method": results.method,
    }
