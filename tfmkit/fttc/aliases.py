"""Waves of the traction that are too short for the grid, and that look like longer waves.

A grid of vectors cannot tell the wave vector ``k`` from ``k + 2 pi n``. At the surface both move the gel nearly alike,
and an inverse that takes one for the other does little harm. Beads below the surface hardly see some waves that the
grid does resolve: the displacement along the wave vector even vanishes at ``k d = 2 (1 - nu)``. In such a wave the
field holds little but the shorter waves, and an inverse without regularisation blows them up.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfmkit.gel.gel import Gel
from tfmkit.gel.layer import fourier_factors, gains
from tfmkit.gel.symbol import Shape, wavenumbers
from tfmkit.noise.measure import clear_power, rings_of

Array = NDArray[np.float64]

# Waves, in rad per pixel, whose traction tells that of the waves that are too short for the grid, and the exponent of
# its fall towards these: the power of traction on single pixels falls less, that of adhesions more.
_BAND, _FALL = (1.9, 2.6), 0.5
_FOLDS = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if y or x]


class Aliases(NamedTuple):
    """Power of waves that are too short for the grid, on the rings on which they appear.

    Attributes
    ----------
    power : ndarray of shape (n_fields, 2, n_rings)
        Their power in the displacement, along the wave vector and across it, per wave vector.
    overlap : ndarray of shape (n_fields, 2, n_rings)
        Their displacement times the traction that they leave in the means over pixels, per wave vector.
    """

    power: Array
    overlap: Array

    def of(self, fields: NDArray[np.intp]) -> Aliases:
        """Return the waves of some of the fields.

        Parameters
        ----------
        fields : ndarray of int, shape (n_some,)
            Their numbers.

        Returns
        -------
        Aliases
            Their waves.
        """
        return Aliases(self.power[fields], self.overlap[fields])


def measure_aliases(power: Array, noise: Array, gel: Gel, shape: Shape) -> Aliases:
    """Estimate the power of the waves that are too short for the grid.

    Parameters
    ----------
    power : ndarray of shape (n_fields, 2, n_rings)
        Power of the displacement on the rings of `tfmkit.noise.measure.rings_of`.
    noise : ndarray of shape (n_fields, n_rings)
        Power of its noise per wave vector and component.
    gel : Gel
        The gel, with a spacing of 1.
    shape : (int, int)
        Height and width of the field.

    Returns
    -------
    Aliases
        Zero for a field whose short waves do not stand out from the noise.

    Notes
    -----
    The traction is taken to have no preferred direction, and a power that falls as ``k^-0.5``. Its strength is that of
    the displacement across the wave vector, on rings of 1.9 to 2.6 rad per pixel: there it has no zero, and the aliases
    are weak. With ``S_n`` that power at ``k + 2 pi n``, ``s_n`` the transfer function of an average over the pixel and
    ``G_n`` Green's tensor there, the two results are the diagonals of ``sum S_n G_n^2`` and ``sum S_n s_n G_n`` along
    ``k`` and across it, over the eight nearest ``n``.
    """
    rings = rings_of(shape)
    gain = gains(rings.wavenumber, gel)[1]
    band = (rings.wavenumber >= _BAND[0]) & (rings.wavenumber < _BAND[1])
    expected = (rings.n_vectors * gain**2 * rings.wavenumber**-_FALL)[band].sum()
    strength = clear_power(power[:, 1], noise, rings)[:, band].sum(axis=1) / max(expected, np.finfo(float).tiny)
    return Aliases(*(strength[:, None, None] * each for each in _of_unit_strength(shape, gel)))


@lru_cache(maxsize=16)
def _of_unit_strength(shape: Shape, gel: Gel) -> tuple[Array, Array]:
    """Power and overlap on the rings, shape (2, n_rings) each, for traction of the power ``k^-0.5``."""
    ky, kx = np.broadcast_arrays(*wavenumbers(shape))
    rings = rings_of(shape)
    length = np.where(rings.k > 0, rings.k, 1.0)
    power, overlap = np.zeros((2, 2, *rings.k.shape))
    for n_y, n_x in _FOLDS:
        y, x = ky + 2 * np.pi * n_y, kx + 2 * np.pi * n_x
        k = np.hypot(y, x)
        along, across = fourier_factors(k, gel)
        cos = ((y * ky + x * kx) / (k * length)) ** 2
        pixel = np.sinc(y / (2 * np.pi)) * np.sinc(x / (2 * np.pi))
        power += k**-_FALL * _turned(along**2, across**2, cos)
        overlap += k**-_FALL * pixel * _turned(along, across, cos)
    on_rings = [np.array([rings.average(part) for part in each]) for each in (power, overlap)]
    return on_rings[0], on_rings[1]


def _turned(along: Array, across: Array, cos: Array) -> Array:
    """Diagonal of a tensor in axes that are turned by an angle, given the square of its cosine."""
    return np.stack([cos * along + (1 - cos) * across, (1 - cos) * along + cos * across])
