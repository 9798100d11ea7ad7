"""The nodes of a field on an image: positions, sums of pixels around each node, and interpolation between nodes.

Every weight is a product of a weight along rows and one along columns. A sum or an interpolation is therefore two small
matrix products, ``rows @ image @ columns.T``, and costs the same for narrow and wide windows.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.interpolate import make_interp_spline

from tfmkit._validation import FloatArray

# Side of the blocks of pixels that are summed before anything else: windows after that cost small matrix products.
BLOCK = 2
# Beyond this many standard deviations a Gaussian weight is nothing in single precision's terms.
_REACH = 4.0
_NEGLIGIBLE = 1e-8


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

    def leaves(self, field: FloatArray) -> NDArray[np.bool_]:
        """Tell which nodes a displacement carries out of the image.

        Parameters
        ----------
        field : ndarray of shape (2, n_y, n_x)
            Displacement (x, y) at the nodes, in pixels.

        Returns
        -------
        ndarray of shape (n_y, n_x)
            True where the deformed image does not show the gel of the node.
        """
        rows, columns = self.positions()
        x, y = columns + field[0], rows[:, None] + field[1]
        return (x < 0) | (x > self.shape[1] - 1) | (y < 0) | (y > self.shape[0] - 1)

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
        rows, columns = (window_matrix(side, self.spacing, sigma, BLOCK) for side in self.shape)
        return rows @ blocks @ columns.T

    def lump(self, blocks: FloatArray) -> FloatArray:
        """Share blocks of pixels out to the nodes around them, by bilinear weights.

        Parameters
        ----------
        blocks : ndarray of shape (n_rows, n_columns)
            Sums over blocks.

        Returns
        -------
        ndarray of shape (n_y, n_x)
            Sums, whose sum is that of the blocks.
        """
        rows, columns = (hat_matrix(side, self.spacing, BLOCK) for side in self.shape)
        return rows @ blocks @ columns.T

    def gather_pixels(self, image: NDArray[Any], sigma: float) -> FloatArray:
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
        return self.gather(block_sum(image, BLOCK), sigma)

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

    def spread(self, field: FloatArray) -> FloatArray:
        """Interpolate from the nodes to the pixels.

        Parameters
        ----------
        field : ndarray of shape (..., n_y, n_x)
            Values at the nodes.

        Returns
        -------
        ndarray of shape (..., height, width)
            Values at the pixels.
        """
        rows, columns = (pixel_matrix(side, self.spacing) for side in self.shape)
        return rows @ field @ columns.T


def nodes(size: int, spacing: int) -> FloatArray:
    """Return the positions of the nodes along one side of an image.

    Parameters
    ----------
    size : int
        Length of the side in pixels.
    spacing : int
        Distance between nodes in pixels.

    Returns
    -------
    ndarray of shape (size // spacing,)
        Positions in pixels, in the middle of the side; pixel 0 has its centre at 0.
    """
    n_nodes = size // spacing
    return (size - 1 - spacing * (n_nodes - 1)) / 2 + spacing * np.arange(n_nodes)


@lru_cache(maxsize=64)
def window_matrix(size: int, spacing: int, sigma: float, block: int) -> NDArray[np.float32]:
    """Return Gaussian weights of blocks of pixels around each node.

    Parameters
    ----------
    size, spacing : int
        Side of the image and distance between nodes, in pixels.
    sigma : float
        Standard deviation of the window in pixels.
    block : int
        Pixels per block; an incomplete last block is left out.

    Returns
    -------
    ndarray of shape (n_nodes, n_blocks), float32
        Weights, 1 at a node.
    """
    centres = np.arange(size // block) * block + (block - 1) / 2
    distance = (centres - nodes(size, spacing)[:, None]) / sigma
    weights = np.where(np.abs(distance) <= _REACH, np.exp(-(distance**2) / 2), 0)
    return _frozen(weights)


@lru_cache(maxsize=64)
def hat_matrix(size: int, spacing: int, block: int) -> NDArray[np.float32]:
    """Return the weights by which blocks of pixels are shared out to the nodes around them.

    Parameters
    ----------
    size, spacing : int
        Side of the image and distance between nodes, in pixels.
    block : int
        Pixels per block; an incomplete last block is left out.

    Returns
    -------
    ndarray of shape (n_nodes, n_blocks), float32
        Bilinear weights; those of each block sum to 1.
    """
    centres = np.arange(size // block) * block + (block - 1) / 2
    known = nodes(size, spacing)
    distance = np.abs(np.clip(centres, known[0], known[-1]) - known[:, None]) / spacing
    return _frozen(np.maximum(1 - distance, 0))


@lru_cache(maxsize=64)
def pixel_matrix(size: int, spacing: int) -> NDArray[np.float32]:
    """Return the cubic spline interpolation from nodes to pixels.

    Parameters
    ----------
    size, spacing : int
        Side of the image and distance between nodes, in pixels.

    Returns
    -------
    ndarray of shape (size, n_nodes), float32
        Interpolation weights; positions beyond the outermost nodes take their values.
    """
    return _frozen(spline_matrix(nodes(size, spacing), np.arange(float(size))))


def spline_matrix(known: FloatArray, wanted: FloatArray) -> FloatArray:
    """Return the matrix of cubic spline interpolation between two sets of positions.

    Parameters
    ----------
    known : ndarray of shape (n_known,)
        Increasing positions of the values, at least 4 of them.
    wanted : ndarray of shape (n_wanted,)
        Positions to interpolate to.

    Returns
    -------
    ndarray of shape (n_wanted, n_known)
        Interpolation weights; positions outside take the outermost values.
    """
    spline = make_interp_spline(known, np.eye(len(known)), k=3)
    return spline(np.clip(wanted, known[0], known[-1]))


def resample(
    field: FloatArray, known: tuple[FloatArray, FloatArray], wanted: tuple[FloatArray, FloatArray]
) -> FloatArray:
    """Interpolate a field from one grid to another.

    Parameters
    ----------
    field : ndarray of shape (..., n_y, n_x)
        Values at the known nodes.
    known, wanted : (ndarray, ndarray)
        Positions of rows (y) and columns (x) of the two grids.

    Returns
    -------
    ndarray of shape (..., m_y, m_x)
        Values at the wanted nodes.
    """
    rows, columns = (_frozen(spline_matrix(old, new)) for old, new in zip(known, wanted, strict=True))
    return rows @ field @ columns.T


def bin_image(image: NDArray[Any], factor: int) -> NDArray[Any]:
    """Average an image over square blocks.

    Parameters
    ----------
    image : ndarray of shape (height, width)
        Image.
    factor : int
        Side of a block in pixels; incomplete blocks at the far edges are left out.

    Returns
    -------
    ndarray of shape (height // factor, width // factor)
        Binned image.
    """
    return block_sum(image, factor) / np.float32(factor**2)


def block_sum(image: NDArray[Any], factor: int) -> NDArray[Any]:
    """Sum an image over square blocks.

    Parameters
    ----------
    image : ndarray of shape (height, width)
        Image.
    factor : int
        Side of a block in pixels; incomplete blocks at the far edges are left out.

    Returns
    -------
    ndarray of shape (height // factor, width // factor)
        Sums.
    """
    height, width = (side // factor * factor for side in image.shape)
    # Adding strided slices is several times faster than a reduction over short axes.
    lines = reduce(np.add, (image[offset:height:factor, :width] for offset in range(factor)))
    return reduce(np.add, (lines[:, offset::factor] for offset in range(factor)))


def _frozen(matrix: FloatArray) -> NDArray[np.float32]:
    # A spline's weights decay to numbers so small that processors take a hundred times as long over them.
    result = np.where(np.abs(matrix) < _NEGLIGIBLE, 0, matrix).astype(np.float32)
    result.flags.writeable = False
    return result
