"""
Is my result good?
==================

Two fields look alike. One is a cell; the other one is a cell whose displacement has a false rotation of the image in
it. The trained network tells them apart: its traction explains the first field up to the noise, and not the second.
"""

from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from tfmkit import DeepTFM
from tfmkit.gel.operator import ForwardOperator
from tfmkit.simulate import CellSimulator, add_noise

folder = Path("out/examples")
folder.mkdir(parents=True, exist_ok=True)

SIDE = 64
cell = CellSimulator("adhesion", shape=SIDE, random_state=7).sample(1)
good = add_noise(cell.displacement, 0.05, unit="rms", random_state=0)
y, x = np.mgrid[:SIDE, :SIDE] - SIDE / 2
turn = np.stack([-y, x])[None] / SIDE
turned = (good + turn * good.std() / turn.std() / 2).astype(good.dtype)

model = DeepTFM.from_pretrained("small", verbose=0)
gel = ForwardOperator(SIDE, young=model.young, poisson=model.poisson)
tops = {"displacement": np.hypot(*good[0]).max(), "left unexplained": 0.3 * np.hypot(*good[0]).max()}
figure, axes = plt.subplots(2, 3, figsize=(9, 5), layout="constrained")
for row, (name, displacement) in zip(axes, {"a cell": good, "a cell and a rotation": turned}.items(), strict=True):
    traction = model.predict(displacement)
    left = displacement - gel.apply(traction)
    foreign = bool(model.is_foreign(displacement)[0])
    print(f"{name}: foreign field: {foreign}")
    shown = {"displacement": displacement, "traction": traction, "left unexplained": left}
    for axis, (title, field) in zip(row, shown.items(), strict=True):
        colours = "inferno" if title == "traction" else "viridis"
        image = axis.imshow(np.hypot(*field[0]), cmap=colours, vmin=0, vmax=tops.get(title))
        figure.colorbar(image, ax=axis, label="Pa" if title == "traction" else "grid points")
        axis.set(title=title, xticks=[], yticks=[])
    row[0].set_ylabel(f"{name}\n{'foreign' if foreign else 'familiar'}")
figure.savefig(folder / "is_my_result_good.png", dpi=110)
