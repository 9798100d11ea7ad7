"""Pairs of Hertz patches from bead images, as the authors of napariTFM publish them (2026).

    python -m benchmarks.dipoles

Images of 700 x 700 px of 0.1 um, a gel of 20 kPa (Poisson ratio 0.5), two patches of radius 3 um, 50 um apart at 45
degrees, that pull towards each other with 0.0025, 0.025 or 0.25 uN. ``dipoles.csv`` has the relative error over the
whole field, the median angle between recovered and true traction on the patches, and the share of flagged vectors.
FTTC is told the lambda that suits the truth best. Where the strain is near 1, the truth below the patches is beyond any
method that follows beads: the share of flagged vectors then tells whether that is said.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from benchmarks.command import study_parser
from benchmarks.images import recover
from benchmarks.saving import write_table
from tfmkit._validation import FloatArray
from tfmkit.benchmark import OracleLambda
from tfmkit.deep import DeepTFM
from tfmkit.displacement import PIV, Flag
from tfmkit.fttc import FTTC, FTTCCV
from tfmkit.gel.closed_forms import hertz_displacement
from tfmkit.metrics import relative_rmse
from tfmkit.simulate import BeadSimulator
from tfmkit.sparse import ElasticNetTFM

SIDE, PIXEL, SPACING = 700, 0.1, 8
YOUNG, POISSON, RADIUS, DISTANCE = 20_000.0, 0.5, 3.0, 50.0
FORCES = {"weak": 0.0025, "middle": 0.025, "strong": 0.25}
BEADS_PER_PX, PHOTONS = 0.03, 200.0
_SUBGRID = 8
_DIAGONAL = np.sqrt(0.5)


def peak_traction(force: float) -> float:
    """Return the traction (Pa) in the middle of a patch that pulls with a force (uN): 3 F / (2 pi a^2)."""
    return 1.5 * force * 1e-6 / (np.pi * (RADIUS * 1e-6) ** 2)


def dipole(force: float) -> tuple[FloatArray, FloatArray]:
    """Return displacement in pixels and mean traction (Pa) at the nodes, both (2, n, n)."""
    n = SIDE // SPACING
    nodes = (np.arange(n) * SPACING + (SIDE - 1 - SPACING * (n - 1)) / 2 - (SIDE - 1) / 2) * PIXEL
    fine = np.linspace(-0.5, 0.5, 2 * _SUBGRID + 1)[1::2] * SPACING * PIXEL
    x, y = np.meshgrid(nodes, nodes)
    x_fine, y_fine = np.meshgrid((nodes[:, None] + fine).ravel(), (nodes[:, None] + fine).ravel())
    half, pull = DISTANCE / 2 * _DIAGONAL, peak_traction(force) * _DIAGONAL
    displacement, traction = np.zeros((2, n, n)), np.zeros((2, n, n))
    for side in (-1, 1):
        size = np.array([-side * pull] * 2)
        displacement += hertz_displacement(x - side * half, y - side * half, RADIUS, size / YOUNG, POISSON)
        inside = 1 - ((x_fine - side * half) ** 2 + (y_fine - side * half) ** 2) / RADIUS**2
        profile = np.sqrt(np.maximum(inside, 0)).reshape(n, _SUBGRID, n, _SUBGRID).mean(axis=(1, 3))
        traction += size[:, None, None] * profile
    return displacement / PIXEL, traction


def angle(truth: FloatArray, found: FloatArray) -> float:
    """Return the median angle in degrees between two tractions where the true one is over a tenth of its largest."""
    length = np.hypot(*truth)
    on_patch = length > 0.1 * length.max()
    turn = np.arctan2(found[1], found[0]) - np.arctan2(truth[1], truth[0])
    return float(np.median(np.abs(np.degrees(np.angle(np.exp(1j * turn[on_patch]))))))


def rows(name: str, seed: int, gel: dict[str, float]) -> list[dict[str, Any]]:
    """Return the errors of every method on one dipole."""
    true, traction = dipole(FORCES[name])
    simulator = BeadSimulator(SIDE, spacing=SPACING, density=BEADS_PER_PX, photons=PHOTONS, random_state=seed)
    found = PIV(spacing=SPACING).measure(simulator.sample(displacement=true[None]).pairs)
    measured = found.displacement
    models = {
        "FTTC, oracle lambda": OracleLambda(FTTC(**gel)),
        "FTTCCV": FTTCCV(**gel),
        "ElasticNetTFM": ElasticNetTFM(**gel),
        "DeepTFM default": DeepTFM.from_pretrained("default", **gel),
    }
    tractions = {label: recover(model, measured, found.std, traction[None]) for label, model in models.items()}
    good, error = found.flags[0] == Flag.GOOD, np.hypot(*(measured[0] - true))
    where = {
        "dipole": name,
        "peak_px": np.hypot(*true).max(),
        "flagged": 1 - good.mean(),
        "worst_px": error[good].max(),
    }
    return [
        where | {"method": label, "error": float(relative_rmse(traction[None], t)), "angle": angle(traction, t[0])}
        for label, t in tractions.items()
    ]


def main() -> None:
    """Write the table."""
    options = study_parser("dipoles", __doc__, seed=1).parse_args()
    gel = {"young": YOUNG, "poisson": POISSON, "spacing": SPACING}
    write_table(pd.DataFrame([row for name in FORCES for row in rows(name, options.seed, gel)]), "dipoles", options)


if __name__ == "__main__":
    main()
