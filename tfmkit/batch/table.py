"""The table of a batch: its columns, the rows of an item, and the frames in it that are in doubt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from tfmkit.batch.items import Failure, Item
from tfmkit.displacement import Flag
from tfmkit.displacement.measure import Measurement
from tfmkit.doubts import SEPARATOR, find_doubts, join_doubts, woven
from tfmkit.error_bars import Recovery, Samples, standard_deviations
from tfmkit.gel import Gel
from tfmkit.io import Cell, harmless_cell, writing
from tfmkit.mechanics import contraction
from tfmkit.metrics import displacement_residual
from tfmkit.quantities import QUANTITIES, with_units

_PLACE = ("item", "position", "frame", "time_s", "cell", "area_um2")
_QUALITY = (
    "displacement_residual", "noise_px", "lam", "order", "misfit", "misfit_rest",
    "misfit_turned", "misfit_other_poisson", "foreign", "replaced_fraction",
    "drift_x_px", "drift_y_px", "drift_rotation_rad", "doubts",
)  # fmt: skip
# Columns of the table in their order; error bars stand beside their quantities.
COLUMNS = (*_PLACE, *(name + end for name, _ in QUANTITIES.values() for end in ("", "_std")), *_QUALITY)
_TEXT = ("item", "position", "cell", "doubts")
# Attribute of the table, and key of the settings, that names their run.
RUN = "run"
# Name of the only row where nobody outlined cells.
FIELD = "field"


def cell_record(
    cell: Cell,
    measurement: Measurement,
    estimate: Recovery,
    gel: Gel,
    method: str,
    samples: Samples | None,
) -> dict[str, Any]:
    """Return the numbers of a cell, with the pixel as the unit of length.

    Parameters
    ----------
    cell : Cell
        The cell on the grid.
    measurement : Measurement
        Displacement.
    estimate : Recovery
        Displacement and traction in Pa, with the forces that all cells share.
    gel : Gel
        The gel with all lengths in pixels.
    method : str
        Name of the estimator.
    samples : Samples or None
        The draws and the second recoveries behind the error bars, see `tfmkit.error_bars`.

    Returns
    -------
    dict
        ``quantities`` in powers of Pa and px, ``stds`` of the same names where there are samples, the
        relative residual of the displacement (None for a field at rest), the contraction, and the share of replaced
        vectors.
    """
    measured = measurement.flags == Flag.GOOD
    settings: dict[str, Any] = {"spacing": gel.spacing, "mask": cell.mask, "measured": measured}
    moved, traction = estimate.displacement, estimate.traction
    quantities = estimate.summary(**settings)
    stds = {}
    if samples is not None:
        stds = standard_deviations(method, samples, gel, mask=cell.mask, measured=measured)
    residual = None
    # A field at rest has no relative residual: the images show no common beads.
    if moved.any():
        # The residual of a whole field needs no mask.
        region = None if cell.mask.all() else cell.mask
        residual = float(displacement_residual(moved, traction, mask=region, **asdict(gel)))
    return {
        "name": cell.name,
        "area_px2": cell.area,
        "quantities": {key: float(values[0]) for key, values in quantities.items()},
        "stds": stds,
        "displacement_residual": residual,
        "contraction": float(contraction(traction, mask=cell.mask, forces=estimate.forces)[0]),
        "replaced_fraction": float((~measured[cell.mask]).mean()),
    }


def complete_record(
    record: dict[str, Any], item: Item, measurement: Measurement, pixel_size: float | None, interval: float | None
) -> dict[str, Any]:
    """Add images, displacement and the rows of the table to the record of an item.

    Parameters
    ----------
    record : dict
        Choices of the estimator and numbers of the cells, with the pixel as the unit of length.
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
        The record, all of it strings, numbers, lists and mappings of them. Its ``rows`` are one mapping from columns to
        values for each cell, in SI units.
    """
    rows, columns = measurement.flags.shape
    drift = measurement.drift.tolist()
    complete = record | {
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
    doubts = [_doubts(complete, cell, measurement, pixel_size) for cell in complete["cells"]]
    return complete | {"rows": _rows(complete, doubts)}


def make_table(rows: Iterable[dict[str, Any]], labels: Mapping[str, Mapping[str, str]] | None = None) -> pd.DataFrame:
    """Return the table of all rows.

    Parameters
    ----------
    rows : iterable of dict
        Rows of the items.
    labels : mapping of str to mapping, optional
        Labels of each item by its key, such as its condition and its replicate.

    Returns
    -------
    DataFrame
        The columns of `COLUMNS`, NaN where a number is not known, and behind the position a column for each label,
        unless one of these columns has its name. The first frame of a position is at 0 s.
    """
    wide = pd.DataFrame(list(rows), columns=[*COLUMNS, "interval_s"])
    first = wide.groupby("position")["frame"].transform("min")
    wide["time_s"] = (wide["frame"] - first) * wide["interval_s"].astype("float64")
    types = {name: "str" if name in _TEXT else "int64" if name == "frame" else "float64" for name in COLUMNS}
    table = wide[list(COLUMNS)].astype(types)
    names = dict.fromkeys(name for each in (labels or {}).values() for name in each if name not in wide)
    for place, name in enumerate(names, start=COLUMNS.index("position") + 1):
        values = {key: each[name] for key, each in (labels or {}).items()}
        table.insert(place, name, table["item"].map(values).astype("str"))
    return table


def failure_table(failures: Iterable[Failure], folder: Path) -> pd.DataFrame:
    """Return the table of the items that failed.

    Parameters
    ----------
    failures : iterable of Failure
        Items without results.
    folder : Path
        Folder of the input; files in it are named from there.

    Returns
    -------
    DataFrame
        Columns ``item``, ``file`` and ``error``.
    """
    texts = [(failure.item, _below(failure.file, folder), failure.error) for failure in failures]
    # Names that are no UTF-8 are a reason to fail.
    rows = [[text.encode("utf-8", "replace").decode() for text in row] for row in texts]
    return pd.DataFrame(rows, columns=["item", "file", "error"]).astype("str")


def remark_table(remarks: Mapping[str, list[str]]) -> pd.DataFrame:
    """Return the table of remarks on the cells of items.

    Parameters
    ----------
    remarks : mapping of str to list of str
        Remarks on each item by its key.

    Returns
    -------
    DataFrame
        Columns ``item`` and ``remark``.
    """
    rows = [(key, remark) for key, sentences in remarks.items() for remark in sentences]
    return pd.DataFrame(rows, columns=["item", "remark"]).astype("str")


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table.

    Parameters
    ----------
    path : Path
        The file: ``.parquet``, or CSV whose numbers read back as the same.
    table : DataFrame
        The table.
    """
    with writing(path) as temporary:
        if path.suffix == ".parquet":
            table.to_parquet(temporary, index=False)
        else:
            texts = table.select_dtypes(exclude="number").map(harmless_cell)
            table.assign(**texts).to_csv(temporary, index=False, lineterminator="\n")


def find_doubtful(table: pd.DataFrame) -> pd.DataFrame:
    """Return the frames of a table whose numbers should not be believed as they stand.

    Parameters
    ----------
    table : DataFrame
        Table of a batch.

    Returns
    -------
    DataFrame
        ``item``, ``position``, ``frame`` and ``reason``, one row for each frame and sentence of its column ``doubts``
        (`tfmkit.doubts.find_doubts`), in the order of the table.
    """
    columns = ["item", "position", "frame"]
    rows = table[[*columns, "doubts"]].assign(reason=table["doubts"].fillna("").str.split(SEPARATOR))
    reasons = rows.explode("reason").drop(columns="doubts").drop_duplicates()
    return reasons[reasons["reason"] != ""].reset_index(drop=True)


def _doubts(record: dict[str, Any], cell: dict[str, Any], measurement: Measurement, pixel_size: float | None) -> str:
    """Return the doubts about a cell and about its frame."""
    numbers = (
        measurement.signs
        | {"woven": float(woven(measurement.displacement[None])[0])}
        | record["choice"]
        | with_units(cell["quantities"], pixel_size)
    )
    numbers |= {name: cell[name] for name in ("displacement_residual", "contraction")}
    if cell["name"] != FIELD:
        numbers["replaced_fraction"] = max(numbers.get("replaced_fraction", 0.0), cell["replaced_fraction"])
    if len(record["cells"]) > 1 or cell["name"] == FIELD:
        # Cells that touch pull at each other, and forces beyond the border are missing from the balance of a field.
        numbers.pop("net_force_fraction")
    return join_doubts(find_doubts(numbers, "batch"))


def _rows(record: dict[str, Any], doubts: list[str]) -> list[dict[str, Any]]:
    pixel_size = record["pixel_size_um"]
    shared = {name: record[name] for name in ("item", "position", "frame", "interval_s")}
    shared |= {"noise_px": record["noise_px"], **record["choice"]}
    shared |= {f"drift_{name}": value for name, value in record["drift"].items()}
    rows = []
    for cell, in_doubt in zip(record["cells"], doubts, strict=True):
        area = {} if pixel_size is None else {"area_um2": cell["area_px2"] * pixel_size**2}
        quality = {name: cell[name] for name in ("displacement_residual", "replaced_fraction")}
        quantities = with_units(cell["quantities"], pixel_size) | with_units(cell["stds"], pixel_size, "_std")
        rows.append({**shared, "cell": cell["name"], **area, **quantities, **quality, "doubts": in_doubt})
    return rows


def _below(file: str, folder: Path) -> str:
    path = Path(file)
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else file
