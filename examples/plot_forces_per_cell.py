"""
Forces of each cell
===================

One field can hold several cells. A mask for each cell gives its total force, its balance and its contractile moment.
The net force of a whole cell is nearly zero: the cell pulls on itself.
"""

from pathlib import Path

import numpy as np

from tfmkit import DeepTFM, mechanics, plotting
from tfmkit.simulate import CellSimulator, add_noise

folder = Path("out/examples")
folder.mkdir(parents=True, exist_ok=True)
SPACING = 1.925e-6  # metres

# Two cells beside each other. Elasticity is linear: their displacements add up.
cells = CellSimulator("adhesion", shape=96, cell_size=0.3, random_state=1).sample(2)
shifts = (-24, 24)
traction, displacement, mask = (
    np.stack([np.roll(cells[name][number], shift, axis=-1) for number, shift in enumerate(shifts)])
    for name in ("traction", "displacement", "mask")
)
measured = add_noise(displacement.sum(axis=0)[None], 0.05, unit="rms", random_state=0)

recovered = DeepTFM.from_pretrained("small", verbose=0).predict(measured)
figure = plotting.plot_traction_map(recovered[0], mask=mask.any(axis=0), spacing=SPACING * 1e6, length_unit="µm")
figure.savefig(folder / "forces_per_cell.png")

for number in range(2):
    forces = mechanics.force_summary(SPACING * measured, recovered, spacing=SPACING, mask=mask[number])
    truth = mechanics.total_force(traction[[number]], spacing=SPACING)[0]
    print(
        f"cell {number + 1}: total force {forces['total_force'][0] * 1e9:.0f} nN (truth {truth * 1e9:.0f} nN), "
        f"net force {forces['net_force'][0]:.1%} of it, "
        f"contractile moment {forces['contractile_moment'][0] * 1e12:.1f} pN m"
    )
