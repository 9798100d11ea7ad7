"""Simulated cells on a gel: their traction, and the displacement of the gel."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tfmkit._validation import check_choice, check_count, check_number, check_shape
from tfmkit.gel.operator import ForwardOperator, pixel_sources
from tfmkit.simulate.base import Array, FieldSimulator, Streams, check_range, draw
from tfmkit.simulate.circuit import CIRCUITS, evolve
from tfmkit.simulate.patches import number_patches, rasterise
from tfmkit.simulate.placement import MAX_NET_FORCE, balance_signals, net_force_share, place_traction
from tfmkit.simulate.scatter import draw_adhesions, wobbly_borders
from tfmkit.simulate.shapes import border_polygons, fit_border, interior

CELL_FAMILIES = (*CIRCUITS, "adhesion")

_SUBSAMPLES = 4


class CellSimulator(FieldSimulator):
    """Simulate adherent cells on a gel: their traction, and the displacement of the gel.

    Parameters
    ----------
    family : {"generic", "keratocyte", "neuron", "fibroblast", "adhesion"}, default="generic"
        Family of cells. The first four are cells of the circuit model, whose traction acts on nearly single pixels
        along the border. Cells of ``"adhesion"`` have a smooth border and elongated Gaussian adhesions.
    shape : int or (int, int), default=104
        Height and width of the grid, or one side of a square grid.
    young : float, default=10670.0
        Young's modulus of the gel; traction is in its unit.
    poisson : float, default=0.45
        Poisson ratio of the gel.
    spacing : float, default=1.0
        Grid spacing; displacement is in its unit.
    cell_size : float or (float, float), default=0.4
        Longest side of the cell's bounding box, divided by the shorter side of the field; or a range to draw it from.
    max_traction : float or (float, float), default=(1000.0, 8000.0)
        Largest traction of a cell, or a range to draw it from, in the unit of `young`.
    mean_displacement : float, optional
        Mean length of the displacement inside the cell, in grid pixels. If given, it sets the scale of traction and
        displacement instead of `max_traction`. The mean over the paper's test cells is 0.4277.
    noise : float, default=0.0
        Level of the Gaussian noise in the displacement.
    noise_unit : {"px", "rms"}, default="px"
        With ``"px"``, `noise` is the root mean square length of the noise vectors in grid pixels, so each component
        has the standard deviation ``noise / sqrt(2)``. With ``"rms"``, `noise` is the standard deviation of a component
        divided by the root mean square of the components of the field.
    noise_correlation : float, default=0.0
        Correlation length of the noise: the standard deviation in pixels of a Gaussian filter. 0 is white noise.
    oversample : int, default=1
        Odd number. The displacement is computed on a grid that is this many times finer, and sampled at the middle of
        each pixel; traction is the mean over each pixel. A solver then meets traction that varies inside its pixels,
        as with real cells. 3 is enough, and costs nine times as much.
    thickness : float, optional
        Thickness of a gel that is bonded to a rigid base, in the unit of `spacing`. By default the gel is a
        half-space, as with an infinite thickness.
    depth : float, default=0.0
        Depth of the beads below the surface in the unit of `spacing`, in [0, thickness).
    random_state : None, int, numpy Generator or RandomState, optional
        Seed.

    Notes
    -----
    `sample` returns a Bunch of

    - ``displacement``, ``traction``: float32 arrays of shape (n, 2, height, width), which the paper [1]_ calls strain
      and stress: ``strain`` and ``stress`` are other names of the same two arrays;
    - ``noise_free_displacement``, of the same shape;
    - ``noise_level`` (n,): root mean square length of the noise vectors in grid pixels;
    - ``mask`` (n, height, width): True inside the cell, and on patches that extend beyond its outline;
    - ``border`` (n, 360, 2): corners (x, y) of the outline in px; the middle of pixel (0, 0) is at (0, 0);
    - ``patches`` (n, height, width): integer labels of the patches with traction, 0 elsewhere. A patch is an adhesion
      (the pixels with at least a tenth of its strength), or a connected region of pixels with traction.

    The displacement is that of an open gel, by the pixel-integrated Green's tensor. A cell is drawn anew if its net
    force in x or in y is more than 10 % of the summed magnitude. The construction follows [1]_.

    References
    ----------
    .. [1] Wang and Lin, "Traction force microscopy by deep learning", Biophys. J. 120:3079 (2021).

    Examples
    --------
    >>> cells = CellSimulator("keratocyte", shape=48, random_state=0).sample(2)
    >>> cells.displacement.shape
    (2, 2, 48, 48)
    """

    def __init__(
        self,
        family: str = "generic",
        *,
        shape: Any = 104,
        young: float = 10_670.0,
        poisson: float = 0.45,
        spacing: float = 1.0,
        cell_size: float | tuple[float, float] = 0.4,
        max_traction: float | tuple[float, float] = (1_000.0, 8_000.0),
        mean_displacement: float | None = None,
        noise: float = 0.0,
        noise_unit: str = "px",
        noise_correlation: float = 0.0,
        oversample: int = 1,
        thickness: float | None = None,
        depth: float = 0.0,
        random_state: Any = None,
    ) -> None:
        self.family = family
        self.shape = shape
        self.young = young
        self.poisson = poisson
        self.spacing = spacing
        self.cell_size = cell_size
        self.max_traction = max_traction
        self.mean_displacement = mean_displacement
        self.noise = noise
        self.noise_unit = noise_unit
        self.noise_correlation = noise_correlation
        self.oversample = oversample
        self.thickness = thickness
        self.depth = depth
        self.random_state = random_state

    def _check(self) -> None:
        check_choice(self.family, "family", CELL_FAMILIES)
        super()._check()
        check_range(self.cell_size, "cell_size", high=1.0)
        check_range(self.max_traction, "max_traction")
        if self.mean_displacement is not None:
            check_number(self.mean_displacement, "mean_displacement", low=0, include_low=False)
        if check_count(self.oversample, "oversample") % 2 == 0:
            raise ValueError(f"Expected oversample to be odd, got {self.oversample}.")

    def _make_block(self, streams: Streams, wanted: int) -> dict[str, Any] | None:
        adhesion = self.family == "adhesion"
        cells = self._adhesion_cells(streams[:wanted]) if adhesion else self._circuit_cells(streams, wanted)
        return self._finish(*cells) if cells[0] else None

    def _adhesion_cells(self, streams: Streams) -> tuple[Streams, Array, Array, Array, NDArray[np.int32]]:
        radii, centres = self._fit(streams, wobbly_borders(streams))
        patches = draw_adhesions(streams, radii, centres).finer(self.oversample)
        height, width = check_shape(self.shape)
        grid = (height * self.oversample, width * self.oversample)
        fine, owners = rasterise(patches, "gaussian", len(streams), grid, _SUBSAMPLES)
        labels = number_patches(_at_pixel_middles(owners, self.oversample), patches.field)
        return streams, fine, radii, centres, labels

    def _circuit_cells(self, streams: Streams, wanted: int) -> tuple[Streams, Array, Array, Array, NDArray[np.int32]]:
        radii, signals = evolve(streams, CIRCUITS[self.family])
        magnitudes = balance_signals(signals)
        # Most rejections happen here: the net force does not depend on the positions of the vectors.
        likely = _balanced(net_force_share(magnitudes))
        streams = [stream for stream, keep in zip(streams, likely, strict=True) if keep]
        radii, centres = self._fit(streams, radii[likely])
        fine = place_traction(streams, radii, centres, magnitudes[likely], check_shape(self.shape), self.oversample)
        traction = _pixel_means(fine, self.oversample)
        # Vectors in one pixel cancel in part, so the summed magnitude needs the drawn field.
        kept = np.flatnonzero(_balanced(_net_force_share_of_field(traction)))[:wanted]
        return [streams[i] for i in kept], fine[kept], radii[kept], centres[kept], _connected_patches(traction[kept])

    def _fit(self, streams: Streams, radii: Array) -> tuple[Array, Array]:
        shape = check_shape(self.shape)
        return fit_border(radii, shape, draw(streams, self.cell_size) * min(shape))

    def _finish(
        self, streams: Streams, fine: Array, radii: Array, centres: Array, labels: NDArray[np.int32]
    ) -> dict[str, Any]:
        """Scale the traction, compute the displacement, add noise."""
        shape, factor = check_shape(self.shape), self.oversample
        traction = _pixel_means(fine, factor)
        mask = interior(radii, centres, shape) | (labels > 0)
        scale = draw(streams, self.max_traction) / np.sqrt((traction**2).sum(axis=1)).max(axis=(1, 2), initial=0)
        operator = ForwardOperator(
            fine.shape[2:],
            young=self.young,
            poisson=self.poisson,
            spacing=self.spacing / factor,
            thickness=self.thickness,
            depth=self.depth,
        )
        # Traction varies inside the pixels of the fine grid only for adhesions on a finer grid.
        varies = self.family == "adhesion" and factor > 1
        clean = _at_pixel_middles(operator.apply(pixel_sources(fine) if varies else fine), factor)
        if self.mean_displacement is not None:
            length = np.sqrt((clean**2).sum(axis=1))
            inside = (length * mask).sum(axis=(1, 2)) / mask.sum(axis=(1, 2))
            scale = self.mean_displacement * self.spacing / inside
        scale = scale.astype(np.float32)[:, None, None, None]
        return {
            **self._with_noise(streams, clean * scale),
            "traction": traction * scale,
            "mask": mask,
            "border": border_polygons(radii, centres),
            "patches": labels,
        }


def _balanced(shares: Array) -> NDArray[np.bool_]:
    return np.asarray((shares < MAX_NET_FORCE).all(axis=1))


def _net_force_share_of_field(traction: Array) -> Array:
    total = np.sqrt((traction**2).sum(axis=1)).sum(axis=(1, 2))
    # A field without traction counts as unbalanced.
    return np.abs(traction.sum(axis=(2, 3))) / np.where(total > 0, total, 1)[:, None] + (total == 0)[:, None]


def _pixel_means(fine: Array, factor: int) -> Array:
    n_fields, _, height, width = fine.shape
    return fine.reshape(n_fields, 2, height // factor, factor, width // factor, factor).mean(axis=(3, 5))


def _at_pixel_middles(fine: Any, factor: int) -> Any:
    middle = (factor - 1) // 2
    return fine[..., middle::factor, middle::factor]


def _connected_patches(traction: Array) -> NDArray[np.int32]:
    """Label the connected regions of pixels with traction, from 1 in each field; corners connect."""
    in_plane = np.zeros((3, 3, 3), dtype=bool)
    in_plane[1] = True
    labels = np.zeros((len(traction), *traction.shape[2:]), dtype=np.int32)
    ndimage.label((traction != 0).any(axis=1), structure=in_plane, output=labels)
    # Labels rise from field to field: a field starts after the largest label of the fields before.
    largest = np.maximum.accumulate(labels.max(axis=(1, 2), initial=0))
    before = np.concatenate([[0], largest[:-1]]).astype(np.int32)
    return np.where(labels > 0, labels - before[:, None, None], 0)
