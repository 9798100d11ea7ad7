"""Green's tensors of an elastic layer bonded to a rigid base, and of beads below its surface.

A gel thinner than the distance between adhesions, or beads that lie deeper than one grid pixel, no longer follow the
half-space of `tfmkit.elasticity`. Everything here is dimensionless as there: lengths in grid pixels, Young's modulus
1. The tensors are given in Fourier space and, integrated over the pixel, in real space.
"""

from tfmkit.layered._fourier import HALF_SPACE, Layer, check_layer, layer_factors, layer_symbol
from tfmkit.layered._pixel import layer_kernel

__all__ = ["HALF_SPACE", "Layer", "check_layer", "layer_factors", "layer_kernel", "layer_symbol"]
