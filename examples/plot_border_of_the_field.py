"""
A cell at the border of the field
=================================

Fourier inversion repeats the field at its border, unless it is told otherwise. A cell that is cut by the border then
gets false traction. ``boundary="extended"`` continues the displacement as the gel does. ``boundary="open"`` fits
traction inside the field on a gel without end.
"""

from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from tfmkit import FTTC
from tfmkit.metrics import relative_rmse
from tfmkit.simulate import CellSimulator, add_noise

folder = Path("out/examples")
folder.mkdir(parents=True, exist_ok=True)

# The lower border of the field runs through the middle of the cell.
cells = CellSimulator("adhesion", shape=128, cell_size=0.3, random_state=1).sample(1)
part = np.s_[..., :64, 32:96]
traction = np.ascontiguousarray(cells.traction[part])
displacement = add_noise(np.ascontiguousarray(cells.displacement[part]), 0.02, unit="rms", random_state=0)

maps = {"truth": traction}
for boundary in ("periodic", "extended", "open"):
    maps[boundary] = FTTC(0.03, boundary=boundary).fit(displacement).predict(displacement)

figure, axes = plt.subplots(1, 4, figsize=(9, 2.6), layout="constrained")
top = np.percentile(np.hypot(*traction[0]), 99.5)
for axis, (name, field) in zip(axes, maps.items(), strict=True):
    error = relative_rmse(traction, field)
    shown = axis.imshow(np.hypot(*field[0]), cmap="inferno", vmin=0, vmax=top)
    axis.set(title=name if name == "truth" else f"{name}: error {error:.2f}", xticks=[], yticks=[])
figure.colorbar(shown, ax=axes, label="traction (Pa)", extend="max")
figure.savefig(folder / "border.png", dpi=110)
