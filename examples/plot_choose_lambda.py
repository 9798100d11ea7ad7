"""
Choose lambda
=============

Too small a lambda turns noise into traction. Too large a lambda wipes traction out. `FTTCCV` estimates the error at
each lambda from the displacement itself. On simulated cells, with the gel and the noise of your own experiment, the
error is known, and a search of scikit-learn finds the lambda with the smallest error.
"""

from pathlib import Path

import numpy as np
from sklearn.model_selection import GridSearchCV

from tfmkit import FTTC, FTTCCV, plotting
from tfmkit.simulate import CellSimulator, add_noise

folder = Path("out/examples")
folder.mkdir(parents=True, exist_ok=True)

cells = CellSimulator("adhesion", shape=64, random_state=0).sample(24)
displacement = add_noise(cells.displacement, 0.1, unit="rms", random_state=0)

lams = np.logspace(-4, 2, 19)
search = GridSearchCV(FTTC(), {"lam": lams}, cv=4).fit(displacement, cells.traction)
errors = -np.stack([search.cv_results_[f"split{fold}_test_score"] for fold in range(4)], axis=1)
print(f"lambda {search.best_params_['lam']:.2g}: error {-search.best_score_:.2f} of the true traction")

figure = plotting.plot_lambda_curve(lams, errors, chosen=search.best_params_["lam"])
figure.savefig(folder / "choose_lambda.png")

model = FTTCCV().fit(displacement)
plotting.plot_criterion(model.cv_results_, field=0).savefig(folder / "choose_lambda_from_the_data.png")
median = np.median(model.lam_)
print(f"FTTCCV: lambda {median:.2g} in the median, error {-model.score(displacement, cells.traction):.2f}")
