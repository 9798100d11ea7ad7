"""
A whole experiment
==================

`tfmkit batch` turns a folder of images into one table. This example makes the images of two positions with three
frames each, runs the batch from Python, writes the report, and draws the total force over time.
"""

from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from tfmkit import batch, io
from tfmkit.report import write_report
from tfmkit.simulate import BeadSimulator

OUT = Path("out/experiment")
for number in (1, 2):
    folder = OUT / "images" / f"position{number}"
    folder.mkdir(parents=True, exist_ok=True)
    for frame, force in enumerate((1.0, 2.0, 3.0), start=1):  # the cell pulls more and more
        # Each simulated frame has beads of its own, and so a relaxed image. In an experiment, one serves all frames.
        pair = BeadSimulator(128, peak=force, random_state=number).sample().pairs[0].round().astype(np.uint16)
        for name, image in zip(("relaxed", "deformed"), pair, strict=True):
            path = folder / f"{name}_{frame}.tif"
            io.write_ome_tiff(path, image[None, None], channels=("beads",), pixel_size=0.2)

settings = {
    "input": {
        "folder": str(OUT / "images"),
        "relaxed": "{position}/relaxed_{frame}.tif",
        "deformed": "{position}/deformed_{frame}.tif",
    },
    "gel": {"young": 10_670.0, "poisson": 0.45},
    "displacement": {"spacing": 8},
    "run": {"jobs": 1},
}
results = batch.run(settings, results=OUT / "results")
write_report(OUT / "results", OUT / "report.html")

table = results.table
columns = ["position", "frame", "total_force_N", "total_force_N_std", "noise_px"]
print(table[columns].to_string(index=False, float_format="%.3g"))
figure, axes = plt.subplots(figsize=(4.4, 3), layout="constrained")
for position, rows in table.groupby("position"):
    force, std = 1e9 * rows["total_force_N"], 1e9 * rows["total_force_N_std"]
    axes.errorbar(rows["frame"], force, std, marker="o", label=position)
axes.set(xlabel="frame", ylabel="total force (nN)", ylim=(0, None), xticks=[1, 2, 3])
axes.legend(frameon=False)
figure.savefig(OUT / "time_course.png", dpi=130)
