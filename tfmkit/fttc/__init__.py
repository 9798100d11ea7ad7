"""Fourier-transform traction cytometry as scikit-learn estimators."""

from tfmkit.fttc.fttc import FTTC
from tfmkit.fttc.fttc_cv import FTTCCV

__all__ = ["FTTC", "FTTCCV"]
