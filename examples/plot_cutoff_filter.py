"""
The cutoff filter
=================

Noise fills the background with small false tractions. The filter of Wang & Lin removes all vectors that are smaller
than 98 % of the vectors outside the cell. It needs a mask of the cell.
"""

from pathlib import Path

from tfmkit import FTTC, CutoffFilter, plotting
from tfmkit.metrics import mean_normalized_error
from tfmkit.simulate import CellSimulator, add_noise

folder = Path("out/examples")
folder.mkdir(parents=True, exist_ok=True)

cells = CellSimulator("generic", shape=64, random_state=2).sample(1)
displacement = add_noise(cells.displacement, 0.1, unit="rms", random_state=0)
plain = FTTC(0.1).fit(displacement).predict(displacement)
filtered = CutoffFilter(FTTC(0.1)).fit(displacement).predict(displacement, mask=cells.mask)

for name, traction in {"plain": plain, "filtered": filtered}.items():
    print(f"{name}: mean normalised error {mean_normalized_error(cells.traction, traction):.2f}")
    figure = plotting.plot_traction_map(traction[0], mask=cells.mask[0], vmax=1_000)
    figure.savefig(folder / f"cutoff_{name}.png")
