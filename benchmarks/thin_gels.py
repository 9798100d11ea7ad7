"""Thin gels: networks that were trained on half-spaces alone, beside FTTCCV and ElasticNetTFM of the same gel.

    python -m benchmarks.thin_gels

``thin_gels.csv`` has the whole-field error on adhesion cells and Hertz patches with 4 % noise, by thickness in grid
points. "half-space" is the same network without the thickness. Displacement is made on a grid three times finer.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from benchmarks.command import study_parser
from benchmarks.families import family_fields
from benchmarks.saving import write_table
from tfmkit.deep import DeepTFM
from tfmkit.fttc import FTTCCV
from tfmkit.gel import ForwardOperator
from tfmkit.metrics import relative_rmse
from tfmkit.simulate import add_noise
from tfmkit.sparse import ElasticNetTFM

FAMILIES, THICKNESSES, NOISE = ("adhesion", "hertz"), (None, 40.0, 20.0, 10.0, 5.0, 2.0), 0.04
SIDE, _FINER = 64, 3


def rows(family: str, thickness: float | None, options: Any) -> list[dict[str, Any]]:
    """Return the error of every method on one gel."""
    traction = family_fields(family, options.fields, seed=options.seed, shape=SIDE).traction
    fine = traction.repeat(_FINER, axis=-2).repeat(_FINER, axis=-1)
    thick = None if thickness is None else _FINER * thickness
    moved = ForwardOperator(_FINER * SIDE, thickness=thick).apply(fine)[..., 1::_FINER, 1::_FINER] / _FINER
    displacement = add_noise(moved, NOISE, unit="rms", random_state=options.seed)
    models = {"FTTCCV": FTTCCV(thickness=thickness), "ElasticNetTFM": ElasticNetTFM(thickness=thickness)}
    for name in ("small", "default"):
        models[f"DeepTFM {name}"] = DeepTFM(weights=name, max_epochs=0, thickness=thickness)
        models[f"DeepTFM {name}, half-space"] = DeepTFM(weights=name, max_epochs=0)
    where = {"family": family, "thickness": np.inf if thickness is None else thickness}
    errors = {
        name: relative_rmse(traction, model.fit(displacement).predict(displacement)) for name, model in models.items()
    }
    return [where | {"method": name, "error": float(error)} for name, error in errors.items()]


def main() -> None:
    """Write the table."""
    options = study_parser("thin_gels", __doc__, fields=4, seed=2021).parse_args()
    table = pd.DataFrame([row for family in FAMILIES for h in THICKNESSES for row in rows(family, h, options)])
    write_table(table, "thin_gels", options)


if __name__ == "__main__":
    main()
