"""
A thin gel
==========

A gel that is bonded to glass moves less than a thick gel under the same traction. An inversion that takes the thin
gel for a thick one finds too little traction. `thickness` and `depth` tell the solver about the gel.
"""

from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from tfmkit import FTTCCV
from tfmkit.mechanics import total_force
from tfmkit.simulate import CellSimulator, add_noise

folder = Path("out/examples")
folder.mkdir(parents=True, exist_ok=True)

thicknesses = np.array([2.0, 4.0, 8.0, 16.0, 32.0, 64.0])  # in grid points; a cell is about 26 wide
told, not_told = [], []
for thickness in thicknesses:
    cells = CellSimulator("adhesion", shape=64, thickness=thickness, random_state=0).sample(2)
    displacement = add_noise(cells.displacement, 0.05, unit="rms", random_state=0)
    truth = total_force(cells.traction, mask=cells.mask)
    for ratios, gel in ((told, {"thickness": thickness}), (not_told, {})):
        traction = FTTCCV(**gel).fit(displacement).predict(displacement)
        ratios.append(np.mean(total_force(traction, mask=cells.mask) / truth))

figure, axes = plt.subplots(figsize=(4.6, 3), layout="constrained")
axes.semilogx(thicknesses, told, "o-", label="thickness given")
axes.semilogx(thicknesses, not_told, "s--", label="taken for a half-space")
axes.set_xticks(thicknesses, [f"{thickness:g}" for thickness in thicknesses])
axes.minorticks_off()
axes.axhline(1, color="0.7", zorder=0)
axes.set(xlabel="thickness of the gel (grid points)", ylabel="total force over the true one", ylim=(0, None))
axes.legend(frameon=False)
figure.savefig(folder / "thin_gel.png", dpi=130)
