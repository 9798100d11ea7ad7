"""How well two images match once a displacement is undone, and vectors that make them match worse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tfmkit._validation import FloatArray
from tfmkit.displacement._deformation import DeformableImage
from tfmkit.displacement._images import Image, Mask
from tfmkit.displacement._lattice import BLOCK, Lattice, block_sum
from tfmkit.displacement._least_squares import RIDGE, gradients

# Threshold and noise level (px) of the normalised median test, both from Westerweel & Scarano (2005).
MEDIAN_THRESHOLD = 2.0
MEDIAN_NOISE = 0.1
# Share of good vectors under a Gaussian window from which its mean is taken.
_LEAST_WEIGHT = 0.05

_NEIGHBOURS = [(row, column) for row in range(3) for column in range(3) if (row, column) != (1, 1)]
# Standard deviation in pixels of the window whose correlation is taken.
_SIGMA = 6.0
# Windows of the standard errors, in pixels, and the weight under which a window counts as empty.
WINDOWS = (4.0, 8.0, 16.0)
_LEAST_WEIGHT = 1e-3
# Window of which the share that is seen is told, in pixels.
_SEEN = 8.0
# Variance of an empty window, as a share of the typical one.
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
    seen : ndarray of shape (n_y, n_x)
        Share of the window of 8 px around each node that both images show. It is about a half at a border.
    """

    correlation: FloatArray
    errors: dict[float, FloatArray]
    seen: FloatArray


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
        """Deform the second image back; measure how alike the two are and how exactly they place each node.

        Parameters
        ----------
        field : ndarray of shape (2, n_y, n_x)
            Displacement at the nodes, in pixels.

        Returns
        -------
        Agreement
            Correlation, standard errors and the share of the windows that is seen.
        """
        relaxed, moved, weight = self._undo(field)
        along_x, along_y = (slope * weight for slope in gradients(self._relaxed))
        planes = ((relaxed - moved) ** 2, weight, along_x * along_x, along_x * along_y, along_y * along_y)
        blocks = [block_sum(plane, BLOCK) for plane in planes]
        errors = {sigma: _standard_error(*(self._lattice.gather(part, sigma) for part in blocks)) for sigma in WINDOWS}
        full = self._lattice.gather(np.full_like(blocks[1], BLOCK**2), _SEEN).max()
        return Agreement(self._correlate(relaxed, moved, weight), errors, self._lattice.gather(blocks[1], _SEEN) / full)

    def _undo(self, field: FloatArray) -> tuple[Image, Image, Image]:
        """Return both images and a weight: the second image is deformed back; the weight is 1 where both are seen."""
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
        # Where both images are nearly empty, noise can be deformed until it looks alike. That is not a match.
        faint = _FAINT * float(np.median(spread)) + 1e-12
        return (ab - a * b / total) / (spread + faint)

    def outliers(self, field: FloatArray, correlation: FloatArray) -> NDArray[np.bool_]:
        """Find vectors that are unlike their neighbours, and without which the images match better.

        Parameters
        ----------
        field : ndarray of shape (2, n_y, n_x)
            Displacement at the nodes, in pixels.
        correlation : ndarray of shape (n_y, n_x)
            Correlation of the images under this field.

        Returns
        -------
        ndarray of shape (n_y, n_x)
            True at outliers. The median test alone would also refuse the peaks under small adhesions.
        """
        unlike = normalised_median(field) > MEDIAN_THRESHOLD
        if not unlike.any():
            return unlike
        return unlike & (self.correlation(replace(field, unlike)) > correlation)


def normalised_median(field: FloatArray) -> FloatArray:
    """Compare each vector with its eight neighbours.

    Parameters
    ----------
    field : ndarray of shape (2, height, width)
        Displacement in pixels.

    Returns
    -------
    ndarray of shape (height, width)
        Distance from the neighbours' median over the neighbours' own median distance from it; the larger of the two
        components. Above 2 a vector is an outlier.

    References
    ----------
    Westerweel & Scarano, Experiments in Fluids 39:1096, 2005, eq. 2.
    """
    height, width = field.shape[1:]
    padded = np.pad(field, ((0, 0), (1, 1), (1, 1)), mode="reflect")
    around = np.stack([padded[:, row : row + height, column : column + width] for row, column in _NEIGHBOURS])
    median = np.median(around, axis=0)
    fluctuation = np.median(np.abs(around - median), axis=0)
    return (np.abs(field - median) / (fluctuation + MEDIAN_NOISE)).max(axis=0)


def replace(field: FloatArray, bad: NDArray[Any]) -> FloatArray:
    """Interpolate vectors from the good ones around them.

    Parameters
    ----------
    field : ndarray of shape (2, height, width)
        Displacement.
    bad : ndarray of shape (height, width)
        True where a vector is to be replaced.

    Returns
    -------
    ndarray of shape (2, height, width)
        The field with Gaussian-weighted means of good vectors in place of bad ones. The Gaussians are as narrow as
        good vectors allow. Without any good vector the field is 0.
    """
    good = ~bad
    if not good.any():
        return np.zeros_like(field)
    # Vectors too far from all good ones get the mean of these.
    result = np.where(bad, field[:, good].mean(axis=1)[:, None, None], field)
    missing, known = bad.copy(), good.astype(field.dtype)
    sigma = 1.0
    while missing.any() and sigma < max(bad.shape):
        weight = ndimage.gaussian_filter(known, sigma, mode="constant")
        near = missing & (weight > _LEAST_WEIGHT)
        if near.any():
            for component in range(2):
                mean = ndimage.gaussian_filter(np.where(bad, 0, field[component]), sigma, mode="constant")
                result[component][near] = mean[near] / weight[near]
            missing &= ~near
        sigma *= 2
    return result


def _standard_error(left: FloatArray, total: FloatArray, xx: FloatArray, xy: FloatArray, yy: FloatArray) -> FloatArray:
    """Return the standard errors (2, n_y, n_x) of least squares in windows, from the remaining differences."""
    ridge = RIDGE * max(float(np.median(xx + yy)), 1e-12)
    noise = left / np.maximum(total, _LEAST_WEIGHT)
    determinant = (xx + ridge) * (yy + ridge) - xy * xy
    return np.sqrt(noise / determinant * np.stack([yy + ridge, xx + ridge]))
