"""Fourier tensors of a layer: one factor along the wave vector and one across it.

The tensors have the same form for every wave vector::

    G~(k) = g_l(k) k k' / k^2 + g_t(k) (I - k k' / k^2)

References
----------
.. [1] R. Merkel, N. Kirchgessner, C. M. Cesa and B. Hoffmann, Biophys. J. 93, 3314 (2007): finite thickness.
.. [2] J. C. del Alamo et al., Proc. Natl. Acad. Sci. USA 104, 13343 (2007): finite thickness and depth, Fourier space.
"""

from __future__ import annotations

from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tfmkit._validation import check_number

Array = NDArray[np.float64]


class Layer(NamedTuple):
    """How thick the gel is and how deep the beads lie.

    Attributes
    ----------
    thickness : float
        Thickness in pixels, bonded to a rigid base; infinite for the half-space.
    depth : float
        Depth of the beads below the surface in pixels.
    """

    thickness: float = np.inf
    depth: float = 0.0


HALF_SPACE = Layer()


def check_layer(thickness: Any, depth: Any, spacing: float = 1.0) -> Layer:
    """Return thickness and depth in pixels.

    Parameters
    ----------
    thickness : float or None
        Thickness of the gel, > 0; None or infinite for the half-space.
    depth : float
        Depth of the beads, in [0, thickness).
    spacing : float, default=1.0
        Distance between grid points in the unit of both.

    Returns
    -------
    Layer
        The two numbers.

    Raises
    ------
    ValueError
        If one of them is out of its range.
    """
    if thickness is None or (isinstance(thickness, Real) and thickness == np.inf):
        height = np.inf
    else:
        height = check_number(thickness, "thickness", low=0, include_low=False)
    below = check_number(depth, "depth", low=0, high=height, include_high=False)
    return Layer(height / spacing, below / spacing)


def layer_factors(
    k: ArrayLike, *, poisson: float, thickness: float = np.inf, depth: float = 0.0
) -> tuple[Array, Array]:
    """Return the tangential displacement per unit tangential traction along and across the wave vector.

    Parameters
    ----------
    k : array-like
        Angular wavenumbers in rad per pixel, >= 0.
    poisson : float
        Poisson ratio in [0, 0.5].
    thickness : float, default=inf
        Thickness of the layer in pixels, > 0; infinite for the half-space.
    depth : float, default=0.0
        Depth of the beads below the surface in pixels, in [0, thickness).

    Returns
    -------
    along : ndarray
        Factor ``g_l`` in pixels per unit of traction over Young's modulus. At ``k = 0`` both are those of uniform
        shear, ``(thickness - depth) / mu``, and 0 for the half-space, where they diverge.
    across : ndarray
        Factor ``g_t``.

    Raises
    ------
    ValueError
        If a parameter is out of its range.

    Notes
    -----
    The base holds all displacement, the surface no normal stress. With ``mu = 1 / (2 (1 + nu))``, ``z`` the height
    above the base, ``h`` the thickness, ``H = k h`` and ``kappa = 3 - 4 nu``, across the wave vector
    ``g_t = sinh(k z) / (mu k cosh H)``. Along it two solutions of Navier's equations vanish at the base, with the
    tangential parts ``U1 = k z cosh k z + kappa sinh k z`` and ``U2 = k z sinh k z``, and the condition on the normal
    stress fixes their ratio::

        g_l = [ (2 (1 - nu) cosh H - H sinh H) U1 + ((1 - 2 nu) sinh H + H cosh H) U2 ]
              / ( 2 mu k [ kappa cosh^2 H + (1 - 2 nu)^2 + H^2 ] )

    At the surface the numerator is ``2 (1 - nu) (H + kappa sinh H cosh H)``. The limits of a deep layer at depth ``d``
    are ``g_t = exp(-k d) / (mu k)`` and ``g_l = (1 - nu - k d / 2) exp(-k d) / (mu k)``.

    Examples
    --------
    A layer a tenth as thick as the wave is long moves about half as much as the half-space:

    >>> thin, deep = (layer_factors(2 * np.pi / 50, poisson=0.5, thickness=h)[1] for h in (5.0, np.inf))
    >>> round(float(thin / deep), 2)
    0.56
    """
    nu = check_number(poisson, "poisson", low=0, high=0.5)
    thickness, depth = check_layer(thickness, depth)
    k = np.asarray(k, dtype=float)
    safe = np.where(k > 0, k, 1.0)
    # Where the base is many wavelengths away it cannot be felt, and hyperbolic functions lose their digits.
    finite = np.minimum(thickness, 40.0 / safe + depth)
    along, across = _layer(safe, nu, finite, finite - depth)
    half_along, half_across = _half_space(safe, nu, depth)
    deep = safe * (thickness - depth) > 40.0
    uniform = 2 * (1 + nu) * (thickness - depth) if thickness != np.inf else 0.0
    along, across = np.where(deep, half_along, along), np.where(deep, half_across, across)
    return np.where(k > 0, along, uniform), np.where(k > 0, across, uniform)


def layer_symbol(
    ky: ArrayLike, kx: ArrayLike, *, poisson: float, thickness: float = np.inf, depth: float = 0.0
) -> tuple[Array, Array, Array]:
    """Return Green's tensor of a layer in Fourier space.

    Parameters
    ----------
    ky, kx : array-like
        Angular wavenumbers in rad per pixel. They broadcast.
    poisson : float
        Poisson ratio in [0, 0.5].
    thickness : float, default=inf
        Thickness of the layer in pixels, > 0.
    depth : float, default=0.0
        Depth of the beads below the surface in pixels, in [0, thickness).

    Returns
    -------
    tuple of three ndarrays
        ``Gxx``, ``Gyy`` and ``Gxy``, as `tfmkit.gel.half_space.combine` returns them for the half-space.

    Raises
    ------
    ValueError
        If a parameter is out of its range.

    Notes
    -----
    On an even grid the entry ``Gxy`` of the Nyquist row and column has to be set to 0 by whoever transforms with it.
    """
    ky, kx = np.broadcast_arrays(np.asarray(ky, float), np.asarray(kx, float))
    k = np.hypot(kx, ky)
    along, across = layer_factors(k, poisson=poisson, thickness=thickness, depth=depth)
    squared = np.where(k > 0, k * k, 1.0)
    extra = (along - across) / squared
    return across + extra * kx * kx, across + extra * ky * ky, extra * kx * ky


def _layer(k: Array, nu: float, thickness: Array, height: Array) -> tuple[Array, Array]:
    """Factors at a height above the base; all hyperbolic functions are divided by ``exp(k thickness)``."""
    H, x, kappa, mu = k * thickness, k * height, 3 - 4 * nu, 0.5 / (1 + nu)
    cosh_top, sinh_top = (1 + np.exp(-2 * H)) / 2, (1 - np.exp(-2 * H)) / 2
    fall = np.exp(x - H)
    cosh_z, sinh_z = fall * (1 + np.exp(-2 * x)) / 2, fall * (1 - np.exp(-2 * x)) / 2
    first, second = x * cosh_z + kappa * sinh_z, x * sinh_z
    numerator = (2 * (1 - nu) * cosh_top - H * sinh_top) * first + ((1 - 2 * nu) * sinh_top + H * cosh_top) * second
    denominator = kappa * cosh_top**2 + ((1 - 2 * nu) ** 2 + H**2) * np.exp(-2 * H)
    return numerator / (2 * mu * k * denominator), sinh_z / (mu * k * cosh_top)


def _half_space(k: Array, nu: float, depth: float) -> tuple[Array, Array]:
    across = np.exp(-k * depth) * 2 * (1 + nu) / k
    return (1 - nu - k * depth / 2) * across, across
