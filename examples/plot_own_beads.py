"""
Your own bead images
====================

Images of fluorescent beads, relaxed and deformed by a cell, become traction maps. Set FOLDER, PATTERNS and the gel to
your own; without images at hand, two positions are simulated. `tfmkit batch` does the same for whole experiments.
"""

from pathlib import Path

import numpy as np
from sklearn.pipeline import make_pipeline

from tfmkit import FTTCCV, PIV, io, mechanics, plotting
from tfmkit.displacement import DriftCorrection
from tfmkit.simulate import BeadSimulator

OUT = Path("out")
FOLDER = OUT / "beads"
# One relaxed image serves its position; {position} is whatever differs between the names.
PATTERNS = {"deformed": "{position}/deformed.tif", "relaxed": "{position}/relaxed.tif"}
YOUNG, POISSON = 10_670.0, 0.45  # Pa; Poisson ratio
SPACING = 8  # px between vectors, and the spacing of the grid on which traction is computed

if not FOLDER.exists():
    for number, pair in enumerate(BeadSimulator(256, peak=4.0, random_state=0).sample(2).pairs, start=1):
        position = FOLDER / f"position{number}"
        position.mkdir(parents=True)
        for name, image in zip(("relaxed", "deformed"), pair.round().astype(np.uint16), strict=True):
            io.write_ome_tiff(position / f"{name}.tif", image[None, None], channels=("beads",), pixel_size=0.2)

positions, pairs = [], []
for fields, files in io.match_images(FOLDER, PATTERNS):
    with io.open_images(files["relaxed"]) as relaxed, io.open_images(files["deformed"]) as deformed:
        positions.append(fields["position"])
        pairs.append([relaxed.read(0), deformed.read(0)])
        pixel_size = deformed.pixel_size or 1.0  # micrometres, from the file's metadata
pairs = np.array(pairs, dtype=np.float32)

# Drift is measured where the gel is at rest, and undone in a copy of the images; then displacement, then traction.
displacement = make_pipeline(DriftCorrection(), PIV(spacing=SPACING))
pipeline = make_pipeline(displacement, FTTCCV(young=YOUNG, poisson=POISSON, spacing=SPACING)).fit(pairs)
traction = pipeline.predict(pairs)

metre = pixel_size * 1e-6
forces = mechanics.force_summary(metre * displacement.transform(pairs), traction, spacing=metre * SPACING)
piv = displacement.named_steps["piv"]
good = (piv.flags_ == 0).mean(axis=(1, 2))
for number, position in enumerate(positions):
    print(
        f"{position}: {good[number]:.1%} of the vectors good, "
        f"total force {forces['total_force'][number] * 1e9:.0f} nN, "
        f"strain energy {forces['strain_energy'][number] * 1e15:.1f} fJ"
    )
    figure = plotting.plot_traction_map(traction[number], spacing=pixel_size * SPACING, length_unit="µm")
    figure.savefig(OUT / f"{position}.png")
