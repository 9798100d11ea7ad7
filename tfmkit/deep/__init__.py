"""Traction by a neural network: the estimator, its training and its files."""

from tfmkit.deep._training import RelativeError
from tfmkit.deep.estimator import DeepTFM
from tfmkit.deep.files import packaged_weights, read_weights, write_weights

__all__ = ["DeepTFM", "RelativeError", "packaged_weights", "read_weights", "write_weights"]
