"""Cells on a gel, with the traction that they exert and the displacement that it makes."""

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
    """Simulate adherent cells: the traction that they exert and the displacement that it makes.

    Parameters
    ----------
    family : {"generic", "keratocyte", "neuron", "fibroblast", "adhesion"}, default="generic"
        The first four are cells of the circuit model, whose traction acts on nearly single pixels along the border;
        ``"adhesion"`` are smooth cells with elongated Gaussian adhesions.
    shape : int or (int, int), default=104
        Height and width of the grid, or one side of a square one.
    young : float, default=10670.0
        Young's modulus of the gel; traction is in its unit.
    poisson : float, default=0.45
        Poisson ratio of the gel.
    spacing : float, default=1.0
        Grid spacing; displacement is in its unit.
    cell_size : float or (float, float), default=0.4
        Longest side of the cell's bounding box over the shorter side of the field, or the range that it is drawn from.
    max_traction : float or (float, float), default=(1000.0, 8000.0)
        Largest traction of a cell, or the range that it is drawn from, in the unit of `young`.
    mean_displacement : float, optional
        If given, traction and displacement are scaled so that the mean length of the displacement inside the cell is
        this many grid pixels, whatever `max_traction` says; the paper's test cells have 0.4277.
    noise : float, default=0.0
        Level of the Gaussian noise of the displacement.
    noise_unit : {"px", "rms"}, default="px"
        Whether `noise` is the length of the noise vector in grid pixels (each component gets ``noise / sqrt(2)``) or
        each component's standard deviation over the root mean square of the field's components.
    noise_correlation : float, default=0.0
        Standard deviation in pixels of the Gaussian that correlates the noise; 0 is white noise.
    oversample : int, default=1
        Odd. Displacements are computed on a grid that is this many times finer, where tractions lie off the pixels, and
        sampled in the middle of the pixels; traction is the mean over each pixel. Any solver on the pixels then has to
        cope with traction below its resolution, as with real cells. 3 is enough, at nine times the cost.
    thickness : float, optional
        Thickness of a gel that is bonded to a rigid base, in the unit of `spacing`; by default, and where infinite,
        the half-space.
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
    - ``mask`` (n, height, width): True inside the cell, and on its patches where they reach over the outline;
    - ``border`` (n, 360, 2): corners (x, y) of the outline in px, pixel (0, 0) having its middle at (0, 0);
    - ``patches`` (n, height, width): integer labels of the loaded patches, 0 elsewhere: adhesions (where they
      have a tenth of their strength or more), or connected regions of loaded pixels.

    Displacements come from the open gel and its pixel-integrated tensor. Cells whose net force exceeds 10 % of the
    summed magnitude in x or y are drawn anew. The construction is that of [1]_.

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
        # Most are refused here already: where vectors act changes the net force not at all.
        likely = _balanced(net_force_share(magnitudes))
        streams = [stream for stream, keep in zip(streams, likely, strict=True) if keep]
        radii, centres = self._fit(streams, radii[likely])
        fine = place_traction(streams, radii, centres, magnitudes[likely], check_shape(self.shape), self.oversample)
        traction = _pixel_means(fine, self.oversample)
        # Vectors that meet in a pixel cancel in part, so that the summed magnitude is known only now.
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
        # Vectors of circuit-model cells fill whole pixels, and on the field's own grid so does everything.
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
    # A cell whose vectors all cancel counts as unbalanced.
    return np.abs(traction.sum(axis=(2, 3))) / np.where(total > 0, total, 1)[:, None] + (total == 0)[:, None]


def _pixel_means(fine: Array, factor: int) -> Array:
    n_fields, _, height, width = fine.shape
    return fine.reshape(n_fields, 2, height // factor, factor, width // factor, factor).mean(axis=(3, 5))


def _at_pixel_middles(fine: Any, factor: int) -> Any:
    middle = (factor - 1) // 2
    return fine[..., middle::factor, middle::factor]


def _connected_patches(traction: Array) -> NDArray[np.int32]:
    """Number the connected regions of loaded pixels, from 1 in each field; neighbours at a corner count."""
    in_plane = np.zeros((3, 3, 3), dtype=bool)
    in_plane[1] = True
    labels = np.zeros((len(traction), *traction.shape[2:]), dtype=np.int32)
    ndimage.label((traction != 0).any(axis=1), structure=in_plane, output=labels)
    # Labels rise from field to field, so the largest so far is what the next field starts after.
    largest = np.maximum.accumulate(labels.max(axis=(1, 2), initial=0))
    before = np.concatenate([[0], largest[:-1]]).astype(np.int32)
    return np.where(labels > 0, labels - before[:, None, None], 0)
