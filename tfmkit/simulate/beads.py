"""Images of fluorescent beads in a gel, before and after a known displacement."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage
from sklearn.base import BaseEstimator
from sklearn.utils import Bunch

from tfmkit._validation import (
    FloatArray,
    check_choice,
    check_count,
    check_field,
    check_number,
    check_shape,
    root_stream,
)
from tfmkit.simulate.cell_simulator import CELL_FAMILIES, CellSimulator

MIN_IMAGE_SIDE = 32
# Side of the images on which a cell is drawn on the 104 px of the paper: other images show cells of the same size.
_PIXELS_PER_CELL_PIXEL = 512 / 104
# Half side of the square into which a bead is drawn, and the strip around the image that beads come from, in
# standard deviations of a bead.
_BEAD_REACH = 5.0
_BEADS_PER_BLOCK = 4096


class BeadSimulator(BaseEstimator):
    """Simulate pairs of bead images, relaxed and deformed, with known displacement.

    Beads are scattered at random, moved by the displacement where they lie, and drawn in both places: no image is
    warped, so that nothing of a later interpolation is in the data.

    Parameters
    ----------
    shape : int or (int, int), default=512
        Height and width of the images in pixels, or one side of square ones; at least 32.
    family : str, default="adhesion"
        Family of :class:`CellSimulator` whose displacement moves the beads.
    spacing : int, default=4
        Pixels between the nodes at which the true displacement is given.
    peak : float, default=6.0
        Longest displacement in pixels.
    density : float, default=0.03
        Beads per square pixel.
    sigma : float, default=1.2
        Standard deviation of a bead's Gaussian spot in pixels.
    photons : float, default=200.0
        Photons in the brightest pixel of a bead in focus at its middle.
    background : float, default=20.0
        Photons per pixel without beads.
    read_noise : float, default=2.0
        Standard deviation of the camera's Gaussian noise, in photons.
    missing : float, default=0.0
        Share of the beads that each of the two images lacks, independently.
    random_state : None, int, numpy Generator or RandomState, optional
        Seed.

    Notes
    -----
    Expected images are sampled in the middle of the pixels. Noise is Poisson's plus the camera's.

    Examples
    --------
    >>> beads = BeadSimulator(64, random_state=0).sample(2)
    >>> beads.pairs.shape, beads.displacement.shape
    ((2, 2, 64, 64), (2, 2, 16, 16))
    """

    def __init__(
        self,
        shape: Any = 512,
        *,
        family: str = "adhesion",
        spacing: int = 4,
        peak: float = 6.0,
        density: float = 0.03,
        sigma: float = 1.2,
        photons: float = 200.0,
        background: float = 20.0,
        read_noise: float = 2.0,
        missing: float = 0.0,
        random_state: Any = None,
    ) -> None:
        self.shape = shape
        self.family = family
        self.spacing = spacing
        self.peak = peak
        self.density = density
        self.sigma = sigma
        self.photons = photons
        self.background = background
        self.read_noise = read_noise
        self.missing = missing
        self.random_state = random_state

    def sample(self, n_samples: int = 1, *, displacement: ArrayLike | None = None) -> Bunch:
        """Draw image pairs.

        Parameters
        ----------
        n_samples : int, default=1
            Number of pairs.
        displacement : array-like of shape (n_samples or 1, 2, n_y, n_x), optional
            Displacement in image pixels on a regular grid whose cells tile the image, instead of that of a simulated
            cell scaled to `peak`.

        Returns
        -------
        Bunch
            ``pairs`` (n_samples, 2, height, width), float32: photons in the relaxed and in the deformed image;
            ``displacement`` (n_samples, 2, n_y, n_x), float32: true displacement in pixels of the gel that lies at the
            nodes in the relaxed state; ``grid_x`` and ``grid_y``: positions of the nodes in pixels.

        Raises
        ------
        ValueError
            If a parameter is out of its range or `displacement` is no such field.
        """
        n_pairs = check_count(n_samples, "n_samples")
        shape = self._check()
        root = root_stream(self.random_state)
        if displacement is None:
            fields = self._cell_displacement(shape, n_pairs, root)
        else:
            fields = check_field(displacement)
            if len(fields) not in (1, n_pairs):
                raise ValueError(f"Expected 1 or {n_pairs} displacement fields, got {len(fields)}.")
            fields = np.broadcast_to(fields, (n_pairs, *fields.shape[1:]))
        splines = [_Spline(field, shape) for field in fields]
        grid_y, grid_x = (_nodes(side, self.spacing) for side in shape)
        rows, columns = np.meshgrid(grid_y, grid_x, indexing="ij")
        return Bunch(
            pairs=np.stack(
                [self._pair(stream, shape, spline) for stream, spline in zip(root.spawn(n_pairs), splines, strict=True)]
            ),
            displacement=np.stack([spline(columns, rows) for spline in splines]).astype(np.float32),
            grid_x=grid_x,
            grid_y=grid_y,
        )

    def _check(self) -> tuple[int, int]:
        shape = check_shape(self.shape, min_side=MIN_IMAGE_SIDE)
        check_choice(self.family, "family", CELL_FAMILIES)
        if min(shape) // check_count(self.spacing, "spacing") < 2:
            raise ValueError(f"Expected at least 2 nodes a side, got images of {shape} with spacing={self.spacing}.")
        for name in ("density", "sigma", "photons"):
            check_number(getattr(self, name), name, low=0, include_low=False)
        for name in ("peak", "background", "read_noise"):
            check_number(getattr(self, name), name, low=0)
        check_number(self.missing, "missing", low=0, high=1, include_high=False)
        return shape

    def _cell_displacement(self, shape: tuple[int, int], n_pairs: int, root: np.random.Generator) -> FloatArray:
        grid = tuple(max(16, round(side / _PIXELS_PER_CELL_PIXEL)) for side in shape)
        fields = CellSimulator(self.family, shape=grid, random_state=root.spawn(1)[0]).sample(n_pairs).displacement
        longest = np.hypot(fields[:, 0], fields[:, 1]).max(axis=(1, 2))
        return fields * (self.peak / longest)[:, None, None, None]

    def _pair(self, stream: np.random.Generator, shape: tuple[int, int], spline: _Spline) -> NDArray[np.float32]:
        # Beads come from a strip around the image as well, wide enough for those that are moved into it.
        margin = spline.longest + _BEAD_REACH * self.sigma
        height, width = (side + 2 * margin for side in shape)
        n_beads = stream.poisson(self.density * height * width)
        x = stream.uniform(-margin, width - margin, n_beads) - 0.5
        y = stream.uniform(-margin, height - margin, n_beads) - 0.5
        moved_x, moved_y = np.stack([x, y]) + spline(x, y)
        images = [self._image(stream, shape, *position) for position in ((x, y), (moved_x, moved_y))]
        return np.stack(images)

    def _image(
        self, stream: np.random.Generator, shape: tuple[int, int], x: FloatArray, y: FloatArray
    ) -> NDArray[np.float32]:
        seen = stream.random(len(x)) >= self.missing
        photons = self.background + self.photons * draw_spots(shape, x[seen], y[seen], self.sigma)
        counts = stream.poisson(photons) + self.read_noise * stream.standard_normal(shape)
        return counts.astype(np.float32)


class _Spline:
    """A displacement field that can be looked up anywhere, constant beyond its outermost nodes."""

    def __init__(self, field: FloatArray, shape: tuple[int, int]) -> None:
        self._coefficients = [ndimage.spline_filter(component, order=3, mode="nearest") for component in field]
        self._steps = [side / nodes for side, nodes in zip(shape, field.shape[1:], strict=True)]
        self.longest = float(np.hypot(*field).max())

    def __call__(self, x: FloatArray, y: FloatArray) -> FloatArray:
        # Node i is the middle of the i-th of the cells that tile the image, whose first pixel begins at -1/2.
        position = [(value + 0.5) / step - 0.5 for value, step in zip((y, x), self._steps, strict=True)]
        lookup = [
            ndimage.map_coordinates(part, position, order=3, mode="nearest", prefilter=False)
            for part in self._coefficients
        ]
        return np.stack(lookup)


def draw_spots(shape: tuple[int, int], x: FloatArray, y: FloatArray, sigma: float) -> FloatArray:
    """Draw Gaussian spots of height 1.

    Parameters
    ----------
    shape : (int, int)
        Height and width of the image.
    x, y : ndarray of shape (n_spots,)
        Middles of the spots in pixels; they may lie outside the image.
    sigma : float
        Standard deviation of a spot in pixels.

    Returns
    -------
    ndarray of shape (height, width)
        Sum of the spots, in the middle of the pixels.
    """
    reach = int(np.ceil(_BEAD_REACH * sigma))
    offsets = np.arange(-reach, reach + 1)
    near = (x > -reach) & (x < shape[1] - 1 + reach) & (y > -reach) & (y < shape[0] - 1 + reach)
    x, y = x[near], y[near]
    # A frame around the image takes what reaches over its edges.
    padded = (shape[0] + 4 * reach, shape[1] + 4 * reach)
    image = np.zeros(padded[0] * padded[1])
    for first in range(0, len(x), _BEADS_PER_BLOCK):
        middles = y[first : first + _BEADS_PER_BLOCK, None], x[first : first + _BEADS_PER_BLOCK, None]
        rows, columns = (np.floor(middle).astype(int) + offsets for middle in middles)
        along_y, along_x = (
            np.exp(-((pixels - middle) ** 2) / (2 * sigma**2))
            for pixels, middle in zip((rows, columns), middles, strict=True)
        )
        index = (rows[:, :, None] + 2 * reach) * padded[1] + columns[:, None, :] + 2 * reach
        spots = along_y[:, :, None] * along_x[:, None, :]
        image += np.bincount(index.ravel(), spots.ravel(), minlength=image.size)
    return image.reshape(padded)[2 * reach : 2 * reach + shape[0], 2 * reach : 2 * reach + shape[1]]


def _nodes(side: int, spacing: int) -> FloatArray:
    """Return evenly spaced positions in the middle of one side of an image."""
    n_nodes = side // spacing
    return (side - 1 - spacing * (n_nodes - 1)) / 2 + spacing * np.arange(n_nodes)
