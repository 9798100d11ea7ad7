"""
How a gel answers
=================

A patch that pulls to the right displaces the gel around it, far beyond the patch. `ForwardOperator` computes this
displacement. A thin gel moves less and not so far.
"""

from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from tfmkit.gel.operator import ForwardOperator

folder = Path("out/examples")
folder.mkdir(parents=True, exist_ok=True)

SIDE = 65
traction = np.zeros((1, 2, SIDE, SIDE))
traction[0, 0, 30:35, 30:35] = 1_000.0  # Pa, to the right
gels = {"thick gel": {}, "8 grid points thick": {"thickness": 8.0}, "beads 2 points deep": {"depth": 2.0}}

figure, axes = plt.subplots(1, 4, figsize=(12, 3), layout="constrained", width_ratios=[1, 1, 1, 1.3])
for axis, (name, gel) in zip(axes, gels.items(), strict=False):
    displacement = ForwardOperator(SIDE, young=10_670, poisson=0.45, **gel).apply(traction)[0]
    shown = axis.imshow(np.hypot(*displacement), cmap="viridis", vmin=0, vmax=0.4)
    step = np.arange(2, SIDE, 5)
    # No arrow is longer than the 5 grid points to its neighbour.
    arrows = displacement[:, 2::5, 2::5] * np.minimum(1, 0.1 / np.hypot(*displacement[:, 2::5, 2::5]))
    axis.quiver(
        *np.meshgrid(step, step), *arrows, angles="xy", scale_units="xy", scale=0.1 / 4.5, pivot="mid", color="white"
    )
    axis.set(title=name, xticks=[], yticks=[])
    axes[3].plot(np.arange(SIDE) - 32, displacement[0, 32], label=name)
figure.colorbar(shown, ax=axes[2], label="displacement (grid points)")
axes[3].set(xlabel="distance from the patch (grid points)", ylabel="displacement to the right\n(grid points)")
figure.legend(*axes[3].get_legend_handles_labels(), loc="outside right upper", frameon=False, fontsize=8)
figure.savefig(folder / "gel_response.png", dpi=110)
