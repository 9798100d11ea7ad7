"""Displacement by least squares on image differences: iterative refinement, and windows that fit the field.

Where the displaced image is ``B(x + u)`` and the reference ``A``, the displacement that is still missing, d, is sought
from ``A - B(x + u) = g . d`` with g the image gradient, by Gaussian-weighted least squares around each node (Lucas &
Kanade 1981). All sums are taken over blocks of pixels first; every window after that costs a few small matrix products.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from tfmkit._validation import FloatArray
from tfmkit.displacement._grid import nodes, pixel_matrix, resample, window_matrix
from tfmkit.displacement._images import DeformableImage, Image, Mask, block_sum

# Fourth-order central difference.
_DIFFERENCE = np.array([1, -8, 0, 8, -1], dtype=np.float32) / 12
# Added to the eigenvalues of the normal matrix, as a share of its typical trace: windows without beads stay put.
_RIDGE = 0.02
# Longest step of one iteration in pixels: gradients tell nothing about what is a bead's width away.
_MAX_STEP = 1.5
# Residuals of this many robust standard deviations count half (Geman & McClure's weights, square-rooted).
_ROBUST = 4.0
_BLOCK = 2
# Times that a window's answer is improved by what it left of the field: takes the bias of smooth fields to sixth order.
_TWICING = 2

Triple = tuple[FloatArray, FloatArray, FloatArray]


@dataclass(frozen=True)
class Sums:
    """Sums over blocks of pixels of all that a window needs.

    Attributes
    ----------
    tensor : tuple of three ndarray of shape (n_rows, n_columns)
        Weighted products of gradients: xx, xy and yy.
    force : (ndarray, ndarray)
        Weighted products of the gradients (x, y) with the difference of the images.
    scatter : tuple of three ndarray of shape (n_rows, n_columns)
        The products of gradients times the squared weighted difference, from which the errors are computed.
    """

    tensor: Triple
    force: tuple[FloatArray, FloatArray]
    scatter: Triple


@dataclass(frozen=True)
class Lattice:
    """A grid of nodes on an image, with its matrices.

    Attributes
    ----------
    shape : (int, int)
        Height and width of the image.
    spacing : int
        Pixels between nodes.
    """

    shape: tuple[int, int]
    spacing: int

    def positions(self) -> tuple[FloatArray, FloatArray]:
        """Return where the nodes lie.

        Returns
        -------
        rows, columns : ndarray of shape (n_y,) and (n_x,)
            Positions in pixels.
        """
        return nodes(self.shape[0], self.spacing), nodes(self.shape[1], self.spacing)

    def gather(self, blocks: FloatArray, sigma: float) -> FloatArray:
        """Sum blocks of pixels under a Gaussian window around each node.

        Parameters
        ----------
        blocks : ndarray of shape (n_rows, n_columns)
            Sums over blocks.
        sigma : float
            Standard deviation of the window in pixels.

        Returns
        -------
        ndarray of shape (n_y, n_x)
            Weighted sums.
        """
        rows, columns = (window_matrix(side, self.spacing, sigma, _BLOCK) for side in self.shape)
        return rows @ blocks @ columns.T

    def gather_pixels(self, image: Image, sigma: float) -> FloatArray:
        """Sum pixels under a Gaussian window around each node.

        Parameters
        ----------
        image : ndarray of shape (height, width)
            Values of the pixels.
        sigma : float
            Standard deviation of the window in pixels.

        Returns
        -------
        ndarray of shape (n_y, n_x)
            Weighted sums.
        """
        return self.gather(block_sum(image, _BLOCK), sigma)

    def sample(self, images: FloatArray) -> FloatArray:
        """Interpolate images linearly at the nodes.

        Parameters
        ----------
        images : ndarray of shape (n_images, height, width)
            Values of the pixels.

        Returns
        -------
        ndarray of shape (n_images, n_y, n_x)
            Values at the nodes.
        """
        positions = np.meshgrid(*self.positions(), indexing="ij")
        return np.stack([ndimage.map_coordinates(image, positions, order=1, mode="nearest") for image in images])

    def interpolate(self, field: FloatArray, wanted: Lattice) -> FloatArray:
        """Interpolate from these nodes to those of another lattice on the same image.

        Parameters
        ----------
        field : ndarray of shape (..., n_y, n_x)
            Values at the nodes.
        wanted : Lattice
            The other lattice.

        Returns
        -------
        ndarray of shape (..., m_y, m_x)
            Values at its nodes.
        """
        return resample(field, self.positions(), wanted.positions())

    def spread(self, field: FloatArray, block: int = 1) -> FloatArray:
        """Interpolate from the nodes to pixels or blocks.

        Parameters
        ----------
        field : ndarray of shape (..., n_y, n_x)
            Values at the nodes.
        block : int, default=1
            Pixels per block.

        Returns
        -------
        ndarray of shape (..., n_rows, n_columns)
            Values at the pixels or blocks.
        """
        rows, columns = (pixel_matrix(side, self.spacing, block) for side in self.shape)
        return rows @ field @ columns.T


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


def refine(
    reference: Image, target: DeformableImage, valid: Mask, start: FloatArray, lattice: Lattice, sigmas: list[float]
) -> FloatArray:
    """Improve a displacement field by one step per window size.

    Parameters
    ----------
    reference : ndarray of shape (height, width)
        Image in which the displacement starts.
    target : DeformableImage
        Image in which it ends.
    valid : ndarray of shape (height, width)
        Pixels of the reference that count.
    start : ndarray of shape (2, n_y, n_x)
        Displacement (x, y) at the nodes in pixels, right to within a bead's width or so.
    lattice : Lattice
        The nodes.
    sigmas : list of float
        Standard deviation of the window in each step, in pixels.

    Returns
    -------
    ndarray of shape (2, n_y, n_x)
        Improved displacement.
    """
    along = gradients(reference)
    products = (along[0] * along[0], along[0] * along[1], along[1] * along[1])
    field = start
    for sigma in sigmas:
        moved, inside = target.sample(lattice.spread(field))
        weight = (inside & valid).astype(np.float32)
        difference = (reference - moved) * weight
        tensor = [lattice.gather(block_sum(product * weight, _BLOCK), sigma) for product in products]
        force = [lattice.gather(block_sum(slope * difference, _BLOCK), sigma) for slope in along]
        field = field + np.clip(_solve(_ridged(tensor), force), -_MAX_STEP, _MAX_STEP)
    return field


def collect(smooth: tuple[Image, Image], noisy: tuple[Image, Image], valid: Mask) -> Sums:
    """Sum what windows of any size need, with outlying pixels weighted down.

    Parameters
    ----------
    smooth : (ndarray, ndarray)
        Reference image and the other one, deformed back onto it, free of noise as far as may be: for the gradients.
    noisy : (ndarray, ndarray)
        The same images with all of their noise, which is independent from pixel to pixel: for the differences, so that
        the errors come out right.
    valid : ndarray of shape (height, width)
        Pixels that count.

    Returns
    -------
    Sums
        Sums over blocks.
    """
    along = gradients((smooth[0] + smooth[1]) * np.float32(0.5))
    difference = noisy[0] - noisy[1]
    weight = _robust_weight(difference, valid)
    weighted = weight * difference
    square = weighted * weighted
    products = (along[0] * along[0], along[0] * along[1], along[1] * along[1])
    tensor = [block_sum(weight * product, _BLOCK) for product in products]
    scatter = [block_sum(square * product, _BLOCK) for product in products]
    return Sums(
        tensor=(tensor[0], tensor[1], tensor[2]),
        force=(block_sum(along[0] * weighted, _BLOCK), block_sum(along[1] * weighted, _BLOCK)),
        scatter=(scatter[0], scatter[1], scatter[2]),
    )


def solve_windows(sums: Sums, field: FloatArray, lattice: Lattice, sigma: float) -> tuple[FloatArray, FloatArray]:
    """Fit the whole displacement, and its error, in windows of one size.

    Parameters
    ----------
    sums : Sums
        What the images, deformed by `field`, gave.
    field : ndarray of shape (2, n_y, n_x)
        Displacement at the nodes by which the images were deformed.
    lattice : Lattice
        The nodes.
    sigma : float
        Standard deviation of the windows in pixels.

    Returns
    -------
    displacement : ndarray of shape (2, n_y, n_x)
        Displacement in pixels. Its noise is the window's, whatever that of `field`.
    error : ndarray of shape (2, n_y, n_x)
        Standard error of each component.

    Notes
    -----
    Every pixel says that ``g . u = g . field + difference``. A window's mean of that, K u, is biased where u is
    curved; ``(1 - (1 - K)^3) u`` is far less so (twicing, Tukey 1977) and costs no new look at the images. The errors
    are the sandwich estimate of White (1980): no model of the noise, and lack of fit counts.
    """
    xx, xy, yy = sums.tensor
    plain = [lattice.gather(part, sigma) for part in sums.tensor]
    tensor = _ridged(plain)
    # What the ridge adds says that the displacement at the node is the one that is known already.
    ridge = tensor[0] - plain[0]
    result = np.zeros_like(field)
    for _ in range(_TWICING + 1):
        left = lattice.spread(field - result, _BLOCK)
        force = (sums.force[0] + xx * left[0] + xy * left[1], sums.force[1] + xy * left[0] + yy * left[1])
        gathered = [lattice.gather(part, sigma) for part in force]
        result = result + _solve(tensor, [gathered[axis] + ridge * (field - result)[axis] for axis in range(2)])
    # Squared weights of a Gaussian window are a Gaussian window of a narrower kind.
    scatter = [lattice.gather(part, sigma / np.sqrt(2)) for part in sums.scatter]
    return result, _NOISE_GAIN * np.sqrt(_variances(tensor, scatter))


# Noise of the twiced window over that of the plain one: the root of the ratio of the integrals of their squared
# weights, sum_jk c_j c_k / (j + k) over 1/2 with (1 - (1 - K)^3) = 3 K - 3 K^2 + K^3 for Gaussians of j sigma^2.
_NOISE_GAIN = float(
    np.sqrt(2 * sum(a * b / (j + k) for j, a in ((1, 3), (2, -3), (3, 1)) for k, b in ((1, 3), (2, -3), (3, 1))))
)


def adapt(estimates: FloatArray, errors: FloatArray, threshold: float) -> tuple[FloatArray, FloatArray]:
    """Take at each node the widest window that agrees with all narrower ones.

    Parameters
    ----------
    estimates, errors : ndarray of shape (n_sizes, 2, n_y, n_x)
        Displacement and standard error, from the narrowest window to the widest.
    threshold : float
        Half width of an interval of confidence in standard errors.

    Returns
    -------
    displacement, error : ndarray of shape (2, n_y, n_x)
        Those of the chosen windows; the choice is smoothed over neighbouring nodes.

    References
    ----------
    Goldenshluger & Nemirovski, Math. Methods Statist. 6:135, 1997: the intersection of confidence intervals, which
    comes within a constant factor of the best window without knowing how smooth the field is.
    """
    low = np.maximum.accumulate(estimates - threshold * errors, axis=0)
    high = np.minimum.accumulate(estimates + threshold * errors, axis=0)
    agree = np.logical_and.accumulate((low <= high).all(axis=1), axis=0)
    # The median drops lone nodes that noise made narrow; smoothing then only ever narrows, so as not to blur peaks.
    choice = ndimage.median_filter(agree.sum(axis=0) - 1.0, 3)
    choice = np.minimum(choice, ndimage.gaussian_filter(choice, 1.0))
    below = np.minimum(choice.astype(int), max(len(estimates) - 2, 0))
    above = np.minimum(below + 1, len(estimates) - 1)
    share = (choice - below).astype(estimates.dtype)
    rows, columns = np.indices(choice.shape, sparse=True)
    mixed = [
        (1 - share) * values[below, :, rows, columns].transpose(2, 0, 1)
        + share * values[above, :, rows, columns].transpose(2, 0, 1)
        for values in (estimates, errors)
    ]
    return np.ascontiguousarray(mixed[0]), np.ascontiguousarray(mixed[1])


def _robust_weight(difference: Image, valid: Mask) -> Image:
    """Return weights under which a bead that one image lacks, far above the noise, counts little."""
    noise = 1.4826 * float(np.median(np.abs(difference[valid]))) if valid.any() else 1.0
    return (valid / (1 + (difference / np.float32(_ROBUST * noise + 1e-12)) ** 2)).astype(np.float32, copy=False)


def _ridged(tensor: list[FloatArray]) -> Triple:
    xx, xy, yy = tensor
    ridge = _RIDGE * max(float(np.median(xx + yy)), 1e-12)
    return xx + ridge, xy, yy + ridge


def _solve(tensor: Triple, force: list[FloatArray]) -> FloatArray:
    xx, xy, yy = tensor
    determinant = xx * yy - xy * xy
    return np.stack([yy * force[0] - xy * force[1], xx * force[1] - xy * force[0]]) / determinant


def _variances(tensor: Triple, scatter: list[FloatArray]) -> FloatArray:
    """Return the diagonal of inv(T) S inv(T)."""
    (xx, xy, yy), (s_xx, s_xy, s_yy) = tensor, scatter
    squared = (xx * yy - xy * xy) ** 2
    along_x = yy * yy * s_xx - 2 * yy * xy * s_xy + xy * xy * s_yy
    along_y = xx * xx * s_yy - 2 * xx * xy * s_xy + xy * xy * s_xx
    return np.maximum(np.stack([along_x, along_y]), 0) / squared
