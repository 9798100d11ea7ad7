"""Filters around estimators: noise goes out of a traction, missing vectors come into a displacement."""

from tfmkit.filters.cutoff import CutoffFilter
from tfmkit.filters.missing import MissingVectorFilter, fill_missing

__all__ = ["CutoffFilter", "MissingVectorFilter", "fill_missing"]
