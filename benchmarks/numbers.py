"""How exact are the sums of a cell: total force, strain energy and contractile moment?

Discs and Hertz patches, whose displacement is a closed form, and adhesion and circuit cells, made on a finer grid. The
table `numbers.csv` holds, for every method, family, noise and region, the median over fields of each sum over truth:
``total_force`` leaves the noise of the background out, as tables of `tfmkit` do, and ``plain_total_force`` does not. A
mask reaches three grid points past the patches.

    OMP_NUM_THREADS=1 python -m benchmarks.numbers
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from scipy.ndimage import binary_dilation
from sklearn.utils import get_tags

from benchmarks.command import study_parser
from benchmarks.families import CORRELATION, FAMILIES, family_fields
from benchmarks.saving import write_table
from tfmkit.gel import Gel
from tfmkit.mechanics import contractile_moment, significant_force, strain_energy, total_force
from tfmkit.methods import TRACTION
from tfmkit.simulate import add_noise

# Noise of each component over the RMS of the displacement, and its correlation in px.
NOISES = ((0.0, 0.0), (0.05, 0.0), (0.1, 0.0), (0.2, 0.0), (0.2, CORRELATION))
METHODS = ("FTTCCV", "BayesianFTTC")
SIDE, MARGIN = 64, 3
KEYS = ["method", "family", "noise", "correlation_px", "mask"]


def sums(displacement: Any, traction: Any, mask: Any) -> dict[str, Any]:
    """Return the sums of fields, one value each."""
    return {
        "total_force": significant_force(traction, mask=mask),
        "plain_total_force": total_force(traction, mask=mask),
        "strain_energy": strain_energy(displacement, traction, mask=mask),
        "contractile_moment": contractile_moment(traction, mask=mask),
    }


def rows(method: str, family: str, noise: tuple[float, float], n_fields: int, seed: int) -> pd.DataFrame:
    """Return the sums of one method, family and noise over the truth, with and without a mask."""
    data = family_fields(family, n_fields, seed=seed, shape=SIDE)
    level, correlation = noise
    displacement = add_noise(data.displacement, level, unit="rms", correlation=correlation, random_state=seed)
    estimator = TRACTION[method].on_gel(Gel(poisson=0.45))
    if not get_tags(estimator).target_tags.required:
        estimator.fit(displacement)
    traction = estimator.predict(displacement)
    pulled = np.hypot(data.traction[:, 0], data.traction[:, 1]) > 0
    masks = {"none": None, "patches": np.stack([binary_dilation(each, iterations=MARGIN) for each in pulled])}
    truth = sums(data.displacement, data.traction, None) | {"total_force": total_force(data.traction)}
    tables = []
    for name, mask in masks.items():
        ratios = {key: value / truth[key] for key, value in sums(displacement, traction, mask).items()}
        tables.append(
            pd.DataFrame({**dict(zip(KEYS, (method, family, level, correlation, name), strict=True)), **ratios})
        )
    return pd.concat(tables)


def main() -> None:
    """Run all methods, families and noises and write the table."""
    parser = study_parser("numbers", __doc__, fields=6, seed=314)
    parser.add_argument("--methods", nargs="+", choices=tuple(TRACTION), default=list(METHODS), help="methods to run")
    options = parser.parse_args()
    parts = [rows(*each, options.fields, options.seed) for each in product(options.methods, FAMILIES, NOISES)]
    table = pd.concat(parts).groupby(KEYS, sort=False).median().reset_index()
    write_table(table, "numbers", options, side=SIDE, margin=MARGIN)


if __name__ == "__main__":
    main()
