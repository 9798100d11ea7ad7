"""Cells of one frame: their names, areas, and masks on the image or on a grid of vectors."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tfmkit._validation import FloatArray
from tfmkit.io.images.opening import open_labels
from tfmkit.io.images.regions import read_regions

# Name of a cell whose file outlines no other.
_ONLY_CELL = "cell"
_REGION_FILES = (".roi", ".zip")


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
    """

    names: list[str]
    masks: NDArray[np.bool_]
    areas: list[float]
    file: Path | None = None

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

        Raises
        ------
        ValueError
            If a cell holds no grid point.
        """
        rows, columns = (
            np.clip(np.rint(position).astype(int), 0, side - 1)
            for position, side in zip((y, x), self.masks.shape[1:], strict=True)
        )
        masks = self.masks[:, rows[:, None], columns]
        empty = [name for name, mask in zip(self.names, masks, strict=True) if not mask.any()]
        if empty:
            raise ValueError(
                f"Expected cells with grid points inside in {self.file}, got {', '.join(empty[:5])} without."
            )
        return replace(self, masks=masks)


def read_cells(path: Path, shape: tuple[int, int], frame: int) -> Cells:
    """Read the cells of one frame.

    Parameters
    ----------
    path : Path
        Label image, binary image or ImageJ regions, as for `read_regions`.
    shape : (int, int)
        Height and width of the frame in pixels.
    frame : int
        The frame, from 0, if the file is a stack of masks. A file of one mask, or of regions, holds for every frame.

    Returns
    -------
    Cells
        The cells. A single mask is named ``"cell"``, so that the cell keeps its name from file to file.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file cannot be read or has no cell.
    """
    stack = False
    if path.suffix.lower() not in _REGION_FILES:
        with open_labels(path) as images:
            stack = images.n_frames > 1
    names, masks = read_regions(path, shape, frame=frame if stack else None)
    areas = masks.sum(axis=(1, 2)).astype(float).tolist()
    return Cells([_ONLY_CELL if name == path.stem else name for name in names], masks, areas, path)
