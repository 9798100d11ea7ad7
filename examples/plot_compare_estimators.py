"""
Compare estimators
==================

Every tfmkit estimator is a scikit-learn estimator. ``GridSearchCV`` can therefore search over methods as it searches
over parameters. `compare` then puts the winners side by side with FTTC at its best lambda, at several noise levels.
"""

from pathlib import Path

import numpy as np
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from tfmkit import FTTC, FTTCCV, plotting
from tfmkit.benchmark import compare, format_summary, paired_tests, summarise
from tfmkit.simulate import CellSimulator, add_noise

NOISE = 0.0188  # length of the noise vector in grid pixels, as measured in the paper
folder = Path("out/examples")
folder.mkdir(parents=True, exist_ok=True)

# Cells to choose on, with the noise of the experiment.
known = CellSimulator("adhesion", shape=64, random_state=0).sample(24)
displacement = add_noise(known.displacement, NOISE, random_state=0)

pipeline = Pipeline([("solver", FTTC())])
grid = [
    {"solver": [FTTC()], "solver__lam": np.logspace(-2, 2, 5), "solver__boundary": ["periodic", "extended"]},
    {"solver": [FTTCCV()], "solver__criterion": ["risk", "gcv"]},
]
search = GridSearchCV(pipeline, grid, cv=4).fit(displacement, known.traction)
best = search.best_estimator_["solver"]
print(f"best of {len(search.cv_results_['params'])}: {best}, error {-search.best_score_:.2f} of the true traction")

# Other cells to test on; both learn nothing from their truth.
unseen = CellSimulator("adhesion", shape=64, random_state=1).sample(16)
estimators = {"searched": best, "FTTC as it comes": FTTC()}
table = compare(
    unseen.displacement,
    unseen.traction,
    estimators,
    noise=(0.0, NOISE, 2 * NOISE),
    metrics=["relative_rmse"],
    random_state=1,
    progress=False,
)
summary = summarise(table)
print(format_summary(summary).to_string())
print(paired_tests(table, "searched").to_string(index=False, float_format="%.2g"))

errors = summary.xs("relative_rmse", level="metric")
means, spreads = (errors[column].unstack("estimator") for column in ("mean", "std"))
plotting.plot_bars(means, spreads, xlabel="noise (px)").savefig(folder / "compare_estimators.png")
