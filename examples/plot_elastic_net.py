"""
Small adhesions on a quiet background
=====================================

Cells pull at few places. `ElasticNetTFM` looks for traction at as few pixels as the noise allows. It keeps the peaks
of small adhesions, which Fourier inversion flattens, and leaves the background empty.
"""

from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from tfmkit import FTTCCV, ElasticNetTFM
from tfmkit.metrics import relative_rmse
from tfmkit.simulate import PatchSimulator, add_noise

folder = Path("out/examples")
folder.mkdir(parents=True, exist_ok=True)

POISSON = 0.49
patches = PatchSimulator("disc", shape=64, poisson=POISSON, random_state=4).sample(1)
displacement = add_noise(patches.displacement, 0.1, unit="rms", random_state=0)
maps = {"truth": patches.traction}
for model in (FTTCCV(poisson=POISSON), ElasticNetTFM(poisson=POISSON)):
    maps[type(model).__name__] = model.fit(displacement).predict(displacement)

figure, axes = plt.subplots(2, 3, figsize=(8, 4.6), layout="constrained", height_ratios=[2, 1])
row = int(np.hypot(*patches.traction[0]).max(axis=1).argmax())
for column, (name, traction) in enumerate(maps.items()):
    magnitude = np.hypot(*traction[0])
    top = np.hypot(*patches.traction[0]).max()
    shown = axes[0, column].imshow(magnitude, cmap="inferno", vmin=0, vmax=top)
    error = relative_rmse(patches.traction, traction)
    axes[0, column].axhline(row, color="white", linewidth=0.5)
    axes[0, column].set(title=name if name == "truth" else f"{name}: error {error:.2f}", xticks=[], yticks=[])
    axes[1, column].plot(np.hypot(*patches.traction[0])[row], color="0.7", label="truth")
    axes[1, column].plot(magnitude[row], color="#c1272d")
    axes[1, column].set(xlabel="column (grid points)", ylim=(0, 1.1 * top))
axes[1, 0].set_ylabel("traction (Pa)")
figure.colorbar(shown, ax=axes[0], label="traction (Pa)")
figure.savefig(folder / "elastic_net.png", dpi=110)
