"""How well two images match once a displacement is undone, and which vectors make them match worse."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfmkit._validation import FloatArray
from tfmkit.displacement._deformation import DeformableImage
from tfmkit.displacement._images import Image, Mask, block_sum
from tfmkit.displacement._lattice import BLOCK, Lattice
from tfmkit.displacement._least_squares import RIDGE, gradients
from tfmkit.displacement._outliers import MEDIAN_THRESHOLD, normalised_median, replace

# Standard deviation in pixels of the window whose correlation is taken.
_SIGMA = 6.0
# Windows of the standard errors, in pixels, and the weight under which a window counts as empty.
WINDOWS = (4.0, 8.0, 16.0)
_LEAST_WEIGHT = 1e-3
# Variance of what counts as an empty window, as a share of the typical one.
_FAINT = 0.05


@dataclass(frozen=True)
class Agreement:
    """How two images agree once a displacement is undone.

    Attributes
    ----------
    correlation : ndarray of shape (n_y, n_x)
        Correlation coefficient around each node, 1 at best.
    errors : dict of float to ndarray of shape (2, n_y, n_x)
        Standard error in pixels of a displacement (x, y) that least squares find in a Gaussian window around the node
        (Lucas & Kanade 1981), by the standard deviation of the window in pixels. The difference between the images
        that is left in the window counts as noise.
    """

    correlation: FloatArray
    errors: dict[float, FloatArray]


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
        return self._correlate(*self._undo(field))

    def compare(self, field: FloatArray) -> Agreement:
        """Deform the second image back, and tell how alike the two are and how exactly they place each node.

        Parameters
        ----------
        field : ndarray of shape (2, n_y, n_x)
            Displacement at the nodes, in pixels.

        Returns
        -------
        Agreement
            Correlation and standard errors.
        """
        relaxed, moved, weight = self._undo(field)
        along_x, along_y = (slope * weight for slope in gradients(self._relaxed))
        planes = ((relaxed - moved) ** 2, weight, along_x * along_x, along_x * along_y, along_y * along_y)
        blocks = [block_sum(plane, BLOCK) for plane in planes]
        errors = {sigma: _standard_error(*(self._lattice.gather(part, sigma) for part in blocks)) for sigma in WINDOWS}
        return Agreement(self._correlate(relaxed, moved, weight), errors)

    def _undo(self, field: FloatArray) -> tuple[Image, Image, Image]:
        """Return both images where both are seen, the second one deformed back, and where that is."""
        moved, inside = self._deformed.sample(self._lattice.spread(field))
        weight = (inside & self._valid).astype(np.float32)
        return self._relaxed * weight, moved * weight, weight

    def _correlate(self, relaxed: Image, moved: Image, weight: Image) -> FloatArray:
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


def _standard_error(left: FloatArray, total: FloatArray, xx: FloatArray, xy: FloatArray, yy: FloatArray) -> FloatArray:
    """Return the standard errors (2, n_y, n_x) of least squares in windows, from what is left between the images."""
    ridge = RIDGE * max(float(np.median(xx + yy)), 1e-12)
    noise = left / np.maximum(total, _LEAST_WEIGHT)
    determinant = (xx + ridge) * (yy + ridge) - xy * xy
    return np.sqrt(noise / determinant * np.stack([yy + ridge, xx + ridge]))
