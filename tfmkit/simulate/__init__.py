"""Simulated cells and traction patches with known stress."""

from tfmkit.simulate.circuit import CIRCUITS, Circuit, simulate_borders

__all__ = ["CIRCUITS", "Circuit", "simulate_borders"]
