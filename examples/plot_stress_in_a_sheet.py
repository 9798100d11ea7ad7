"""
Stress inside a sheet
=====================

Cells of a colony pull on each other. `MonolayerStress` computes the stress inside the colony from the traction under
it. Here a round colony pulls inwards at its rim; the stress inside is then a uniform tension.
"""

from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from tfmkit import MonolayerStress

folder = Path("out/examples")
folder.mkdir(parents=True, exist_ok=True)

SIDE, RADIUS = 64, 24
SPACING = 2e-6  # metres
y, x = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
distance = np.hypot(x, y)
mask = distance < RADIUS
rim = 300 * np.exp(-(((distance - RADIUS + 4) / 2) ** 2)) * mask  # Pa
traction = -np.stack([x, y])[None] / np.maximum(distance, 1) * rim

stress = MonolayerStress(spacing=SPACING).fit(traction).predict(traction, mask=mask)
tension = stress[0, :2].mean(axis=0) * 1e3

figure, axes = plt.subplots(1, 2, figsize=(7.4, 3.2), layout="constrained")
shown = axes[0].imshow(np.hypot(*traction[0]), cmap="inferno")
axes[0].quiver(
    *np.meshgrid(*2 * [np.arange(0, SIDE, 4)]), *traction[0, :, ::4, ::4], angles="xy", color="white", scale=6_000
)
figure.colorbar(shown, ax=axes[0], label="traction (Pa)")
shown = axes[1].imshow(tension, cmap="magma", vmin=0)
figure.colorbar(shown, ax=axes[1], label="mean normal stress (mN/m)")
for axis in axes:
    axis.set(xticks=[], yticks=[])
figure.savefig(folder / "stress_in_a_sheet.png", dpi=110)
