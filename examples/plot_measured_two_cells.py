"""
Two cells and two ways to lambda
================================

The displacement under two cells, which the authors of *Easy-to-use TFM* have simulated with noise to test their package
(`easy-to-use-tfm` of `tfmkit.datasets`). From the file to traction, and the question how strong the regularisation
should be. `FTTCCV` finds lambda by itself. Their package found another one for the first cell. The number has to be
converted, because every program counts lambda in its own way. `FTTCCV` chooses the order of the penalty, too. So
compare the maps rather than the two lambdas.
"""

from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from tfmkit import FTTC, FTTCCV, datasets, io
from tfmkit.fttc.lambdas import lam_from_easy_tfm

THEIRS = 140.0  # px^2, by the evidence, for the first cell
folder = Path("out/examples")
folder.mkdir(parents=True, exist_ok=True)

known = datasets.DATASETS["easy-to-use-tfm"]
data = io.read_displacement(datasets.fetch("easy-to-use-tfm"))
print(f"{len(data.displacement)} fields on a grid of {data.displacement.shape[2:]}, every {data.spacing:g} px")

gel = {"young": known.young, "poisson": known.poisson, "spacing": data.spacing}
own = FTTCCV(**gel).fit(data.displacement)
lam = lam_from_easy_tfm(THEIRS, spacing_px=data.spacing)
print(f"first cell: lambda {own.lam_[0]:.3g} of order {own.order_[0]:g} by FTTCCV, {lam:.3g} of order 0 by the others")

tractions = {
    "FTTCCV, cell 1": own.predict(data.displacement)[0],
    "their lambda, cell 1": FTTC(lam=lam, **gel).fit(data.displacement).predict(data.displacement)[0],
    "FTTCCV, cell 2": own.predict(data.displacement)[1],
}
lengths = {name: np.hypot(*field) for name, field in tractions.items()}
top = max(length.max() for length in lengths.values())

figure, axes = plt.subplots(1, 3, figsize=(9, 3.2), layout="constrained")
# The middle of the first and last pixel lie on grid points.
side = known.pixel_size * (data.x[-1] - data.x[0])
for ax, (name, length) in zip(axes, lengths.items(), strict=True):
    image = ax.imshow(length, cmap="inferno", vmin=0, vmax=top, extent=(0, side, side, 0))
    ax.set(title=f"{name}: up to {length.max():.0f} Pa", xlabel="µm")
    ax.title.set_fontsize(9)
figure.colorbar(image, ax=axes, label="traction (Pa)", shrink=0.9)
figure.savefig(folder / "measured_two_cells.png")
