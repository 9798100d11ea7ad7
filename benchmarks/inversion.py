"""Errors of the closed-form and open inverses, and of every rule that chooses lambda, against their oracles.

Families, noise levels and correlation are those of `families.py`; the error is the relative RMSE over the whole field.
An oracle is the best lambda (and order, where it says so) of each field, known only in hindsight; "told the noise"
means that it may weigh the penalty by the correlation of the noise, or not. Two tables:

- `inversion.csv`: error per family, noise and method (mean and standard deviation over fields), its median ratio to the
  oracle of the extended boundary told the noise, and to periodic zeroth-order FTTC at its own oracle;
- `inversion_mask.csv`: error inside the mask, without it (or cut with it) and fitted inside it, lambda chosen without.

    OMP_NUM_THREADS=1 python -m benchmarks.inversion
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from benchmarks.command import study_parser
from benchmarks.families import CORRELATION, FAMILIES, LEVELS, family_fields
from benchmarks.saving import write_table
from tfmkit.fttc import FTTC, FTTCCV
from tfmkit.fttc.criteria import CRITERIA
from tfmkit.metrics import relative_rmse
from tfmkit.simulate import add_noise

POISSON = 0.45
LAMS = np.geomspace(1e-3, 1e3, 31)
ORDERS = (0.0, 0.5, 1.0, 1.5, 2.0)
# Conjugate gradients are slower: every third lambda, and the orders that bracket the best one.
OPEN_LAMS, OPEN_ORDERS = LAMS[::3], (0.0, 1.0)
# Hertz patches of 2 um are about one paper pixel wide, below what any solver on that grid resolves: a finer one too.
CASES: dict[str, dict[str, Any]] = {**{name: {} for name in FAMILIES}, "hertz 0.5 um/px": {"pixel_size": 0.5}}


def path_errors(
    displacement: np.ndarray, traction: np.ndarray, lams: Any, orders: Any, boundary: str, correlation: float = 0.0
) -> np.ndarray:
    """Return the error of every order, lambda and field."""
    errors, shared = [], {"boundary": boundary, "noise_correlation": correlation, "poisson": POISSON}
    for order in orders:
        for lam in lams:
            model = FTTC(lam, order=order, **shared).fit(displacement)
            errors.append(relative_rmse(traction, model.predict(displacement), multioutput="raw_values"))
    return np.reshape(errors, (len(orders), len(lams), -1))


def rule_errors(displacement: np.ndarray, traction: np.ndarray) -> dict[str, np.ndarray]:
    """Return the error of each field at what each rule chooses."""
    models = {criterion: FTTCCV(LAMS, criterion=criterion, poisson=POISSON).fit(displacement) for criterion in CRITERIA}
    return {
        f"FTTCCV {criterion}": relative_rmse(traction, model.predict(displacement), multioutput="raw_values")
        for criterion, model in models.items()
    }


def study(family: str, level: float, correlation: float, sample: dict[str, int]) -> tuple[list[Any], list[Any]]:
    """Return the rows of both tables for one family and noise."""
    name, changes = family.split(maxsplit=1)[0], CASES[family]
    fields = family_fields(name, **sample, poisson=POISSON, **changes)
    displacement = add_noise(fields.displacement, level, unit="rms", correlation=correlation, random_state=7)
    extended = path_errors(displacement, fields.traction, LAMS, ORDERS, "extended")
    periodic = path_errors(displacement, fields.traction, LAMS, (0.0,), "periodic").min(axis=(0, 1))
    white = extended.min(axis=(0, 1))
    told = path_errors(displacement, fields.traction, LAMS, ORDERS, "extended", correlation).min(axis=(0, 1))
    oracle = np.minimum(white, told)
    methods = {
        "periodic order 0, oracle": periodic,
        "extended order 0, oracle": extended[0].min(axis=0),
        "extended order 1, oracle": extended[ORDERS.index(1.0)].min(axis=0),
        "extended any order, oracle": white,
        "extended any order, oracle told the noise": oracle,
        "open order 0 or 1, oracle": path_errors(displacement, fields.traction, OPEN_LAMS, OPEN_ORDERS, "open").min(
            axis=(0, 1)
        ),
        **(rule_errors(displacement, fields.traction) if level else {}),
    }
    setting = {"family": family, "noise": level, "correlation_px": correlation}
    rows = [
        {
            **setting,
            "method": method,
            "error": error.mean(),
            "std": error.std(ddof=1),
            "median_over_oracle": np.median(error / oracle),
            "mean_over_periodic_oracle": error.mean() / periodic.mean(),
        }
        for method, error in methods.items()
    ]
    return rows, [{**setting, **mask_errors(displacement, fields)}]


def mask_errors(displacement: np.ndarray, fields: Any) -> dict[str, float]:
    """Return the errors inside the cell of predictions without and with its mask."""
    model = FTTCCV(poisson=POISSON, support="fit").fit(displacement)
    without, with_mask = (
        relative_rmse(
            fields.traction, model.predict(displacement, mask=mask), mask=fields.mask, multioutput="raw_values"
        )
        for mask in (None, fields.mask)
    )
    return {
        "error_without_mask": without.mean(),
        "error_with_mask": with_mask.mean(),
        "worst_ratio": (with_mask / without).max(),
    }


def main() -> None:
    """Run all families and levels and write the tables."""
    options = study_parser("inversion", __doc__, fields=12, seed=2021).parse_args()
    sample = {"n_fields": options.fields, "seed": options.seed}
    rows, masks = [], []
    for family in CASES:
        for level in LEVELS:
            for correlation in (0.0, CORRELATION) if level else (0.0,):
                print(family, level, correlation, flush=True)
                new_rows, new_masks = study(family, level, correlation, sample)
                rows += new_rows
                masks += new_masks
    settings = {"poisson": POISSON, "lams": [LAMS[0], LAMS[-1], len(LAMS)], "orders": ORDERS}
    write_table(pd.DataFrame(rows), "inversion", options, **settings)
    write_table(pd.DataFrame(masks), "inversion_mask", options, **settings)


if __name__ == "__main__":
    main()
