"""
A measured movie
================

Five frames of a bead movie of a sheet of MDCK cells, one every 45 minutes. Every frame is compared with the same
image of the relaxed gel. Each map has its own lambda, because each frame has its own noise.
"""

from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from sklearn.pipeline import make_pipeline

from tfmkit import FTTCCV, PIV, datasets, io, mechanics
from tfmkit.displacement import DriftCorrection

SPACING = 10  # px between vectors
FRAMES = range(0, 15, 3)
folder = Path("out/examples")
folder.mkdir(parents=True, exist_ok=True)

known = datasets.DATASETS["mdck-movie"]
movie = datasets.fetch("mdck-movie")
with io.open_images(movie.with_name("Ref.tif")) as relaxed, io.open_images(movie) as deformed:
    pairs = np.stack([[relaxed.read(0), deformed.read(frame)] for frame in FRAMES]).astype(np.float32)

displacement = make_pipeline(DriftCorrection(), PIV(spacing=SPACING)).fit_transform(pairs)
solver = FTTCCV(young=known.young, poisson=known.poisson, spacing=SPACING).fit(displacement)
traction = solver.predict(displacement)

metre = known.pixel_size * 1e-6
energy = mechanics.strain_energy(metre * displacement, traction, spacing=metre * SPACING)
figure = plt.figure(figsize=(11, 4), layout="constrained")
above, below = figure.subfigures(2, 1)
axes = above.subplots(1, len(FRAMES))
top = np.percentile(np.hypot(traction[:, 0], traction[:, 1]), 99.8)
for axis, frame, field in zip(axes, FRAMES, traction, strict=True):
    shown = axis.imshow(np.hypot(*field), cmap="inferno", vmin=0, vmax=top)
    axis.set(title=f"{15 * frame} min", xticks=[], yticks=[])
above.colorbar(shown, ax=axes, label="traction (Pa)", extend="max")
axis = below.subplots()
axis.plot([15 * frame for frame in FRAMES], energy * 1e12, "o-")
axis.set(xlabel="time (min)", ylabel="strain energy (pJ)", ylim=(0, None))
figure.savefig(folder / "measured_movie.png", dpi=110)
