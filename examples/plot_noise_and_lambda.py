"""
Noise and lambda
================

More noise needs a larger lambda. `FTTCCV` measures the noise of every field and chooses lambda and the order of the
penalty for it. The choice stays close to the best one, which only a simulation can know.
"""

from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from tfmkit import FTTC, FTTCCV
from tfmkit.metrics import relative_rmse
from tfmkit.simulate import CellSimulator, add_noise

folder = Path("out/examples")
folder.mkdir(parents=True, exist_ok=True)

cells = CellSimulator("adhesion", shape=64, oversample=3, random_state=0).sample(2)
lams = np.logspace(-3, 2.5, 23)
figure, axes = plt.subplots(figsize=(5, 3.2), layout="constrained")
for level, colour in ((0.02, "#56b4e9"), (0.1, "#0072b2"), (0.3, "#d55e00")):
    displacement = add_noise(cells.displacement, level, unit="rms", random_state=0)
    errors = [
        relative_rmse(cells.traction, FTTC(lam, order=1.0).fit(displacement).predict(displacement)) for lam in lams
    ]
    axes.semilogx(lams, errors, color=colour, label=f"noise {level:.0%}")
    chosen = FTTCCV(orders=[1.0], noise_correlation=0.0).fit(displacement)
    error = relative_rmse(cells.traction, chosen.predict(displacement))
    axes.plot(np.median(chosen.lam_), error, "o", color=colour)
axes.set(xlabel="lambda (dimensionless)", ylabel="relative error", ylim=(0, 1))
axes.set_title("lines: given lambda, dots: choice of FTTCCV", fontsize=10)
axes.legend(frameon=False)
figure.savefig(folder / "noise_and_lambda.png", dpi=130)
