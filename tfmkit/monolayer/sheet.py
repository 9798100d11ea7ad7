"""The mesh of the sheet: each pixel is an element, each corner of a pixel a node."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Array = NDArray[np.floating[Any]]
Indices = NDArray[np.intp]

BOUNDARIES = ("sliding", "fixed", "free")


# Share of a pixel that its neighbours have in the smoothed mask.
_SMOOTHING = {(row, column): 2.0 ** (-2 - abs(row) - abs(column)) for row in (-1, 0, 1) for column in (-1, 0, 1)}


@dataclass(frozen=True, eq=False)
class Sheet:
    """The mesh of one mask.

    Attributes
    ----------
    shape : (int, int)
        Height and width of the field in pixels.
    rows, columns : ndarray of shape (n_elements,)
        Place of each element in the field: the pixels of the mask and those next to them.
    inside : ndarray of bool, of shape (n_elements,)
        True for the pixels of the mask.
    parts : ndarray of shape (n_elements,)
        Number of the connected part that each element belongs to, from 0.
    thickness : ndarray of shape (n_elements,)
        Thickness of each element: 1 in the sheet, and falling to 0 across its border.
    corners : ndarray of shape (n_elements, 4)
        Node at each corner of each element: top left, top right, bottom right, bottom left.
    nodes : ndarray of shape (n_nodes, 2)
        Place (x, y) of each node in pixels; the middle of the first pixel is at (0, 0).
    """

    shape: tuple[int, int]
    rows: Indices
    columns: Indices
    inside: NDArray[np.bool_]
    parts: Indices
    thickness: Array
    corners: Indices
    nodes: Array

    @property
    def n_parts(self) -> int:
        """Count the connected parts.

        Returns
        -------
        int
            Their number.
        """
        return int(self.parts.max(initial=-1)) + 1

    @property
    def freedoms(self) -> Indices:
        """Find the corners of each element in a vector of x and y of each node in turn.

        Returns
        -------
        ndarray of shape (n_elements, 8)
            Place of x and y of each corner in turn.
        """
        return np.stack([2 * self.corners, 2 * self.corners + 1], axis=2).reshape(-1, 8)

    @property
    def node_area(self) -> Array:
        """Return the area of the mask that each node stands for.

        Returns
        -------
        ndarray of shape (n_nodes,)
            A quarter of each pixel of the mask around the node, in pixels.
        """
        return np.bincount(self.corners[self.inside].ravel(), minlength=len(self.nodes)) / 4

    def values(self, fields: Array) -> Array:
        """Return the values of fields at the elements.

        Parameters
        ----------
        fields : ndarray of shape (..., height, width)
            Fields.

        Returns
        -------
        ndarray of shape (..., n_elements)
            Their values.
        """
        return fields[..., self.rows, self.columns]

    def fill(self, values: Array) -> Array:
        """Return fields with given values in the mask and NaN elsewhere.

        Parameters
        ----------
        values : ndarray of shape (..., n_elements)
            Values at the elements.

        Returns
        -------
        ndarray of shape (..., height, width)
            The fields.
        """
        fields = np.full((*values.shape[:-1], *self.shape), np.nan, dtype=values.dtype)
        fields[..., self.rows[self.inside], self.columns[self.inside]] = values[..., self.inside]
        return fields


def make_sheet(mask: NDArray[np.bool_]) -> Sheet:
    """Make the mesh of a mask.

    Parameters
    ----------
    mask : ndarray of shape (height, width)
        True inside the sheet.

    Returns
    -------
    Sheet
        The mesh. Pixels are joined by their sides; parts that touch by a corner only share no node.

    Notes
    -----
    A border along pixels is a staircase, whose inner corners concentrate stress and whose outer ones carry none. So the
    thickness of each part is its mask smoothed over three pixels (weights 1/4, 1/2, 1/4 along both axes), which takes
    two thirds off the error near curved borders and changes no width.
    """
    numbers = ndimage.label(mask)[0]
    height, width = mask.shape
    padded = np.pad(numbers, 1, mode="edge")
    rows, columns = np.nonzero(padded)
    parts = padded[rows, columns] - 1
    # Where each pixel of each part lends its thickness to.
    shifts = np.array(list(_SMOOTHING))
    to_row, to_column = (rows[:, None] - 1 + shifts[:, 0]).ravel(), (columns[:, None] - 1 + shifts[:, 1]).ravel()
    lent, owner = np.tile(list(_SMOOTHING.values()), rows.size), np.repeat(parts, len(shifts))
    kept = (to_row >= 0) & (to_row < height) & (to_column >= 0) & (to_column < width)
    keys = np.ravel_multi_index((owner[kept], to_row[kept], to_column[kept]), (parts.max(initial=0) + 1, height, width))
    elements, place = np.unique(keys, return_inverse=True)
    thickness = np.bincount(place, lent[kept], elements.size).astype(float)
    parts, rows, columns = np.unravel_index(elements, (parts.max(initial=0) + 1, height, width))
    corners, nodes = _number_nodes(parts, rows, columns, mask.shape)
    inside = numbers[rows, columns] == parts + 1
    return Sheet((height, width), rows, columns, inside, parts, thickness, corners, nodes)


def held_freedoms(sheet: Sheet, boundary: str) -> NDArray[np.bool_]:
    """Find the components of the nodes' displacement that the border of the field holds.

    Parameters
    ----------
    sheet : Sheet
        The mesh.
    boundary : {"sliding", "fixed", "free"}
        Condition where the sheet leaves the field. ``"sliding"`` holds the component across the border, ``"fixed"``
        both, ``"free"`` none.

    Returns
    -------
    ndarray of shape (2 * n_nodes,)
        True where held, for x and y of each node in turn.
    """
    held = np.zeros((len(sheet.nodes), 2), dtype=bool)
    # Sides of the field: the component across it, place across, place along, and the corners of an element there.
    for axis, across, along, corners in (
        (0, sheet.columns == 0, sheet.rows, [0, 3]),
        (0, sheet.columns == sheet.shape[1] - 1, sheet.rows, [1, 2]),
        (1, sheet.rows == 0, sheet.columns, [0, 1]),
        (1, sheet.rows == sheet.shape[0] - 1, sheet.columns, [2, 3]),
    ):
        components = {"sliding": [axis], "fixed": [0, 1], "free": []}[boundary]
        nodes = sheet.corners[across & _next_to_mask(sheet, across, along)][:, corners]
        held[nodes.reshape(-1, 1), components] = True
    return held.ravel()


def _next_to_mask(sheet: Sheet, across: NDArray[np.bool_], along: Indices) -> NDArray[np.bool_]:
    """Find the elements that have a pixel of the mask beside them on the same side, or are one."""
    keys = sheet.parts * (max(sheet.shape) + 2) + along
    pixels = keys[across & sheet.inside]
    return np.isin(keys, np.concatenate([pixels - 1, pixels, pixels + 1]))


def _number_nodes(parts: Indices, rows: Indices, columns: Indices, shape: tuple[int, ...]) -> tuple[Indices, Array]:
    """Return the nodes at the corners of elements, and their places (x, y); parts have nodes of their own."""
    grid = (shape[0] + 1, shape[1] + 1)
    top, left = rows[:, None] + np.array([0, 0, 1, 1]), columns[:, None] + np.array([0, 1, 1, 0])
    keys = np.ravel_multi_index((parts[:, None] + 0 * top, top, left), (parts.max(initial=0) + 1, *grid))
    used, corners = np.unique(keys, return_inverse=True)
    _, y, x = np.unravel_index(used, (parts.max(initial=0) + 1, *grid))
    return corners.reshape(-1, 4), np.stack([x, y], axis=1) - 0.5
