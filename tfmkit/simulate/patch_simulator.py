"""Simulated discs under traction, with the displacement in closed form."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfmkit._validation import check_choice, check_number, check_shape
from tfmkit.gel.closed_forms import disc_displacement, hertz_displacement
from tfmkit.gel.layer import HALF_SPACE, Layer, check_layer
from tfmkit.gel.operator import convolve
from tfmkit.simulate.base import Array, FieldSimulator, Streams, as_range, check_range
from tfmkit.simulate.patches import Patches, number_patches, rasterise
from tfmkit.simulate.scatter import draw_discs, draw_hertz_pairs

PATCH_FAMILIES = ("disc", "hertz")

_SUBSAMPLES = 8
_FINER = 3


class PatchSimulator(FieldSimulator):
    """Simulate discs under traction, with the displacement in closed form.

    Parameters
    ----------
    family : {"disc", "hertz"}, default="disc"
        Family of patches. ``"disc"``: 10 to 50 discs that do not overlap, each under uniform traction in a random
        direction, with radii of 1-5 % of the shorter side of the field. ``"hertz"``: 2 to 10 pairs of discs that pull
        at each other, with radii a of about 2 um, 20-25 um apart; traction decreases as ``sqrt(1 - (r / a)^2)``.
    shape : int or (int, int), default=104
        Height and width of the grid, or one side of a square grid.
    young : float, default=10670.0
        Young's modulus of the gel; traction is in its unit.
    poisson : float, default=0.49
        Poisson ratio of the gel.
    spacing : float, default=1.0
        Grid spacing; displacement is in its unit.
    pixel_size : float, default=1.925
        Micrometres per pixel, for the size of Hertz's discs in pixels only.
    relative_traction : float or (float, float), default=(0.0, 0.5)
        Traction (at the centre) over Young's modulus, or a range to draw it from.
    noise : float, default=0.0
        Level of the Gaussian noise in the displacement.
    noise_unit : {"px", "rms"}, default="px"
        As in `CellSimulator`.
    noise_correlation : float, default=0.0
        As in `CellSimulator`.
    thickness : float, optional
        Thickness of a gel that is bonded to a rigid base, in the unit of `spacing`. By default the gel is a
        half-space, as with an infinite thickness.
    depth : float, default=0.0
        Depth of the beads below the surface in the unit of `spacing`, in [0, thickness).
    random_state : None, int, numpy Generator or RandomState, optional
        Seed.

    Notes
    -----
    `sample` returns the Bunch of `CellSimulator` without ``border``; ``mask`` is True on the patches. The displacement
    is exact at the middle of each pixel (`tfmkit.gel.closed_forms`) and shares no discretisation with any solver. The
    effect of a base or of a depth has no closed form; it is computed on a grid three times finer. Traction is the
    average over each pixel, from 8 x 8 samples.

    Examples
    --------
    >>> fields = PatchSimulator("disc", shape=32, random_state=0).sample(1)
    >>> bool((fields.mask == (fields.patches > 0)).all())
    True
    """

    def __init__(
        self,
        family: str = "disc",
        *,
        shape: Any = 104,
        young: float = 10_670.0,
        poisson: float = 0.49,
        spacing: float = 1.0,
        pixel_size: float = 1.925,
        relative_traction: float | tuple[float, float] = (0.0, 0.5),
        noise: float = 0.0,
        noise_unit: str = "px",
        noise_correlation: float = 0.0,
        thickness: float | None = None,
        depth: float = 0.0,
        random_state: Any = None,
    ) -> None:
        self.family = family
        self.shape = shape
        self.young = young
        self.poisson = poisson
        self.spacing = spacing
        self.pixel_size = pixel_size
        self.relative_traction = relative_traction
        self.noise = noise
        self.noise_unit = noise_unit
        self.noise_correlation = noise_correlation
        self.thickness = thickness
        self.depth = depth
        self.random_state = random_state

    def _check(self) -> None:
        check_choice(self.family, "family", PATCH_FAMILIES)
        super()._check()
        check_number(self.pixel_size, "pixel_size", low=0, include_low=False)
        check_range(self.relative_traction, "relative_traction", include_low=True)

    def _make_block(self, streams: Streams, wanted: int) -> dict[str, Any]:
        streams, shape = streams[:wanted], check_shape(self.shape)
        traction_range = as_range(self.relative_traction)
        if self.family == "disc":
            patches, profile, closed_form = draw_discs(streams, shape, traction_range), "uniform", disc_displacement
        else:
            patches = draw_hertz_pairs(streams, shape, traction_range, self.pixel_size)
            profile, closed_form = "hertz", hertz_displacement
        traction, owners = rasterise(patches, profile, len(streams), shape, _SUBSAMPLES)
        labels = number_patches(owners, patches.field)
        clean = _sum_closed_forms(patches, closed_form, len(streams), shape, self.poisson)
        layer = check_layer(self.thickness, self.depth, self.spacing)
        if layer != HALF_SPACE:
            clean += _change_by_layer(patches, profile, len(streams), shape, self.poisson, layer)
        clean *= self.spacing
        return {
            **self._with_noise(streams, clean.astype(np.float32)),
            "traction": traction * np.float32(self.young),
            "mask": labels > 0,
            "patches": labels,
        }


def _sum_closed_forms(
    patches: Patches, closed_form: Any, n_fields: int, shape: tuple[int, int], poisson: float
) -> Array:
    rows, columns = np.arange(shape[0])[:, None], np.arange(shape[1])
    total = np.zeros((n_fields, 2, *shape))
    for field, (x, y), (radius, _), traction in zip(
        patches.field, patches.position, patches.semi_axes, patches.traction, strict=True
    ):
        total[field] += closed_form(columns - x, rows - y, radius, traction, poisson)
    return total


def _change_by_layer(
    patches: Patches, profile: str, n_fields: int, shape: tuple[int, int], poisson: float, layer: Layer
) -> Array:
    """Return the displacement on a layer minus that on the half-space, in pixels."""
    grid = (_FINER * shape[0], _FINER * shape[1])
    traction, _ = rasterise(patches.finer(_FINER), profile, n_fields, grid, _SUBSAMPLES // 2)
    fine_layer = Layer(_FINER * layer.thickness, _FINER * layer.depth)
    change = convolve(traction, poisson, layer=fine_layer) - convolve(traction, poisson)
    return np.asarray(change[..., _FINER // 2 :: _FINER, _FINER // 2 :: _FINER]) / _FINER
