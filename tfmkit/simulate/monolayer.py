"""Simulated colonies of cells, with the stress inside of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmkit._validation import check_number, check_shape
from tfmkit.gel import Gel
from tfmkit.gel.operator import ForwardOperator, pixel_sources
from tfmkit.simulate.base import Array, FieldSimulator, Streams, as_range, check_range, draw
from tfmkit.simulate.monolayer_cells import draw_colony, draw_tensions, edge_stress, interior_stress, label_cells


class MonolayerSimulator(FieldSimulator):
    r"""Simulate colonies of cells under tension, with the stress inside and the traction that balances it.

    Parameters
    ----------
    shape : int or (int, int), default=128
        Height and width of the grid, or one side of a square one.
    cell_size : float, default=16.0
        Diameter of a cell in pixels: the mean area of a cell is the square of it.
    colony_size : float, default=0.65
        Diameter of the colony over the shorter side of the field.
    edge_width : float, default=1.5
        Standard deviation in pixels of the Gaussian that smooths the edges of cells and the traction at their ends.
    interior : float, default=1.0
        Tension of the interiors of the cells over that of their edges: the mean normal stress of the interiors over
        that of the edges, about.
    variation : float, default=0.3
        Standard deviation of the logarithm of the tension, from edge to edge and from cell to cell.
    young : float, default=10670.0
        Young's modulus of the gel; traction is in its unit.
    poisson : float, default=0.45
        Poisson ratio of the gel.
    spacing : float, default=1.0
        Grid spacing; displacement is in its unit.
    max_traction : float or (float, float), default=(500.0, 2000.0)
        Largest traction, or the range that it is drawn from, in the unit of `young`.
    noise : float, default=0.0
        Level of the Gaussian noise of the displacement.
    noise_unit : {"px", "rms"}, default="px"
        As for `CellSimulator`.
    noise_correlation : float, default=0.0
        As for `CellSimulator`.
    thickness : float, optional
        Thickness of a gel that is bonded to a rigid base, in the unit of `spacing`; by default the half-space.
    depth : float, default=0.0
        Depth of the beads below the surface in the unit of `spacing`, in [0, thickness).
    random_state : None, int, numpy Generator or RandomState, optional
        Seed.

    Notes
    -----
    `sample` returns a Bunch with ``displacement``, ``noise_free_displacement``, ``noise_level`` and ``traction`` as
    `CellSimulator` does, with ``labels`` (the number of the cell at each pixel, 0 outside), ``mask``, and
    ``sheet_stress``: the stress (xx, yy, xy) of the sheet in the unit of `young` times that of `spacing`, NaN outside.

    Cells are those of a Voronoi diagram. Each edge carries a tension along itself, each interior one that is the same
    in all directions; both vary from cell to cell and over some cells. The traction is the divergence of that stress,
    so that each corner of a cell pulls with the sum of the tensions of its edges: forces balance exactly, and the
    stress is not that of an elastic sheet. Arrays hold means over pixels, to the fourth order.

    Examples
    --------
    >>> from tfmkit.simulate import MonolayerSimulator
    >>> fields = MonolayerSimulator(shape=64, cell_size=12, random_state=0).sample(1)
    >>> fields.sheet_stress.shape
    (1, 3, 64, 64)
    """

    def __init__(
        self,
        *,
        shape: Any = 128,
        cell_size: float = 16.0,
        colony_size: float = 0.65,
        edge_width: float = 1.5,
        interior: float = 1.0,
        variation: float = 0.3,
        young: float = 10_670.0,
        poisson: float = 0.45,
        spacing: float = 1.0,
        max_traction: float | tuple[float, float] = (500.0, 2000.0),
        noise: float = 0.0,
        noise_unit: str = "px",
        noise_correlation: float = 0.0,
        thickness: float | None = None,
        depth: float = 0.0,
        random_state: Any = None,
    ) -> None:
        self.shape = shape
        self.cell_size = cell_size
        self.colony_size = colony_size
        self.edge_width = edge_width
        self.interior = interior
        self.variation = variation
        self.young = young
        self.poisson = poisson
        self.spacing = spacing
        self.max_traction = max_traction
        self.noise = noise
        self.noise_unit = noise_unit
        self.noise_correlation = noise_correlation
        self.thickness = thickness
        self.depth = depth
        self.random_state = random_state

    def _check(self) -> None:
        super()._check()
        side = min(check_shape(self.shape))
        check_number(self.cell_size, "cell_size", low=4, high=side / 2)
        check_number(self.colony_size, "colony_size", low=0, high=0.9, include_low=False)
        check_number(self.edge_width, "edge_width", low=0.5, high=self.cell_size / 4)
        check_number(self.interior, "interior", low=0)
        check_number(self.variation, "variation", low=0, high=2)
        check_range(self.max_traction, "max_traction")

    def _make_block(self, streams: Streams, wanted: int) -> dict[str, Any]:
        streams, shape = streams[:wanted], check_shape(self.shape)
        largest = draw(streams, as_range(self.max_traction))
        colonies = [self._colony(stream, shape) for stream in streams]
        stress, traction, labels = (np.stack(parts) for parts in zip(*colonies, strict=True))
        scale = largest / np.hypot(traction[:, 0], traction[:, 1]).max(axis=(1, 2))
        traction *= scale[:, None, None, None]
        operator = ForwardOperator.of_gel(shape, Gel.of(self))
        clean = np.asarray(operator.apply(pixel_sources(traction)))
        mask = labels > 0
        stress = np.where(mask[:, None], stress * (scale * self.spacing)[:, None, None, None], np.nan)
        return {
            **self._with_noise(streams, clean.astype(np.float32)),
            "traction": traction.astype(np.float32),
            "sheet_stress": stress.astype(np.float32),
            "mask": mask,
            "labels": labels,
        }

    def _colony(self, rng: np.random.Generator, shape: tuple[int, int]) -> tuple[Array, Array, NDArray[np.int32]]:
        colony = draw_colony(rng, shape, self.cell_size, self.colony_size * min(shape), self.edge_width)
        edges, interiors = draw_tensions(rng, colony, self.cell_size, self.variation)
        stress, traction = edge_stress(colony.ends, edges, shape, self.edge_width)
        # Edges of a mean tension of 1 give cells of this size a mean normal stress of 1 / size.
        level = self.interior / self.cell_size
        of_interiors = interior_stress(colony, level * interiors, shape, self.edge_width)
        return stress + of_interiors[0], traction + of_interiors[1], label_cells(colony, shape, self.edge_width)
