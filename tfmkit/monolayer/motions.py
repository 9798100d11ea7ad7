"""Rigid motions of the parts of a sheet: they cost no stress, so that the traction must not drive them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from tfmkit.monolayer.element import CORNER_X, CORNER_Y
from tfmkit.monolayer.sheet import Sheet

Array = NDArray[np.floating[Any]]
Indices = NDArray[np.intp]

_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class Motions:
    """Rigid motions that one part of a sheet is free to make.

    Attributes
    ----------
    pixels : ndarray of shape (n_pixels_of_part,)
        Elements that are pixels of the part.
    of_pixels : ndarray of shape (n_motions, 2, n_pixels_of_part)
        Motions (x, y) of the middles of these pixels, orthonormal, from none to three.
    pins : ndarray of shape (n_motions,)
        As many components of nodes, in a vector of x and y of each node in turn, that stop all of them if held.
    """

    pixels: Indices
    of_pixels: Array
    pins: Indices


def rigid_motions(x: Array, y: Array) -> Array:
    """Return the shifts along x and y and the turn about the origin.

    Parameters
    ----------
    x, y : ndarray of any one shape
        Places.

    Returns
    -------
    ndarray of shape (3, 2, ...)
        Motions (x, y) of the places. The turn is from x to y.
    """
    one, zero = np.ones_like(x), np.zeros_like(x)
    return np.stack([np.stack([one, zero]), np.stack([zero, one]), np.stack([-y, x])])


def free_motions(sheet: Sheet, held: NDArray[np.bool_]) -> Iterator[Motions]:
    """Find the rigid motions that each part of a sheet is free to make.

    Parameters
    ----------
    sheet : Sheet
        The mesh.
    held : ndarray of shape (2 * n_nodes,)
        True for the components of nodes that cannot move.

    Yields
    ------
    Motions
        Those of each part.
    """
    elements_of = np.split(np.argsort(sheet.parts, kind="stable"), np.cumsum(np.bincount(sheet.parts))[:-1])
    all_freedoms = sheet.freedoms
    for elements in elements_of if sheet.parts.size else []:
        x, y = (place[elements] - place[elements].mean() for place in (sheet.columns, sheet.rows))
        corners = rigid_motions(x[:, None] + CORNER_X, y[:, None] + CORNER_Y)
        freedoms, first = np.unique(all_freedoms[elements], return_index=True)
        # In the order of the freedoms: x and y of each corner in turn.
        of_nodes = np.moveaxis(corners, 1, 3).reshape(3, -1)[:, first]
        size = np.linalg.norm(of_nodes, axis=1, keepdims=True)
        combined = _unmoved((of_nodes / size)[:, held[freedoms]]) / size.T
        # Older versions of LAPACK refuse a matrix without rows, as of a part that is held.
        pivots = scipy.linalg.qr(combined @ of_nodes, mode="r", pivoting=True)[1] if len(combined) else np.arange(0)
        inside = sheet.inside[elements]
        shifts = rigid_motions(x[inside], y[inside]).reshape(3, -1)
        of_pixels = _basis(combined @ shifts)
        yield Motions(elements[inside], of_pixels, freedoms[pivots[: len(combined)]])


def without_motions(traction: Array, motions: list[Motions]) -> Array:
    """Take the net force and the torque off each part of a sheet.

    Parameters
    ----------
    traction : ndarray of shape (..., 2, n_elements)
        Traction at the elements.
    motions : list of Motions
        The motions that each part is free to make.

    Returns
    -------
    ndarray of shape (..., 2, n_elements)
        The nearest traction (least squares) that drives none of the motions.
    """
    result = traction.copy()
    for part in motions:
        amounts = np.einsum("mcp,...cp->...m", part.of_pixels, traction[..., part.pixels])
        result[..., part.pixels] -= np.einsum("...m,mcp->...cp", amounts, part.of_pixels)
    return result


def _unmoved(held: Array) -> Array:
    """Return the combinations of the three motions, one a row, that move no held component."""
    _, sizes, turned = np.linalg.svd(held @ held.T)
    return turned[sizes <= _ROUNDING]


def _basis(motions: Array) -> Array:
    """Return orthonormal motions (x, y) that span the given ones; the turn of a single pixel is none."""
    _, sizes, basis = np.linalg.svd(motions, full_matrices=False)
    kept = basis[sizes > _ROUNDING * sizes.max(initial=1.0)]
    return kept.reshape(len(kept), 2, motions.shape[1] // 2)
