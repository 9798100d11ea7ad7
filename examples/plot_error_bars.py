"""
Error bars
==========

How sure can you be of a traction map, and of the force summed over it? `BayesianFTTC` computes the standard deviation
of every traction vector from the measured noise. The packaged networks return one that they learned.
`intervals`, which all estimators have, gives 90 % intervals of forces and energies. With simulated cells you can count
how often the truth lies inside.
"""

from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from tfmkit import DeepTFM
from tfmkit.bayes import BayesianFTTC
from tfmkit.simulate import CellSimulator, add_noise

HALF_WIDTH = 1.645  # half of a 90 % interval, in standard deviations
folder = Path("out/examples")
folder.mkdir(parents=True, exist_ok=True)

cells = CellSimulator("adhesion", shape=64, random_state=3).sample(4)
displacement = add_noise(cells.displacement, 0.0188, random_state=0)
inside = np.broadcast_to(cells.mask[:, None], cells.traction.shape)

models = {
    "BayesianFTTC": BayesianFTTC().fit(displacement),
    "DeepTFM": DeepTFM.from_pretrained("small", verbose=0),
}
figure, axes = plt.subplots(2, 3, figsize=(8, 4.6), layout="constrained")
for row, (name, model) in zip(axes, models.items(), strict=True):
    traction, std = model.predict(displacement, return_std=True)
    held = np.abs(traction - cells.traction) <= HALF_WIDTH * std
    print(f"{name}: the 90 % interval holds the truth at {held[inside].mean():.0%} of the pixels inside the cells")
    maps = {"traction": traction, "standard deviation": std, "error": traction - cells.traction}
    for axis, (title, field) in zip(row, maps.items(), strict=True):
        shown = axis.imshow(np.hypot(*field[0]), cmap="inferno")
        figure.colorbar(shown, ax=axis, label=f"{title} (Pa)")
        axis.set(xticks=[], yticks=[])
    row[0].set_ylabel(name)
figure.savefig(folder / "error_bars.png", dpi=110)

# Sums need care: they count the noise of every pixel, and the bias of the inversion. `intervals` holds both.
table = models["BayesianFTTC"].intervals(displacement[:1], cells.mask[:1], random_state=0)
print(table.to_string(index=False, float_format="%.3g"))
print(f"true total force: {np.hypot(*cells.traction[0]).sum():.3g}")
