"""Bayesian traction force microscopy: a Gaussian posterior of the traction."""

from tfmkit.bayes.bayesian_fttc import BayesianFTTC

__all__ = ["BayesianFTTC"]
