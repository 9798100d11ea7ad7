"""Borders between the cells of a label image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmkit.monolayer.labels import Labels

Array = NDArray[np.floating[Any]]
Indices = NDArray[np.intp]

# Range over which the direction of a border is averaged: standard deviation of a Gaussian in pixels.
_SMOOTHING = 2.0


@dataclass(frozen=True, eq=False)
class Border:
    """The border between two cells: the sides of pixels that the cells share.

    Attributes
    ----------
    cell, neighbour : int
        Numbers of the two cells, the smaller one first.
    first, second : ndarray of shape (2, n_sides)
        Row and column of the pixel on either side, of the cell and of the neighbour.
    steps : ndarray of shape (2, n_sides)
        Direction (x, y) of each side of a pixel, from the cell to the neighbour: along x or y.
    normals : ndarray of shape (2, n_sides)
        Direction (x, y) of the smoothed border there, from the cell to the neighbour.
    """

    cell: int
    neighbour: int
    first: Indices
    second: Indices
    steps: Array
    normals: Array

    @property
    def lengths(self) -> Array:
        r"""Return the length of the smoothed border that each side of a pixel stands for.

        Returns
        -------
        ndarray of shape (n_sides,)
            Lengths in pixels. A straight border of length L with the normal n has :math:`L |n_x|` sides across x and
            :math:`L |n_y|` across y. Each counts :math:`|n_x|` or :math:`|n_y|`, so that they add up to L.
        """
        return np.abs((self.steps * self.normals).sum(axis=0))


def find_borders(labels: Labels) -> list[Border]:
    """Find the borders between the cells of a label image.

    Parameters
    ----------
    labels : ndarray of shape (height, width)
        Number of the cell at each pixel, 0 outside.

    Returns
    -------
    list of Border
        Those of all pairs of cells that share a side of a pixel, in the order of their numbers.
    """
    sides = [_sides(labels, axis) for axis in (0, 1)]
    first, second, steps = (np.concatenate(parts, axis=1) for parts in zip(*sides, strict=True))
    pairs = np.stack([labels[tuple(first)], labels[tuple(second)]])
    swapped = pairs[0] > pairs[1]
    first, second = np.where(swapped, second, first), np.where(swapped, first, second)
    steps, pairs = np.where(swapped, -steps, steps), np.sort(pairs, axis=0)
    found, owner = np.unique(pairs, axis=1, return_inverse=True)
    borders = []
    for number, (cell, neighbour) in enumerate(found.T.tolist()):
        of_pair = owner.ravel() == number
        parts = (first[:, of_pair], second[:, of_pair], steps[:, of_pair])
        borders.append(Border(cell, neighbour, *parts, _smoothed(*parts)))
    return borders


def _sides(labels: Labels, axis: int) -> tuple[Indices, Indices, Array]:
    """Return the pixels on both sides of the borders across rows (0) or columns (1), and the step between them."""
    before, behind = (np.delete(labels, end, axis=axis) for end in (-1, 0))
    first = np.stack(np.nonzero((before != behind) & (before > 0) & (behind > 0)))
    step = np.array([[1 - axis], [axis]])
    return first, first + step, np.broadcast_to(step[::-1].astype(float), first.shape)


def _smoothed(first: Indices, second: Indices, steps: Array) -> Array:
    """Return the direction of a border at each of its sides, averaged over the sides nearby."""
    middle = (first + second) / 2
    squared = ((middle[:, :, None] - middle[:, None]) ** 2).sum(axis=0)
    summed = steps @ np.exp(-squared / (2 * _SMOOTHING**2))
    size = np.hypot(*summed)
    # A cell of one pixel has its border on all sides of it, whose directions cancel.
    return np.where(size > 1e-9, summed / np.maximum(size, 1e-9), steps)
