"""Thin gels and beads below the surface: networks beside FTTCCV and ElasticNetTFM of the same gel.

    python -m benchmarks.thin_gels

``thin_gels.csv`` has the whole-field error on adhesion cells and Hertz patches with 4 % noise, by thickness in grid
points, and depth of the beads. "half-space" is the same network without thickness and depth. The trainings of "small"
and "default" had half-spaces alone, with beads at the surface; that of the file `--depth` had both
(`tfmkit train depth`). Displacement is made on a grid three times finer.
"""

from __future__ import annotations

from pathlib import Path
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

FAMILIES, NOISE = ("adhesion", "hertz"), 0.04
# Thickness and depth in grid points.
THIN, DEEP = [(h, 0.0) for h in (40.0, 20.0, 10.0, 5.0, 2.0)], [(None, d) for d in (0.25, 0.5, 1.0)]
GELS = [(None, 0.0), *THIN, *DEEP, (5.0, 0.5)]
SIDE, _FINER = 64, 3


def rows(family: str, thickness: float | None, depth: float, options: Any) -> list[dict[str, Any]]:
    """Return the error of every method on one gel."""
    traction = family_fields(family, options.fields, seed=options.seed, shape=SIDE).traction
    fine = traction.repeat(_FINER, axis=-2).repeat(_FINER, axis=-1)
    thick = None if thickness is None else _FINER * thickness
    operator = ForwardOperator(_FINER * SIDE, thickness=thick, depth=_FINER * depth)
    moved = operator.apply(fine)[..., 1::_FINER, 1::_FINER] / _FINER
    displacement = add_noise(moved, NOISE, unit="rms", random_state=options.seed)
    gel: dict[str, Any] = {"thickness": thickness, "depth": depth}
    models: dict[str, Any] = {"FTTCCV": FTTCCV(**gel), "ElasticNetTFM": ElasticNetTFM(**gel)}
    for name in ("small", "default", *([options.depth] if options.depth else [])):
        if depth == 0 or name == options.depth:
            models[f"DeepTFM {Path(name).stem}"] = DeepTFM(weights=name, max_epochs=0, **gel)
        models[f"DeepTFM {Path(name).stem}, half-space"] = DeepTFM(weights=name, max_epochs=0)
    where = {"family": family, "thickness": np.inf if thickness is None else thickness, "depth": depth}
    errors = {
        name: relative_rmse(traction, model.fit(displacement).predict(displacement)) for name, model in models.items()
    }
    return [where | {"method": name, "error": float(error)} for name, error in errors.items()]


def main() -> None:
    """Write the table."""
    parser = study_parser("thin_gels", __doc__, fields=4, seed=2021)
    parser.add_argument("--depth", metavar="FILE", help="weights whose training had thin gels and deep beads")
    options = parser.parse_args()
    table = pd.DataFrame([row for family in FAMILIES for gel in GELS for row in rows(family, *gel, options)])
    write_table(table, "thin_gels", options)


if __name__ == "__main__":
    main()
