r"""Sheets whose stress is known in closed form, to test solvers with.

Every function returns stress (xx, yy, xy), in the unit of the traction times that of the place, and the traction of
the sheet on the gel that balances it. The stress is that of an elastic sheet with free borders in plane stress.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.polynomial import polynomial
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]


def disc_stress(x: Array, y: Array, radius: float, poisson: float) -> tuple[Array, Array]:
    r"""Return the stress in a disc whose traction grows from its middle to its border.

    Parameters
    ----------
    x, y : ndarray of any one shape
        Places from the middle of the disc.
    radius : float
        Radius of the disc.
    poisson : float
        Poisson ratio of the sheet.

    Returns
    -------
    stress : ndarray of shape (3, ...)
        Stress.
    traction : ndarray of shape (2, ...)
        Traction: inwards, of the size ``r / radius``.

    Notes
    -----
    This is the spinning disc of the textbooks with the sign turned round:
    :math:`\sigma_{rr} = (3 + \nu)(R^2 - r^2) / 8R` and
    :math:`\sigma_{\theta\theta} = ((3 + \nu) R^2 - (1 + 3\nu) r^2) / 8R`.
    """
    squared = x**2 + y**2
    radial = (3 + poisson) * (radius**2 - squared) / (8 * radius)
    around = ((3 + poisson) * radius**2 - (1 + 3 * poisson) * squared) / (8 * radius)
    return _turned(radial, around, x, y), -np.stack([x, y]) / radius


def pressed_disc_stress(x: Array, y: Array, radius: float, ring: float, poisson: float) -> tuple[Array, Array]:
    r"""Return the stress in a disc that is stretched evenly by the traction of a ring at its border.

    Parameters
    ----------
    x, y : ndarray of any one shape
        Places from the middle of the disc.
    radius : float
        Radius of the disc.
    ring : float
        Width of the ring.
    poisson : float
        Poisson ratio of the sheet.

    Returns
    -------
    stress : ndarray of shape (3, ...)
        Stress: the same in all directions and everywhere inside of the ring.
    traction : ndarray of shape (2, ...)
        Traction: 1 inwards in the ring, 0 elsewhere.

    Notes
    -----
    The radial displacement is :math:`A r` inside and :math:`B r + C / r + k r^2 / 3` in the ring, with
    :math:`k = -(1 - \nu^2)`; displacement and radial stress are continuous, and no stress acts at the border.
    """
    r = np.hypot(x, y)
    inner, k = radius - ring, -(1 - poisson**2)
    c = k * inner**3 / 6
    b = (c * (1 - poisson) / radius**2 - k * radius * (2 + poisson) / 3) / (1 + poisson)
    a = b + k * inner / 2
    in_ring = r > inner
    safe = np.where(in_ring, r, radius)
    slope = np.where(in_ring, b - c / safe**2 + 2 * k * safe / 3, a)
    ratio = np.where(in_ring, b + c / safe**2 + k * safe / 3, a)
    radial, around = (slope + poisson * ratio) / -k, (ratio + poisson * slope) / -k
    traction = -np.stack([x, y]) * in_ring / safe
    return _turned(radial, around, x, y), traction


def airy_stress(level: Array, x: Array, y: Array, poisson: float) -> tuple[Array, Array]:
    r"""Return the stress of an Airy function that vanishes at a border of any shape.

    Parameters
    ----------
    level : ndarray of shape (n, m)
        Coefficients of a polynomial g, that of :math:`x^i y^j` at ``[i, j]``: positive inside the sheet, 0 at its
        border.
    x, y : ndarray of any one shape
        Places.
    poisson : float
        Poisson ratio of the sheet.

    Returns
    -------
    stress : ndarray of shape (3, ...)
        Stress; it vanishes at the border.
    traction : ndarray of shape (2, ...)
        Traction; it vanishes at the border, too.

    Notes
    -----
    With the Airy function :math:`\phi = g^4` and a potential V of the traction, :math:`t = \nabla V`, the stress
    :math:`\sigma_{xx} = \phi_{yy} + V`, :math:`\sigma_{yy} = \phi_{xx} + V`, :math:`\sigma_{xy} = -\phi_{xy}`
    balances the traction. It is that of an elastic sheet if :math:`\nabla^4 \phi = -(1 - \nu) \nabla^2 V`: hence
    :math:`V = -\nabla^2 \phi / (1 - \nu)`. Stress and traction vanish where g does.
    """
    squared = _multiply(level, level)
    phi = _multiply(squared, squared)
    xx, yy, xy = _slope(phi, 2, 0), _slope(phi, 0, 2), _slope(phi, 1, 1)
    potential = -_add(xx, yy) / (1 - poisson)
    values = [polynomial.polyval2d(x, y, part) for part in (yy, xx, xy, potential)]
    stress = np.stack([values[0] + values[3], values[1] + values[3], -values[2]])
    slopes = (_slope(potential, 1, 0), _slope(potential, 0, 1))
    return stress, np.stack([polynomial.polyval2d(x, y, slope) for slope in slopes])


def _turned(radial: Array, around: Array, x: Array, y: Array) -> Array:
    """Return the components of a stress that is given along and around the radius."""
    angle = np.arctan2(y, x)
    mean, half = (radial + around) / 2, (radial - around) / 2
    return np.stack([mean + half * np.cos(2 * angle), mean - half * np.cos(2 * angle), half * np.sin(2 * angle)])


def _multiply(first: Array, second: Array) -> Array:
    product = np.zeros(np.add(first.shape, second.shape) - 1)
    for (i, j), factor in np.ndenumerate(first):
        product[i : i + second.shape[0], j : j + second.shape[1]] += factor * second
    return product


def _add(first: Array, second: Array) -> Array:
    total = np.zeros(np.maximum(first.shape, second.shape))
    for part in (first, second):
        total[: part.shape[0], : part.shape[1]] += part
    return total


def _slope(coefficients: Array, times_x: int, times_y: int) -> Array:
    return polynomial.polyder(polynomial.polyder(coefficients, times_x, axis=0), times_y, axis=1)
