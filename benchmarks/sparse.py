"""Sparse inversion against the best FTTC: error, and seconds per field.

    python -m benchmarks.sparse

Writes ``sparse.csv``. Displacements come from a grid three times finer, or in closed
form; the noise is a share of the root mean square of each field's displacement. The oracle picks lambda, or both
weights, by the error itself.
"""

from __future__ import annotations

import time
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.command import study_parser
from benchmarks.saving import write_table
from tfmkit.fttc import FTTC
from tfmkit.metrics import relative_rmse
from tfmkit.simulate import CellSimulator, PatchSimulator
from tfmkit.sparse import ElasticNetTFM

NOISE = (0.1, 0.3)
LAMBDAS = np.geomspace(1e-5, 1e2, 30)
LAM1 = (4.0, 8.0)
LAM2 = (0.05, 0.3, 1.5)
SIMULATORS = {
    "adhesion": CellSimulator("adhesion", oversample=3, random_state=0),
    "disc": PatchSimulator("disc", random_state=0),
    "hertz": PatchSimulator("hertz", random_state=0),
    "generic": CellSimulator("generic", oversample=3, random_state=0),
}


def errors(estimator: Any, displacement: np.ndarray, traction: np.ndarray, **params: Any) -> np.ndarray:
    """Return the whole-field relative error of every field."""
    predicted = estimator.fit(displacement).predict(displacement, **params)
    return np.asarray(relative_rmse(traction, predicted, multioutput="raw_values"))


def rows(family: str, noise: float, n_fields: int) -> list[dict[str, Any]]:
    """Compare the methods on one family at one noise level."""
    simulator = SIMULATORS[family]
    data = simulator.sample(n_fields)
    rng = np.random.default_rng(1)
    sigma = noise * np.sqrt(np.mean(data.displacement**2, axis=(1, 2, 3), keepdims=True))
    displacement = (data.displacement + sigma * rng.standard_normal(data.displacement.shape)).astype(np.float32)
    gel = {"young": simulator.young, "poisson": simulator.poisson, "spacing": simulator.spacing}
    traction = data.traction
    fttc = np.min([errors(FTTC(lam, boundary="periodic", **gel), displacement, traction) for lam in LAMBDAS], axis=0)
    weights = product(LAM1, LAM2)
    oracle = np.min([errors(ElasticNetTFM(a, b, **gel), displacement, traction) for a, b in weights], axis=0)
    start = time.perf_counter()
    automatic = errors(ElasticNetTFM(**gel), displacement, traction)
    seconds = (time.perf_counter() - start) / len(displacement)
    methods = {"fttc, oracle lambda": fttc, "elastic net, oracle": oracle, "elastic net, automatic": automatic}
    methods["elastic net, automatic, mask"] = errors(ElasticNetTFM(**gel), displacement, traction, mask=data.mask)
    return [
        {
            "family": family,
            "noise": noise,
            "method": name,
            "error": error.mean(),
            "std": error.std(ddof=1),
            "gain_percent": 100 * (1 - error.mean() / fttc.mean()),
            "seconds_per_field": seconds if name == "elastic net, automatic" else np.nan,
            "n_fields": len(error),
        }
        for name, error in methods.items()
    ]


def main() -> None:
    """Run all families and noise levels and write the table."""
    options = study_parser("sparse", __doc__, fields=4).parse_args()
    table = [row for family, noise in product(SIMULATORS, NOISE) for row in rows(family, noise, options.fields)]
    write_table(pd.DataFrame(table), "sparse", options)


if __name__ == "__main__":
    main()
