"""Cells of one frame: their names, areas, and masks on the image or on a grid of vectors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfmkit._validation import FloatArray
from tfmkit.io.images.regions import read_region_set

# Name of a cell whose file outlines no other.
_ONLY_CELL = "cell"


class Cell(NamedTuple):
    """One cell.

    Attributes
    ----------
    name : str
        Its name.
    mask : ndarray of shape (height, width)
        True inside.
    area : float
        Its area in square pixels of the image.
    """

    name: str
    mask: NDArray[np.bool_]
    area: float


@dataclass(frozen=True, eq=False)
class Cells:
    """Cells of an image, or of a grid on it.

    Attributes
    ----------
    names : list of str
        Their names.
    masks : ndarray of shape (n_cells, height, width)
        True inside each cell.
    areas : list of float
        Their areas in square pixels of the image.
    file : Path or None
        The file that outlines them.
    remarks : tuple of str
        A sentence for each region that is left out, and for each doubt about the masks.
    """

    names: list[str]
    masks: NDArray[np.bool_]
    areas: list[float]
    file: Path | None = None
    remarks: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Cell]:
        """Give the cells one by one."""
        return map(Cell, self.names, self.masks, self.areas)

    @property
    def inside(self) -> NDArray[np.bool_]:
        """Return the union of the cells.

        Returns
        -------
        ndarray of shape (height, width)
            True inside any of the cells.
        """
        return np.asarray(self.masks.any(axis=0))

    @property
    def labels(self) -> NDArray[np.float32]:
        """Return the number of the cell at every point.

        Returns
        -------
        ndarray of shape (height, width)
            Numbers from 1; 0 outside, and for a cell that covers everything. Where cells overlap, the last one counts.
        """
        labels = np.zeros(self.masks.shape[1:], dtype=np.float32)
        for number, mask in enumerate(self.masks, start=1):
            if not mask.all():
                labels[mask] = number
        return labels

    def on_grid(self, x: FloatArray, y: FloatArray) -> Cells:
        """Return the cells at the points of a grid; each point takes the pixel nearest to it.

        Parameters
        ----------
        x, y : ndarray of shape (width,) and (height,)
            Positions of the grid points in pixels.

        Returns
        -------
        Cells
            The cells with masks on the grid, and with the areas that they have on the image.

        Notes
        -----
        A cell without a grid point is left out, with a remark.
        """
        rows, columns = (
            np.clip(np.rint(position).astype(int), 0, side - 1)
            for position, side in zip((y, x), self.masks.shape[1:], strict=True)
        )
        masks = self.masks[:, rows[:, None], columns]
        kept = [number for number, mask in enumerate(masks) if mask.any()]
        lost = tuple(
            f"{self.file}: cell {name!r} holds no grid point. It is left out."
            for number, name in enumerate(self.names)
            if number not in kept
        )
        names = [self.names[number] for number in kept]
        areas = [self.areas[number] for number in kept]
        return replace(self, names=names, areas=areas, masks=masks[kept], remarks=self.remarks + lost)


def read_cells(path: Path, shape: tuple[int, int], frame: int | None, channel: int | None = None) -> Cells:
    """Read the cells of one frame.

    Parameters
    ----------
    path : Path
        Label image, binary image or ImageJ regions, as for `read_regions`.
    shape : (int, int)
        Height and width of the frame in pixels.
    frame : int or None
        The frame, from 0, in a stack of masks and for regions that are bound to a frame. A file of one mask, and
        regions that are bound to no frame, hold for every frame. None if the file holds for this frame alone.
    channel : int, optional
        Channel of the images, from 0, as for `read_region_set`.

    Returns
    -------
    Cells
        The cells, none if the frame has none. A single mask is named ``"cell"``, so that the cell keeps its name from
        file to file.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file cannot be read or has no cell in any frame.
    """
    regions = read_region_set(path, shape, frame=frame, channel=channel)
    names = [_ONLY_CELL if name == path.stem else name for name in regions.names]
    areas = regions.masks.sum(axis=(1, 2)).astype(float).tolist()
    remarks = (*regions.skipped, *regions.doubts)
    if not names:
        remarks = (*remarks, f"{path}: there is no cell in frame {(frame or 0) + 1}.")
    return Cells(names, regions.masks, areas, path, remarks)
