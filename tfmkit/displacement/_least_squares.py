"""Least squares between two images: the displacement that is still missing between them, in windows.

The reference is ``A``, and the other image, deformed back by the known displacement u, is ``B(x + u)``. The missing
displacement d solves ``A - B(x + u) = g . d`` with g the image gradient, by weighted least squares (Lucas & Kanade
1981). Sums over blocks of pixels come first. All later steps are small matrix products.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import ndimage

from tfmkit._validation import FloatArray
from tfmkit.displacement._deformation import DeformableImage
from tfmkit.displacement._images import Image, Mask
from tfmkit.displacement._lattice import BLOCK, Lattice, block_sum

# Fourth-order central difference.
_DIFFERENCE = np.array([1, -8, 0, 8, -1], dtype=np.float32) / 12
# Added to the eigenvalues of the normal matrix, as a share of its typical trace: windows without beads do not move.
RIDGE = 0.02
# Longest step of one iteration in pixels. Gradients tell nothing beyond the width of a bead.
MAX_STEP = 1.5
# Standard deviation of the patch of pixels, about a bead, that is judged as a whole.
_PATCH_SIGMA = 1.5
# Patches of this many times the noise's energy count half.
OUTLYING = 3.0
# Least variance of noise, as a share of the variance of the image: interpolation errs by as much.
_LEAST_NOISE = 0.01
# Share of valid pixels from which a block counts: all of them, but for rounding.
_FULL = 0.999

Triple = tuple[FloatArray, FloatArray, FloatArray]


class Evidence(NamedTuple):
    """The sums of least squares for the displacement that is still missing between two images.

    Attributes
    ----------
    tensor : tuple of three ndarray of shape (n_rows, n_columns)
        Weighted products of gradients, summed over blocks of pixels: xx, xy and yy.
    force : (ndarray, ndarray)
        Weighted products of the gradients (x, y) with the difference of the images.
    noise : float
        Variance of the difference in a pixel where the images agree.
    """

    tensor: Triple
    force: tuple[FloatArray, FloatArray]
    noise: float


class Comparison:
    """A reference image, and another one to be deformed back onto it.

    Parameters
    ----------
    smooth : ndarray of shape (height, width)
        Reference with as little noise as possible, for the gradients.
    first, second : ndarray of shape (height, width)
        The two images between which differences are taken: the reference with all of its noise, and the other one.
    valid : ndarray of shape (height, width)
        Pixels that count.
    outlying : float, default=3.0
        Patches in which this many times the noise's energy is left count half; infinite where displacements are too far
        off for that to mean anything.
    """

    def __init__(self, smooth: Image, first: Image, second: Image, valid: Mask, *, outlying: float = OUTLYING) -> None:
        self._along = gradients(smooth)
        along_x, along_y = self._along
        self._products = tuple(block_sum(p, BLOCK) for p in (along_x * along_x, along_x * along_y, along_y * along_y))
        self._first, self._valid, self._outlying = first, valid, outlying
        self._second = DeformableImage(second, valid)
        self._least_noise = _LEAST_NOISE * float(first.var())

    def observe(self, field: FloatArray, lattice: Lattice) -> Evidence:
        """Deform the second image back by the known displacement, and sum the remaining differences.

        Parameters
        ----------
        field : ndarray of shape (2, n_y, n_x)
            Displacement at the nodes, in pixels.
        lattice : Lattice
            The nodes.

        Returns
        -------
        Evidence
            Sums over blocks.

        Notes
        -----
        A bead that one image lacks leaves a difference far above the noise, in all of its pixels. Therefore patches are
        weighted down as a whole, by the ratio of their difference to that of most patches (Geman & McClure's weights).
        """
        moved, inside = self._second.sample(lattice.spread(field))
        counts = (inside & self._valid).astype(np.float32)
        difference = (self._first - moved) * counts
        full = block_sum(counts, BLOCK) > _FULL * BLOCK**2
        left = ndimage.gaussian_filter(
            block_sum(difference * difference, BLOCK) / BLOCK**2, _PATCH_SIGMA / BLOCK, mode="nearest"
        )
        noise = max(float(np.median(left[full])) if full.any() else 0.0, self._least_noise, 1e-12)
        weight = (full / (1 + (left / (self._outlying * noise)) ** 2)).astype(np.float32)
        tensor = tuple(weight * product for product in self._products)
        force = tuple(weight * block_sum(slope * difference, BLOCK) for slope in self._along)
        return Evidence((tensor[0], tensor[1], tensor[2]), (force[0], force[1]), noise)


def gradients(image: Image) -> tuple[Image, Image]:
    """Return the derivatives of an image.

    Parameters
    ----------
    image : ndarray of shape (height, width)
        Image.

    Returns
    -------
    along_x, along_y : ndarray of shape (height, width)
        Derivatives along columns and rows.
    """
    return ndimage.correlate1d(image, _DIFFERENCE, axis=1), ndimage.correlate1d(image, _DIFFERENCE, axis=0)


def refine(images: Comparison, start: FloatArray, lattice: Lattice, sigmas: list[float]) -> FloatArray:
    """Improve a displacement by as many steps as there are windows.

    Parameters
    ----------
    images : Comparison
        The two images.
    start : ndarray of shape (2, n_y, n_x)
        Displacement at the nodes, in pixels.
    lattice : Lattice
        The nodes.
    sigmas : list of float
        Standard deviation of the Gaussian window in each step, in pixels.

    Returns
    -------
    ndarray of shape (2, n_y, n_x)
        Improved displacement.
    """
    field = start
    for sigma in sigmas:
        tensor, force, _ = images.observe(field, lattice)
        xx, xy, yy = (lattice.gather(part, sigma) for part in tensor)
        along_x, along_y = (lattice.gather(part, sigma) for part in force)
        ridge = RIDGE * max(float(np.median(xx + yy)), 1e-12)
        xx, yy = xx + ridge, yy + ridge
        step = np.stack([yy * along_x - xy * along_y, xx * along_y - xy * along_x]) / (xx * yy - xy * xy)
        field = field + np.clip(step, -MAX_STEP, MAX_STEP)
    return field
