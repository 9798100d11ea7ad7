"""Ring spectra of displacement fields.

A quadratic inverse scales the longitudinal and the transverse part of a displacement by factors that depend on ``|k|``
alone. By Parseval's theorem, residual norms, solution norms and degrees of freedom of a whole path of lambdas are sums
over rings of one power spectrum. No inverse transform per lambda is needed.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import scipy.fft
import scipy.sparse
from numpy.typing import NDArray

from tfmkit.gel.fourier import at_nyquist, wavenumbers

Array = NDArray[np.float64]
Shape = tuple[int, int]

# Part of the field, at either end, over which the taper rises.
_RAMP = 0.25
# Multiple of the noise above which there is signal; correlated noise is measured to about this factor.
_CERTAIN = 4.0


class Rings(NamedTuple):
    """Rings of wave vectors of about one length.

    Attributes
    ----------
    wavenumber : ndarray of shape (n_rings,)
        Root mean square length of the wave vectors, in rad per pixel.
    n_vectors : ndarray of shape (n_rings,)
        Number of wave vectors.
    pixel : ndarray of shape (n_rings,)
        Mean transfer function of an average over the pixel, ``sinc(kx / 2) sinc(ky / 2)``.
    pixel_square : ndarray of shape (n_rings,)
        Mean of its square.
    """

    wavenumber: Array
    n_vectors: Array
    pixel: Array
    pixel_square: Array

    def mean(self, power: NDArray[Any]) -> Array:
        """Average a ring spectrum over all wave vectors.

        Parameters
        ----------
        power : ndarray of shape (..., n_rings)
            Power per wave vector.

        Returns
        -------
        ndarray of shape (...)
            Mean power: the variance of a field with this spectrum.
        """
        return np.asarray(power @ self.n_vectors / self.n_vectors.sum())


def tapered_spectrum(displacement: NDArray[Any]) -> NDArray[Any]:
    """Transform fields under a cosine taper, which takes their wrap away.

    Parameters
    ----------
    displacement : ndarray of shape (n_fields, 2, height, width)
        Displacement in pixels.

    Returns
    -------
    ndarray of shape (n_fields, 2, height, width // 2 + 1)
        Half spectra, scaled so that white noise of variance 1 has a mean power of 1 at every wave vector.
    """
    window = taper(displacement.shape[-2:])
    window = (window / np.sqrt(np.square(window).sum())).astype(displacement.dtype)
    return np.asarray(scipy.fft.rfft2(displacement * window, overwrite_x=True))


@lru_cache(maxsize=16)
def taper(shape: Shape) -> Array:
    """Return the taper: 1 in the middle of the field, falling to 0 over a quarter of it on every side.

    Parameters
    ----------
    shape : (int, int)
        Height and width of the field.

    Returns
    -------
    ndarray of shape (height, width)
        Weights in (0, 1].
    """
    rise = (np.minimum(np.arange(n), np.arange(n)[::-1]) + 0.5 for n in shape)
    along_y, along_x = (0.5 * (1 - np.cos(np.pi * np.clip(r / (_RAMP * len(r)), 0, 1))) for r in rise)
    return np.asarray(along_y[:, None] * along_x)


def ring_power(spectrum: NDArray[Any], shape: Shape) -> Array:
    """Sum the power of the longitudinal and the transverse part of spectra over rings.

    Parameters
    ----------
    spectrum : ndarray of shape (n_fields, 2, height, width // 2 + 1)
        From `tapered_spectrum`.
    shape : (int, int)
        Height and width of the field.

    Returns
    -------
    ndarray of shape (n_fields, 2, n_rings)
        Power along the wave vector and across it.
    """
    cos_square, sin_cos, sums = _directions(shape)
    x, y = spectrum[:, 0], spectrum[:, 1]
    squared_x, squared_y = x.real**2 + x.imag**2, y.real**2 + y.imag**2
    total = squared_x + squared_y
    along = cos_square * (squared_x - squared_y) + squared_y + 2 * sin_cos * (x.real * y.real + x.imag * y.imag)
    power = np.stack([along, total - along], axis=1)
    rings = sums @ power.reshape(-1, power.shape[-2] * power.shape[-1]).T
    return np.asarray(rings.T.reshape(len(spectrum), 2, -1), dtype=float)


@lru_cache(maxsize=16)
def rings_of(shape: Shape) -> Rings:
    """Return the rings of a grid; their width is half the spacing of the wave vectors along the longer side.

    Parameters
    ----------
    shape : (int, int)
        Height and width of the field.

    Returns
    -------
    Rings
        The rings, from long waves to short ones; ``k = 0`` belongs to none.
    """
    ky, kx = wavenumbers(shape)
    *_, sums = _directions(shape)
    count = np.asarray(sums.sum(axis=1)).ravel()
    pixel = np.sinc(ky / (2 * np.pi)) * np.sinc(kx / (2 * np.pi))
    square, mean, mean_square = (sums @ plane.ravel() / count for plane in (ky**2 + kx**2, pixel, pixel**2))
    return Rings(np.sqrt(square), count, mean, mean_square)


def signal_power(power: Array, noise: Array, rings: Rings, gain: Array, depth: float) -> Array:
    """Return the power of the signal that stands out from the noise, for beads below the surface.

    Parameters
    ----------
    power : ndarray of shape (n_fields, 2, n_rings)
        From `ring_power`.
    noise : ndarray of shape (n_fields, n_rings)
        Power of the noise per wave vector and component.
    rings : Rings
        The rings.
    gain : ndarray of shape (2, n_rings)
        From `gains`.
    depth : float
        Depth of the beads in pixels, > 0.

    Returns
    -------
    ndarray of shape (n_fields, 2, n_rings)
        Power above four times the noise and its standard deviation, or 0; per traction at most that of the strongest
        ring of waves longer than ``2 pi depth``, which the depth weakens by less than ``e``.
    """
    above = _CERTAIN * (1 + np.sqrt(2 / rings.n_vectors))
    signal = np.maximum(power - (noise * rings.n_vectors * above)[:, None], 0)
    per_traction = rings.n_vectors * gain**2
    clear = rings.wavenumber * depth <= 1
    strongest = (signal / per_traction).max(axis=(1, 2), where=clear, initial=0)
    return np.asarray(np.minimum(signal, strongest[:, None, None] * per_traction))


def ring_mean(plane: Array, shape: Shape) -> Array:
    """Average a function of the wave vector over rings.

    Parameters
    ----------
    plane : ndarray of shape (height, width // 2 + 1)
        Its values on the half plane.
    shape : (int, int)
        Height and width of the field.

    Returns
    -------
    ndarray of shape (n_rings,)
        Its means.
    """
    *_, sums = _directions(shape)
    return np.asarray(sums @ plane.ravel() / rings_of(shape).n_vectors)


@lru_cache(maxsize=16)
def _directions(shape: Shape) -> tuple[NDArray[np.float32], NDArray[np.float32], Any]:
    """Squared cosines of the wave vectors, cosine times sine, and the sparse matrix of sums over rings."""
    ky, kx = np.broadcast_arrays(*wavenumbers(shape))
    k = np.hypot(ky, kx)
    inside = k > 0
    cos, sin = (np.divide(part, k, out=np.zeros_like(k), where=inside) for part in (kx, ky))
    sin_cos = np.where(at_nyquist(shape), 0, sin * cos)
    _, ring = np.unique(np.floor(k[inside] * max(shape) / np.pi), return_inverse=True)
    # A wave vector inside the half plane stands for its mirror image too.
    twice = np.full(k.shape, 2.0)
    twice[:, 0] = 1
    if shape[1] % 2 == 0:
        twice[:, -1] = 1
    where = (ring, np.flatnonzero(inside))
    sums = scipy.sparse.csr_array((twice[inside].astype(np.float32), where), shape=(ring.max() + 1, k.size))
    return (cos**2).astype(np.float32), sin_cos.astype(np.float32), sums
