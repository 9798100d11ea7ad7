"""Estimators around an estimator: remove noise from its traction, or fill missing vectors of its displacement."""

from tfmkit.filters.cutoff import CutoffFilter
from tfmkit.filters.missing import MissingVectorFilter

__all__ = ["CutoffFilter", "MissingVectorFilter"]
