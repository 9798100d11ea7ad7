"""How well two images match once a displacement is undone, and which vectors make them match worse."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tfmkit._validation import FloatArray
from tfmkit.displacement._deformation import DeformableImage
from tfmkit.displacement._images import Image, Mask
from tfmkit.displacement._lattice import Lattice
from tfmkit.displacement._outliers import MEDIAN_THRESHOLD, normalised_median, replace

# Standard deviation in pixels of the window whose correlation is taken.
_SIGMA = 6.0
# Variance of what counts as an empty window, as a share of the typical one.
_FAINT = 0.05


class Match:
    """Correlation of two images around the nodes of a grid.

    Parameters
    ----------
    relaxed, deformed : ndarray of shape (height, width)
        The two images.
    valid : ndarray of shape (height, width)
        Pixels that count.
    lattice : Lattice
        The nodes.
    """

    def __init__(self, relaxed: Image, deformed: Image, valid: Mask, lattice: Lattice) -> None:
        self._relaxed, self._valid, self._lattice = relaxed, valid, lattice
        self._deformed = DeformableImage(deformed, valid)

    def correlation(self, field: FloatArray) -> FloatArray:
        """Return the correlation coefficient around each node, the second image deformed back.

        Parameters
        ----------
        field : ndarray of shape (2, n_y, n_x)
            Displacement at the nodes, in pixels.

        Returns
        -------
        ndarray of shape (n_y, n_x)
            Correlation, 1 at best.
        """
        moved, inside = self._deformed.sample(self._lattice.spread(field))
        weight = (inside & self._valid).astype(np.float32)
        relaxed, moved = self._relaxed * weight, moved * weight
        total, a, b, aa, bb, ab = (
            self._lattice.gather_pixels(part, _SIGMA)
            for part in (weight, relaxed, moved, relaxed * relaxed, moved * moved, relaxed * moved)
        )
        total = np.maximum(total, 1e-6)
        spread = np.sqrt(np.maximum(aa - a * a / total, 0) * np.maximum(bb - b * b / total, 0))
        # Where both images are all but empty, noise can be deformed until it looks alike: that is no match.
        faint = _FAINT * float(np.median(spread)) + 1e-12
        return (ab - a * b / total) / (spread + faint)

    def outliers(self, field: FloatArray, correlation: FloatArray) -> NDArray[np.bool_]:
        """Find vectors that are unlike their neighbours, and without which the images match better.

        Parameters
        ----------
        field : ndarray of shape (2, n_y, n_x)
            Displacement at the nodes, in pixels.
        correlation : ndarray of shape (n_y, n_x)
            What it makes of the images.

        Returns
        -------
        ndarray of shape (n_y, n_x)
            True at outliers. The median test alone would refuse the peaks under small adhesions as well.
        """
        unlike = normalised_median(field) > MEDIAN_THRESHOLD
        if not unlike.any():
            return unlike
        return unlike & (self.correlation(replace(field, unlike)) > correlation)
