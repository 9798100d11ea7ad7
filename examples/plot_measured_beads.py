"""
From measured beads to traction
===============================

Images of beads under a sheet of MDCK cells, and one image of the relaxed gel. The steps are those of every experiment:
remove the drift, measure the displacement, look at the quality of the vectors, compute the traction.
"""

from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from tfmkit import FTTCCV, PIV, datasets, io
from tfmkit.displacement import DriftCorrection

SPACING = 8  # px between vectors
folder = Path("out/examples")
folder.mkdir(parents=True, exist_ok=True)

known = datasets.DATASETS["mdck-movie"]
movie = datasets.fetch("mdck-movie")
with io.open_images(movie.with_name("Ref.tif")) as relaxed, io.open_images(movie) as deformed:
    pairs = np.stack([relaxed.read(0), deformed.read(0)])[None].astype(np.float32)

drift = DriftCorrection().fit(pairs)
piv = PIV(spacing=SPACING)
displacement = piv.fit_transform(drift.transform(pairs))
good = piv.flags_[0] == 0
print(f"{good.mean():.1%} of the vectors are good")

solver = FTTCCV(young=known.young, poisson=known.poisson, spacing=SPACING).fit(displacement)
traction = solver.predict(displacement)
print(f"lambda {solver.lam_[0]:.2g}, mean traction {np.hypot(*traction[0]).mean():.0f} Pa")

figure, axes = plt.subplots(2, 2, figsize=(9, 5.6), layout="constrained")
extent = np.array([0, pairs.shape[3], pairs.shape[2], 0]) * known.pixel_size
part = np.s_[100:200, 200:360]
both = np.stack([pairs[0, 0][part], pairs[0, 1][part], pairs[0, 0][part]], axis=-1)
axes[0, 0].imshow(np.clip(both / np.percentile(both, 99.5), 0, 1))
axes[0, 0].set_title("beads: relaxed (magenta), deformed (green)")
shown = axes[0, 1].imshow(piv.quality_[0], cmap="cividis", vmin=0, vmax=1, extent=extent)
figure.colorbar(shown, ax=axes[0, 1], label="quality of the match")
length = np.hypot(*displacement[0]) * known.pixel_size
shown = axes[1, 0].imshow(length, cmap="viridis", extent=extent)
figure.colorbar(shown, ax=axes[1, 0], label="displacement (µm)")
shown = axes[1, 1].imshow(np.hypot(*traction[0]), cmap="inferno", vmin=0, extent=extent)
figure.colorbar(shown, ax=axes[1, 1], label="traction (Pa)")
axes[0, 0].set(xticks=[], yticks=[])
for axis in axes.flat[1:]:
    axis.set(xlabel="x (µm)", ylabel="y (µm)")
figure.savefig(folder / "measured_beads.png", dpi=110)
