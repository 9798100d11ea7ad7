"""Displacement of beads between two images: the whole field at once."""

from __future__ import annotations

import numpy as np

from tfmkit._validation import FloatArray, check_number
from tfmkit.displacement._images import Prepared
from tfmkit.displacement._lattice import Lattice
from tfmkit.displacement._least_squares import Comparison, refine
from tfmkit.displacement._search import find_displacement
from tfmkit.displacement._smoothness import fit_field
from tfmkit.displacement._transformer import DisplacementTransformer

# Steps in windows at full resolution, before the whole field is fitted at once.
_STEPS = 2


class PIV(DisplacementTransformer):
    """Particle image velocimetry: from pairs of bead images to displacement fields.

    Large windows on binned images are correlated first. Then one image is deformed back onto the other by the
    displacement found so far, and least squares in windows find the rest, from coarse images to fine ones. In the end
    the whole field is fitted at once, without windows: as smooth as the noise of the images demands, and as rough as
    the beads show it to be under a cell.

    Parameters
    ----------
    window : float, default=16.0
        Width of the windows from which the last fit starts, in pixels: that of a square with the second moment of the
        Gaussian that is used. It matters only where windows hold less than a few beads.
    spacing : int, default=4
        Pixels between the nodes at which the displacement is returned.
    smoothing : float, default=1.0
        Weight of the field's smoothness. A larger weight averages more noise and blurs more where beads are faint or
        sparse.

    Attributes
    ----------
    grid_x_, grid_y_ : ndarray of shape (n_x,) and (n_y,)
        Positions of the nodes in image pixels; pixel 0 has its middle at 0.
    spacing_ : int
        Pixels between nodes. Estimators of traction take it as their `spacing`.
    flags_ : ndarray of shape (n_pairs, n_y, n_x)
        One :class:`Flag` per vector of the fitted pairs.
    std_ : ndarray of shape (n_pairs, 2, n_y, n_x)
        Standard deviation of each component in image pixels; NaN where the flag is not GOOD.
    quality_ : ndarray of shape (n_pairs, n_y, n_x)
        Correlation of the two images around each node, the displacement undone; 1 at best.
    image_shape_ : (int, int)
        Height and width of the fitted images.

    Notes
    -----
    The displacement at a node is that of the gel which lies there in the relaxed image. Displacements of 0.02 to 20 px
    and more are measured without any setting, as long as neighbouring beads keep their places (strain under about
    0.5). Waves of displacement along their own direction keep .25 / .50 / .76 / .86 / .97 of their height at
    wavelengths of 12 / 16 / 24 / 32 / 64 px (0.03 beads per square pixel): small adhesions are blurred.
    Windows move as in [1]_; image deformation and outlier tests follow the practice of PIV [2]_, [3]_; the fit of the
    whole field is global image correlation [4]_ with a smoothness that is found from the field.

    References
    ----------
    .. [1] Lucas and Kanade, "An iterative image registration technique", IJCAI 1981, 674.
    .. [2] Scarano, "Iterative image deformation methods in PIV", Meas. Sci. Technol. 13:R1 (2002).
    .. [3] Westerweel and Scarano, "Universal outlier detection for PIV data", Exp. Fluids 39:1096 (2005).
    .. [4] Besnard, Hild and Roux, "Finite-element displacement fields analysis", Exp. Mech. 46:789 (2006).

    Examples
    --------
    >>> from tfmkit.displacement import PIV
    >>> from tfmkit.simulate import BeadSimulator
    >>> beads = BeadSimulator(128, peak=3.0, random_state=0).sample()
    >>> PIV(spacing=8).fit_transform(beads.pairs).shape
    (1, 2, 16, 16)
    """

    # The constant is 0.08 above the fit, for images that are unlike those of the fit.
    _exponents = (1.045, 0.654, -0.243, 0.252, 0.288, 0.288, -0.65)

    def __init__(self, window: float = 16.0, *, spacing: int = 4, smoothing: float = 1.0) -> None:
        self.window = window
        self.spacing = spacing
        self.smoothing = smoothing

    def _check(self) -> None:
        super()._check()
        check_number(self.window, "window", low=4)
        check_number(self.smoothing, "smoothing", low=0)

    def _measure_pair(self, images: Prepared, lattice: Lattice) -> FloatArray:
        field = find_displacement(images, lattice)
        comparison = Comparison(images.relaxed, *images.noisy, images.valid)
        # A uniform square of side w has the variance w^2 / 12 along each axis.
        field = refine(comparison, field, lattice, [self.window / np.sqrt(12)] * _STEPS)
        return fit_field(comparison, field, lattice, self.smoothing)
