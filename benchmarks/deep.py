"""How exact DeepTFM is: on every family and noise, on other gels and grids, with its error bars, beside oracle FTTC.

    python -m benchmarks.deep accuracy
    python -m benchmarks.deep transfer
    python -m benchmarks.deep left-out --fields 6 --weights FOLDER
    python -m benchmarks.deep turns --fields 4

FOLDER holds the weights `loo_FAMILY.safetensors` of networks that were trained without that family. Test cells are
drawn with seeds that no training uses.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.command import study_parser
from benchmarks.families import CORRELATION, FAMILIES, LEVELS, family_fields
from benchmarks.saving import write_table
from tfmkit.benchmark import OracleLambda, compare
from tfmkit.deep import DeepTFM
from tfmkit.deep.turns import turn, turn_back
from tfmkit.fttc import FTTC
from tfmkit.metrics import relative_rmse
from tfmkit.simulate import add_noise

Estimators = dict[str, Any]
ORACLE = "FTTC, oracle lambda"
KINDS = {"white": 0.0, "correlated": CORRELATION}


def noise_model(correlation: float) -> Callable[..., Any]:
    """Return noise relative to the RMS of the displacement, for `compare`."""

    def add(displacement: Any, level: float, rng: np.random.Generator) -> Any:
        return add_noise(displacement, level, unit="rms", correlation=correlation, random_state=rng)

    return add


def oracles() -> Estimators:
    """Return FTTC told its best lambda, for both boundaries and orders."""
    return {
        ORACLE: OracleLambda(FTTC(boundary="periodic")),
        "FTTC extended, oracle lambda": OracleLambda(FTTC(boundary="extended")),
        "FTTC extended first order, oracle lambda": OracleLambda(FTTC(boundary="extended", order=1.0)),
    }


def networks() -> Estimators:
    """Return the pretrained networks."""
    return {f"DeepTFM ({name})": DeepTFM.from_pretrained(name) for name in ("default", "small", "tracnet")}


def errors(estimators: Estimators, fields: Any, correlation: float, seed: int) -> pd.DataFrame:
    """Return mean and standard deviation of the whole-field error, and its ratio to the oracle's."""
    table = compare(
        fields.noise_free_displacement,
        fields.traction,
        estimators,
        noise=LEVELS,
        noise_model=noise_model(correlation),
        metrics=["relative_rmse"],
        random_state=seed,
    )
    groups = table.groupby(["estimator", "noise"], sort=False)
    rows = groups.agg(error=("value", "mean"), std=("value", "std"), seconds=("seconds", "mean")).reset_index()
    oracle = rows[rows.estimator == ORACLE].set_index("noise").error
    rows["to_oracle"] = rows.error / rows.noise.map(oracle)
    return rows


def coverage(model: DeepTFM, fields: Any, correlation: float, seed: int) -> pd.DataFrame:
    """Return the part of the pixels inside cells whose 90 % interval holds the truth, per noise level."""
    inside = np.broadcast_to(fields.mask[:, None], fields.traction.shape)
    rows = []
    for level in LEVELS:
        noisy = noise_model(correlation)(fields.noise_free_displacement, level, np.random.default_rng(seed))
        traction, std = model.predict(noisy, return_std=True)
        held = np.abs(traction - fields.traction) <= 1.6448536 * std
        rows.append({"noise": level, "coverage": held[inside].mean()})
    return pd.DataFrame(rows)


def accuracy(options: Namespace) -> None:
    """Write errors and coverage of the packaged weights on every family, noise level and kind of noise."""
    tables, intervals = [], []
    estimators = oracles() | networks()
    for family in (*FAMILIES, "cell on pixels"):
        fields = family_fields(family, options.fields, seed=options.seed)
        for kind, correlation in KINDS.items():
            tables.append(errors(estimators, fields, correlation, options.seed).assign(family=family, kind=kind))
            for name in ("default", "small"):
                held = coverage(estimators[f"DeepTFM ({name})"], fields, correlation, options.seed)
                intervals.append(held.assign(estimator=f"DeepTFM ({name})", family=family, kind=kind))
    write_table(pd.concat(tables), "deep_accuracy", options, correlation=CORRELATION)
    write_table(pd.concat(intervals), "deep_coverage", options, correlation=CORRELATION)


def transfer(options: Namespace) -> None:
    """Write errors on other grids, gels, magnifications and on tractions cut by the border."""
    settings: dict[str, dict[str, Any]] = {
        "104 px": {},
        "64 px": {"shape": 64},
        "131 x 97 px": {"shape": (131, 97)},
        "256 px": {"shape": 256},
        "nu 0.3": {"poisson": 0.3},
        "nu 0.5": {"poisson": 0.5},
        "E 1 kPa": {"young": 1_000.0},
        "E 100 kPa": {"young": 100_000.0},
        "magnification 0.8": {"cell_size": 0.32},
        "magnification 1.25": {"cell_size": 0.5},
    }
    tables = []
    for name, changes in settings.items():
        n = max(4, options.fields // 3) if name == "256 px" else options.fields
        fields = family_fields("adhesion", n, seed=options.seed, **changes)
        tables.append(_on_gel(fields, changes, options.seed).assign(setting=name))
    fields = _cut_in_half(family_fields("adhesion", options.fields, seed=options.seed, shape=208, cell_size=0.2))
    tables.append(_on_gel(fields, {}, options.seed).assign(setting="cut by the border"))
    write_table(pd.concat(tables), "deep_transfer", options)


def left_out(options: Namespace) -> None:
    """Write errors of networks on the family that was left out of their training."""
    tables = []
    for family in FAMILIES:
        fields = family_fields(family, options.fields, seed=options.seed)
        model = DeepTFM.from_pretrained(options.weights / f"loo_{family}.safetensors")
        estimators = {ORACLE: oracles()[ORACLE], "DeepTFM, family left out": model}
        tables.append(errors(estimators, fields, 0.0, options.seed).assign(family=family))
    write_table(pd.concat(tables), "deep_left_out", options)


def turns(options: Namespace) -> None:
    """Write how much predictions change under a quarter turn, and what averaging over the eight turns gains."""
    rows = []
    for name in ("default", "small"):
        plain = DeepTFM.from_pretrained(name)
        averaged = DeepTFM.from_pretrained(name, average_turns=True)
        for family in FAMILIES:
            fields = family_fields(family, options.fields, seed=options.seed)
            for level in (0.0, 0.1):
                noisy = noise_model(0.0)(fields.noise_free_displacement, level, np.random.default_rng(options.seed))
                one, mean = plain.predict(noisy), averaged.predict(noisy)
                back = turn_back(plain.predict(turn(noisy, 1, False)), 1, False)
                rows.append(
                    {
                        "weights": name,
                        "family": family,
                        "noise": level,
                        "error": relative_rmse(fields.traction, one),
                        "error_averaged": relative_rmse(fields.traction, mean),
                        "change_under_turn": relative_rmse(one, back),
                    }
                )
    write_table(pd.DataFrame(rows), "deep_turns", options)


def _on_gel(fields: Any, changes: dict[str, Any], seed: int) -> pd.DataFrame:
    gel = {"young": changes.get("young", 10_670.0), "poisson": changes.get("poisson", 0.45)}
    estimators = {
        ORACLE: OracleLambda(FTTC(boundary="periodic", order=0.0, **gel)),
        "DeepTFM (default)": DeepTFM.from_pretrained(**gel),
    }
    return errors(estimators, fields, 0.0, seed)


def _cut_in_half(fields: Any) -> Any:
    """Keep a quarter of the field whose lower border runs through the middle of the cell."""
    for name in ("traction", "noise_free_displacement"):
        fields[name] = np.ascontiguousarray(fields[name][..., :104, 52:156])
    return fields


def main() -> None:
    """Run one study."""
    parser = study_parser("deep", __doc__, fields=12, seed=2021)
    studies = {"accuracy": accuracy, "transfer": transfer, "left-out": left_out, "turns": turns}
    parser.add_argument("study", choices=studies)
    parser.add_argument("--weights", type=Path, help="folder of the weights for left-out")
    options = parser.parse_args()
    studies[options.study](options)


if __name__ == "__main__":
    main()
