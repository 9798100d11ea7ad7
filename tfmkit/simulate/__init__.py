"""Simulated cells and patches with known traction, and the noise of measured displacements."""

from tfmkit.noise.draw import add_noise, add_outliers
from tfmkit.simulate.beads import BeadSimulator
from tfmkit.simulate.cell_simulator import CELL_FAMILIES, CellSimulator
from tfmkit.simulate.circuit import CIRCUITS, Circuit, simulate_borders
from tfmkit.simulate.patch_simulator import PATCH_FAMILIES, PatchSimulator

__all__ = [
    "CELL_FAMILIES",
    "CIRCUITS",
    "PATCH_FAMILIES",
    "BeadSimulator",
    "CellSimulator",
    "Circuit",
    "PatchSimulator",
    "add_noise",
    "add_outliers",
    "simulate_borders",
]
