"""Fit of the whole field at once: as smooth as the noise demands, and rough where the images show it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse.linalg import LinearOperator, cg

from tfmkit._validation import FloatArray
from tfmkit.displacement._lattice import Lattice
from tfmkit.displacement._least_squares import MAX_STEP, Comparison, Evidence, Triple

# Times that the images are compared, times that each comparison is smoothed, and steps of conjugate gradients.
_PASSES = 2
_REWEIGHTINGS = 3
_ITERATIONS = 16
# Least standard deviation of a second difference between nodes, in pixels.
_LEAST_CURVATURE = 0.01
# Ratio of the true standard deviation of second differences to that of an estimate, which is smoothed itself.
_CURVATURE_GAIN = 2.25
# Outermost rings of nodes that take their curvature from the ring inside them.
_BORDER = 2
# Nodes that share one curvature (standard deviation).
_CURVATURE_SIGMA = 1.25


def fit_field(images: Comparison, start: FloatArray, lattice: Lattice, smoothing: float) -> FloatArray:
    """Fit the displacement at all nodes together.

    Parameters
    ----------
    images : Comparison
        The two images.
    start : ndarray of shape (2, n_y, n_x)
        Displacement at the nodes to within about a pixel.
    lattice : Lattice
        The nodes.
    smoothing : float
        Weight of smoothness; 1 takes curvatures as they are found.

    Returns
    -------
    ndarray of shape (2, n_y, n_x)
        Displacement in pixels.

    Notes
    -----
    Minimises ``sum_px (difference - g . (u - u_0))^2 / noise + sum_nodes |D^2 u|^2 / s^2`` over u. D^2 are the second
    differences between nodes, and s is their standard deviation. It is taken from the field around the node, in turn
    with the field itself (iteratively reweighted least squares). Gradients of pixels are shared out to the nodes.

    There are no windows. Under a cell little is blurred, and far from it a wide neighbourhood averages the noise. This
    is the global approach of image correlation (Besnard, Hild & Roux, Exp. Mech. 46:789, 2006) with the local
    smoothness of adaptive splines.
    """
    field = start
    for _ in range(_PASSES):
        found = _smoothest(images.observe(field, lattice), field, lattice, smoothing)
        field = field + np.clip(found - field, -MAX_STEP, MAX_STEP)
    return field


def _smoothest(evidence: Evidence, known: FloatArray, lattice: Lattice, smoothing: float) -> FloatArray:
    share = np.float32(1 / evidence.noise)
    xx, xy, yy = (lattice.lump(part) * share for part in evidence.tensor)
    pull = [lattice.lump(part) * share for part in evidence.force]
    wanted = np.stack([pull[0] + xx * known[0] + xy * known[1], pull[1] + xy * known[0] + yy * known[1]])
    field = known
    for _ in range(_REWEIGHTINGS):
        stiffness = np.float32(smoothing) / expected_curvature(field)
        normal, inverse = _operators((xx, xy, yy), stiffness)
        solution, _ = cg(normal, wanted.ravel(), field.ravel(), maxiter=_ITERATIONS, rtol=1e-6, M=inverse)
        field = solution.reshape(known.shape)
    return field


def _operators(tensor: Triple, stiffness: NDArray[np.float32]) -> tuple[LinearOperator, LinearOperator]:
    """Return the normal matrix and the inverse of its diagonal, about."""
    xx, xy, yy = tensor
    # 20 is the middle of the discrete biharmonic operator, which second differences squared add up to.
    diagonal = np.stack([xx, yy]) + 20 * stiffness
    shape, size = diagonal.shape, diagonal.size

    def normal(values: FloatArray) -> FloatArray:
        x, y = values.reshape(shape)
        result = _bend(values.reshape(shape), stiffness)
        result[0] += xx * x + xy * y
        result[1] += xy * x + yy * y
        return result.ravel()

    return (
        LinearOperator((size, size), matvec=normal, dtype=np.float32),
        LinearOperator((size, size), matvec=lambda values: values.ravel() / diagonal.ravel(), dtype=np.float32),
    )


def _bend(field: FloatArray, stiffness: NDArray[np.float32]) -> FloatArray:
    """Apply the second differences, their weights, and the second differences' transposes."""
    along_x, along_y, across = _second_differences(field)
    along_x *= stiffness[:, 1:-1]
    along_y *= stiffness[1:-1]
    across *= 2 * stiffness[1:, 1:]
    result = np.zeros_like(field)
    result[..., 2:] += along_x
    result[..., 1:-1] -= 2 * along_x
    result[..., :-2] += along_x
    result[..., 2:, :] += along_y
    result[..., 1:-1, :] -= 2 * along_y
    result[..., :-2, :] += along_y
    result[..., 1:, 1:] += across
    result[..., 1:, :-1] -= across
    result[..., :-1, 1:] -= across
    result[..., :-1, :-1] += across
    return result


def _second_differences(field: FloatArray) -> Triple:
    """Return xx between columns, yy between rows and xy between four nodes."""
    along_x = field[..., 2:] - 2 * field[..., 1:-1] + field[..., :-2]
    along_y = field[..., 2:, :] - 2 * field[..., 1:-1, :] + field[..., :-2, :]
    slope = field[..., 1:] - field[..., :-1]
    return along_x, along_y, slope[..., 1:, :] - slope[..., :-1, :]


def expected_curvature(field: FloatArray) -> NDArray[np.float32]:
    """Return the variance of second differences that the field suggests around each node.

    Parameters
    ----------
    field : ndarray of shape (2, n_y, n_x)
        Displacement at the nodes, in pixels.

    Returns
    -------
    ndarray of shape (n_y, n_x)
        Variance in square pixels.
    """
    along_x, along_y, across = ((part**2).sum(axis=0) / 2 for part in _second_differences(field))
    energy = np.pad(along_x, ((0, 0), (1, 1)), mode="edge") + np.pad(along_y, ((1, 1), (0, 0)), mode="edge")
    energy += 2 * np.pad(across, ((1, 0), (1, 0)), mode="edge")
    # The start is least exact at the border. Its errors there would look like a rough field.
    energy = np.pad(energy[_BORDER:-_BORDER, _BORDER:-_BORDER], _BORDER, mode="edge")
    around = ndimage.gaussian_filter(energy, _CURVATURE_SIGMA, mode="nearest")
    return (_LEAST_CURVATURE**2 + _CURVATURE_GAIN**2 * around).astype(np.float32)
