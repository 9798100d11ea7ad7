"""How far are the sums of a cell from the truth, beyond their spread under noise?

Every method recovers fields of `calibration_families` under noise. For every quantity of the table of a batch,
`tfmkit.error_bars` takes five numbers: they are fitted here, so that 90 % of the true values lie within 1.645 standard
deviations of the estimate. The test families of the other studies are not among the fields. The table `error_bars.csv`
holds the numbers, and the share of true values within the interval: over all fields, in the family and noise where it
is least, and over families each of which was left out of the fit that it is judged by.

    OMP_NUM_THREADS=1 python -m benchmarks.error_bars
    OMP_NUM_THREADS=1 python -m benchmarks.error_bars --methods FTTC   # the others' rows stay

The numbers of the table then go into `CALIBRATIONS` of `tfmkit.error_bars`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import minimize

from benchmarks.calibration_families import CALIBRATION_FAMILIES, calibration_fields
from benchmarks.command import study_parser
from benchmarks.families import CORRELATION
from benchmarks.recoveries import FINER, SLOW_FIELDS, exact_energy, rows_of_methods, with_other_methods
from benchmarks.saving import write_table
from tfmkit.error_bars import INTERVAL, Calibration
from tfmkit.methods import TRACTION

NOISES = ((0.0, 0.0), (0.05, 0.0), (0.2, 0.0), (0.05, CORRELATION), (0.2, CORRELATION))
SIDE = 64
# Share of true values that the fitted intervals hold. Families that are left out of a fit lose about one in a hundred.
_AIM = 0.90
# Logarithms of the numbers at which the fits begin.
_STARTS = ((-1.0, -1.0, -4.0, -1.0, -3.0), (0.5, -1.0, -4.0, 0.5, -5.0), (-1.0, 0.5, -5.0, -1.0, -2.0))
# Numbers that a quantity has no use for fall to about exp(-4).
_UNUSED, _PULL = -4.0, 1e-4


def fit(rows: pd.DataFrame) -> Calibration:
    """Fit the numbers of one method and quantity.

    Parameters
    ----------
    rows : DataFrame
        Rows of `quantity_rows`.

    Returns
    -------
    Calibration
        The numbers that minimise the quantile loss of the error.
    """
    error, spread, again = ((rows[name] / rows["scale"]).abs().to_numpy() for name in ("error", "spread", "again"))
    signs, middle = [rows[name].to_numpy() for name in ("noise_share", "border_share")], np.median(error)

    def loss(logarithms: Any) -> float:
        beyond = error - INTERVAL * Calibration(*np.exp(logarithms)).std(spread, again, *signs)
        quantile = np.maximum(_AIM * beyond, (_AIM - 1) * beyond).mean() / middle
        return float(quantile + _PULL * np.square(logarithms - _UNUSED).sum())

    found = [minimize(loss, start, method="Nelder-Mead", options={"maxiter": 800}) for start in _STARTS]
    return Calibration(*(float(f"{value:.2g}") for value in np.exp(min(found, key=lambda each: each.fun).x)))


def held(rows: pd.DataFrame, numbers: Calibration) -> pd.Series:
    """Return which true values of one method and quantity lie within the interval."""
    std = numbers.std(*(rows[name] for name in ("spread", "again", "noise_share", "border_share", "scale")))
    return rows["error"].abs() < INTERVAL * std


def left_out_coverage(rows: pd.DataFrame) -> float:
    """Return the share of true values that intervals hold whose numbers come from the other families."""
    parts = []
    for family in rows["family"].unique():
        own = rows["family"] == family
        parts.append(held(rows[own], fit(rows[~own])))
    return float(pd.concat(parts).mean())


def summarise(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the table: a row per method and quantity."""
    rows, table = rows.assign(error=rows["estimate"] - rows["truth"]), []
    for (method, quantity), each in rows.groupby(["method", "quantity"], sort=False):
        numbers = fit(each)
        inside = held(each, numbers)
        least = inside.groupby([each["family"], each["noise"]]).mean().min()
        shares = {"coverage": inside.mean(), "least_coverage": least, "left_out_coverage": left_out_coverage(each)}
        shares["n"] = len(each)
        table.append({"method": method, "quantity": quantity, **numbers._asdict(), **shares})
    return pd.DataFrame(table)


def main() -> None:
    """Run all methods, families and noises and write the table."""
    parser = study_parser("error_bars", __doc__, fields=12, seed=77)
    parser.add_argument("--methods", nargs="+", choices=tuple(TRACTION), default=list(TRACTION), help="methods to run")
    options = parser.parse_args()
    parts = []
    for family in CALIBRATION_FAMILIES:
        fields, finer = (
            calibration_fields(family, options.fields, seed=options.seed, shape=side) for side in (SIDE, FINER * SIDE)
        )
        energy = exact_energy(fields, finer if "border" not in fields else None)
        parts.append(rows_of_methods(family, fields, energy, options.methods, NOISES, options.seed))
    table = summarise(pd.concat(parts, ignore_index=True))
    write_table(
        with_other_methods(table, "error_bars", options), "error_bars", options, side=SIDE, slow_fields=SLOW_FIELDS
    )


if __name__ == "__main__":
    main()
