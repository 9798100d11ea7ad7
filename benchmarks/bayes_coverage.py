"""How often the 90 % intervals of `BayesianFTTC` hold the truth.

Cells and Hertz patches whose traction lies off the solver's grid (`families.py`), on a small field to keep it short.
How the intervals are made was settled on keratocytes, neurons, fibroblasts and discs, and on other seeds. The table
`bayes_coverage.csv` holds, for every family, noise and statistic, the share of intervals with the truth inside, and the
means over fields of the estimate and of half the interval, both over the truth; rows of noise "all" pool the noises.

    OMP_NUM_THREADS=1 python -m benchmarks.bayes_coverage
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.command import study_parser
from benchmarks.families import CORRELATION, family_fields
from benchmarks.saving import write_table
from tfmkit.bayes import BayesianFTTC
from tfmkit.mechanics import contractile_moment, strain_energy, total_force
from tfmkit.simulate import add_noise

FAMILIES = ("cell", "adhesion", "hertz")
# Noise of each component over the RMS of the displacement, and its correlation in px.
NOISES = ((0.04, 0.0), (0.1, CORRELATION), (0.3, 0.0), (0.3, CORRELATION))
SIDE = 56
N_SAMPLES = 8


def fields_of(family: str, noise: tuple[float, float], n_fields: int, seed: int) -> pd.DataFrame:
    """Return the intervals of one family under one noise beside the truth."""
    level, correlation = noise
    data = family_fields(family, n_fields, seed=seed, shape=SIDE)
    displacement = add_noise(data.displacement, level, unit="rms", correlation=correlation, random_state=seed)
    table = BayesianFTTC().fit(displacement).intervals(displacement, n_samples=N_SAMPLES, random_state=seed)
    truths = {
        "total_force": total_force(data.traction),
        "strain_energy": strain_energy(data.displacement, data.traction),
        "contractile_moment": contractile_moment(data.traction),
    }
    truth = np.array([truths[row.statistic][row.field] for row in table.itertuples()])
    return pd.DataFrame(
        {
            "family": family,
            "noise": str(level),
            "correlation_px": correlation,
            "statistic": table.statistic,
            "coverage": (table.low < truth) & (truth < table.high),
            "estimate_over_truth": table.estimate / truth,
            "half_width_over_truth": (table.high - table.low) / 2 / np.abs(truth),
        }
    )


def summarise(fields: pd.DataFrame) -> pd.DataFrame:
    """Return the table: a row per family, noise and statistic, and one over all noises."""
    keys = ["family", "noise", "correlation_px", "statistic"]
    pooled = fields.assign(noise="all", correlation_px=np.nan)
    groups = pd.concat([fields, pooled]).groupby(keys, sort=False, dropna=False)
    return groups.mean().assign(n_intervals=groups.size()).reset_index()


def main() -> None:
    """Run all families and noises and write the table."""
    options = study_parser("bayes_coverage", __doc__, fields=20, seed=2024).parse_args()
    parts: list[Any] = []
    for family, noise in product(FAMILIES, NOISES):
        parts.append(fields_of(family, noise, options.fields, options.seed))
        print(summarise(parts[-1]).iloc[:3].to_string(header=False), flush=True)
    table = summarise(pd.concat(parts, ignore_index=True))
    write_table(table, "bayes_coverage", options, side=SIDE, samples=N_SAMPLES)


if __name__ == "__main__":
    main()
