"""
Train a network further
=======================

``DeepTFM().fit(displacement, traction)`` starts from the packaged weights ``"small"``. Simulated cells with the shape,
the gel and the noise of one experiment make it better on that experiment. `GridSearchCV` then decides between FTTC, the
packaged network as it is, and the network trained further, by cross-validation.
"""

from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from tfmkit import FTTC, DeepTFM
from tfmkit.simulate import CellSimulator, add_noise

SIDE, NOISE = 48, 0.0188
folder = Path("out/examples")
folder.mkdir(parents=True, exist_ok=True)


def measure(n_cells: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return displacement with noise, and the traction behind it."""
    cells = CellSimulator("adhesion", shape=SIDE, random_state=seed).sample(n_cells)
    return add_noise(cells.displacement, NOISE, random_state=seed), cells.traction


displacement, traction = measure(100, seed=0)
new_displacement, new_traction = measure(12, seed=1)

# One search over methods of both kinds. max_epochs=0 takes the weights as they are.
grid = [
    {"solver": [FTTC()], "solver__lam": [0.1, 1.0, 10.0]},
    {
        "solver": [
            DeepTFM(weights="small", max_epochs=0),
            DeepTFM(weights="small", max_epochs=3, random_state=0, verbose=0),
        ]
    },
]
search = GridSearchCV(Pipeline([("solver", FTTC())]), grid, cv=2).fit(displacement[:40], traction[:40])
for candidate, score in zip(search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True):
    print(f"{-score:.3f}  {candidate}")

# All cells, and the error on new ones.
model = DeepTFM(max_epochs=5, random_state=0, verbose=0).fit(displacement, traction)
model.save_weights(folder / "mine.safetensors")
mine = DeepTFM.from_pretrained(folder / "mine.safetensors")
errors = {
    "FTTC": -FTTC(lam=1.0).fit(displacement).score(new_displacement, new_traction),
    "packaged network": -DeepTFM.from_pretrained("small").score(new_displacement, new_traction),
    "fine-tuned on own cells": -mine.score(new_displacement, new_traction),
}
for name, error in errors.items():
    print(f"{name}: error {error:.3f} of the true traction")

figure, axes = plt.subplots(figsize=(4, 3), layout="constrained")
for name, label in (("train_loss", "loss"), ("valid_loss", "validation error")):
    axes.plot(model.history_[:, "epoch"], model.history_[:, name], label=label)
axes.axhline(errors["packaged network"], color="0.5", linestyle=":", label="before training (new cells)")
axes.set(xlabel="epoch", ylabel="relative error", ylim=(0, None))
axes.xaxis.get_major_locator().set_params(integer=True)
figure.legend(loc="outside upper center", frameon=False)
figure.savefig(folder / "train_network.png", dpi=150)
