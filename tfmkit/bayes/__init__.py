"""Bayesian traction force microscopy: a Gaussian posterior, and intervals by the bootstrap."""

from tfmkit.bayes.bayesian_fttc import BayesianFTTC

__all__ = ["BayesianFTTC"]
