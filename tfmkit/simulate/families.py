"""Families of cells: how to draw the traction, the mask and the patches of a cell, built in or of one's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from tfmkit._validation import check_field, check_mask
from tfmkit.simulate.base import Array, Streams, check_new_family, draw
from tfmkit.simulate.circuit import CIRCUITS, Circuit, evolve
from tfmkit.simulate.patches import number_patches, rasterise
from tfmkit.simulate.placement import MAX_NET_FORCE, Protocol, net_force_share, place_traction
from tfmkit.simulate.scatter import draw_adhesions, wobbly_borders
from tfmkit.simulate.shapes import border_polygons, fit_border, interior

# Samples per side of a pixel, for the averages of adhesions over pixels.
_SUBSAMPLES = 4
# Share of the largest traction of a cell above which pixels belong to patches, where the family names no patches.
_PATCH_SHARE = 0.1


class Cell(NamedTuple):
    """One cell, as a family of one's own returns it.

    Attributes
    ----------
    traction : array-like of shape (2, height, width)
        Traction in any unit; the simulator scales it.
    mask : array-like of shape (height, width)
        True inside the cell.
    patches : array-like of int, shape (height, width), optional
        Labels of the patches, 0 elsewhere. By default the connected regions of pixels with at least a tenth of the
        largest traction.
    """

    traction: ArrayLike
    mask: ArrayLike
    patches: ArrayLike | None = None


@dataclass(frozen=True)
class Frame:
    """The grid of the cells to draw.

    Attributes
    ----------
    shape : (int, int)
        Height and width in pixels.
    oversample : int
        Fine pixels per pixel in each direction, odd.
    cell_size : float or (float, float)
        Longest side of a cell over the shorter side of the grid, or a range to draw it from.
    protocol : Protocol
        Rules that turn the signals of a border into traction.
    """

    shape: tuple[int, int]
    oversample: int
    cell_size: Any
    protocol: Protocol

    @property
    def fine_shape(self) -> tuple[int, int]:
        """Height and width in fine pixels.

        Returns
        -------
        (int, int)
            Height and width.
        """
        return self.shape[0] * self.oversample, self.shape[1] * self.oversample

    def longest_sides(self, streams: Streams) -> Array:
        """Draw the longest side of each cell in pixels.

        Parameters
        ----------
        streams : sequence of numpy Generator
            One random stream per cell.

        Returns
        -------
        ndarray of shape (len(streams),)
            Longest sides.
        """
        return draw(streams, self.cell_size) * min(self.shape)

    def pixel_means(self, fine: Array) -> Array:
        """Average fields over the pixels.

        Parameters
        ----------
        fine : ndarray of shape (n_fields, 2, fine height, fine width)
            Values in fine pixels.

        Returns
        -------
        ndarray of shape (n_fields, 2, height, width)
            Averages.
        """
        height, width = self.shape
        return fine.reshape(len(fine), 2, height, self.oversample, width, self.oversample).mean(axis=(3, 5))

    def at_pixel_middles(self, fine: Any) -> Any:
        """Sample an array at the middles of the pixels.

        Parameters
        ----------
        fine : ndarray of shape (..., fine height, fine width)
            Values in fine pixels.

        Returns
        -------
        ndarray of shape (..., height, width)
            Values of the fine pixels in the middle of each pixel.
        """
        middle = (self.oversample - 1) // 2
        return fine[..., middle :: self.oversample, middle :: self.oversample]


@dataclass(frozen=True)
class Cells:
    """A block of cells, before the simulator scales their traction.

    Attributes
    ----------
    streams : sequence of numpy Generator
        The random stream of each cell.
    traction : ndarray of shape (n_cells, 2, fine height, fine width), float32
        Traction in any unit, averaged over fine pixels.
    inside : ndarray of shape (n_cells, height, width)
        True inside the outline.
    patches : ndarray of int32, shape (n_cells, height, width)
        Labels of the patches, 0 elsewhere.
    border : ndarray of shape (n_cells, 360, 2), optional
        Corners (x, y) of the outline in pixels.
    smooth : bool, default=False
        Whether the traction is smooth inside fine pixels; otherwise it is constant on each.
    """

    streams: Streams
    traction: Array
    inside: NDArray[np.bool_]
    patches: NDArray[np.int32]
    border: Array | None = None
    smooth: bool = False


CellFamily = Callable[[Streams, int, Frame], Cells]
OwnFamily = Callable[[np.random.Generator, tuple[int, int], float], Any]


def circuit_cells(circuit: Circuit, streams: Streams, wanted: int, frame: Frame) -> Cells:
    """Draw cells of the circuit model, and keep those whose net force is under a tenth of the force along each axis.

    Parameters
    ----------
    circuit : Circuit
        Parameters of the shape machine.
    streams : sequence of numpy Generator
        One random stream per candidate.
    wanted : int
        Largest number of cells to keep.
    frame : Frame
        The grid.

    Returns
    -------
    Cells
        The first `wanted` candidates in balance, which can be fewer, or none.
    """
    radii, signals = evolve(streams, circuit)
    rules = frame.protocol
    magnitudes = rules.magnitudes(signals)
    # Most rejections happen here: the net force does not depend on the positions of the vectors.
    likely = _balanced(net_force_share(magnitudes, per_axis=True))
    streams = [stream for stream, keep in zip(streams, likely, strict=True) if keep]
    radii, centres = fit_border(radii[likely], frame.shape, frame.longest_sides(streams))
    inset = rules.inset * min(frame.shape)
    fine = place_traction(streams, radii, centres, magnitudes[likely], frame.shape, frame.oversample, inset=inset)
    traction = frame.pixel_means(fine)
    # Vectors in one pixel cancel in part, so the summed components need the drawn field.
    kept = np.flatnonzero(_balanced(_net_force_share_of_field(traction)))[:wanted]
    radii, centres = radii[kept], centres[kept]
    return Cells(
        [streams[i] for i in kept],
        fine[kept],
        interior(radii, centres, frame.shape),
        _connected_regions((traction[kept] != 0).any(axis=1)),
        border_polygons(radii, centres),
    )


def adhesion_cells(streams: Streams, wanted: int, frame: Frame) -> Cells:
    """Draw smooth cells with elongated Gaussian adhesions.

    Parameters
    ----------
    streams : sequence of numpy Generator
        One random stream per candidate.
    wanted : int
        Number of cells.
    frame : Frame
        The grid.

    Returns
    -------
    Cells
        The cells.
    """
    streams = streams[:wanted]
    borders = wobbly_borders(streams)
    radii, centres = fit_border(borders, frame.shape, frame.longest_sides(streams))
    adhesions = draw_adhesions(streams, radii, centres).finer(frame.oversample)
    fine, owners = rasterise(adhesions, "gaussian", len(streams), frame.fine_shape, _SUBSAMPLES)
    return Cells(
        streams,
        fine,
        interior(radii, centres, frame.shape),
        number_patches(frame.at_pixel_middles(owners), adhesions.field),
        border_polygons(radii, centres),
        smooth=True,
    )


def own_cells(function: OwnFamily, streams: Streams, wanted: int, frame: Frame) -> Cells:
    """Draw cells by a function that returns one cell.

    Parameters
    ----------
    function : callable
        Function ``function(rng, shape, size)`` that returns a `Cell`, or a tuple of its values, on the fine grid.
    streams : sequence of numpy Generator
        One random stream per candidate.
    wanted : int
        Number of cells.
    frame : Frame
        The grid.

    Returns
    -------
    Cells
        The cells.

    Raises
    ------
    ValueError
        If the function returns something else, or a traction of zero.
    """
    streams = streams[:wanted]
    sizes = frame.longest_sides(streams) * frame.oversample
    parts = [
        _check_cell(function(stream, frame.fine_shape, float(size)), frame)
        for stream, size in zip(streams, sizes, strict=True)
    ]
    traction, mask, patches = (np.stack(column) for column in zip(*parts, strict=True))
    return Cells(streams, traction, frame.at_pixel_middles(mask), patches)


CELL_FAMILIES: dict[str, CellFamily] = {
    **{name: partial(circuit_cells, circuit) for name, circuit in CIRCUITS.items()},
    "adhesion": adhesion_cells,
}
"""Name -> how to draw cells of the family; `register_cell_family` adds to it."""


def register_cell_family(name: str, function: OwnFamily) -> None:
    """Give a family of cells a name, which `CellSimulator` then knows in this Python process.

    Parameters
    ----------
    name : str
        Name that is not in use.
    function : callable
        Function ``function(rng, shape, size)`` that returns one cell, as in the notes of `CellSimulator`.

    Raises
    ------
    ValueError
        If the name is in use, or an argument is not as described.

    Examples
    --------
    >>> import numpy as np
    >>> def two_dots(rng, shape, size):
    ...     traction, mask = np.zeros((2, *shape)), np.zeros(shape, dtype=bool)
    ...     y, x, reach = shape[0] // 2, shape[1] // 2, int(size / 2)
    ...     mask[y - 2 : y + 3, x - reach : x + reach + 1] = True
    ...     traction[0, y, [x - reach, x + reach]] = 1.0, -1.0
    ...     return traction, mask
    >>> register_cell_family("two dots", two_dots)
    >>> from tfmkit.simulate import CellSimulator
    >>> CellSimulator("two dots", shape=32, random_state=0).sample(2).patches.max(axis=(1, 2))
    array([2, 2], dtype=int32)
    """
    CELL_FAMILIES[check_new_family(name, function, CELL_FAMILIES)] = partial(own_cells, function)


def _check_cell(result: Any, frame: Frame) -> tuple[Array, NDArray[np.bool_], NDArray[np.int32]]:
    """Return traction and mask in fine pixels, and labels in pixels."""
    if not isinstance(result, tuple) or len(result) not in (2, 3):
        raise ValueError(f"Expected a family that returns (traction, mask) or a Cell, got {type(result)}.")
    cell = Cell(*result)
    traction = check_field(np.asarray(cell.traction)[None], name="traction of the family", dtype=np.float32)
    if traction.shape[2:] != frame.fine_shape or not traction.any():
        raise ValueError(
            f"Expected a family that returns a traction of shape (2, {frame.fine_shape[0]}, {frame.fine_shape[1]}) "
            f"that is not zero everywhere, got shape {traction.shape[1:]}."
        )
    mask = check_mask(cell.mask, traction.shape)[0]
    if not frame.at_pixel_middles(mask).any():
        raise ValueError("Expected a family that returns a mask with pixels inside the cell, got an empty mask.")
    return traction[0], mask, _labels(cell, traction, frame)


def _labels(cell: Cell, traction: Array, frame: Frame) -> NDArray[np.int32]:
    if cell.patches is None:
        length = np.hypot(*frame.pixel_means(traction)[0])
        return _connected_regions((length >= _PATCH_SHARE * length.max())[None])[0]
    labels = np.asarray(cell.patches)
    if labels.dtype.kind not in "iu" or labels.shape != frame.fine_shape or labels.min() < 0:
        raise ValueError(
            f"Expected a family that returns patches as integers >= 0 of shape {frame.fine_shape}, "
            f"got {labels.dtype} of {labels.shape}."
        )
    return np.unique(frame.at_pixel_middles(labels), return_inverse=True)[1].astype(np.int32).reshape(frame.shape)


def _balanced(shares: Array) -> NDArray[np.bool_]:
    return np.asarray((shares < MAX_NET_FORCE).all(axis=1))


def _net_force_share_of_field(traction: Array) -> Array:
    total = np.abs(traction).sum(axis=(2, 3))
    # A field without traction counts as unbalanced.
    return np.abs(traction.sum(axis=(2, 3))) / np.where(total > 0, total, 1) + (total == 0)


def _connected_regions(loaded: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Label the connected regions of marked pixels, from 1 in each field; corners connect."""
    in_plane = np.zeros((3, 3, 3), dtype=bool)
    in_plane[1] = True
    labels = np.zeros(loaded.shape, dtype=np.int32)
    ndimage.label(loaded, structure=in_plane, output=labels)
    # Labels rise from field to field: a field starts after the largest label of the fields before.
    largest = np.maximum.accumulate(labels.max(axis=(1, 2), initial=0))
    before = np.concatenate([[0], largest[:-1]]).astype(np.int32)
    return np.where(labels > 0, labels - before[:, None, None], 0)
