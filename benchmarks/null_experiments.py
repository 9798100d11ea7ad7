"""How often a comparison of two conditions finds an effect where there is none, with replicates and with cells.

Every experiment has two conditions, replicates that differ by a factor each (a dish, a day), and cells that differ by a
factor each; both factors are log-normal. Two tests compare the conditions at the 5 % level: that of `tfmkit compare`,
over the means of the replicates, and Welch's t-test over all cells as if each were a replicate. The table has a row for
each scatter of the replicates and each true effect: the share of experiments that each test calls significant, and the
share of 95 % intervals of `tfmkit compare` that contain the true effect. It goes to `null_experiments.csv`.

    python -m benchmarks.null_experiments
"""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
from scipy import stats

from benchmarks.command import study_parser
from benchmarks.saving import write_table
from tfmkit.compare import compare_conditions

EFFECTS = (0.0, 0.3)
# Standard deviations of the logarithms. Cells of one dish differ by about a factor of 1.5.
REPLICATE_SPREADS, CELL_SPREAD = (0.0, 0.1, 0.2, 0.3), 0.4
N_REPLICATES, N_CELLS = 3, 8
FORCE = "total_force_N"


def simulate(effect: float, spread: float, rng: np.random.Generator) -> pd.DataFrame:
    """Return the table of one experiment."""
    shape = (2, N_REPLICATES, N_CELLS)
    logs = rng.normal(scale=CELL_SPREAD, size=shape) + rng.normal(scale=spread, size=shape[:2])[..., None]
    logs[1] += np.log1p(effect)
    condition, replicate, _ = np.indices(shape)
    columns = {"condition": np.array(["a", "b"])[condition.ravel()], "replicate": replicate.ravel()}
    return pd.DataFrame({**columns, FORCE: 1e-8 * np.exp(logs.ravel())})


def judge(table: pd.DataFrame, effect: float) -> dict[str, bool]:
    """Return the verdicts of both tests, and whether the interval contains the effect."""
    row = compare_conditions(table, quantities=[FORCE]).iloc[0]
    first, second = (np.log(group[FORCE]) for _, group in table.groupby("condition"))
    return {
        "replicates": bool(row["p_value"] < 0.05),
        "cells": bool(stats.ttest_ind(first, second, equal_var=False).pvalue < 0.05),
        "inside": bool(row["effect_low"] <= effect <= row["effect_high"]),
    }


def main() -> None:
    """Judge all experiments and write the table."""
    parser = study_parser("null_experiments", __doc__, seed=0)
    parser.add_argument("--experiments", type=int, default=200, help="experiments of each kind (default: 200)")
    options = parser.parse_args()
    rows = []
    for effect, spread in product(EFFECTS, REPLICATE_SPREADS):
        rng = np.random.default_rng(options.seed)
        verdicts = pd.DataFrame(judge(simulate(effect, spread, rng), effect) for _ in range(options.experiments))
        rows.append({"effect": effect, "replicate_spread": spread, **verdicts.mean()})
    names = {"replicates": "significant_replicates", "cells": "significant_cells", "inside": "interval_holds"}
    table = pd.DataFrame(rows).rename(columns=names)
    write_table(table, "null_experiments", options, n_replicates=N_REPLICATES, n_cells=N_CELLS, cell_spread=CELL_SPREAD)


if __name__ == "__main__":
    main()
