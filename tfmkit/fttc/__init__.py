"""Fourier-transform traction cytometry as scikit-learn estimators."""

from tfmkit.fttc._chosen import FTTCCV
from tfmkit.fttc._fixed import FTTC

__all__ = ["FTTC", "FTTCCV"]
