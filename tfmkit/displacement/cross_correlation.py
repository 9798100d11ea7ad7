"""Classic particle image velocimetry: cross-correlation of square windows, in several passes."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from tfmkit._validation import FloatArray, check_count
from tfmkit.displacement._deformation import DeformableImage
from tfmkit.displacement._images import Image, Prepared
from tfmkit.displacement._lattice import Lattice
from tfmkit.displacement._search import PEAK_RATIO, correlate_windows, find_displacement, without_outliers
from tfmkit.displacement._transformer import DisplacementTransformer

# Sides of the windows of the passes at full resolution, in units of the last.
_PASSES = (2, 1, 1)


class CrossCorrelation(DisplacementTransformer):
    """Window-deforming cross-correlation of bead images, the classic way of PIV.

    The start is that of :class:`PIV`. Then every pass deforms one image back by the displacement found so far,
    correlates square windows by Fourier transforms, and fits a Gaussian to the peak. It replaces vectors whose peak
    does not stand out, and vectors that fail the normalised median test. :class:`PIV` is quicker and more exact on
    beads; this class serves for comparison.

    Parameters
    ----------
    window : int, default=32
        Side of the last pass's windows in pixels. It may become one pixel longer, so that windows lie exactly around
        the nodes.
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

    References
    ----------
    .. [1] Scarano, "Iterative image deformation methods in PIV", Meas. Sci. Technol. 13:R1 (2002).
    """

    _exponents = (0.151, 0.136, 0.712, -0.533, 0.863, -0.003, -0.55)

    def __init__(self, window: int = 32, *, spacing: int = 4) -> None:
        self.window = window
        self.spacing = spacing

    def _check(self) -> None:
        super()._check()
        check_count(self.window, "window", low=8)

    def _measure_pair(self, images: Prepared, lattice: Lattice) -> FloatArray:
        target = DeformableImage(images.deformed, images.valid)
        # Correlation cannot correct errors of its start that are narrower than a window: they are blurred away.
        blur = self.window / (4 * lattice.spacing)
        field = ndimage.gaussian_filter(find_displacement(images, lattice), (0, blur, blur), mode="nearest")
        for factor in _PASSES:
            moved, inside = target.sample(lattice.spread(field))
            side = factor * self.window
            # Windows that overlap by more than three quarters say the same again.
            coarse = Lattice(lattice.shape, max(lattice.spacing, min(side // 4, min(lattice.shape) // 4)))
            step, ratio = _correlate_around(images.relaxed, np.where(inside, moved, 0), coarse, side)
            step = without_outliers(step, ratio < PEAK_RATIO)
            field = field + coarse.interpolate(step, lattice)
        return field


def _correlate_around(first: Image, second: Image, lattice: Lattice, side: int) -> tuple[FloatArray, FloatArray]:
    """Correlate windows around the nodes; outside the image there is nothing."""
    sides, starts = [], []
    for position in lattice.positions():
        # Odd windows have their middle on a pixel, even ones between two; so do the nodes of a grid, all alike.
        length = side + (side + 1 + round(2 * position[0])) % 2
        sides.append(length)
        starts.append(np.rint(position - (length - 1) / 2).astype(np.intp) + length)
    images = [np.pad(image, [(length, length) for length in sides]) for image in (first, second)]
    return correlate_windows(images[0], images[1], (starts[0], starts[1]), (sides[0], sides[1]))
