"""How exact are the numbers of a cell, and how often do their error bars hold?

Discs and Hertz patches, whose displacement is a closed form, and adhesion and circuit cells, made on a finer grid. A
mask reaches three grid points past the patches. The table `numbers.csv` holds, for every method, family, noise and
mask, the median over fields of total force, strain energy and contractile moment over the truth. The table
`numbers_coverage.csv` holds, for every method, quantity, family and noise, the share of fields, with and without a
mask, whose true value lies within 1.645 standard deviations of the estimate; rows of family "all" pool families and
noises. The energy of discs and Hertz patches is that of the same fields on a grid twice as fine.

    OMP_NUM_THREADS=1 python -m benchmarks.numbers
    OMP_NUM_THREADS=1 python -m benchmarks.numbers --methods FTTC   # the others' rows stay
"""

from __future__ import annotations

from argparse import Namespace

import pandas as pd

from benchmarks.command import study_parser
from benchmarks.families import CORRELATION, FAMILIES, family_fields
from benchmarks.recoveries import (
    FINER,
    MARGIN,
    add_choices,
    exact_energy,
    parts_in,
    rows_of_methods,
    with_other_methods,
)
from benchmarks.saving import write_table
from tfmkit.error_bars import CALIBRATIONS, INTERVAL

# Noise of each component over the RMS of the displacement, and its correlation in px.
NOISES = (
    (0.0, 0.0), (0.05, 0.0), (0.1, 0.0), (0.2, 0.0), (0.05, CORRELATION), (0.1, CORRELATION), (0.2, CORRELATION),
)  # fmt: skip
SIDE, PIXEL_UM = 64, 1.925
RATIOS = ("total_force", "strain_energy", "contractile_moment")
PLACE = ["method", "family", "noise", "correlation_px"]


def rows_of(family: str, options: Namespace) -> pd.DataFrame:
    """Return the quantities of one family by all methods under all noises."""
    n_fields, seed = options.fields, options.seed
    fields, finer = family_fields(family, n_fields, seed=seed, shape=SIDE), None
    if family in ("disc", "hertz"):
        finer = family_fields(family, n_fields, seed=seed, shape=FINER * SIDE, pixel_size=PIXEL_UM / FINER)
    energy = exact_energy(fields, finer)
    return rows_of_methods(family, fields, energy, NOISES, options)


def ratios(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the medians of the estimates over the truth."""
    some = rows[rows["quantity"].isin(RATIOS)].assign(ratio=rows["estimate"] / rows["truth"])
    wide = some.groupby([*PLACE, "mask", "quantity"], sort=False)["ratio"].median().unstack("quantity")
    return wide[list(RATIOS)].reset_index()


def coverage(rows: pd.DataFrame) -> pd.DataFrame:
    """Return how often the intervals hold, by family and noise and over all."""
    held = pd.concat(
        each.assign(
            held=(each["estimate"] - each["truth"]).abs() < INTERVAL * CALIBRATIONS[name][quantity].std(parts_in(each))
        )
        for (name, quantity), each in rows.groupby(["method", "quantity"], sort=False)
    )
    held[PLACE[2:]] = held[PLACE[2:]].map("{:g}".format)
    pooled = held.assign(family="all", noise="all", correlation_px="all")
    groups = pd.concat([pooled, held]).groupby([*PLACE, "quantity"], sort=False)["held"]
    wide = groups.mean().unstack("quantity").assign(n_intervals=groups.size().unstack("quantity").iloc[:, 0])
    return wide.reset_index()


def main() -> None:
    """Run all methods, families and noises and write the tables."""
    parser = study_parser("numbers", __doc__, fields=20, seed=314)
    add_choices(parser, slow_fields=2)
    options = parser.parse_args()
    rows = pd.concat([rows_of(family, options) for family in FAMILIES], ignore_index=True)
    tables = {"numbers": ratios(rows), "numbers_coverage": coverage(rows)}
    for name, table in tables.items():
        write_table(with_other_methods(table, name, options), name, options, side=SIDE, margin=MARGIN)


if __name__ == "__main__":
    main()
