"""Displacement of beads between two images, in windows that fit the field."""

from __future__ import annotations

import numpy as np

from tfmkit._validation import FloatArray, check_number
from tfmkit.displacement._images import DeformableImage, Prepared
from tfmkit.displacement._least_squares import Lattice, adapt, collect, refine, solve_windows
from tfmkit.displacement._pyramid import find_displacement, without_outliers
from tfmkit.displacement._transformer import DisplacementTransformer

# Windows of the steps at full resolution, in standard deviations of the narrowest window: wide ones first, which
# converge from further away.
_STEPS = (5 / 3, 5 / 3, 1.0, 1.0)
# Each window is wider than the one before by this factor, up to this many times the narrowest.
_GROWTH = np.sqrt(2)
_WIDEST = 16.0


class PIV(DisplacementTransformer):
    """Particle image velocimetry: from pairs of bead images to displacement fields.

    Large windows on binned images are correlated first. Then one image is deformed back onto the other by what is known
    so far, and least squares find what is still missing, from coarse images to fine ones. In the end every node takes
    the widest window that does not blur its surroundings: narrow ones under a cell, wide ones where little happens.

    Parameters
    ----------
    window : float, default=7.0
        Width of the narrowest window in pixels: that of a square with the second moment of the Gaussian that is used.
        About the distance between beads or more; wider where images are noisy.
    spacing : int, default=4
        Pixels between the nodes at which the displacement is returned.
    threshold : float, default=1.5
        By how many standard errors a wide window may disagree with narrower ones. More means smoother fields, as faint
        or sparse beads want them (3, say); 0 leaves nothing but the narrowest window.

    Attributes
    ----------
    grid_x_, grid_y_ : ndarray of shape (n_x,) and (n_y,)
        Positions of the nodes in image pixels; pixel 0 has its middle at 0.
    spacing_ : int
        Pixels between nodes: the `spacing` of whatever turns the displacement into traction.
    flags_ : ndarray of shape (n_pairs, n_y, n_x)
        One :class:`Flag` per vector of the fitted pairs.
    quality_ : ndarray of shape (n_pairs, n_y, n_x)
        Correlation of the two images around each node, the displacement undone; 1 at best.
    image_shape_ : (int, int)
        Height and width of the fitted images.

    Notes
    -----
    The displacement at a node is that of the gel which lies there in the relaxed image. Displacements of 0.02 to 20 px
    and more are measured in one go, as long as neighbouring beads keep their places (strain under about 0.5).
    Bead images move windows as in [1]_; image deformation and outlier tests follow the practice of PIV [2]_, [3]_.

    References
    ----------
    .. [1] Lucas and Kanade, "An iterative image registration technique", IJCAI 1981, 674.
    .. [2] Scarano, "Iterative image deformation methods in PIV", Meas. Sci. Technol. 13:R1 (2002).
    .. [3] Westerweel and Scarano, "Universal outlier detection for PIV data", Exp. Fluids 39:1096 (2005).

    Examples
    --------
    >>> from tfmkit.displacement import PIV
    >>> from tfmkit.simulate import BeadSimulator
    >>> beads = BeadSimulator(128, peak=3.0, random_state=0).sample()
    >>> PIV(spacing=8).fit_transform(beads.pairs).shape
    (1, 2, 16, 16)
    """

    def __init__(self, window: float = 7.0, *, spacing: int = 4, threshold: float = 1.5) -> None:
        self.window = window
        self.spacing = spacing
        self.threshold = threshold

    def _check(self) -> None:
        super()._check()
        check_number(self.window, "window", low=4)
        check_number(self.threshold, "threshold", low=0)

    def _measure_pair(self, images: Prepared, lattice: Lattice) -> FloatArray:
        # A uniform square of side w has the variance w^2 / 12 along each axis.
        narrowest = self.window / np.sqrt(12)
        target = DeformableImage(images.deformed, images.valid)
        field = find_displacement(images, lattice)
        field = refine(images.relaxed, target, images.valid, field, lattice, [step * narrowest for step in _STEPS])
        field = without_outliers(field)
        pixels = lattice.spread(field)
        moved, inside = target.sample(pixels)
        noisy, _ = DeformableImage(images.noisy[1], images.valid).sample(pixels)
        sums = collect((images.relaxed, moved), (images.noisy[0], noisy), inside & images.valid)
        sigmas = narrowest * _GROWTH ** np.arange(1 + round(np.log(_WIDEST) / np.log(_GROWTH)))
        estimates, errors = zip(*(solve_windows(sums, field, lattice, float(sigma)) for sigma in sigmas), strict=True)
        return adapt(np.stack(estimates), np.stack(errors), self.threshold)[0]
