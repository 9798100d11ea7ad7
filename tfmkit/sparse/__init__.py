"""Sparse inversion: the elastic net on the lengths of the traction vectors."""

from tfmkit.sparse.elastic_net import ElasticNetTFM

__all__ = ["ElasticNetTFM"]
