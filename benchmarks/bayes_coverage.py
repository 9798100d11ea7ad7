"""How often the 90 % intervals of `BayesianFTTC` hold the truth.

``python benchmarks/bayes_coverage.py`` writes ``bayes_coverage.csv``: one row per family, noise level and statistic.
Displacements come from a grid three times finer; the noise is a share of the root mean square of each field's
displacement.
"""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tfmkit.bayes import BayesianFTTC
from tfmkit.mechanics import contractile_moment, strain_energy, total_force
from tfmkit.simulate import CellSimulator

N_FIELDS = 8
N_SAMPLES = 8
FAMILIES = ("adhesion", "generic")
NOISE = (0.04, 0.1, 0.3)


def rows(family: str, noise: float) -> list[dict[str, Any]]:
    """Count the intervals of one family at one noise level that hold the truth."""
    data = CellSimulator(family, oversample=3, random_state=3).sample(N_FIELDS)
    sigma = noise * np.sqrt(np.mean(data.strain**2, axis=(1, 2, 3), keepdims=True))
    strain = data.strain + sigma * np.random.default_rng(4).standard_normal(data.strain.shape)
    strain = strain.astype(np.float32)
    table = BayesianFTTC().fit(strain).intervals(strain, n_samples=N_SAMPLES, random_state=5)
    truths = {
        "total_force": total_force(data.stress),
        "strain_energy": strain_energy(data.strain, data.stress),
        "contractile_moment": contractile_moment(data.stress),
    }
    result = []
    for statistic, truth in truths.items():
        found = table[table.statistic == statistic]
        result.append(
            {
                "family": family,
                "noise": noise,
                "statistic": statistic,
                "coverage": float(((found.low < truth) & (truth < found.high)).mean()),
                "estimate_over_truth": float((found.estimate / truth).mean()),
                "half_width_over_truth": float(((found.high - found.low) / 2 / np.abs(truth)).mean()),
                "n_fields": N_FIELDS,
            }
        )
    return result


def main() -> None:
    """Run all families and noise levels and write the table."""
    table = pd.DataFrame([row for family, noise in product(FAMILIES, NOISE) for row in rows(family, noise)])
    print(table.round(4).to_string(index=False))
    print(table.groupby("statistic").coverage.mean().to_string())
    target = Path(__file__).with_suffix(".csv")
    partial = target.with_suffix(".partial")
    table.round(4).to_csv(partial, index=False)
    partial.replace(target)


if __name__ == "__main__":
    main()
