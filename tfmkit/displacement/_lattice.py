"""A grid of nodes on an image: sums around its nodes, and interpolation from them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tfmkit._validation import FloatArray
from tfmkit.displacement._grid import hat_matrix, nodes, pixel_matrix, resample, window_matrix
from tfmkit.displacement._images import Image, block_sum

# Side of the blocks of pixels that are summed before anything else: windows after that cost small matrix products.
BLOCK = 2


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
