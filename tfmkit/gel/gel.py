"""The gel: one value that holds everything a method has to know of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from numbers import Real
from typing import Any

import numpy as np

from tfmkit._validation import FloatArray, check_number

# Grid points. Beyond these, squares leave the range of single precision, and exponentials that of any.
_LEAST_PEAK, _LARGEST_PEAK, _LARGEST_LAYER = 1e-15, 1e15, 1e12


@dataclass(frozen=True)
class Gel:
    """An elastic gel under a grid of displacement vectors.

    Every estimator makes its gel in `fit`, from its own parameters, and hands it on whole. The gel is checked once,
    here, and never changes.

    Attributes
    ----------
    young : float, default=10670.0
        Young's modulus, > 0. Traction has its unit.
    poisson : float, default=0.45
        Poisson ratio in [0, 0.5].
    spacing : float, default=1.0
        Distance between grid points, > 0. Displacement has its unit.
    thickness : float, optional
        Thickness of a gel that is bonded to a rigid base, > 0, in the unit of `spacing`. None or infinity is the
        half-space. It is stored as infinity.
    depth : float, default=0.0
        Depth of the beads below the surface, in the unit of `spacing`, in [0, thickness).

    Raises
    ------
    ValueError
        If a number is out of its range.

    Notes
    -----
    Measured in grid points, and with traction in units of Young's modulus, the displacement of a gel depends on
    `poisson`, `thickness` / `spacing` and `depth` / `spacing` alone. All inverses work in these units. A gel on a finer
    or a coarser grid is the same gel with another spacing (`on_grid`).

    Examples
    --------
    >>> gel = Gel(young=5_000.0, poisson=0.5, spacing=2.0, thickness=30.0)
    >>> gel.thickness_in_pixels
    15.0
    >>> gel.is_half_space
    False
    """

    young: float = 10_670.0
    poisson: float = 0.45
    spacing: float = 1.0
    thickness: float | None = None
    depth: float = 0.0

    def __post_init__(self) -> None:
        """Check every number and store it as a float."""
        checked = {
            "young": check_number(self.young, "young", low=0, include_low=False),
            "poisson": check_number(self.poisson, "poisson", low=0, high=0.5),
            "spacing": check_number(self.spacing, "spacing", low=0, include_low=False),
            "thickness": _check_thickness(self.thickness),
        }
        if _LARGEST_LAYER * checked["spacing"] < checked["thickness"] < np.inf:
            raise ValueError(
                f"Expected a thickness of at most {_LARGEST_LAYER:g} grid points, got {checked['thickness']:g} with "
                f"spacing={checked['spacing']:g}. Leave out the thickness of a gel that is thick everywhere."
            )
        checked["depth"] = check_number(self.depth, "depth", low=0, high=checked["thickness"], include_high=False)
        for name, number in checked.items():
            object.__setattr__(self, name, number)

    @classmethod
    def of(cls, estimator: Any) -> Gel:
        """Read the gel from the parameters of an estimator.

        Parameters
        ----------
        estimator : estimator
            Any object with some of the attributes ``young``, ``poisson``, ``spacing``, ``thickness`` and ``depth``.
            A missing one takes its default.

        Returns
        -------
        Gel
            The gel.

        Raises
        ------
        ValueError
            If a number is out of its range.
        """
        return cls(**{name: getattr(estimator, name) for name in cls.__dataclass_fields__ if hasattr(estimator, name)})

    @property
    def is_half_space(self) -> bool:
        """Whether the gel is infinitely thick, with beads at its surface.

        Returns
        -------
        bool
            True for the half-space.
        """
        return self.thickness == np.inf and self.depth == 0

    @property
    def thickness_in_pixels(self) -> float:
        """Thickness in grid points.

        Returns
        -------
        float
            Infinity for the half-space.
        """
        return float(self.thickness) / self.spacing  # type: ignore[arg-type]

    @property
    def depth_in_pixels(self) -> float:
        """Depth of the beads in grid points.

        Returns
        -------
        float
            0 at the surface.
        """
        return self.depth / self.spacing

    @cached_property
    def dimensionless(self) -> Gel:
        """The same gel in units of its own Young's modulus and spacing.

        Returns
        -------
        Gel
            Gels of one elasticity on one grid are equal in this form: it is the key of every cache.
        """
        return Gel(1.0, self.poisson, 1.0, self.thickness_in_pixels, self.depth_in_pixels)

    @property
    def surface(self) -> Gel:
        """The half-space with the Poisson ratio of this gel, on the same grid.

        Returns
        -------
        Gel
            A gel without thickness and depth.
        """
        return replace(self, thickness=None, depth=0.0)

    def on_grid(self, factor: float) -> Gel:
        """Return the same gel on a coarser or a finer grid.

        Parameters
        ----------
        factor : float
            Spacing of the other grid over that of this one, > 0.

        Returns
        -------
        Gel
            The gel with `spacing` times `factor`.
        """
        return replace(self, spacing=self.spacing * factor)

    def in_pixels(self, displacement: FloatArray) -> FloatArray:
        """Return displacement in grid points.

        Parameters
        ----------
        displacement : ndarray
            Displacement in the unit of `spacing`.

        Returns
        -------
        ndarray
            Displacement over `spacing`, in the same precision.

        Raises
        ------
        ValueError
            If the largest displacement of a field is neither 0 nor between 1e-15 and 1e15 grid points, the range in
            which squares of displacement and of its noise are exact in every precision.
        """
        with np.errstate(over="ignore"):
            peaks = np.abs(displacement).max(axis=(-3, -2, -1)).astype(np.float64) / self.spacing
        wrong = (peaks > 0) & ((peaks < _LEAST_PEAK) | (peaks > _LARGEST_PEAK))
        if wrong.any():
            raise ValueError(
                f"Expected displacement between {_LEAST_PEAK:g} and {_LARGEST_PEAK:g} grid points, got at most "
                f"{np.extract(wrong, peaks)[0]:.3g} in a field with spacing={self.spacing:g}. Give displacement and "
                "spacing in one unit."
            )
        return displacement / displacement.dtype.type(self.spacing)


def _check_thickness(thickness: Any) -> float:
    if thickness is None or (isinstance(thickness, Real) and thickness == np.inf):
        return float(np.inf)
    return check_number(thickness, "thickness", low=0, include_low=False)
