"""Forces between cells: from the balance of the traction, and from the stress at their borders."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from tfmkit.monolayer.borders import Border
from tfmkit.monolayer.labels import Labels

Array = NDArray[np.floating[Any]]


def border_vectors(stress: Array, border: Border, directions: Array) -> Array:
    r"""Return the force per length across a border.

    Parameters
    ----------
    stress : ndarray of shape (..., 3, height, width)
        Stress (xx, yy, xy).
    border : Border
        The border.
    directions : ndarray of shape (2, n_sides)
        Direction (x, y) across each side: the steps or the normals of the border.

    Returns
    -------
    ndarray of shape (..., 2, n_sides)
        Force (x, y) per length of the neighbour on the cell, :math:`\sigma n`, with the mean stress of both pixels.
    """
    values = (stress[..., border.first[0], border.first[1]] + stress[..., border.second[0], border.second[1]]) / 2
    xx, yy, xy = values[..., 0, :], values[..., 1, :], values[..., 2, :]
    x, y = directions
    return np.stack([xx * x + xy * y, xy * x + yy * y], axis=-2)


def stress_force(stress: Array, border: Border) -> Array:
    r"""Return the force across a border from the stress there.

    Parameters
    ----------
    stress : ndarray of shape (..., 3, height, width)
        Stress (xx, yy, xy).
    border : Border
        The border.

    Returns
    -------
    ndarray of shape (..., 2)
        Force (x, y) of the neighbour on the cell, :math:`\int \sigma n \, ds`, in the unit of the stress times the side
        of a pixel. It is summed along the sides of the pixels, so that no smoothing enters.
    """
    return border_vectors(stress, border, border.steps).sum(axis=-1)


def balance_forces(traction: Array, labels: Labels, borders: list[Border]) -> Array:
    r"""Return the forces across borders that the traction alone decides.

    Parameters
    ----------
    traction : ndarray of shape (..., 2, height, width)
        Traction of the cells on the gel.
    labels : ndarray of shape (height, width)
        Number of the cell at each pixel, 0 outside.
    borders : list of Border
        All borders of the label image.

    Returns
    -------
    ndarray of shape (..., n_borders, 2)
        Force (x, y) of the neighbour on the cell in the unit of the traction times the area of a pixel. NaN where it is
        undecided: where the two cells are joined by way of other cells, too.

    Notes
    -----
    If a border alone joins two parts of a cluster, the force across it balances the traction of either part:
    :math:`F = \int_1 t \, dA = -\int_2 t \, dA` [1]_ [2]_. Measured, the two differ by the net force of the cluster:
    the mean of both is returned.

    References
    ----------
    .. [1] Z. Liu et al., Proc. Natl. Acad. Sci. USA 107:9944 (2010).
    .. [2] V. Maruthamuthu et al., Proc. Natl. Acad. Sci. USA 108:4708 (2011).
    """
    numbers = np.unique(labels[labels > 0])
    of_cells = _sums(traction, labels, numbers)
    ends = np.searchsorted(numbers, [[border.cell, border.neighbour] for border in borders]).reshape(-1, 2)
    forces = np.full((*traction.shape[:-3], len(borders), 2), np.nan)
    for index, (cell, neighbour) in enumerate(ends):
        parts = _parts(np.delete(ends, index, axis=0), numbers.size)
        if parts[cell] != parts[neighbour]:
            own, other = (of_cells[..., parts == parts[end]].sum(axis=-1) for end in (cell, neighbour))
            forces[..., index, :] = (own - other) / 2
    return forces


def _sums(traction: Array, labels: Labels, numbers: NDArray[np.integer[Any]]) -> Array:
    """Return the traction of each cell, of shape (..., 2, n_cells)."""
    inside = labels > 0
    owner = np.searchsorted(numbers, labels[inside])
    cells = coo_array((np.ones(owner.size), (np.arange(owner.size), owner)), shape=(owner.size, numbers.size)).tocsr()
    of_pixels = traction[..., inside]
    flat = of_pixels.reshape(int(np.prod(of_pixels.shape[:-1])), owner.size)
    return np.asarray(flat @ cells).reshape(*of_pixels.shape[:-1], numbers.size)


def _parts(ends: NDArray[np.intp], n_cells: int) -> NDArray[np.int32]:
    """Number the parts that borders, pairs of cells, join."""
    graph = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(n_cells, n_cells))
    return np.asarray(connected_components(graph, directed=False)[1])
