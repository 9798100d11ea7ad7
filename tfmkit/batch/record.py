"""The record of an item, and the rows that it adds to the table."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmkit.batch._invert import Inversion
from tfmkit.batch._quantities import QUANTITIES, force_quantities, residuals, with_units
from tfmkit.batch.items import Item
from tfmkit.displacement import Flag
from tfmkit.displacement.measure import Measurement

_PLACE = ("item", "position", "frame", "time_s", "cell", "area_um2")
_QUALITY = (
    "displacement_residual", "noise_px", "lam", "order", "misfit", "foreign", "replaced_fraction",
    "drift_x_px", "drift_y_px", "drift_rotation_rad",
)  # fmt: skip
# Columns of the table in their order; error bars stand beside what they belong to.
COLUMNS = (*_PLACE, *(name + end for name, _ in QUANTITIES.values() for end in ("", "_std")), *_QUALITY)


def cell_record(
    name: str,
    mask: NDArray[np.bool_],
    area: float,
    measurement: Measurement,
    inversion: Inversion,
    gel: dict[str, Any],
) -> dict[str, Any]:
    """Return what is known of a cell, with the pixel as the unit of length.

    Parameters
    ----------
    name : str
        Name of the cell.
    mask : ndarray of shape (height, width)
        True inside.
    area : float
        Its area in square pixels.
    measurement : Measurement
        Displacement.
    inversion : Inversion
        Traction.
    gel : dict
        ``young``, ``poisson`` and perhaps ``thickness`` and ``depth`` in pixels.

    Returns
    -------
    dict
        ``quantities`` in powers of Pa and px, ``stds`` of the same names where there are at least 2 draws, and what
        tells how good they are.
    """
    spacing = measurement.spacing
    moved, traction = measurement.displacement[None], inversion.traction[None]
    quantities = force_quantities(moved, traction, spacing=spacing, mask=mask)
    stds = {}
    if len(inversion.draws) > 1:
        drawn = force_quantities(inversion.moved, inversion.draws, spacing=spacing, mask=mask)
        stds = {key: float(values.std(ddof=1)) for key, values in drawn.items()}
    # The residual of a whole field needs no mask.
    region = None if mask.all() else mask
    return {
        "name": name,
        "area_px2": area,
        "quantities": {key: float(values[0]) for key, values in quantities.items()},
        "stds": stds,
        "displacement_residual": float(residuals(moved, traction, spacing=spacing, mask=region, gel=gel)[0]),
        "replaced_fraction": float((measurement.flags[mask] != Flag.GOOD).mean()),
    }


def describe(item: Item, measurement: Measurement, pixel_size: float | None, interval: float | None) -> dict[str, Any]:
    """Return what the record of an item says about its images and its displacement.

    Parameters
    ----------
    item : Item
        The item.
    measurement : Measurement
        Its displacement.
    pixel_size : float or None
        Micrometres per pixel.
    interval : float or None
        Seconds per frame.

    Returns
    -------
    dict
        What JSON can hold.
    """
    rows, columns = measurement.flags.shape
    drift = measurement.drift.tolist()
    return {
        "item": item.key,
        "position": item.position,
        "frame": item.frame,
        "pixel_size_um": pixel_size,
        "interval_s": interval,
        "image_shape": measurement.image_shape.tolist(),
        "grid": {
            "shape": [rows, columns],
            "spacing_px": measurement.spacing,
            "x0_px": float(measurement.x[0]),
            "y0_px": float(measurement.y[0]),
        },
        "drift": dict(zip(("x_px", "y_px", "rotation_rad"), drift, strict=True)),
        "flags": {flag.name: int((measurement.flags == flag).sum()) for flag in Flag},
    }


def make_rows(record: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of an item in SI units.

    Parameters
    ----------
    record : dict
        Its record.

    Returns
    -------
    list of dict
        One row per cell: the columns that are known.
    """
    pixel_size = record["pixel_size_um"]
    shared = {name: record[name] for name in ("item", "position", "frame", "interval_s")}
    shared |= {"noise_px": record["noise_px"], **record["choice"]}
    shared |= {f"drift_{name}": value for name, value in record["drift"].items()}
    rows = []
    for cell in record["cells"]:
        area = {} if pixel_size is None else {"area_um2": cell["area_px2"] * pixel_size**2}
        quality = {name: cell[name] for name in ("displacement_residual", "replaced_fraction")}
        quantities = with_units(cell["quantities"], pixel_size) | with_units(cell["stds"], pixel_size, "_std")
        rows.append({**shared, "cell": cell["name"], **area, **quantities, **quality})
    return rows
