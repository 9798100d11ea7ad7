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
from tfmkit.gel.layer import fourier_factors
from tfmkit.gel.symbol import Shape, wavenumbers
from tfmkit.noise.measure import Rings, clear_power, rings_of

Array = NDArray[np.float64]

# Waves, in rad per pixel, whose traction tells that of the waves that are too short for the grid.
_LONGER, _SHORTER = (1.0, 1.7), (1.9, 2.6)
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
        Zero for a field whose shorter waves do not stand out from the noise.

    Notes
    -----
    The traction is taken to have no preferred direction, and a power that falls as ``k^-a``. The displacement across
    the wave vector on rings of 1.0 to 1.7 and of 1.9 to 2.6 rad per pixel gives ``a`` and the strength: there it has
    no zero, and the shorter waves are weak. With ``S_n`` that power at ``k + 2 pi n``, ``s_n`` the transfer function
    of an average over the pixel and ``G_n`` Green's tensor there, the two results are the diagonals of
    ``sum S_n G_n^2`` and ``sum S_n s_n G_n`` along ``k`` and across it, over the eight nearest ``n``.
    """
    rings, folds = rings_of(shape), _folds(shape, gel)
    strength, fall = _traction_power(power[:, 1], noise, rings, fourier_factors(rings.wavenumber, gel)[1])
    found = np.zeros((2, len(power), 2, len(rings.n_vectors)))
    for field in np.flatnonzero(strength):
        weights = strength[field] * np.exp(-fall[field] * folds.log_k)
        for result, parts in zip(found, (folds.squares, folds.overlaps), strict=True):
            result[field] = [rings.average(np.einsum("nyx,nyx->yx", weights, part)) for part in parts]
    return Aliases(*found)


class _Folds(NamedTuple):
    """Logarithm of the shorter waves' lengths, and diagonals of their tensors, along the wave vector and across it."""

    log_k: NDArray[np.float32]
    squares: NDArray[np.float32]
    overlaps: NDArray[np.float32]


@lru_cache(maxsize=2)
def _folds(shape: Shape, gel: Gel) -> _Folds:
    ky, kx = np.broadcast_arrays(*wavenumbers(shape))
    length = np.where(rings_of(shape).k > 0, rings_of(shape).k, 1.0)
    log_k, squares, overlaps = [], [], []
    for n_y, n_x in _FOLDS:
        y, x = ky + 2 * np.pi * n_y, kx + 2 * np.pi * n_x
        k = np.hypot(y, x)
        along, across = fourier_factors(k, gel)
        cos = ((y * ky + x * kx) / (k * length)) ** 2
        pixel = np.sinc(y / (2 * np.pi)) * np.sinc(x / (2 * np.pi))
        log_k.append(np.log(k))
        squares.append(_turned(along**2, across**2, cos))
        overlaps.append(pixel * _turned(along, across, cos))
    return _Folds(*(np.stack(each, axis=-3).astype(np.float32) for each in (log_k, squares, overlaps)))


def _turned(along: Array, across: Array, cos: Array) -> Array:
    """Diagonal of a tensor in axes that are turned by an angle, given the square of its cosine."""
    return np.stack([cos * along + (1 - cos) * across, (1 - cos) * along + cos * across])


def _traction_power(across: Array, noise: Array, rings: Rings, gain: Array) -> tuple[Array, Array]:
    """Strength and exponent of the power of the traction of every field; 0 where noise hides it."""
    signal = clear_power(across, noise, rings)
    logs = []
    for low, high in (_LONGER, _SHORTER):
        band = (rings.wavenumber >= low) & (rings.wavenumber < high)
        weight = (rings.n_vectors * gain**2)[band]
        total = max(weight.sum(), np.finfo(float).tiny)
        place = (np.log(rings.wavenumber[band]) @ weight) / total
        logs.append((place, np.log(np.maximum(signal[:, band].sum(axis=1) / total, np.finfo(float).tiny))))
    (place, longer), (end, shorter) = logs
    fall = np.maximum((longer - shorter) / max(end - place, np.finfo(float).eps), 0)
    seen = np.minimum(longer, shorter) > np.log(1e3 * np.finfo(float).tiny)
    return np.where(seen, np.exp(shorter + fall * end), 0.0), np.where(seen, fall, 0.0)
