"""Cells of an item: their masks on the images, and on the grid of the displacement."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tfmkit._validation import FloatArray
from tfmkit.io import open_images, read_regions

# Names of the only row where nobody outlined cells.
_FIELD, _CELL = "field", "cell"
_REGION_FILES = (".roi", ".zip")


@dataclass(frozen=True, eq=False)
class Cells:
    """Cells on the grid.

    Attributes
    ----------
    names : list of str
        Their names.
    masks : ndarray of shape (n_cells, height, width)
        True inside each.
    areas : list of float
        Their areas in square pixels of the images.
    """

    names: list[str]
    masks: NDArray[np.bool_]
    areas: list[float]

    @property
    def labels(self) -> NDArray[np.float32]:
        """Number of the cell at every grid point, from 1; 0 outside and where the field has no cells.

        Where cells overlap, the last one counts.
        """
        labels = np.zeros(self.masks.shape[1:], dtype=np.float32)
        for number, mask in enumerate(self.masks, start=1):
            if not mask.all():
                labels[mask] = number
        return labels

    def each(self) -> Iterator[tuple[str, NDArray[np.bool_], float]]:
        """Give name, mask and area of each cell.

        Yields
        ------
        tuple of str, ndarray of shape (height, width) and float
            The parts of a cell.
        """
        yield from zip(self.names, self.masks, self.areas, strict=True)


def whole_field(inside: NDArray[np.bool_], spacing: float) -> Cells:
    """Return what a displacement file outlines, or the whole grid, as the only cell.

    Parameters
    ----------
    inside : ndarray of shape (height, width)
        True inside the outline, and everywhere where there is none.
    spacing : float
        Pixels between grid points.

    Returns
    -------
    Cells
        One cell.
    """
    name = _FIELD if inside.all() else _CELL
    return Cells([name], inside[None], [float(inside.sum() * spacing**2)])


def read_masks(path: Path, image_shape: tuple[int, int], page: int) -> tuple[list[str], NDArray[np.bool_]]:
    """Read the cells of an image.

    Parameters
    ----------
    path : Path
        Label image, binary image or ImageJ regions.
    image_shape : (int, int)
        Height and width of the image in pixels.
    page : int
        Frame, from 0, of a stack of label images.

    Returns
    -------
    names : list of str
        Names of the cells.
    masks : ndarray of shape (n_cells, height, width)
        True inside each.

    Raises
    ------
    ValueError
        If the file cannot be read or has no cell.
    """
    frame = None
    if path.suffix.lower() not in _REGION_FILES:
        with open_images(path) as series:
            frame = page if series.n_frames > 1 else None
    names, masks = read_regions(path, image_shape, frame=frame)
    # The name of the file says which frame it is, and a cell keeps its name from frame to frame.
    return [_CELL if name == path.stem else name for name in names], masks


def read_cells(path: Path, image_shape: tuple[int, int], page: int, x: FloatArray, y: FloatArray) -> Cells:
    """Read the cells of an image, and find the grid points inside.

    Parameters
    ----------
    path : Path
        Label image, binary image or ImageJ regions.
    image_shape : (int, int)
        Height and width of the image in pixels.
    page : int
        Frame, from 0, of a stack of label images.
    x, y : ndarray of shape (width,) and (height,)
        Positions of the grid points in pixels.

    Returns
    -------
    Cells
        The cells.

    Raises
    ------
    ValueError
        If the file cannot be read, has no cell, or a cell holds no grid point.
    """
    names, regions = read_masks(path, image_shape, page)
    rows, columns = (
        np.clip(np.rint(position).astype(int), 0, side - 1) for position, side in zip((y, x), image_shape, strict=True)
    )
    masks = regions[:, rows[:, None], columns]
    empty = [name for name, mask in zip(names, masks, strict=True) if not mask.any()]
    if empty:
        raise ValueError(f"Expected cells with grid points inside in {path}, got {', '.join(empty[:5])} without.")
    return Cells(names, masks, regions.sum(axis=(1, 2)).astype(float).tolist())
