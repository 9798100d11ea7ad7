"""The elastic gel: its Green's tensors and the forward operator from traction to displacement."""

from tfmkit.gel.gel import Gel
from tfmkit.gel.operator import ForwardOperator

__all__ = ["ForwardOperator", "Gel"]
