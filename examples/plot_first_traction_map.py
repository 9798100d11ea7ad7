"""
A first traction map
====================

From a displacement field to figures and forces. Replace the simulated cell by your own file with
``tfmkit.io.read_displacement("file")``.
"""

from pathlib import Path

from tfmkit import FTTC, mechanics, metrics, plotting
from tfmkit.simulate import CellSimulator, add_noise

PIXEL = 1.925  # micrometres between grid points
folder = Path("out/examples")
folder.mkdir(parents=True, exist_ok=True)

# A cell on a gel of 10,670 Pa whose displacement was measured with some noise. Lengths are in grid pixels.
cell = CellSimulator("adhesion", random_state=0).sample(1)
displacement = add_noise(cell.displacement, 0.1, unit="rms", random_state=0)

# lam weighs smoothness against the data; examples/plot_choose_lambda.py finds it.
solver = FTTC(lam=2, young=10_670, poisson=0.45).fit(displacement)
traction = solver.predict(displacement)

look = {"spacing": PIXEL, "length_unit": "µm", "mask": cell.mask[0]}
plotting.plot_traction_map(traction[0], **look).savefig(folder / "first_traction_map.png")
plotting.plot_vectors(traction[0], **look).savefig(folder / "first_traction_vectors.png")

# Everything in metres gives joules and newtons.
metre = PIXEL * 1e-6
forces = mechanics.force_summary(metre * displacement, traction, spacing=metre, mask=cell.mask)
print(f"strain energy   {forces['strain_energy'][0]:.3g} J")
print(f"total force     {forces['total_force'][0]:.3g} N")
print(f"error           {metrics.relative_rmse(cell.traction, traction):.2f} of the true traction")
