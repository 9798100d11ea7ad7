"""The misfit: the part of a displacement that its traction does not explain.

A large misfit tells that a network sees a field unlike those of its training.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from tfmkit.gel import Gel
from tfmkit.gel.far_forces import drift_of, without_far_forces
from tfmkit.gel.operator import convolve
from tfmkit.noise.measure import rings_of, spectrum_noise, tapered_spectrum

Array = NDArray[np.float64]

# Standard deviation of the Gaussian, in pixels, that takes the noise out of the residual.
_SMOOTHING = 4.0
# Shares of the displacement's RMS, and of its smooth part, that may stay unexplained in any field.
_ALWAYS_ALLOWED = 0.01
_MOST_ALLOWED = 0.25


class Residual(NamedTuple):
    """Parts of displacement fields, each as the RMS of its smooth part, in pixels.

    Attributes
    ----------
    whole : ndarray of shape (n_fields,)
        Residual: the displacement that the traction leaves unexplained.
    drift : ndarray of shape (n_fields,)
        Shift and rotation that fit the residual best.
    rest : ndarray of shape (n_fields,)
        The residual without all that drift and forces beyond the border can make.
    noise : ndarray of shape (n_fields,)
        Noise, as measured on the field.
    displacement : ndarray of shape (n_fields,)
        The whole displacement.
    allowed : ndarray of shape (n_fields,)
        Residual that may stay in any field; see `smooth_misfit`.
    """

    whole: Array
    drift: Array
    rest: Array
    noise: Array
    displacement: Array
    allowed: Array

    @property
    def misfit(self) -> Array:
        """Return the residual over the part that may stay.

        Returns
        -------
        ndarray of shape (n_fields,)
            The misfit; 0 for fields of zeros.
        """
        return ratio(self.whole, self.allowed, 0.0)

    @property
    def misfit_rest(self) -> Array:
        """Return the rest over the part that may stay.

        Returns
        -------
        ndarray of shape (n_fields,)
            The misfit beside far forces and drift; 0 for fields of zeros.
        """
        return ratio(self.rest, self.allowed, 0.0)


def split_residual(displacement: NDArray[Any], traction: NDArray[Any], gel: Gel) -> Residual:
    """Measure the residual of fields and its parts.

    Parameters
    ----------
    displacement : ndarray of shape (n_fields, 2, height, width)
        Measured displacement in pixels.
    traction : ndarray of shape (n_fields, 2, height, width)
        Recovered traction over Young's modulus.
    gel : Gel
        The gel.

    Returns
    -------
    Residual
        The parts.
    """
    residual = _smooth_residual(displacement, traction, gel)
    drift, rest = drift_of(residual), without_far_forces(residual, gel.poisson)
    return Residual(_rms(residual), _rms(drift), _rms(rest), *_noise_smooth_allowed(displacement, gel))


def whole_and_rest(displacement: NDArray[Any], traction: NDArray[Any], gel: Gel) -> tuple[Array, Array]:
    """Measure the residual of fields, and its rest beside far forces and drift.

    Parameters
    ----------
    displacement : ndarray of shape (n_fields, 2, height, width)
        Measured displacement in pixels.
    traction : ndarray of shape (n_fields, 2, height, width)
        Recovered traction over Young's modulus.
    gel : Gel
        The gel.

    Returns
    -------
    whole : ndarray of shape (n_fields,)
        Residual, as in `split_residual`.
    rest : ndarray of shape (n_fields,)
        Its rest.
    """
    residual = _smooth_residual(displacement, traction, gel)
    return _rms(residual), _rms(without_far_forces(residual, gel.poisson))


def smooth_misfit(displacement: NDArray[Any], traction: NDArray[Any], gel: Gel) -> Array:
    """Compare the smooth part of the residual with that of the measured noise.

    Parameters
    ----------
    displacement : ndarray of shape (n_fields, 2, height, width)
        Measured displacement in pixels.
    traction : ndarray of shape (n_fields, 2, height, width)
        Recovered traction over Young's modulus.
    gel : Gel
        The gel.

    Returns
    -------
    ndarray of shape (n_fields,)
        ``|S r| / min(|S e| + 0.01 |u|, 0.25 |S u|)``. Here ``r = u - G t`` is the residual, S a Gaussian filter of
        4 px, e the noise as measured on the field (`tfmkit.noise.measure`) and ``|.|`` the RMS. The misfit is about 1
        where the traction explains the field up to noise, and 0 for a field of zeros.

    Notes
    -----
    Noise is rough and displacement is smooth. Displacement that no traction in the field explains therefore shows in
    the smooth part of the residual: motion of the stage, forces beyond the border, distortion of the image. The
    second term of the minimum catches fields of noise alone.
    """
    *_, allowed = _noise_smooth_allowed(displacement, gel)
    return ratio(_rms(_smooth_residual(displacement, traction, gel)), allowed, 0.0)


def unexplained(displacement: NDArray[Any], traction: NDArray[Any], gel: Gel) -> Array:
    """Compare the smooth part of the residual with that of the displacement.

    Parameters
    ----------
    displacement : ndarray of shape (n_fields, 2, height, width)
        Measured displacement in pixels.
    traction : ndarray of shape (n_fields, 2, height, width)
        Recovered traction over Young's modulus.
    gel : Gel
        The gel.

    Returns
    -------
    ndarray of shape (n_fields,)
        ``|S r| / |S u|``, with the residual r, the Gaussian filter S and the RMS ``|.|`` of `smooth_misfit`; 0 for a
        field of zeros.
    """
    smooth = _rms(_smooth(np.asarray(displacement, dtype=float)))
    return ratio(_rms(_smooth_residual(displacement, traction, gel)), smooth, 0.0)


def ratio(part: Array, whole: Array, otherwise: float) -> Array:
    """Divide numbers of fields.

    Parameters
    ----------
    part, whole : ndarray of shape (n_fields,)
        Numbers of at least 0.
    otherwise : float
        Result where `whole` is 0.

    Returns
    -------
    ndarray of shape (n_fields,)
        ``part / whole``.
    """
    return np.divide(part, whole, out=np.full(len(part), otherwise), where=whole > 0)


def _smooth_residual(displacement: NDArray[Any], traction: NDArray[Any], gel: Gel) -> Array:
    return _smooth(np.asarray(displacement, dtype=float) - convolve(np.asarray(traction, dtype=float), gel))


def _noise_smooth_allowed(displacement: NDArray[Any], gel: Gel) -> tuple[Array, Array, Array]:
    """Return the smooth part of the noise and of the field, and the residual that may stay."""
    u = np.asarray(displacement, dtype=float)
    noise, smooth = _smooth_noise(u, gel), _rms(_smooth(u))
    return noise, smooth, np.minimum(noise + _ALWAYS_ALLOWED * _rms(u), _MOST_ALLOWED * smooth)


def _smooth_noise(displacement: NDArray[Any], gel: Gel) -> Array:
    """RMS of the smooth part of the noise, from its power spectrum."""
    shape = displacement.shape[-2:]
    rings = rings_of(shape)
    # Waves of the cell are kept: if noise were taken for signal, every noisy field would count as foreign.
    power = spectrum_noise(tapered_spectrum(displacement), shape, gel, most_excess=None)
    kept = np.exp(-np.square(_SMOOTHING * rings.wavenumber))
    return np.sqrt(rings.mean(power * kept))


def _smooth(fields: NDArray[Any]) -> Array:
    return np.asarray(gaussian_filter(fields, (0, 0, _SMOOTHING, _SMOOTHING), mode="nearest"))


def _rms(fields: NDArray[Any]) -> Array:
    return np.sqrt(np.square(fields).mean(axis=(1, 2, 3)))
