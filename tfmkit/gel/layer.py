"""Green's tensor in Fourier space: one factor along the wave vector and one across it.

The tensor of a half-space, of a layer, and of beads below the surface has the same form at every wave vector::

    G~(k) = g_l(k) k k' / k^2 + g_t(k) (I - k k' / k^2)

References
----------
.. [1] R. Merkel, N. Kirchgessner, C. M. Cesa and B. Hoffmann, Biophys. J. 93, 3314 (2007): finite thickness.
.. [2] J. C. del Alamo et al., Proc. Natl. Acad. Sci. USA 104, 13343 (2007): finite thickness and depth, Fourier space.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tfmkit.gel.gel import Gel

Array = NDArray[np.float64]

# Deep beads do not see short waves. A gain of 0 would have no inverse.
_LEAST_GAIN = 1e-100


def fourier_factors(k: ArrayLike, gel: Gel) -> tuple[Array, Array]:
    """Return the displacement per unit traction along and across the wave vector.

    Parameters
    ----------
    k : array-like
        Angular wavenumbers in rad per pixel, >= 0.
    gel : Gel
        The gel.

    Returns
    -------
    along : ndarray
        Factor ``g_l`` in pixels per unit of traction over Young's modulus. At ``k = 0`` both factors are those of
        uniform shear, ``(thickness - depth) / mu``, and 0 for the half-space, where they diverge: the mean displacement
        of a half-space is a drift and carries no traction.
    across : ndarray
        Factor ``g_t``.

    Notes
    -----
    On the surface of the half-space::

        g_l = 2 (1 - nu^2) / k,    g_t = 2 (1 + nu) / k

    In a layer, the base does not move and the surface carries no normal stress. With ``mu = 1 / (2 (1 + nu))``, ``z``
    the height above the base, ``h`` the thickness, ``H = k h`` and ``kappa = 3 - 4 nu``, the factor across the wave
    vector is ``g_t = sinh(k z) / (mu k cosh H)``. Along it, two solutions of Navier's equations vanish at the base.
    Their tangential parts are ``U1 = k z cosh k z + kappa sinh k z`` and ``U2 = k z sinh k z``. The condition on the
    normal stress fixes their ratio::

        g_l = [ (2 (1 - nu) cosh H - H sinh H) U1 + ((1 - 2 nu) sinh H + H cosh H) U2 ]
              / ( 2 mu k [ kappa cosh^2 H + (1 - 2 nu)^2 + H^2 ] )

    At the surface the numerator is ``2 (1 - nu) (H + kappa sinh H cosh H)``. The limits of a deep layer at depth ``d``
    are ``g_t = exp(-k d) / (mu k)`` and ``g_l = (1 - nu - k d / 2) exp(-k d) / (mu k)``.

    Examples
    --------
    A layer a tenth as thick as the wave is long moves about half as much as the half-space:

    >>> thin, deep = (fourier_factors(2 * np.pi / 50, Gel(poisson=0.5, thickness=h))[1] for h in (5.0, np.inf))
    >>> round(float(thin / deep), 2)
    0.56
    """
    nu, thickness, depth = gel.poisson, gel.thickness_in_pixels, gel.depth_in_pixels
    k = np.asarray(k, dtype=float)
    safe = np.where(k > 0, k, 1.0)
    along, across = _half_space(safe, nu, depth)
    if thickness == np.inf:
        return np.where(k > 0, along, 0.0), np.where(k > 0, across, 0.0)
    # A base many wavelengths below cannot be felt, and hyperbolic functions lose their digits there.
    finite = np.minimum(thickness, 40.0 / safe + depth)
    layer_along, layer_across = _layer(safe, nu, finite, finite - depth)
    deep = safe * (thickness - depth) > 40.0
    uniform = 2 * (1 + nu) * (thickness - depth)
    along, across = np.where(deep, along, layer_along), np.where(deep, across, layer_across)
    return np.where(k > 0, along, uniform), np.where(k > 0, across, uniform)


def gains(k: Array, gel: Gel) -> Array:
    """Return the two eigenvalues of Green's tensor at wave vectors other than 0.

    Parameters
    ----------
    k : ndarray of shape (...)
        Lengths of wave vectors in rad per pixel, > 0.
    gel : Gel
        The gel.

    Returns
    -------
    ndarray of shape (2, ...)
        Displacement over traction along the wave vector and across it (`fourier_factors`); never 0.
    """
    factors = np.stack(fourier_factors(k, gel))
    return np.where(np.abs(factors) < _LEAST_GAIN, _LEAST_GAIN, factors)


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
