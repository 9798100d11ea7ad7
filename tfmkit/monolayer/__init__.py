"""Stress inside sheets and clusters of cells, tension of their borders and forces between them."""

from tfmkit.monolayer.balance import unbalanced
from tfmkit.monolayer.bayesian_stress import BayesianStress
from tfmkit.monolayer.labels import cells_from_outlines, fill_gaps
from tfmkit.monolayer.monolayer_stress import MonolayerStress

__all__ = ["BayesianStress", "MonolayerStress", "cells_from_outlines", "fill_gaps", "unbalanced"]
