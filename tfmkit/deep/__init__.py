"""Traction by a neural network: the estimator, what it is trained with, and its files."""

from tfmkit.deep.estimator import DeepTFM
from tfmkit.deep.losses import RelativeError
from tfmkit.deep.weights import packaged_weights, read_weights, write_weights

__all__ = ["DeepTFM", "RelativeError", "packaged_weights", "read_weights", "write_weights"]
