"""What the paper's discussion says about other gels, magnifications, tractions, grids and cells; and about speed."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import Any

import pandas as pd
import torch
from tqdm.auto import tqdm

from benchmarks.paper.methods import (
    DEEP,
    EXTENDED_ORACLE,
    LEVELS,
    POISSON,
    TRACNET,
    YOUNG,
    Once,
    networks,
    paper_cells,
)
from benchmarks.saving import save_table
from benchmarks.stages import Settings, Stage
from tfmkit.benchmark import OracleLambda, compare, summarise
from tfmkit.deep import DeepTFM
from tfmkit.fttc import FTTC

# Kind of change -> name -> parameters of the simulator. Displacement is the paper's unless traction is what changes.
CHANGES: dict[str, dict[str, Settings]] = {
    "paper": {"paper": {}},
    "Young's modulus": {f"{young / 1000:g} kPa": {"young": young} for young in (2_500.0, 5_000.0, 20_000.0, 40_000.0)},
    "magnification": {f"{factor:g}": {"cell_size": 0.4 * factor} for factor in (0.8, 1.25)},
    "largest traction": {
        f"{traction / 1000:g} kPa": {"max_traction": traction, "mean_displacement": None}
        for traction in (1_000.0, 2_000.0, 4_000.0, 8_000.0)
    },
    "grid": {f"{side} px": {"shape": side, "cell_size": 0.4 * 104 / side} for side in (160, 256)},
    "cells": {
        **{family: {"family": family} for family in ("keratocyte", "neuron", "fibroblast")},
        "adhesion": {"family": "adhesion", "protocol": "tfmkit"},
    },
    "tractions off the pixels": {"3 x 3 finer": {"oversample": 3}},
}
METRICS = ("mean_normalized_error", "relative_rmse")
_REPEATS = 3


def transfer_stage(n_cells: int, settings: Settings) -> Stage:
    """Return the stage that measures errors under every change."""
    settings = {**settings, "n_cells": n_cells, "noise_px": LEVELS[:2], "changes": CHANGES, "baseline": EXTENDED_ORACLE}
    return Stage(("transfer.csv",), settings, _transfer)


def speed_stage(settings: Settings) -> Stage:
    """Return the stage that times the recovery of one field, alone and in a batch."""
    devices = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    machine = {"threads": torch.get_num_threads(), "devices": devices, "batches": [1, 8]}
    return Stage(("speed.csv",), {**settings, **machine}, _time_all)


def _transfer(folder: Path, settings: Settings) -> None:
    changes = [(kind, name, change) for kind, named in CHANGES.items() for name, change in named.items()]
    tables = []
    for kind, name, change in tqdm(changes, desc="transfer", disable=None):
        cells = paper_cells(settings["n_cells"], settings["seed"], **change)
        young = change.get("young", YOUNG)
        methods = {name: Once(network).fit(cells.displacement) for name, network in networks(young).items()}
        methods[EXTENDED_ORACLE] = OracleLambda(FTTC(young=young, poisson=POISSON, boundary="extended"))
        table = compare(
            cells.displacement,
            cells.traction,
            methods,
            noise=settings["noise_px"],
            metrics=METRICS,
            random_state=settings["seed"],
            progress=False,
        )
        rows = summarise(table).drop(columns="seconds").reset_index()
        rows.insert(0, "kind", kind)
        rows.insert(1, "change", name)
        tables.append(rows)
    save_table(pd.concat(tables), "transfer", folder, settings)


def _time_all(folder: Path, settings: Settings) -> None:
    rows = []
    for n_fields in settings["batches"]:
        displacement = paper_cells(n_fields, settings["seed"]).displacement
        for device in settings["devices"]:
            rows += _time(displacement, device)
    save_table(pd.DataFrame(rows), "speed", folder, settings)


def _time(displacement: Any, device: str) -> list[dict[str, Any]]:
    """Return the least of several timings per method; other programs on the machine only add to it."""
    names = {DEEP: "default", "DeepTFM, small": "small", TRACNET: "tracnet"}
    methods: dict[str, Any] = {
        name: DeepTFM.from_pretrained(weights, device=device, batch_size=len(displacement))
        for name, weights in names.items()
    }
    if device == "cpu":
        methods["FTTC"] = FTTC().fit(displacement)
    rows = []
    for name, method in methods.items():
        method.predict(displacement)
        seconds = []
        for _ in range(_REPEATS):
            start = perf_counter()
            method.predict(displacement)
            seconds.append((perf_counter() - start) / len(displacement))
        rows.append(
            {"estimator": name, "device": device, "n_fields": len(displacement), "ms_per_field": 1000 * min(seconds)}
        )
    return rows
