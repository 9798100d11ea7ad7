"""
Missing vectors
===============

Some vectors could not be measured. Mark them by NaN. `MissingVectorFilter` around any estimator fills them by a
smooth surface, a thin plate, and inverts the filled field. The nearest neighbour makes a poor filling.
"""

from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from scipy.ndimage import distance_transform_edt

from tfmkit import FTTCCV, MissingVectorFilter
from tfmkit.metrics import relative_rmse
from tfmkit.simulate import CellSimulator, add_noise

folder = Path("out/examples")
folder.mkdir(parents=True, exist_ok=True)

cells = CellSimulator("adhesion", shape=64, random_state=0).sample(1)
displacement = add_noise(cells.displacement, 0.05, unit="rms", random_state=0)
missing = np.random.default_rng(0).random(displacement.shape[2:]) < 0.15
holed = np.where(missing, np.nan, displacement)

rows, columns = distance_transform_edt(missing, return_distances=False, return_indices=True)
nearest = displacement[..., rows, columns]
maps = {
    "nothing missing": FTTCCV().fit(displacement).predict(displacement),
    "nearest neighbour": FTTCCV().fit(nearest).predict(nearest),
    "thin plate": MissingVectorFilter(FTTCCV()).fit(holed).predict(holed),
}

figure, axes = plt.subplots(1, 4, figsize=(11, 2.6), layout="constrained")
shown = axes[0].imshow(np.hypot(*holed[0]), cmap="viridis")
figure.colorbar(shown, ax=axes[0], label="displacement (grid points)")
axes[0].set(title="15 % missing", xticks=[], yticks=[])
for axis, (name, traction) in zip(axes[1:], maps.items(), strict=True):
    shown = axis.imshow(np.hypot(*traction[0]), cmap="inferno", vmin=0, vmax=np.hypot(*cells.traction[0]).max())
    axis.set(title=f"{name}: {relative_rmse(cells.traction, traction):.2f}", xticks=[], yticks=[])
figure.colorbar(shown, ax=axes[1:], label="traction (Pa)")
figure.savefig(folder / "missing_vectors.png", dpi=110)
