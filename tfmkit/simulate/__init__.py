"""Simulated cells and patches with known traction, and the noise of measured displacements."""

from tfmkit.noise.draw import add_noise, add_outliers
from tfmkit.simulate.beads import BeadSimulator
from tfmkit.simulate.cell_simulator import CellSimulator
from tfmkit.simulate.circuit import CIRCUITS, Circuit, simulate_borders
from tfmkit.simulate.families import CELL_FAMILIES, Cell, register_cell_family
from tfmkit.simulate.monolayer import MonolayerSimulator
from tfmkit.simulate.patch_simulator import PATCH_FAMILIES, PatchSimulator, register_patch_family
from tfmkit.simulate.patches import Discs

__all__ = [
    "CELL_FAMILIES",
    "CIRCUITS",
    "PATCH_FAMILIES",
    "BeadSimulator",
    "Cell",
    "CellSimulator",
    "Circuit",
    "Discs",
    "MonolayerSimulator",
    "PatchSimulator",
    "add_noise",
    "add_outliers",
    "register_cell_family",
    "register_patch_family",
    "simulate_borders",
]
