"""Displacement by scikit-image's dense optical flow."""

from __future__ import annotations

import numpy as np
from skimage.registration import optical_flow_ilk, optical_flow_tvl1

from tfmkit._validation import FloatArray, check_choice, check_count
from tfmkit.displacement._images import Prepared
from tfmkit.displacement._lattice import Lattice
from tfmkit.displacement._transformer import DisplacementTransformer

METHODS = ("ilk", "tvl1")


class OpticalFlow(DisplacementTransformer):
    """Dense optical flow from scikit-image, on the grid and with the checks of the other transformers.

    Parameters
    ----------
    method : {"ilk", "tvl1"}, default="ilk"
        Iterative Lucas-Kanade or TV-L1 flow.
    radius : int, default=12
        Half side of the Lucas-Kanade window in pixels; TV-L1 has none.
    spacing : int, default=4
        Pixels between the nodes at which the displacement is returned.

    Attributes
    ----------
    grid_x_, grid_y_ : ndarray of shape (n_x,) and (n_y,)
        Positions of the nodes in image pixels; pixel 0 has its middle at 0.
    spacing_ : int
        Pixels between nodes.
    flags_ : ndarray of shape (n_pairs, n_y, n_x)
        One :class:`Flag` per vector of the fitted pairs.
    std_ : ndarray of shape (n_pairs, 2, n_y, n_x)
        Standard deviation of each component in image pixels; NaN where the flag is not GOOD.
    quality_ : ndarray of shape (n_pairs, n_y, n_x)
        Correlation of the two images around each node, the displacement undone; 1 at best.
    image_shape_ : (int, int)
        Height and width of the fitted images.

    See Also
    --------
    PIV : More exact on beads, and quicker.
    """

    _exponents = (-0.204, -0.069, 0.826, -0.46, 0.53, 0.237, -0.3)

    def __init__(self, method: str = "ilk", *, radius: int = 12, spacing: int = 4) -> None:
        self.method = method
        self.radius = radius
        self.spacing = spacing

    def _check(self) -> None:
        super()._check()
        check_choice(self.method, "method", METHODS)
        check_count(self.radius, "radius")

    def _measure_pair(self, images: Prepared, lattice: Lattice) -> FloatArray:
        if self.method == "ilk":
            flow = optical_flow_ilk(images.relaxed, images.deformed, radius=self.radius, dtype=np.float32)
        else:
            flow = optical_flow_tvl1(images.relaxed, images.deformed, dtype=np.float32)
        # scikit-image has rows first.
        return lattice.sample(flow[::-1])
