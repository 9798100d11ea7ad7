"""The finite element of the sheet: a square pixel with a node at each corner, in plane stress."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]

# Corners of a pixel about its middle, in the order top left, top right, bottom right, bottom left.
CORNER_X = np.array([-0.5, 0.5, 0.5, -0.5])
CORNER_Y = np.array([-0.5, -0.5, 0.5, 0.5])
_GAUSS_POINTS = (-0.5 / np.sqrt(3), 0.5 / np.sqrt(3))


def elasticity(poisson: float) -> Array:
    """Return the matrix from strain to stress of a sheet in plane stress whose Young's modulus is 1.

    Parameters
    ----------
    poisson : float
        Poisson ratio of the sheet, in (-1, 1).

    Returns
    -------
    ndarray of shape (3, 3)
        Stress (xx, yy, xy) per strain (xx, yy, twice xy).
    """
    matrix = np.array([[1, poisson, 0], [poisson, 1, 0], [0, 0, (1 - poisson) / 2]])
    return matrix / (1 - poisson**2)


def strain_matrix(x: float = 0.0, y: float = 0.0) -> Array:
    """Return the matrix from the displacement of the corners to the strain at a point of the pixel.

    Parameters
    ----------
    x, y : float, default=0.0
        The point, from the middle of the pixel, in pixels.

    Returns
    -------
    ndarray of shape (3, 8)
        Strain (xx, yy, twice xy) per displacement (x and y of each corner in turn).
    """
    slope_x = 2 * CORNER_X * (0.5 + 2 * CORNER_Y * y)
    slope_y = 2 * CORNER_Y * (0.5 + 2 * CORNER_X * x)
    matrix = np.zeros((3, 8))
    matrix[0, 0::2] = matrix[2, 1::2] = slope_x
    matrix[1, 1::2] = matrix[2, 0::2] = slope_y
    return matrix


def stiffness(poisson: float) -> Array:
    """Return the stiffness matrix of a pixel, integrated exactly.

    Parameters
    ----------
    poisson : float
        Poisson ratio of the sheet, in (-1, 1).

    Returns
    -------
    ndarray of shape (8, 8)
        Force on each corner per displacement of each corner, for a Young's modulus of 1.
    """
    material = elasticity(poisson)
    points = [strain_matrix(x, y) for x, y in product(_GAUSS_POINTS, repeat=2)]
    return np.asarray(sum(strain.T @ material @ strain for strain in points) / len(points))
