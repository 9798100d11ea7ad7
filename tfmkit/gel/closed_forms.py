"""Closed forms: how the surface of an elastic half-space moves under one loaded disc.

Lengths share one unit, traction is in units of Young's modulus. Nothing here knows about grids, so these are the
references against which the discretised operator is tested, and data that no solver's own discretisation made.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ellipe, ellipk

Array = NDArray[np.floating[Any]]

# Beyond radius / 0.05 the closed forms subtract nearly equal numbers; four terms of the series are exact to 1e-10.
_FAR = 0.05


def disc_displacement(x: ArrayLike, y: ArrayLike, radius: ArrayLike, traction: ArrayLike, poisson: float) -> Array:
    """Compute the displacement around a disc under uniform tangential traction.

    Parameters
    ----------
    x, y : array-like
        Where to compute it, relative to the disc's centre; they broadcast with `radius`.
    radius : array-like
        Radius of the disc, > 0.
    traction : array-like of shape (2, ...)
        Traction (x, y) over Young's modulus; its components broadcast with `x`.
    poisson : float
        Poisson ratio in [0, 0.5].

    Returns
    -------
    ndarray of shape (2, ...)
        Displacement (x, y) in the unit of `x`.

    Notes
    -----
    As ``x_i x_j / r^3 = delta_ij / r - d_i d_j r``, the Boussinesq-Cerruti tensor integrates to

    ``u_i = (1 + nu) / (pi E) * (V delta_ij - nu d_i d_j W) t_j``

    with V and W the integrals of 1 / r and of r over the loaded disc. W's Laplacian is V, hence
    ``d_i d_j W = H delta_ij + (V - 2 H) n_i n_j`` with ``H = W' / r`` and n the radial direction. For uniform
    traction on a disc of radius a, with complete elliptic integrals K and E of modulus k,

    - inside (k = r / a): ``V = 4 a E``, ``H = 4 a / 3 * ((1 + k^2) E - (1 - k^2) K) / k^2``,
    - outside (k = a / r): ``V = 4 r (E - (1 - k^2) K)``, ``H = 4 r / 3 * ((1 + k^2) E - (1 - k^2) K)``.

    V is the classical one of [1]_; H follows from V by integrating ``(r W')' = r V``.

    References
    ----------
    .. [1] K. L. Johnson, "Contact Mechanics", Cambridge University Press (1985), chapter 3.

    Examples
    --------
    >>> u = disc_displacement(0.0, 0.0, 1.0, (0.1, 0.0), 0.5)
    >>> bool(np.isclose(u[0], 1.5 * 0.1 * (2 - 0.5)))
    True
    """
    return _displacement(x, y, radius, traction, poisson, potentials=_disc_potentials)


def hertz_displacement(x: ArrayLike, y: ArrayLike, radius: ArrayLike, traction: ArrayLike, poisson: float) -> Array:
    """Compute the displacement around a disc under tangential traction of Hertz's profile.

    Parameters
    ----------
    x, y : array-like
        Where to compute it, relative to the disc's centre; they broadcast with `radius`.
    radius : array-like
        Radius a of the disc, > 0.
    traction : array-like of shape (2, ...)
        Traction (x, y) at the centre over Young's modulus; it falls off as ``sqrt(1 - (r / a)^2)``.
    poisson : float
        Poisson ratio in [0, 0.5].

    Returns
    -------
    ndarray of shape (2, ...)
        Displacement (x, y) in the unit of `x`.

    Notes
    -----
    As in `disc_displacement`, with (for ``w = sqrt(r^2 - a^2)``)

    - inside: ``V = pi^2 (2 a^2 - r^2) / (4 a)``, ``H = pi^2 (a^2 - r^2 / 4) / (4 a)``,
    - outside: ``V = pi / (2 a) * ((2 a^2 - r^2) asin(a / r) + a w)``,
      ``H = pi / (2 a r^2) * ((a^2 r^2 - r^4 / 4) asin(a / r) + a w (2 a^2 + r^2) / 4)``.
    """
    return _displacement(x, y, radius, traction, poisson, potentials=_hertz_potentials)


def _displacement(x: Any, y: Any, radius: Any, traction: Any, poisson: float, *, potentials: Any) -> Array:
    x, y, radius = np.broadcast_arrays(*(np.asarray(value, dtype=float) for value in (x, y, radius)))
    t_x, t_y = traction
    distance = np.hypot(x, y)
    v, h = potentials(distance, radius)
    # The radial part vanishes at the centre, where the direction is undefined.
    radial = poisson * (v - 2 * h) / np.where(distance > 0, distance, 1.0) ** 2
    along = (x * t_x + y * t_y) * radial
    factor, isotropic = (1 + poisson) / np.pi, v - poisson * h
    return np.stack([factor * (isotropic * t_x - along * x), factor * (isotropic * t_y - along * y)])


def _disc_potentials(distance: Array, radius: Array) -> tuple[Array, Array]:
    inside = distance < radius
    modulus = np.minimum(distance, radius) / np.maximum(distance, radius)
    m = modulus**2
    # At the rim K is infinite, but its factor 1 - m is 0.
    first, second = np.where(m < 1, (1 - m) * ellipk(np.minimum(m, 1 - 1e-15)), 0.0), ellipe(m)
    bracket = (1 + m) * second - first
    # Near the centre the bracket is 3 pi / 4 * m up to terms that vanish faster.
    over_m = np.where(m > 1e-7, bracket / np.maximum(m, 1e-7), 0.75 * np.pi)
    v = np.where(inside, 4 * radius * second, 4 * distance * (second - first))
    h = np.where(inside, 4 / 3 * radius * over_m, 4 / 3 * distance * bracket)
    return _series_far_away(v, h, distance, radius, force=np.pi * radius**2, order=2.0)


def _hertz_potentials(distance: Array, radius: Array) -> tuple[Array, Array]:
    inside = distance < radius
    outside = np.maximum(distance, radius)
    angle, root = np.arcsin(radius / outside), np.sqrt(outside**2 - radius**2)
    square, square_out = distance**2, outside**2
    v_out = ((2 * radius**2 - square_out) * angle + radius * root) * np.pi / (2 * radius)
    h_out = (radius**2 - square_out / 4) * angle + radius * root * (2 * radius**2 + square_out) / (4 * square_out)
    v = np.where(inside, np.pi**2 / (4 * radius) * (2 * radius**2 - square), v_out)
    h = np.where(inside, np.pi**2 / (4 * radius) * (radius**2 - square / 4), h_out * np.pi / (2 * radius))
    return _series_far_away(v, h, distance, radius, force=2 / 3 * np.pi * radius**2, order=2.5)


def _series_far_away(
    v: Array, h: Array, distance: Array, radius: Array, *, force: Array, order: float
) -> tuple[Array, Array]:
    """Replace V and H far from the disc by F / r times 2F1(1/2, 1/2; order; k^2) and 2F1(-1/2, 1/2; order; k^2)."""
    far = radius < _FAR * distance
    safe = np.where(far, distance, 1.0)
    m = (radius / safe) ** 2
    v_sum, h_sum, term = np.ones_like(m), np.ones_like(m), np.ones_like(m)
    for n in range(4):
        term = term * m * (n + 0.5) ** 2 / ((order + n) * (n + 1))
        v_sum = v_sum + term
        h_sum = h_sum - term / (2 * n + 1)
    return np.where(far, force / safe * v_sum, v), np.where(far, force / safe * h_sum, h)
