"""Regular grids of nodes on an image: where they lie, and the matrices that lead to them and back.

All weights are separable, so that smoothing at the nodes and interpolation between them are two small matrix products
each, ``rows @ image @ columns.T``, however wide the window is.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import make_interp_spline

from tfmkit._validation import FloatArray

# Beyond this many standard deviations a Gaussian weight is nothing in single precision's terms.
_REACH = 4.0
_NEGLIGIBLE = 1e-8


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
def pixel_matrix(size: int, spacing: int, block: int = 1) -> NDArray[np.float32]:
    """Return the cubic spline interpolation from nodes to (blocks of) pixels.

    Parameters
    ----------
    size, spacing : int
        Side of the image and distance between nodes, in pixels.
    block : int, default=1
        Pixels per block.

    Returns
    -------
    ndarray of shape (n_blocks, n_nodes), float32
        Interpolation weights; positions beyond the outermost nodes take their values.
    """
    centres = np.arange(size // block) * block + (block - 1) / 2
    return _frozen(spline_matrix(nodes(size, spacing), centres))


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


def _frozen(matrix: FloatArray) -> NDArray[np.float32]:
    # A spline's weights decay to numbers so small that processors take a hundred times as long over them.
    result = np.where(np.abs(matrix) < _NEGLIGIBLE, 0, matrix).astype(np.float32)
    result.flags.writeable = False
    return result
