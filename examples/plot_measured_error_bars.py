"""
Error bars on measured data
===========================

`BayesianFTTC` measures the noise of a displacement field and says how sure each traction vector is. On a measured
colony the map of traction over its standard deviation shows where traction is certain.
"""

from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from tfmkit import BayesianFTTC, datasets, io

folder = Path("out/examples")
folder.mkdir(parents=True, exist_ok=True)

known = datasets.DATASETS["pytfm-ko"]
data = io.read_displacement(datasets.fetch("pytfm-ko"), spacing=known.spacing)
displacement = data.displacement - np.median(data.displacement, axis=(2, 3), keepdims=True)
solver = BayesianFTTC(young=known.young, poisson=known.poisson, spacing=data.spacing).fit(displacement)
traction, std = solver.predict(displacement, return_std=True)
magnitude = np.hypot(*traction[0])
certain = magnitude / np.hypot(*std[0])
print(f"standard deviation {std[0, 0].mean():.0f} Pa, largest traction {magnitude.max():.0f} Pa")
print(f"more than three standard deviations at {(certain > 3).mean():.0%} of the vectors")

figure, axes = plt.subplots(1, 2, figsize=(8, 3.4), layout="constrained")
shown = axes[0].imshow(magnitude, cmap="inferno", vmin=0, vmax=np.percentile(magnitude, 99.8))
figure.colorbar(shown, ax=axes[0], label="traction (Pa)", extend="max")
shown = axes[1].imshow(certain, cmap="cividis", vmin=0, vmax=10)
figure.colorbar(shown, ax=axes[1], label="traction over its standard deviation", extend="max")
for axis in axes:
    axis.set(xticks=[], yticks=[])
figure.savefig(folder / "measured_error_bars.png", dpi=110)
