"""Time of one search over FTTC, FTTCCV and the packaged networks, and whether the winner is the network as packaged.

The search cross-validates three lambdas of FTTC, FTTCCV, and both networks without training on 24 adhesion cells of
64 x 64 points with 10 % noise, in three folds. Its time is to stay under 60 s on two cores. The table goes to
`search.csv`.

    python -m benchmarks.search
"""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import torch
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from benchmarks.command import study_parser
from benchmarks.saving import write_table
from tfmkit.deep import DeepTFM
from tfmkit.fttc import FTTC, FTTCCV
from tfmkit.simulate import CellSimulator, add_noise

N_CELLS, SIDE, NOISE = 24, 64, 0.1
GRID = [
    {"solver": [FTTC()], "solver__lam": [0.1, 1.0, 10.0]},
    {"solver": [FTTCCV()]},
    {"solver": [DeepTFM(weights="default", max_epochs=0), DeepTFM(weights="small", max_epochs=0)]},
]


def main() -> None:
    """Search once, compare the winner with the packaged network, and write the table."""
    options = study_parser("search", __doc__, threads=2, seed=2).parse_args()
    torch.set_num_threads(options.threads)
    cells = CellSimulator("adhesion", shape=SIDE, oversample=3, random_state=options.seed).sample(N_CELLS)
    displacement = add_noise(cells.noise_free_displacement, NOISE, unit="rms", random_state=options.seed)
    search = GridSearchCV(Pipeline([("solver", FTTC())]), GRID, cv=3, error_score="raise")
    began, began_cpu = time.perf_counter(), time.process_time()
    search.fit(displacement, cells.traction)
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - began_cpu
    winner = search.best_params_["solver"]
    packaged = DeepTFM.from_pretrained(winner.weights).predict(displacement) if isinstance(winner, DeepTFM) else None
    same = packaged is not None and np.array_equal(search.best_estimator_.predict(displacement), packaged)
    table = pd.DataFrame(
        {
            "candidate": [str(params) for params in search.cv_results_["params"]],
            "error": -search.cv_results_["mean_test_score"],
            "seconds": search.cv_results_["mean_fit_time"] + search.cv_results_["mean_score_time"],
        }
    )
    print(f"search: {seconds:.1f} s, {cpu_seconds:.1f} s of processor time; same bits as the packaged network: {same}")
    write_table(table, "search", options, seconds=seconds, cpu_seconds=cpu_seconds, same_bits=bool(same))


if __name__ == "__main__":
    main()
