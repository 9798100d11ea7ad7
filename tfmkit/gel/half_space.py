"""Green's tensor of an elastic half-space under tangential surface load, in real space.

Lengths are in grid pixels and Young's modulus is 1. A traction field ``tau`` (traction over Young's modulus) then gives
a displacement in pixels, for every gel and every magnification.

The Boussinesq-Cerruti surface tensor [1]_, [2]_ is, with Poisson ratio ``nu`` and ``r = sqrt(x^2 + y^2)``::

    G(x, y) = (1 + nu) / pi * [ (1 - nu) / r * I  +  nu / r^3 * [[x^2, x y], [x y, y^2]] ]

Since ``1 / r = (x^2 + y^2) / r^3``, it is a combination of three functions that do not depend on the gel,
``B = (x^2, y^2, x y) / r^3``. They are integrated over the pixel once per grid. `combine` mixes them for a Poisson
ratio. The transform of the tensor is in `tfmkit.gel.layer`.

References
----------
.. [1] L. D. Landau and E. M. Lifshitz, Theory of Elasticity, section 8.
.. [2] J. P. Butler et al., Am. J. Physiol. Cell Physiol. 282, C595 (2002).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def pixel_basis(y: ArrayLike, x: ArrayLike) -> Array:
    """Integrate the three basis functions over unit pixels centred at ``(x, y)``.

    Parameters
    ----------
    y, x : array-like
        Centres of the pixels relative to the point of observation, in pixels. They broadcast.

    Returns
    -------
    ndarray of shape (3, ...)
        Integrals of ``x^2 / r^3``, ``y^2 / r^3`` and ``x y / r^3``; finite and exact at ``r = 0`` too.

    Notes
    -----
    Mixed antiderivatives are ``y asinh(x / |y|)``, ``x asinh(y / |x|)`` and ``-r``; the integral is their second
    difference over the four corners. Differentiate ``y asinh(x / |y|)`` by ``y`` and ``x`` to check.

    Examples
    --------
    The pixel at the point itself: both normal terms are ``2 asinh(1)``, the shear term vanishes.

    >>> pixel_basis(0, 0).round(6)
    array([1.762747, 1.762747, 0.      ])
    """
    y, x = np.broadcast_arrays(np.asarray(y, float), np.asarray(x, float))
    total = np.zeros((3, *y.shape))
    for sign_y, sign_x in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
        total += sign_y * sign_x * _antiderivatives(y + sign_y / 2, x + sign_x / 2)
    return total


def combine(basis: Any, poisson: Any) -> Any:
    """Combine basis functions into Green's tensor for a Poisson ratio.

    Parameters
    ----------
    basis : array of shape (3, ...)
        From `pixel_basis`, or any linear image of it (numpy or torch).
    poisson : float or array
        Poisson ratio; an array broadcasts against one basis function.

    Returns
    -------
    tuple of three arrays
        ``Gxx``, ``Gyy`` and ``Gxy``.

    Notes
    -----
    ``Gxx = (1+nu)/pi [Bxx + (1-nu) Byy]``, ``Gyy = (1+nu)/pi [Byy + (1-nu) Bxx]``, ``Gxy = (1+nu) nu/pi Bxy``.
    """
    b_xx, b_yy, b_xy = basis
    scale = (1 + poisson) / np.pi
    return scale * (b_xx + (1 - poisson) * b_yy), scale * (b_yy + (1 - poisson) * b_xx), scale * poisson * b_xy


def _antiderivatives(y: Array, x: Array) -> Array:
    """Mixed antiderivatives of the basis functions; both products vanish in the limit of a zero coordinate."""
    abs_y, abs_x = np.abs(y), np.abs(x)
    # A corner on an axis makes x / |y| infinite, but the product with y is zero there.
    normal_x = y * np.arcsinh(np.divide(x, abs_y, out=np.zeros_like(x), where=abs_y > 0))
    normal_y = x * np.arcsinh(np.divide(y, abs_x, out=np.zeros_like(y), where=abs_x > 0))
    return np.stack([normal_x, normal_y, -np.hypot(x, y)])
