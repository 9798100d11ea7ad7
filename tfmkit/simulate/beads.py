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
    check_count,
    check_field,
    check_number,
    check_shape,
    root_stream,
)
from tfmkit.simulate.base import check_family
from tfmkit.simulate.cell_simulator import CellSimulator
from tfmkit.simulate.families import CELL_FAMILIES
from tfmkit.simulate.spots import BEAD_REACH, MOST_DEPTH, draw_defocused, draw_spots

MIN_IMAGE_SIDE = 32
# Side of the images on which a cell is drawn on the 104 px of the paper: other images show cells of the same size.
_PIXELS_PER_CELL_PIXEL = 512 / 104
# Width of the haze's cloud as a share of the image's shorter side.
_CLOUD = 0.12
# Standard deviations of pieces of debris, in those of a bead, and the share of the images that show each of them.
_DEBRIS_SIZES, _DEBRIS_SEEN = (1.0, 4.0), 0.7


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
    brightness_spread : float, default=0.0
        Standard deviation of the logarithm of the beads' brightness.
    depth_spread : float, default=0.0
        Standard deviation of the beads' depths, in depths of field (a quarter of a wave at the pupil's edge). Beads
        out of focus are faint and wide, and show rings.
    focus : (float, float), default=(0.0, 0.0)
        Depth of the focal plane in the relaxed and in the deformed image, in depths of field from the mean of the
        beads. With `depth_spread` 0 and both planes at 0, spots are Gaussians.
    haze : float, default=0.0
        Mean of a cloudy background that differs between the two images, as a multiple of `background`.
    vignetting : float, default=0.0
        Share of the light that is lost in the corners of the images; it grows with the squared distance from the
        middle.
    debris : float, default=0.0
        Mean number of bright pieces that do not move with the gel. Each image lacks some of them.
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
        brightness_spread: float = 0.0,
        depth_spread: float = 0.0,
        focus: Any = (0.0, 0.0),
        haze: float = 0.0,
        vignetting: float = 0.0,
        debris: float = 0.0,
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
        self.brightness_spread = brightness_spread
        self.depth_spread = depth_spread
        self.focus = focus
        self.haze = haze
        self.vignetting = vignetting
        self.debris = debris
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
        check_family(self.family, CELL_FAMILIES)
        if min(shape) // check_count(self.spacing, "spacing") < 2:
            raise ValueError(f"Expected at least 2 nodes a side, got images of {shape} with spacing={self.spacing}.")
        for name in ("density", "sigma", "photons"):
            check_number(getattr(self, name), name, low=0, include_low=False)
        for name in ("peak", "background", "read_noise", "brightness_spread", "depth_spread", "haze", "debris"):
            check_number(getattr(self, name), name, low=0)
        for name in ("missing", "vignetting"):
            check_number(getattr(self, name), name, low=0, high=1, include_high=False)
        if np.shape(self.focus) != (2,):
            raise ValueError(f"Expected the depths of two focal planes as focus, got {self.focus!r}.")
        for depth in self.focus:
            check_number(depth, "focus", low=-MOST_DEPTH, high=MOST_DEPTH)
        return shape

    def _cell_displacement(self, shape: tuple[int, int], n_pairs: int, root: np.random.Generator) -> FloatArray:
        grid = tuple(max(16, round(side / _PIXELS_PER_CELL_PIXEL)) for side in shape)
        fields = CellSimulator(self.family, shape=grid, random_state=root.spawn(1)[0]).sample(n_pairs).displacement
        longest = np.hypot(fields[:, 0], fields[:, 1]).max(axis=(1, 2))
        return fields * (self.peak / longest)[:, None, None, None]

    def _pair(self, stream: np.random.Generator, shape: tuple[int, int], spline: _Spline) -> NDArray[np.float32]:
        # Beads come from a strip around the image as well, wide enough for those that are moved into it.
        margin = spline.longest + BEAD_REACH * self.sigma
        height, width = (side + 2 * margin for side in shape)
        n_beads = stream.poisson(self.density * height * width)
        x = stream.uniform(-margin, width - margin, n_beads) - 0.5
        y = stream.uniform(-margin, height - margin, n_beads) - 0.5
        moved = np.stack([x, y]) + spline(x, y)
        extra = stream.spawn(1)[0]
        brightness = np.exp(self.brightness_spread * extra.standard_normal(n_beads))
        depth = self.depth_spread * extra.standard_normal(n_beads)
        pieces = self._debris(extra, shape)
        images: list[NDArray[np.float32]] = []
        for position, plane, debris in zip(((x, y), moved), self.focus, pieces, strict=True):
            seen = stream.random(n_beads) >= self.missing
            light = self._spots(shape, np.asarray(position)[:, seen], depth[seen] - plane, brightness[seen]) + debris
            images.append(self._image(stream, light, self._haze(extra, shape)))
        return np.stack(images)

    def _spots(self, shape: tuple[int, int], xy: FloatArray, depth: FloatArray, brightness: FloatArray) -> FloatArray:
        if not depth.any():
            return draw_spots(shape, xy[0], xy[1], self.sigma, brightness)
        return draw_defocused(shape, xy[0], xy[1], self.sigma, depth, brightness)

    def _debris(self, stream: np.random.Generator, shape: tuple[int, int]) -> list[FloatArray]:
        """Return the debris of both images, in units of a bead's height."""
        n_pieces = stream.poisson(self.debris)
        y, x = (side * stream.random(n_pieces) for side in shape)
        sigma, height = self.sigma * stream.uniform(*_DEBRIS_SIZES, n_pieces), stream.uniform(0.5, 3, n_pieces)
        images: list[FloatArray] = []
        for seen in stream.random((2, n_pieces)) < _DEBRIS_SEEN:
            pieces = zip(x[seen], y[seen], sigma[seen], height[seen], strict=True)
            spots = (draw_spots(shape, np.array([a]), np.array([b]), width, tall) for a, b, width, tall in pieces)
            images.append(sum(spots, np.zeros(shape)))
        return images

    def _haze(self, stream: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
        """Return out-of-focus light in photons: a cloud between 0 and twice its mean."""
        if not self.haze:
            return np.zeros(shape)
        cloud = ndimage.gaussian_filter(stream.standard_normal(shape), _CLOUD * min(shape), mode="wrap")
        return self.haze * self.background * (1 + np.clip(cloud / (2 * cloud.std()), -1, 1))

    def _image(self, stream: np.random.Generator, light: FloatArray, haze: FloatArray) -> NDArray[np.float32]:
        photons = self.background + haze + self.photons * light
        if self.vignetting:
            rows, columns = (np.linspace(-1, 1, side) ** 2 / 2 for side in light.shape)
            photons = photons * (1 - self.vignetting * (rows[:, None] + columns))
        counts = stream.poisson(photons) + self.read_noise * stream.standard_normal(light.shape)
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


def _nodes(side: int, spacing: int) -> FloatArray:
    """Return evenly spaced positions in the middle of one side of an image."""
    n_nodes = side // spacing
    return (side - 1 - spacing * (n_nodes - 1)) / 2 + spacing * np.arange(n_nodes)
