"""Quantities of cells that every method recovers from noisy fields, beside the truth: what two studies share."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation
from sklearn.utils import Bunch, get_tags

from tfmkit._validation import FloatArray
from tfmkit.error_bars import Parts, Recovery, Samples, parts_of
from tfmkit.gel import Gel
from tfmkit.mechanics import contractile_moment, strain_energy, torque, total_force
from tfmkit.methods import TRACTION
from tfmkit.simulate import add_noise

Noises = tuple[tuple[float, float], ...]

GEL = Gel(poisson=0.45)
# A mask reaches this many grid points past the patches.
MARGIN = 3
# How much finer the grid is for the energy of closed forms.
FINER = 2
# Draws and second recoveries of a field.
_DRAWS, _AGAIN = 12, 2
# The elastic net takes 40 times as long as the closed forms, and gets fewer fields.
_SLOW = "ElasticNetTFM"


def exact_energy(fields: Bunch, finer: Bunch | None) -> NDArray[np.float64]:
    """Return the strain energy of fields, from the same fields on a grid `FINER` times finer if there are any."""
    if finer is None:
        return strain_energy(fields.displacement, fields.traction)
    return strain_energy(finer.displacement, finer.traction) / FINER**3


def add_choices(parser: ArgumentParser, *, slow_fields: int) -> None:
    """Add the options that both studies share."""
    parser.add_argument("--methods", nargs="+", choices=tuple(TRACTION), default=list(TRACTION), help="methods to run")
    parser.add_argument(
        "--slow-fields",
        type=int,
        default=slow_fields,
        help=f"fields of each family for {_SLOW}, at most (default: {slow_fields})",
    )
    parser.add_argument("--rows", type=Path, help="folder that keeps the recovered quantities for the next run")


def rows_of_methods(
    family: str, fields: Bunch, energy: NDArray[np.float64], noises: Noises, options: Namespace
) -> pd.DataFrame:
    """Return `quantity_rows` of one family by all methods under all noises.

    Parameters
    ----------
    family : str
        Name for the rows.
    fields : Bunch
        Fields without noise.
    energy : ndarray of shape (n_fields,)
        Their strain energy, from `exact_energy`.
    noises : tuple of (float, float)
        Noises, see `quantity_rows`.
    options : Namespace
        Options of the study. If its ``rows`` are a folder, rows that lie there are read, and others are kept there.

    Returns
    -------
    DataFrame
        The rows.
    """
    return pd.concat([_rows_of(method, family, fields, energy, noises, options) for method in options.methods])


def _rows_of(
    method: str, family: str, fields: Bunch, energy: NDArray[np.float64], noises: Noises, options: Namespace
) -> pd.DataFrame:
    path = None if options.rows is None else options.rows / f"{method} {family}.csv"
    if path is not None and path.is_file():
        return pd.read_csv(path)
    some = slice(options.slow_fields if method == _SLOW else None)
    fewer = Bunch(displacement=fields.displacement[some], traction=fields.traction[some])
    rows = pd.concat([quantity_rows(method, family, fewer, energy[some], noise, options.seed) for noise in noises])
    print(family, method, flush=True)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        rows.to_csv(path, index=False)
    return rows


def quantity_rows(
    method: str, family: str, fields: Bunch, energy: NDArray[np.float64], noise: tuple[float, float], seed: int
) -> pd.DataFrame:
    """Return the quantities of one method, family and noise, with and without a mask.

    Parameters
    ----------
    method : str
        Key of `tfmkit.methods.TRACTION`.
    family : str
        Name for the rows.
    fields : Bunch
        Fields without noise.
    energy : ndarray of shape (n_fields,)
        Their strain energy, from `exact_energy`.
    noise : (float, float)
        Noise of each component over the RMS of the displacement, and its correlation in px.
    seed : int
        Seed of noise and draws.

    Returns
    -------
    DataFrame
        A row per mask, field and quantity: its ``truth`` and the `tfmkit.error_bars.Parts`.
    """
    level, correlation = noise
    displacement = add_noise(fields.displacement, level, unit="rms", correlation=correlation, random_state=seed)
    pulled = np.hypot(fields.traction[:, 0], fields.traction[:, 1]) > 0
    masks = {"none": np.ones_like(pulled), "patches": np.stack([_widen(each) for each in pulled])}
    places = {"method": method, "family": family, "noise": level, "correlation_px": correlation}
    truths = {name: _truth(fields, energy, mask) for name, mask in masks.items()}
    return pd.DataFrame(
        {**places, "mask": name, "field": field, "quantity": quantity, "truth": values[field], **parts._asdict()}
        for field, samples in enumerate(_repeated(method, displacement, seed))
        for name, mask in masks.items()
        for quantity, parts in parts_of(samples, GEL, mask=mask[field]).items()
        if (values := truths[name].get(quantity)) is not None
    )


def parts_in(rows: pd.DataFrame) -> Parts:
    """Return the columns of `quantity_rows` that error bars are made of."""
    return Parts(*(rows[name] for name in Parts._fields))


def with_other_methods(table: pd.DataFrame, name: str, options: Namespace) -> pd.DataFrame:
    """Return a table with the rows of an earlier one for the methods that were not run, and forget how it was run."""
    earlier = options.output / f"{name}.csv"
    for choice in ("methods", "rows"):
        vars(options).pop(choice, None)
    if not earlier.is_file():
        return table
    others = pd.read_csv(earlier)
    both = pd.concat([others[~others["method"].isin(table["method"])], table])[table.columns]
    return both.sort_values("method", key=lambda names: names.map(list(TRACTION).index), kind="stable")


def _widen(pulled: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return np.asarray(binary_dilation(pulled, iterations=MARGIN))


def _repeated(method: str, displacement: FloatArray, seed: int) -> list[Samples]:
    """Return the recoveries of all fields with their repetitions."""
    estimator = TRACTION[method].on_gel(GEL)
    if not get_tags(estimator).target_tags.required:
        estimator.fit(displacement)
    predicted = estimator.predict(displacement, return_std=True) if estimator.gives_std else None
    traction = estimator.predict(displacement) if predicted is None else predicted[0]
    draws = estimator.draw(displacement, _DRAWS, seed, predicted=traction if predicted is None else predicted)
    again = estimator.recover_again(displacement, _AGAIN, seed, predicted=traction)
    return [
        Samples.of(Recovery.of(displacement[[field]], traction[[field]]), draws, again, field)
        for field in range(len(displacement))
    ]


def _truth(fields: Bunch, energy: NDArray[np.float64], mask: NDArray[np.bool_]) -> dict[str, Any]:
    traction = fields.traction.astype(float)
    total, net = total_force(traction), np.hypot(*traction.sum(axis=(2, 3)).T)
    return {
        "strain_energy": energy,
        "total_force": total,
        "net_force": net / total,
        "contractile_moment": contractile_moment(traction),
        "torque": torque(traction),
        "mean_traction": total / mask.sum(axis=(1, 2)),
        "max_traction": np.hypot(traction[:, 0], traction[:, 1]).max(axis=(1, 2)),
        "net_force_length": net,
    }
