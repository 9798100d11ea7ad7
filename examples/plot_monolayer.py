"""
Stress inside a colony of cells
===============================

Cells of a colony pull on each other through their borders. The traction under the colony tells how hard: the stress in
the sheet balances it. This page finds the stress, the tension of the borders and their error bars. It takes the
measured colony KO_04 of pyTFM if the folder that the variable ``TFMKIT_DATA`` names holds it, and a simulated one else.

A measured traction reaches beyond the cells, since displacement is measured in windows. The sheet of the solver
therefore ends where the traction does, and the tables count the pixels of the cells.
"""

import os
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import numpy as np
from PIL import Image

from tfmkit import MonolayerStress, plotting
from tfmkit.fttc import FTTCCV
from tfmkit.monolayer import border_table, cell_table, cells_from_outlines, unbalanced, widen
from tfmkit.simulate import MonolayerSimulator

folder = Path("out/examples")
folder.mkdir(parents=True, exist_ok=True)

measured = Path(os.environ.get("TFMKIT_DATA", ".")) / "pytfm"
if (measured / "KO_04_mask.png").is_file():
    # Pixels of 0.201 um on a grid of 189 x 193. Lines of the value 1 enclose the traction, lines of 2 the cells.
    spacing = 0.201e-6 * 1991 / 189
    displacement = 0.201e-6 * np.stack([np.load(measured / f"KO_04{axis}.npy") for axis in "uv"])[None]
    lines = np.array(Image.open(measured / "KO_04_mask.png"))
    sides = zip(displacement.shape[2:], lines.shape, strict=True)
    at = np.ix_(*(((np.arange(n) + 0.5) * size / n).astype(int) for n, size in sides))
    sheet, labels = (cells_from_outlines(lines == value)[at] for value in (1, 2))
    model = FTTCCV(young=49_000, poisson=0.49, spacing=spacing, thickness=300e-6)
else:
    spacing = 2e-6
    colony = MonolayerSimulator(shape=112, cell_size=16, spacing=spacing, noise=0.1, noise_unit="rms", random_state=1)
    fields = colony.sample(1)
    displacement, labels = fields.displacement, fields.labels[0]
    sheet = widen(labels, 2.0)
    model = FTTCCV(young=10_670, poisson=0.45, spacing=spacing)

traction = model.fit(displacement).predict(displacement)
draws = model.draw(displacement, 24, random_state=0).traction
print(unbalanced(traction, sheet > 0, spacing=spacing).to_string(index=False, float_format="%.3g"))

# %%
# All lengths are in metres, so that stress comes out in N/m. Draws of the traction become draws of the stress: these
# are the error bars.
cell_size = 2 * np.sqrt((labels > 0).sum() / np.pi / len(np.unique(labels[labels > 0]))) * spacing
solver = MonolayerStress(spacing=spacing, cell_size=cell_size).fit(traction)
stress = solver.predict(traction, mask=sheet > 0)
drawn = solver.draw(draws, sheet > 0, random_state=0)
cells = cell_table(stress, labels, spacing=spacing, draws=drawn)
names = ["cell", "mean_normal_stress_N_per_m", "mean_normal_stress_N_per_m_std", "anisotropy"]
print(cells[names].to_string(index=False, float_format="%.3g"))
borders = border_table(stress, labels, spacing=spacing, traction=traction, draws=drawn, traction_draws=draws)
names = ["cell", "neighbour", "normal_tension_N_per_m", "normal_tension_N_per_m_std", "force_N", "balance_force_N"]
print(borders[names].head(8).to_string(index=False, float_format="%.3g"))

# %%
# Tension is red. The arms of the crosses are as long as the principal stresses.
look = {"spacing": spacing * 1e6, "length_unit": "µm"}
place = np.nonzero(sheet)
window = tuple(slice(max(where.min() - 4, 0), where.max() + 5) for where in place)
part, of_cells = stress[0][:, *window], labels[window]
plotting.save_figure(plotting.plot_sheet_stress(part, labels=of_cells, **look), folder / "monolayer_stress.png")
plotting.save_figure(plotting.plot_border_tension(part, of_cells, **look), folder / "monolayer_tension.png")
