"""How far are the sums of a cell from the truth, beyond their spread under noise?

Every method recovers fields of `calibration_families` under noise. For every quantity of the table of a batch,
`tfmkit.error_bars` takes seven numbers: they are fitted here, so that 90 % of the true values lie within 1.645 standard
deviations of the estimate. Neither the families nor the noises of `benchmarks.numbers` are among the fields. The table
`error_bars.csv` holds the numbers, and the share of true values within the interval: over all fields, in the family and
noise where it is least, and both once more for families each of which was left out of the fit that it is judged by.

    OMP_NUM_THREADS=1 python -m benchmarks.error_bars
    OMP_NUM_THREADS=1 python -m benchmarks.error_bars --methods FTTC   # the others' rows stay
    OMP_NUM_THREADS=1 python -m benchmarks.error_bars --rows rows     # fit again what lies there, recover the rest

The numbers of the table then go into `CALIBRATIONS` of `tfmkit.error_bars`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import scipy.special
from scipy.optimize import minimize

from benchmarks.calibration_families import CALIBRATION_FAMILIES, calibration_fields
from benchmarks.command import study_parser
from benchmarks.recoveries import FINER, add_choices, exact_energy, parts_in, rows_of_methods, with_other_methods
from benchmarks.saving import write_table
from tfmkit.error_bars import INTERVAL, Calibration, Parts

# Noise of each component over the RMS of the displacement, and its correlation in px: none of those of `numbers`.
NOISES = ((0.0, 0.0), (0.03, 0.0), (0.08, 0.0), (0.25, 0.0), (0.04, 1.2), (0.08, 1.8), (0.25, 1.8))
SIDE = 64
PLACE = ["family", "noise", "correlation_px"]
# Shares of true values that the fitted intervals hold: over all, and at least in any family and noise.
_AIM, _LEAST = 0.90, 0.85
# Weight of the shares below the least one, and the width in logarithms over which a value counts as partly inside.
_SHORT, _SOFT = 4.0, 0.05
# Families and noises with fewer values than this count over all only.
_ENOUGH = 10
# Logarithms of the numbers at which the fits begin, and their limits.
_STARTS, _LIMITS = (-1.0, -3.0), (-7.0, 2.5)
# The spread of the draws counts with this weight at least, so that no error bar is much shorter than the noise.
_LEAST_SPREAD = 0.75
# Numbers that a quantity has no use for fall to about exp(-4).
_UNUSED, _PULL = -4.0, 3e-4
# Errors below this part of the median error count as that.
_SMALLEST = 1e-2
# Keeps logarithms finite.
_TINY = 1e-300


def fit(rows: pd.DataFrame) -> Calibration:
    """Fit the numbers of one method and quantity.

    Parameters
    ----------
    rows : DataFrame
        Rows of `quantity_rows` with their ``error``.

    Returns
    -------
    Calibration
        The numbers that minimise the quantile loss of the logarithm of the error over the interval. The logarithm lets
        small errors without noise count as much as large ones under noise. Families and noises of which less than 85 %
        are held add to the loss: too short a bar misleads more than one that is somewhat too long.
    """
    error, parts = rows["error"].abs().to_numpy(), Parts(*(values.to_numpy() for values in parts_in(rows)))
    sizes = np.log(np.maximum(error, _SMALLEST * np.median(error)))

    groups = pd.factorize(pd.MultiIndex.from_frame(rows[PLACE]))[0]
    counts = np.bincount(groups)

    def loss(logarithms: Any) -> float:
        beyond = sizes - np.log(INTERVAL * Calibration(*np.exp(logarithms)).std(parts) + _TINY)
        quantile = (_AIM * beyond + _SOFT * np.logaddexp(0, -beyond / _SOFT)).mean()
        shares = np.bincount(groups, scipy.special.expit(-beyond / _SOFT)) / counts
        short = np.square(np.maximum(_LEAST - shares, 0)) @ (counts >= _ENOUGH) / len(counts)
        return float(quantile + _SHORT * short + _PULL * np.square(logarithms - _UNUSED).sum())

    n_numbers = len(Calibration._fields)
    bounds = [(np.log(_LEAST_SPREAD), _LIMITS[1])] + [_LIMITS] * (n_numbers - 1)
    found = [minimize(loss, np.full(n_numbers, start), method="L-BFGS-B", bounds=bounds) for start in _STARTS]
    return Calibration(*(float(f"{value:.2g}") for value in np.exp(min(found, key=lambda each: each.fun).x)))


def held(rows: pd.DataFrame, numbers: Calibration) -> pd.Series:
    """Return which true values of one method and quantity lie within the interval."""
    return rows["error"].abs() < INTERVAL * numbers.std(parts_in(rows))


def left_out(rows: pd.DataFrame) -> pd.Series:
    """Return which true values lie within intervals whose numbers come from the other families."""
    parts = []
    for family in rows["family"].unique():
        own = rows["family"] == family
        parts.append(held(rows[own], fit(rows[~own])))
    return pd.concat(parts)


def summarise(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the table: a row per method and quantity."""
    rows, table = rows.assign(error=rows["estimate"] - rows["truth"]), []
    for (method, quantity), each in rows.groupby(["method", "quantity"], sort=False):
        numbers, places = fit(each), [each[name] for name in PLACE]
        inside, outside = held(each, numbers), left_out(each)
        shares = {
            "coverage": inside.mean(),
            "least_coverage": inside.groupby(places).mean().min(),
            "left_out_coverage": outside.mean(),
            "least_left_out": outside.groupby(places).mean().min(),
            "n": len(each),
        }
        table.append({"method": method, "quantity": quantity, **numbers._asdict(), **shares})
    return pd.DataFrame(table)


def main() -> None:
    """Run all methods, families and noises and write the table."""
    parser = study_parser("error_bars", __doc__, fields=20, seed=77)
    add_choices(parser, slow_fields=2)
    options = parser.parse_args()
    parts = []
    for family in CALIBRATION_FAMILIES:
        fields, finer = (
            calibration_fields(family, options.fields, seed=options.seed, shape=side) for side in (SIDE, FINER * SIDE)
        )
        energy = exact_energy(fields, finer if "border" not in fields else None)
        parts.append(rows_of_methods(family, fields, energy, NOISES, options))
    table = summarise(pd.concat(parts, ignore_index=True))
    write_table(with_other_methods(table, "error_bars", options), "error_bars", options, side=SIDE)


if __name__ == "__main__":
    main()
