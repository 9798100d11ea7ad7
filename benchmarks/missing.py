"""What missing vectors cost, filled from the nearest neighbour, by a thin plate, and with the predicted displacement.

    python -m benchmarks.missing

Adhesion cells with 10 % white noise; each filling in front of each estimator. The table goes to `missing.csv`.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from sklearn.frozen import FrozenEstimator
from tqdm.auto import tqdm

from benchmarks.command import study_parser
from benchmarks.families import family_fields
from benchmarks.saving import write_table
from tfmkit.filters import MissingVectorFilter
from tfmkit.methods import TRACTION
from tfmkit.metrics import relative_rmse
from tfmkit.simulate import add_noise

SHARES = (0.05, 0.1, 0.2)
NOISE = 0.1
# Rounds of MissingVectorFilter, by what the filling is called.
ROUNDS = {"thin plate": 0, "one round": 1, "three rounds": 3}


def from_nearest(displacement: NDArray[Any], missing: NDArray[Any]) -> NDArray[Any]:
    """Fill each hole with its nearest neighbour."""
    filled = displacement.copy()
    for field, holes in zip(filled, missing, strict=True):
        rows, columns = distance_transform_edt(holes, return_distances=False, return_indices=True)
        field[:] = field[:, rows, columns]
    return filled


def measure(name: str, estimator: Any, fields: Any, seed: int) -> list[dict[str, Any]]:
    """Return the rows of one estimator."""
    rng = np.random.default_rng(seed)
    displacement = add_noise(fields.noise_free_displacement, NOISE, unit="rms", random_state=rng)
    rows = [_row(name, 0.0, "none missing", estimator, displacement, fields.traction)]
    for share in tqdm(SHARES, desc=name):
        missing = rng.random(displacement.shape[:1] + displacement.shape[2:]) < share
        holed = np.where(missing[:, None], np.nan, displacement)
        rows.append(_row(name, share, "nearest", estimator, from_nearest(displacement, missing), fields.traction))
        for filling, n_rounds in ROUNDS.items():
            if name == "ElasticNetTFM" and n_rounds > 1:  # minutes
                continue
            model = MissingVectorFilter(FrozenEstimator(estimator), n_rounds=n_rounds).fit(holed)
            rows.append(_row(name, share, filling, model, holed, fields.traction))
    return rows


def _row(name: str, share: float, filling: str, model: Any, displacement: Any, traction: Any) -> dict[str, Any]:
    start = time.process_time()
    errors = np.asarray(relative_rmse(traction, model.predict(displacement), multioutput="raw_values"))
    seconds = (time.process_time() - start) / len(errors)
    return {
        "estimator": name, "missing": share, "filling": filling, "error": errors.mean(), "std": errors.std(ddof=1),
        "processor_seconds": seconds,
    }  # fmt: skip


def main() -> None:
    """Measure every estimator and write the table."""
    options = study_parser("missing", __doc__, fields=4, seed=2021).parse_args()
    fields = family_fields("adhesion", options.fields, seed=options.seed)
    estimators = {
        "FTTCCV": TRACTION["FTTCCV"].make().fit(fields.noise_free_displacement),
        "ElasticNetTFM": TRACTION["ElasticNetTFM"].make().fit(fields.noise_free_displacement),
        "DeepTFM": TRACTION["DeepTFM"].make(),
        "DeepTFM, small": TRACTION["DeepTFM"].make(weights="small"),
    }
    rows = [row for name, model in estimators.items() for row in measure(name, model, fields, options.seed)]
    write_table(pd.DataFrame(rows), "missing", options, noise=NOISE)


if __name__ == "__main__":
    main()
