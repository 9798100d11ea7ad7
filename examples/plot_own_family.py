"""
Cells of your own
=================

A family of cells is a function that draws one cell. The simulator does the rest.

The cells here contract along parallel stress fibres, with a round adhesion at both ends of each. `CellSimulator`
scales their traction, computes the displacement of the gel and adds noise. The cells then serve to compare methods or
to train a network, as those of any other family do.
"""

from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from tfmkit import FTTC, FTTCCV, metrics
from tfmkit.simulate import CellSimulator, register_cell_family

folder = Path("out/examples")
folder.mkdir(parents=True, exist_ok=True)


def fibre_cell(rng: np.random.Generator, shape: tuple[int, int], size: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the traction (2, height, width) and the mask of one cell, `size` pixels long, in a random direction."""
    angle = rng.uniform(0, np.pi)
    y, x = np.indices(shape) - (np.array(shape)[:, None, None] - 1) / 2
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    pull = np.zeros(shape)
    for position in np.linspace(-0.2, 0.2, rng.integers(3, 7)) * size:
        half, strength = rng.uniform(0.3, 0.45) * size, rng.uniform(0.5, 1.0)
        for end in (-half, half):
            distance = np.hypot(along - end, across - position)
            pull -= np.sign(end) * strength * np.exp(-0.5 * (distance / 1.5) ** 2)
    # Traction of less than 1 % of an adhesion is left out, so that patches have an end.
    pull[np.abs(pull) < 0.01] = 0
    return np.stack([pull * np.cos(angle), pull * np.sin(angle)]), (2 * along / size) ** 2 + (
        3 * across / size
    ) ** 2 < 1


# The function itself is enough; a name is shorter, and known to `BeadSimulator` as well.
register_cell_family("fibres", fibre_cell)
cells = CellSimulator("fibres", shape=64, cell_size=(0.4, 0.6), noise=0.0188, random_state=0).sample(12)

recovered = {"FTTC": FTTC().fit(cells.displacement), "FTTCCV": FTTCCV().fit(cells.displacement)}
recovered = {name: model.predict(cells.displacement) for name, model in recovered.items()}
for name, traction in recovered.items():
    print(f"{name}: error {metrics.relative_rmse(cells.traction, traction):.2f} of the true traction")

shown = {
    "true traction (Pa)": cells.traction,
    "displacement (px)": cells.displacement,
    "FTTCCV (Pa)": recovered["FTTCCV"],
}
figure, axes = plt.subplots(2, 3, figsize=(8, 5), layout="constrained")
for cell, row in enumerate(axes):
    for axis, (title, field) in zip(row, shown.items(), strict=True):
        image = axis.imshow(np.hypot(*field[cell]), cmap="viridis" if "px" in title else "inferno")
        axis.contour(cells.mask[cell], levels=[0.5], colors="white", linewidths=0.6)
        figure.colorbar(image, ax=axis)
        axis.set(title=title, xticks=[], yticks=[])
figure.savefig(folder / "own_family.png", dpi=110)
