"""Simulated discs under traction, with the displacement in closed form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tfmkit._validation import check_number, check_shape
from tfmkit.gel import Gel
from tfmkit.gel.closed_forms import disc_displacement, hertz_displacement
from tfmkit.gel.operator import convolve
from tfmkit.simulate.base import (
    Array,
    FieldSimulator,
    Streams,
    as_range,
    check_family,
    check_new_family,
    check_range,
)
from tfmkit.simulate.patches import Discs, Patches, collect, number_patches, rasterise
from tfmkit.simulate.scatter import draw_discs, draw_hertz_pairs

PatchFamily = Callable[[np.random.Generator, tuple[int, int], tuple[float, float], float], Any]

PATCH_FAMILIES: dict[str, PatchFamily] = {"disc": draw_discs, "hertz": draw_hertz_pairs}
"""Name -> function that draws the discs of one field; `register_patch_family` adds to it."""

# Profile -> displacement of a disc in closed form.
_CLOSED_FORMS: dict[str, Callable[..., Array]] = {"uniform": disc_displacement, "hertz": hertz_displacement}
_SUBSAMPLES = 8
_FINER = 3


def register_patch_family(name: str, function: PatchFamily) -> None:
    """Give a family of patches a name, which `PatchSimulator` then knows in this Python process.

    Parameters
    ----------
    name : str
        Name that is not in use.
    function : callable
        Function ``function(rng, shape, relative_traction, pixel_size)`` that returns `Discs`, as in the notes of
        `PatchSimulator`.

    Raises
    ------
    ValueError
        If the name is in use, or an argument is not as described.
    """
    PATCH_FAMILIES[check_new_family(name, function, PATCH_FAMILIES)] = function


class PatchSimulator(FieldSimulator):
    """Simulate discs under traction, with the displacement in closed form.

    Parameters
    ----------
    family : {"disc", "hertz"}, str or callable, default="disc"
        Family of patches. ``"disc"``: 10 to 50 discs that do not overlap, each under uniform traction in a random
        direction, with radii of 1-5 % of the shorter side of the field. ``"hertz"``: 2 to 10 pairs of discs that pull
        at each other, with radii a of about 2 um, 20-25 um apart; traction decreases as ``sqrt(1 - (r / a)^2)``. Other
        names are those of `register_patch_family`; a function draws a family of your own (see Notes).
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

    A family of your own is a function ``family(rng, shape, relative_traction, pixel_size)`` that returns the `Discs` of
    one field: centres (x, y) and radii in pixels, traction (x, y) at the centres over Young's modulus, and the profile
    ``"uniform"`` or ``"hertz"``, the same for all fields. `rng` is a numpy Generator, the only source of random numbers
    to use. `shape` is the (height, width) of the grid. The last two arguments are the parameters of the simulator, with
    `relative_traction` as a pair (low, high).

    Examples
    --------
    >>> fields = PatchSimulator("disc", shape=32, random_state=0).sample(1)
    >>> bool((fields.mask == (fields.patches > 0)).all())
    True

    A family of your own, with two discs that pull at each other:

    >>> from tfmkit.simulate import Discs
    >>> def two_discs(rng, shape, relative_traction, pixel_size):
    ...     size = rng.uniform(*relative_traction)
    ...     return Discs([[8, 16], [24, 16]], [3, 3], [[size, 0], [-size, 0]])
    >>> PatchSimulator(two_discs, shape=32, random_state=0).sample(1).patches.max()
    np.int32(2)
    """

    def __init__(
        self,
        family: str | PatchFamily = "disc",
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
        check_family(self.family, PATCH_FAMILIES)
        super()._check()
        check_number(self.pixel_size, "pixel_size", low=0, include_low=False)
        check_range(self.relative_traction, "relative_traction", include_low=True)

    def _make_block(self, streams: Streams, wanted: int) -> dict[str, Any]:
        streams, shape = streams[:wanted], check_shape(self.shape)
        family = PATCH_FAMILIES[self.family] if isinstance(self.family, str) else self.family
        settings = as_range(self.relative_traction), float(self.pixel_size)
        patches, profile = _collect_discs([family(stream, shape, *settings) for stream in streams])
        traction, owners = rasterise(patches, profile, len(streams), shape, _SUBSAMPLES)
        labels = number_patches(owners, patches.field)
        clean = _sum_closed_forms(patches, profile, len(streams), shape, self.poisson)
        gel = Gel.of(self)
        if not gel.is_half_space:
            clean += _change_by_layer(patches, profile, len(streams), shape, gel)
        clean *= self.spacing
        return {
            **self._with_noise(streams, clean.astype(np.float32)),
            "traction": traction * np.float32(self.young),
            "mask": labels > 0,
            "patches": labels,
        }


def _collect_discs(fields: Sequence[Any]) -> tuple[Patches, str]:
    """Return the checked discs of a batch and their profile."""
    if not all(isinstance(discs, Discs) for discs in fields):
        raise ValueError(f"Expected a family that returns Discs, got {type(fields[0])}.")
    profiles = sorted({discs.profile for discs in fields})
    if len(profiles) > 1 or profiles[0] not in _CLOSED_FORMS:
        raise ValueError(
            f"Expected a family that returns Discs of one profile out of {', '.join(map(repr, _CLOSED_FORMS))}, "
            f"got {', '.join(map(repr, profiles))}."
        )
    return collect([_check_discs(discs) for discs in fields]), profiles[0]


def _check_discs(discs: Discs) -> tuple[Array, Array, Array, Array]:
    position, radius, traction = (np.asarray(value, dtype=float) for value in discs[:3])
    n_discs = radius.size
    if n_discs == 0 or radius.ndim != 1 or not position.shape == traction.shape == (n_discs, 2):
        raise ValueError(
            "Expected a family that returns Discs with position (n, 2), radius (n,) and traction (n, 2), n at least 1, "
            f"got shapes {position.shape}, {radius.shape} and {traction.shape}."
        )
    finite = np.isfinite(position).all() and np.isfinite(traction).all() and np.isfinite(radius).all()
    if not finite or radius.min() <= 0:
        raise ValueError("Expected a family that returns Discs with finite numbers and radii above 0.")
    return position, np.stack([radius, radius], axis=1), np.zeros(n_discs), traction


def _sum_closed_forms(patches: Patches, profile: str, n_fields: int, shape: tuple[int, int], poisson: float) -> Array:
    closed_form = _CLOSED_FORMS[profile]
    rows, columns = np.arange(shape[0])[:, None], np.arange(shape[1])
    total = np.zeros((n_fields, 2, *shape))
    for field, (x, y), (radius, _), traction in zip(
        patches.field, patches.position, patches.semi_axes, patches.traction, strict=True
    ):
        total[field] += closed_form(columns - x, rows - y, radius, traction, poisson)
    return total


def _change_by_layer(patches: Patches, profile: str, n_fields: int, shape: tuple[int, int], gel: Gel) -> Array:
    """Return the displacement on a layer minus that on the half-space, in pixels."""
    grid = (_FINER * shape[0], _FINER * shape[1])
    traction, _ = rasterise(patches.finer(_FINER), profile, n_fields, grid, _SUBSAMPLES // 2)
    fine = gel.on_grid(1 / _FINER)
    change = convolve(traction, fine) - convolve(traction, fine.surface)
    return np.asarray(change[..., _FINER // 2 :: _FINER, _FINER // 2 :: _FINER]) / _FINER
