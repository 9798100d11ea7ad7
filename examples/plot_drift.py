"""
Drift of the microscope
=======================

Between the two exposures the stage moves by some pixels. This drift is not a displacement of the gel.
`DriftCorrection` measures it where the gel is at rest and removes it from the images. Without it, the whole field
seems to move.
"""

from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from scipy.ndimage import shift

from tfmkit import PIV
from tfmkit.displacement import DriftCorrection
from tfmkit.simulate import BeadSimulator

folder = Path("out/examples")
folder.mkdir(parents=True, exist_ok=True)

beads = BeadSimulator(256, peak=3.0, spacing=8, random_state=0).sample()
pairs = beads.pairs.copy()
pairs[0, 1] = shift(pairs[0, 1], (1.6, -2.4), order=3, mode="nearest")  # 2.4 px to the left, 1.6 px down

correction = DriftCorrection().fit(pairs)
measured = PIV(spacing=8)
fields = {
    "truth": beads.displacement[0],
    "with the drift": measured.fit_transform(pairs)[0],
    "drift removed": measured.fit_transform(correction.transform(pairs))[0],
}

figure, axes = plt.subplots(1, 3, figsize=(8.4, 2.9), layout="constrained")
for axis, (name, field) in zip(axes, fields.items(), strict=True):
    shown = axis.imshow(np.hypot(*field), cmap="viridis", vmin=0, vmax=5)
    # No arrow is longer than the 2 grid points to its neighbour.
    arrows = field[:, ::2, ::2]
    axis.quiver(
        *np.meshgrid(*2 * [np.arange(0, 32, 2)]), *arrows / np.maximum(1, np.hypot(*arrows) / 5), angles="xy",
        scale_units="xy", scale=5 / 1.8, pivot="mid", color="white",
    )  # fmt: skip
    axis.set(title=name, xticks=[], yticks=[])
figure.colorbar(shown, ax=axes, label="displacement (px)")
figure.savefig(folder / "drift.png", dpi=110)
