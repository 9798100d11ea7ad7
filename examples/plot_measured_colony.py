"""
A measured colony
=================

The displacement under a colony of MDCK cells, published with pyTFM. `datasets.fetch` downloads it once and checks it.
Nobody knows the true traction here. Both methods find traction at the same places. The network leaves more of the
displacement unexplained. Nearly all of that are long waves, which drift and forces beyond the border can make: the
field is not foreign.
"""

from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from tfmkit import FTTCCV, DeepTFM, datasets, io
from tfmkit.metrics import displacement_residual

folder = Path("out/examples")
folder.mkdir(parents=True, exist_ok=True)

known = datasets.DATASETS["pytfm-ko"]
data = io.read_displacement(datasets.fetch("pytfm-ko"), spacing=known.spacing)
# The stage moved between the two exposures: gel at rest has the most frequent displacement.
displacement = data.displacement - np.median(data.displacement, axis=(2, 3), keepdims=True)
gel = {"young": known.young, "poisson": known.poisson, "spacing": data.spacing}

models = {"FTTCCV": FTTCCV(**gel).fit(displacement), "DeepTFM": DeepTFM.from_pretrained("small", **gel)}
maps = {name: model.predict(displacement)[0] for name, model in models.items()}
print("foreign to the network:", bool(models["DeepTFM"].is_foreign(displacement)[0]))
for name, traction in maps.items():
    print(f"{name}: displacement residual {displacement_residual(displacement, traction[None], **gel):.2f}")

micrometres = np.array(displacement.shape[2:]) * data.spacing * known.pixel_size
extent = (0, micrometres[1], micrometres[0], 0)
figure, axes = plt.subplots(1, 3, figsize=(10, 3.1), layout="constrained")
length = np.hypot(*displacement[0]) * known.pixel_size
shown = axes[0].imshow(length, cmap="viridis", vmax=np.percentile(length, 99.8), extent=extent)
figure.colorbar(shown, ax=axes[0], label="displacement (µm)")
top = np.percentile(np.hypot(*maps["DeepTFM"]), 99.8)
for axis, (name, traction) in zip(axes[1:], maps.items(), strict=True):
    shown = axis.imshow(np.hypot(*traction), cmap="inferno", vmin=0, vmax=top, extent=extent)
    axis.set_title(name)
figure.colorbar(shown, ax=axes[1:], label="traction (Pa)", extend="max")
for axis in axes:
    axis.set(xlabel="x (µm)", ylabel="y (µm)")
figure.savefig(folder / "measured_colony.png", dpi=110)
