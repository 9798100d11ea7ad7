"""
From bead images to traction
============================

Two images of fluorescent beads, relaxed and deformed by a cell, become a traction map in one pipeline.
"""

from pathlib import Path

from sklearn.pipeline import make_pipeline

from tfmkit import FTTC, PIV, plotting
from tfmkit.displacement import DriftCorrection
from tfmkit.simulate import BeadSimulator

SPACING = 8  # px between vectors, and the spacing of the grid on which traction is computed
OUT = Path("out")

beads = BeadSimulator(256, peak=4.0, random_state=0).sample()

# Drift is measured where the gel is at rest, and undone in a copy of the images; then displacement, then traction.
pipeline = make_pipeline(DriftCorrection(), PIV(spacing=SPACING), FTTC(lam=1e-2, young=10_670.0, spacing=SPACING))
traction = pipeline.fit(beads.pairs).predict(beads.pairs)

piv = pipeline.named_steps["piv"]
print(f"drift (x, y, angle): {pipeline.named_steps['driftcorrection'].drift_[0].round(3)}")
print(f"{(piv.flags_ == 0).mean():.1%} of the vectors are good; median correlation {float(piv.quality_.mean()):.2f}")

OUT.mkdir(exist_ok=True)
plotting.plot_traction_map(traction[0], spacing=SPACING).savefig(OUT / "beads_to_traction.png")
