"""Stress inside sheets and clusters of cells, tension of their borders and forces between them."""

from tfmkit.monolayer.analysis import SheetAnalysis, analyse_sheet
from tfmkit.monolayer.balance import unbalanced
from tfmkit.monolayer.bayesian_stress import BayesianStress
from tfmkit.monolayer.labels import cells_from_outlines, fill_gaps, widen
from tfmkit.monolayer.monolayer_stress import MonolayerStress
from tfmkit.monolayer.tables import border_table, cell_table
from tfmkit.monolayer.tensors import (
    anisotropy,
    largest_shear,
    mean_normal_stress,
    principal_axis,
    principal_stresses,
)

__all__ = [
    "BayesianStress",
    "MonolayerStress",
    "SheetAnalysis",
    "analyse_sheet",
    "anisotropy",
    "border_table",
    "cell_table",
    "cells_from_outlines",
    "fill_gaps",
    "largest_shear",
    "mean_normal_stress",
    "principal_axis",
    "principal_stresses",
    "unbalanced",
    "widen",
]
