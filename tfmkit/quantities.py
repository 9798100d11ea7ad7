"""Units of results: columns of energy, forces and moments, and the gel under images.

Fields come in the pixels of the images, and so do the sums over their cells. The size of a pixel turns them into SI
units, and turns a gel in micrometres into one in pixels.
"""

from __future__ import annotations

import re
from typing import Any

from tfmkit._validation import check_number
from tfmkit.gel import Gel

_MICRO = 1e-6
# Quantity -> its column, and the power of the pixel's length in it. Those with a length need the size of a pixel.
QUANTITIES = {
    "strain_energy": ("strain_energy_J", 3),
    "total_force": ("total_force_N", 2),
    "contractile_moment": ("contractile_moment_Nm", 3),
    "torque": ("torque_Nm", 3),
    "net_force": ("net_force_fraction", 0),
    "mean_traction": ("mean_traction_Pa", 0),
    "max_traction": ("max_traction_Pa", 0),
    "net_force_length": ("net_force_N", 2),
    "polarity_ratio": ("polarity_ratio", 0),
    "polarity_angle": ("polarity_angle_rad", 0),
}


_PASCALS = {"": 1.0, "pa": 1.0, "kpa": 1e3, "mpa": 1e6}
_MODULUS = re.compile(r"([0-9][0-9_]*\.?[0-9]*(?:e[+-]?[0-9]+)?)\s*(k?pa|mpa)?", re.IGNORECASE)
# A bare number below this one is in kPa rather than in Pa: cells spread on gels of 100 Pa and more.
_LEAST_PASCALS = 100.0


def read_young(value: float | str) -> float:
    """Return Young's modulus in pascals.

    Parameters
    ----------
    value : float or str
        Number of pascals, or text with or without a unit, such as ``"10kPa"``, ``"10_670"`` or ``"50 Pa"``.

    Returns
    -------
    float
        Young's modulus in Pa.

    Raises
    ------
    ValueError
        If the text is not a number with the unit Pa, kPa or MPa, or a number without a unit is below 100, which is
        likely in kPa. Other limits are those of `Gel`.

    Examples
    --------
    >>> read_young("10kPa"), read_young("10_670"), read_young("50 Pa")
    (10000.0, 10670.0, 50.0)
    """
    number, unit = value, ""
    if isinstance(value, str):
        found = _MODULUS.fullmatch(value.strip())
        if found is None:
            raise ValueError(f"Expected young in Pa, or with its unit, such as 10kPa, got {value!r}.")
        number, unit = float(found[1]), (found[2] or "").lower()
    number = check_number(number, "young (Young's modulus in Pa)")
    if not unit and 0 < number < _LEAST_PASCALS:
        raise ValueError(
            f"Expected young in Pa, got {number:g}, which is likely in kPa: write {number:g}kPa, or {number:g}Pa if "
            "pascals are meant."
        )
    return number * _PASCALS[unit]


def with_units(quantities: dict[str, Any], pixel_size: float | None, suffix: str = "") -> dict[str, Any]:
    """Return quantities in SI units under the names of their columns.

    Parameters
    ----------
    quantities : dict of str to float or ndarray
        From `tfmkit.mechanics.force_summary`, in powers of Pa and px.
    pixel_size : float or None
        Micrometres per pixel. Without it, quantities that hold a length are left out.
    suffix : str, default=""
        End of the names, such as ``"_std"``.

    Returns
    -------
    dict of str to float or ndarray
        The columns.
    """
    columns = {}
    for name, (column, power) in QUANTITIES.items():
        if name in quantities and (power == 0 or pixel_size is not None):
            metre = 1.0 if pixel_size is None else pixel_size * _MICRO
            columns[column + suffix] = quantities[name] * metre**power
    return columns


def gel_in_pixels(
    young: float,
    poisson: float,
    spacing: float,
    *,
    thickness: float | None = None,
    depth: float = 0.0,
    pixel_size: float | None = None,
) -> Gel:
    """Return the gel under a grid of displacements in pixels.

    Parameters
    ----------
    young : float
        Young's modulus in Pa.
    poisson : float
        Poisson ratio.
    spacing : float
        Pixels between grid points.
    thickness : float, optional
        Thickness of the gel in micrometres; by default the half-space.
    depth : float, default=0.0
        Depth of the beads in micrometres.
    pixel_size : float, optional
        Micrometres per pixel; needed for any gel but the half-space with beads at its surface.

    Returns
    -------
    Gel
        The gel with all lengths in pixels.

    Raises
    ------
    ValueError
        If a number is out of its range or the size of a pixel is missing.
    """
    if thickness is not None:
        check_number(thickness, "thickness", low=0, include_low=False)
    gel = Gel(young, poisson, spacing, thickness, depth)
    if gel.is_half_space:
        return gel
    if pixel_size is None:
        raise ValueError("Expected the pixel size (--pixel-size) with thickness or depth in micrometres, got none.")
    in_pixels = None if thickness is None else thickness / pixel_size
    return Gel(young, poisson, spacing, in_pixels, depth / pixel_size)
