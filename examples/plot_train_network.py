"""
Train your own network
======================

A network that has seen the cells, the gel and the noise of one experiment can be small. Here one of 60,000 weights
learns from 150 simulated cells in seconds. ``DeepTFM.from_pretrained("small")`` has seen millions and is the better
start for real work: `partial_fit` trains it further.
"""

from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from tfmkit import FTTC, DeepTFM
from tfmkit.simulate import CellSimulator, add_noise

SIDE, NOISE = 48, 0.0188
folder = Path("out/examples")
folder.mkdir(parents=True, exist_ok=True)


def measure(n_cells: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return displacement with noise, and the traction behind it."""
    cells = CellSimulator("adhesion", shape=SIDE, random_state=seed).sample(n_cells)
    return add_noise(cells.displacement, NOISE, random_state=seed), cells.traction


displacement, traction = measure(150, seed=0)
new_displacement, new_traction = measure(12, seed=1)

model = DeepTFM(
    "fourier_unet",
    module__widths=(12, 16),
    module__blocks=1,
    module__steps=1,
    max_epochs=10,
    random_state=0,
    verbose=0,
).fit(displacement, traction)
model.save_weights(folder / "mine.safetensors")

# The packaged network, as it comes and after two passes through the same cells.
pretrained = DeepTFM.from_pretrained("small", verbose=0, max_epochs=2, lr=1e-4)
errors = {
    "FTTC": -FTTC(lam=1.0).fit(displacement).score(new_displacement, new_traction),
    "own network": -model.score(new_displacement, new_traction),
    "packaged network": -pretrained.score(new_displacement, new_traction),
    "packaged, fine-tuned": -pretrained.partial_fit(displacement[:48], traction[:48]).score(
        new_displacement, new_traction
    ),
}
for name, error in errors.items():
    print(f"{name}: error {error:.2f} of the true traction")

figure, axes = plt.subplots(figsize=(4, 3), layout="constrained")
for name in ("train_loss", "valid_loss"):
    axes.plot(model.history_[:, "epoch"], model.history_[:, name], label=name)
axes.set(xlabel="epoch", ylabel="relative error", ylim=(0, None))
axes.legend()
figure.savefig(folder / "train_network.png", dpi=150)
