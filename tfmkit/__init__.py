"""Traction force microscopy with scikit-learn's fit/predict interface."""

__version__ = "0.1.0"
