"""The misfit: the part of a displacement that its traction does not explain.

A large misfit tells that a network sees a field unlike those of its training.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from tfmkit.deep.far_forces import without_far_forces
from tfmkit.gel import Gel
from tfmkit.gel.operator import convolve
from tfmkit.noise.measure import rings_of, spectrum_noise, tapered_spectrum

# Standard deviation of the Gaussian, in pixels, that takes the noise out of the residual.
_SMOOTHING = 4.0
# Shares of the displacement's RMS, and of its smooth part, that may stay unexplained in any field.
_ALWAYS_ALLOWED = 0.01
_MOST_ALLOWED = 0.25


def smooth_misfit(displacement: NDArray[Any], traction: NDArray[Any], gel: Gel) -> NDArray[np.float64]:
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
    the smooth part of the residual: motion of the stage, a turned or mirrored component, distortion of the image. The
    second term of the minimum catches fields of noise alone.
    """
    return split_misfit(displacement, traction, gel)[0]


def split_misfit(
    displacement: NDArray[Any], traction: NDArray[Any], gel: Gel
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the misfit, and the rest of it beside the part that far forces and drift can make.

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
    misfit : ndarray of shape (n_fields,)
        From `smooth_misfit`.
    rest : ndarray of shape (n_fields,)
        The same ratio for the rest of the residual after `tfmkit.deep.far_forces.without_far_forces`.
    """
    u = np.asarray(displacement, dtype=float)
    residual = _smooth(u - convolve(np.asarray(traction, dtype=float), gel))
    allowed = np.minimum(_smooth_noise(u, gel) + _ALWAYS_ALLOWED * _rms(u), _MOST_ALLOWED * _rms(_smooth(u)))
    rest = without_far_forces(residual, gel.poisson)
    whole, beside = (
        np.divide(_rms(part), allowed, out=np.zeros(len(u)), where=allowed > 0) for part in (residual, rest)
    )
    return whole, beside


def _smooth_noise(displacement: NDArray[Any], gel: Gel) -> NDArray[np.float64]:
    """RMS of the smooth part of the noise, from its power spectrum."""
    shape = displacement.shape[-2:]
    rings = rings_of(shape)
    # Waves of the cell are kept: if noise were taken for signal, every noisy field would count as foreign.
    power = spectrum_noise(tapered_spectrum(displacement), shape, gel, most_excess=None)
    kept = np.exp(-np.square(_SMOOTHING * rings.wavenumber))
    return np.sqrt(rings.mean(power * kept))


def _smooth(fields: NDArray[Any]) -> NDArray[np.float64]:
    return np.asarray(gaussian_filter(fields, (0, 0, _SMOOTHING, _SMOOTHING), mode="nearest"))


def _rms(fields: NDArray[Any]) -> NDArray[np.float64]:
    return np.sqrt(np.square(fields).mean(axis=(1, 2, 3)))
