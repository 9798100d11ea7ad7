"""Simulated cells on a gel: their traction, and the displacement of the gel."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from tfmkit._validation import check_choice, check_count, check_number, check_shape
from tfmkit.gel import ForwardOperator, Gel
from tfmkit.gel.operator import pixel_sources
from tfmkit.simulate.base import Array, FieldSimulator, Streams, check_family, check_range, draw
from tfmkit.simulate.circuit import CIRCUITS
from tfmkit.simulate.families import CELL_FAMILIES, Cells, Frame, OwnFamily, own_cells
from tfmkit.simulate.placement import PROTOCOLS


class CellSimulator(FieldSimulator):
    """Simulate adherent cells on a gel: their traction, and the displacement of the gel.

    Parameters
    ----------
    family : {"generic", "keratocyte", "neuron", "fibroblast", "adhesion"}, str or callable, default="generic"
        Family of cells. The first four are cells of the circuit model, whose traction acts on nearly single pixels
        along the border. Cells of ``"adhesion"`` have a smooth border and elongated Gaussian adhesions. Other names are
        those of `register_cell_family`; a function draws a family of your own (see Notes).
    shape : int or (int, int), default=104
        Height and width of the grid, or one side of a square grid.
    young : float, default=10670.0
        Young's modulus of the gel; traction is in its unit.
    poisson : float, default=0.45
        Poisson ratio of the gel.
    spacing : float, default=1.0
        Grid spacing; displacement is in its unit.
    protocol : {"tfmkit", "wang2021"}, default="tfmkit"
        Rules that turn the signals of a border into traction, for the families of the circuit model. ``"wang2021"`` are
        those of the companion code of [1]_ (see Notes); with ``mean_displacement=0.4277`` the cells are the test set of
        the paper.
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

    The displacement is that of an open gel, by the pixel-integrated Green's tensor. The construction of the traction
    follows [1]_. A cell is drawn anew unless its net force is under a tenth of the summed components along each axis,
    ``|sum t_x| < 0.1 sum |t_x|`` and the same in y. Weak signals are dropped:

    ==========  =====================================================
    protocol    dropped signals
    ==========  =====================================================
    tfmkit      under 5 % of the strongest signal of the cell
    wang2021    under 1, in the unit of the circuit (at most 100)
    ==========  =====================================================

    With ``"wang2021"``, every vector is also moved inwards by 3 px on the grid of 160 px of [1]_, which is the share
    3/160 of the shorter side of the field.

    A family of your own is a function ``family(rng, shape, size)`` that returns one cell as ``(traction, mask)`` or
    ``(traction, mask, patches)``. `rng` is a numpy Generator, the only source of random numbers to use. `shape` is the
    (height, width) of the grid, and `size` the longest side of the cell in pixels of this grid; with `oversample`, this
    is the finer grid. `traction` has the shape (2, height, width) and any unit: the simulator scales it. It counts as
    constant on each pixel. `mask` is True inside the cell, and `patches` are integer labels of the adhesions. The
    simulator does the rest: displacement, noise, and all other arrays except ``border``. It does not check the balance
    of forces.

    References
    ----------
    .. [1] Wang and Lin, "Traction force microscopy by deep learning", Biophys. J. 120:3079 (2021).

    Examples
    --------
    >>> cells = CellSimulator("keratocyte", shape=48, random_state=0).sample(2)
    >>> cells.displacement.shape
    (2, 2, 48, 48)

    A family of your own, with two discs that pull at each other:

    >>> import numpy as np
    >>> def two_discs(rng, shape, size):
    ...     y, x = np.indices(shape) - (np.array(shape)[:, None, None] - 1) / 2
    ...     left, right = (np.hypot(x + step, y) < size / 6 for step in (size / 3, -size / 3))
    ...     return np.stack([left * 1.0 - right, 0 * x]), np.hypot(x, 2 * y) < size / 2
    >>> CellSimulator(two_discs, shape=48, random_state=0).sample(1).patches.max()
    np.int32(2)
    """

    def __init__(
        self,
        family: str | OwnFamily = "generic",
        *,
        shape: Any = 104,
        young: float = 10_670.0,
        poisson: float = 0.45,
        spacing: float = 1.0,
        protocol: str = "tfmkit",
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
        self.protocol = protocol
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
        check_family(self.family, CELL_FAMILIES)
        check_choice(self.protocol, "protocol", tuple(PROTOCOLS))
        if self.protocol != "tfmkit" and self.family not in tuple(CIRCUITS):
            raise ValueError(
                f"Expected a family out of {', '.join(map(repr, CIRCUITS))} for protocol={self.protocol!r}, got "
                f"{self.family!r}."
            )
        super()._check()
        check_range(self.cell_size, "cell_size", high=1.0)
        check_range(self.max_traction, "max_traction")
        if self.mean_displacement is not None:
            check_number(self.mean_displacement, "mean_displacement", low=0, include_low=False)
        if check_count(self.oversample, "oversample") % 2 == 0:
            raise ValueError(f"Expected oversample to be odd, got {self.oversample}.")

    def _make_block(self, streams: Streams, wanted: int) -> dict[str, Any] | None:
        frame = Frame(check_shape(self.shape), self.oversample, self.cell_size, PROTOCOLS[self.protocol])
        family = CELL_FAMILIES[self.family] if isinstance(self.family, str) else partial(own_cells, self.family)
        cells = family(streams, wanted, frame)
        return self._finish(cells, frame) if cells.streams else None

    def _finish(self, cells: Cells, frame: Frame) -> dict[str, Any]:
        """Scale the traction, compute the displacement, add noise."""
        traction = frame.pixel_means(cells.traction)
        mask = cells.inside | (cells.patches > 0)
        clean = self._displacement(cells, frame)
        # Drawn in any case, so that the noise after it does not depend on the kind of scale.
        largest = draw(cells.streams, self.max_traction)
        if self.mean_displacement is None:
            scale = largest / np.sqrt((traction**2).sum(axis=1)).max(axis=(1, 2), initial=0)
        else:
            length = np.sqrt((clean**2).sum(axis=1))
            inside = (length * mask).sum(axis=(1, 2)) / mask.sum(axis=(1, 2))
            scale = self.mean_displacement * self.spacing / inside
        scale = scale.astype(np.float32)[:, None, None, None]
        return {
            **self._with_noise(cells.streams, clean * scale),
            "traction": traction * scale,
            "mask": mask,
            **({} if cells.border is None else {"border": cells.border}),
            "patches": cells.patches,
        }

    def _displacement(self, cells: Cells, frame: Frame) -> Array:
        operator = ForwardOperator.of_gel(frame.fine_shape, Gel.of(self).on_grid(1 / frame.oversample))
        # On the grid of the result itself, traction counts as constant on each pixel.
        smooth = cells.smooth and frame.oversample > 1
        fine = pixel_sources(cells.traction) if smooth else cells.traction
        return np.asarray(frame.at_pixel_middles(operator.apply(fine)))
