"""
Simulated cells
===============

Every family of simulated cells, with the traction that each cell exerts and the displacement that you would measure.
Simulated cells have a known traction, which measured cells never have. Methods are compared on them, and `DeepTFM`
learns from them.
"""

from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from tfmkit.simulate import CELL_FAMILIES, PATCH_FAMILIES, CellSimulator, PatchSimulator

SPACING = 1.925  # micrometres per grid pixel, as in the paper

folder = Path("out/examples")
folder.mkdir(parents=True, exist_ok=True)

families = (*CELL_FAMILIES, *PATCH_FAMILIES)
figure, axes = plt.subplots(len(families), 4, figsize=(9, 2.1 * len(families)), layout="constrained")
for family, row in zip(families, axes, strict=True):
    simulator = CellSimulator if family in CELL_FAMILIES else PatchSimulator
    fields = simulator(family, spacing=SPACING, noise=0.0188, random_state=2).sample(2)
    traction, displacement = (np.hypot(field[:, 0], field[:, 1]) for field in (fields.traction, fields.displacement))
    for cell, (left, right) in enumerate(row.reshape(2, 2)):
        top = np.percentile(traction[cell][fields.mask[cell]], 98)
        shown = left.imshow(traction[cell], cmap="inferno", vmax=top)
        figure.colorbar(shown, ax=left, label="traction (Pa)", extend="max")
        shown = right.imshow(displacement[cell], cmap="viridis")
        figure.colorbar(shown, ax=right, label="displacement (µm)")
        if "border" in fields:
            left.plot(*fields.border[cell].T, color="white", linewidth=0.6)
            # Cells fill 40 % of the field; show the middle half.
            for axis in (left, right):
                axis.set(xlim=(26, 78), ylim=(78, 26))
        for axis in (left, right):
            axis.set(xticks=[], yticks=[])
    row[0].set_ylabel(family)
    print(
        f"{family}: largest traction {traction.max(axis=(1, 2)).round()} Pa, "
        f"{fields.patches.max(axis=(1, 2))} patches, "
        f"mean displacement inside {displacement[fields.mask].mean():.2f} µm"
    )

figure.savefig(folder / "simulate_cells.png", dpi=110)
