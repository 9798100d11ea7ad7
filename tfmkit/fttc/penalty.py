"""The quadratic penalty on traction."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfmkit.gel.symbol import Shape, wavenumber

# Part of the power of the longest waves that correlated noise keeps at all others.
_WHITE_SHARE = 1e-3


class Penalty(NamedTuple):
    """A quadratic penalty.

    Attributes
    ----------
    lam : float
        Regularisation, >= 0, dimensionless.
    order : float
        Order, >= 0: 0 penalises the traction, 1 its gradient.
    noise_correlation : float
        Standard deviation, in pixels, of the Gaussian that correlates the noise; 0 for white noise.
    """

    lam: float
    order: float = 0.0
    noise_correlation: float = 0.0

    def on(self, grid: Shape) -> NDArray[np.float64]:
        """Return the weight of the squared traction at every wave vector of a grid.

        Parameters
        ----------
        grid : (int, int)
            Grid of the transform.

        Returns
        -------
        ndarray of shape (height, width // 2 + 1)
            ``lam`` times the penalty of `penalty_at`.
        """
        return self.lam * _unit_penalty(grid, self.order, self.noise_correlation)


def penalty_at(k: NDArray[np.float64], order: float, noise_correlation: Any = 0.0) -> NDArray[np.float64]:
    """Return the penalty at given wave numbers, for a lambda of 1.

    Parameters
    ----------
    k : ndarray of shape (...)
        Lengths of wave vectors in rad per pixel.
    order : float
        Order of the penalty, >= 0: 0 penalises the traction, 1 its gradient.
    noise_correlation : float or array, default=0.0
        Standard deviation, in pixels, of the Gaussian that correlates the noise; 0 for white noise.

    Returns
    -------
    ndarray of shape (...)
        ``|k|^(2 order) n(k)``, where ``n`` is the power of the noise over its power at ``k = 0``.

    Notes
    -----
    With ``N`` the covariance of the noise, the traction minimises::

        <u - K tau, N^-1 (u - K tau)>  +  lam | |k|^order tau |^2

    At one wave vector this is the minimum of ``|u - K tau|^2 + lam n(k) |k|^(2 order) |tau|^2``. Noise that was
    smoothed by a Gaussian of standard deviation ``s`` has the power ``exp(-(s k)^2)``. A thousandth of white noise is
    added, so that the shortest waves stay penalised.
    """
    if not np.any(noise_correlation):
        return np.asarray(k ** (2 * order))
    noise = _WHITE_SHARE + (1 - _WHITE_SHARE) * np.exp(-((noise_correlation * k) ** 2))
    return np.asarray(k ** (2 * order) * noise)


@lru_cache(maxsize=16)
def _unit_penalty(grid: Shape, order: float, noise_correlation: float) -> NDArray[np.float64]:
    return penalty_at(wavenumber(grid), order, noise_correlation)
