"""Quantities of cells that every method recovers from noisy fields, beside the truth: what two studies share."""

from __future__ import annotations

from argparse import Namespace
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation
from sklearn.utils import Bunch, get_tags

from tfmkit._validation import FloatArray
from tfmkit.error_bars import Recovery, Samples, Variations, border_shares, noise_shares, quantity_scales
from tfmkit.force_region import find_forces
from tfmkit.gel import Gel
from tfmkit.mechanics import contractile_moment, largest_moment, strain_energy, torque, total_force
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
# The elastic net takes 20 times as long as the closed forms, and gets this many fields at most.
_SLOW = "ElasticNetTFM"
SLOW_FIELDS = 8


def exact_energy(fields: Bunch, finer: Bunch | None) -> NDArray[np.float64]:
    """Return the strain energy of fields, from the same fields on a grid `FINER` times finer if there are any."""
    if finer is None:
        return strain_energy(fields.displacement, fields.traction)
    return strain_energy(finer.displacement, finer.traction) / FINER**3


def rows_of_methods(
    family: str, fields: Bunch, energy: NDArray[np.float64], methods: list[str], noises: Noises, seed: int
) -> pd.DataFrame:
    """Return `quantity_rows` of one family by all methods under all noises."""
    parts = []
    for method, noise in product(methods, noises):
        some = slice(SLOW_FIELDS if method == _SLOW else None)
        fewer = Bunch(displacement=fields.displacement[some], traction=fields.traction[some])
        parts.append(quantity_rows(method, family, fewer, energy[some], noise, seed))
        print(family, method, *noise, flush=True)
    return pd.concat(parts)


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
        A row per mask, field and quantity: ``estimate`` and ``truth``, ``spread`` of the draws, change ``again`` by a
        second recovery, ``noise_share``, ``border_share`` and ``scale``.
    """
    level, correlation = noise
    displacement = add_noise(fields.displacement, level, unit="rms", correlation=correlation, random_state=seed)
    estimator = TRACTION[method].on_gel(GEL)
    if not get_tags(estimator).target_tags.required:
        estimator.fit(displacement)
    predicted = estimator.predict(displacement, return_std=True) if estimator.gives_std else None
    traction = estimator.predict(displacement) if predicted is None else predicted[0]
    draws = estimator.draw(displacement, _DRAWS, seed, predicted=traction if predicted is None else predicted)
    again = estimator.recover_again(displacement, _AGAIN, seed, predicted=traction)
    repeated = [
        Samples.of(Recovery.of(displacement[[field]], traction[[field]]), draws, again, field)
        for field in range(len(displacement))
    ]
    pulled = np.hypot(fields.traction[:, 0], fields.traction[:, 1]) > 0
    masks = {"none": np.ones_like(pulled), "patches": np.stack([_widen(each) for each in pulled])}
    shares, tables = noise_shares(displacement, GEL), []
    for name, mask in masks.items():
        parts = _parts(traction, repeated, mask)
        parts["truth"] = _truth(fields, energy, mask)
        border = border_shares(find_forces(traction.astype(np.float64)), mask)
        long = pd.concat({key: pd.DataFrame(values) for key, values in parts.items()}, axis=1)
        long = long.stack(level=1, future_stack=True).rename_axis(["field", "quantity"]).reset_index()
        places = {"method": method, "family": family, "noise": level, "correlation_px": correlation, "mask": name}
        signs = {"noise_share": shares[long["field"]], "border_share": border[long["field"]]}
        tables.append(long.assign(**places, **signs).dropna())
    return pd.concat(tables)


def with_other_methods(table: pd.DataFrame, name: str, options: Namespace) -> pd.DataFrame:
    """Return a table with the rows of an earlier one for the methods that were not run, and forget which were run."""
    earlier = options.output / f"{name}.csv"
    vars(options).pop("methods", None)
    if not earlier.is_file():
        return table
    others = pd.read_csv(earlier)
    both = pd.concat([others[~others["method"].isin(table["method"])], table])
    return both.sort_values("method", key=lambda names: names.map(list(TRACTION).index), kind="stable")


def _widen(pulled: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return np.asarray(binary_dilation(pulled, iterations=MARGIN))


def _parts(traction: FloatArray, repeated: list[Samples], mask: NDArray[np.bool_]) -> dict[str, dict[str, Any]]:
    found = [Variations.of(samples, mask=inside) for samples, inside in zip(repeated, mask, strict=True)]
    estimate, spread, change = (
        {name: np.array([each[name] for each in parts]) for name in parts[0]} for parts in zip(*found, strict=True)
    )
    scales = quantity_scales(estimate, largest_moment(traction, mask=mask))
    return {"estimate": estimate, "spread": spread, "again": change, "scale": scales}


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
