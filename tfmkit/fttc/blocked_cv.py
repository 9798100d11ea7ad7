"""Cross-validation with blocks of neighbours left out: the error of the traction in the middle of a gap.

Noise that neighbours share is fitted as if it were signal. A prediction of one vector from its neighbours then proves
nothing. A block of neighbours is therefore left out, and the rest is fitted. The noise at the centre of the block is
independent of this fit, so the product of the fit and the noisy vector has the expectation of the product of the fit
and the true displacement. The smoother is a convolution. All blocks therefore share one matrix, and the fit at the
centre of its own gap is one more convolution of the field.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from tfmkit.gel.symbol import Shape, Symbol, wavenumbers
from tfmkit.noise.measure import Rings, sharing_vectors

Array = NDArray[np.float64]

# Blocks grow as the square of this, their matrices as its fourth power.
_MOST = 6


def half_width(noise: Array, rings: Rings, shape: Shape) -> NDArray[np.intp]:
    """Return the size of the block that holds as many vectors as share their noise.

    Parameters
    ----------
    noise : ndarray of shape (n_fields, n_rings)
        Power of the noise per wave vector and component, from long waves to short ones.
    rings : Rings
        The rings.
    shape : (int, int)
        Height and width of the field.

    Returns
    -------
    ndarray of shape (n_fields,)
        Vectors between the centre of a square block and its edge: 0 for white noise, at most 6 and a quarter field.
    """
    most = min(_MOST, min(shape) // 4)
    return np.clip(np.rint((np.sqrt(sharing_vectors(noise, rings)) - 1) / 2), 0, most).astype(np.intp)


def gap_error(share: Array, gain: Array, half: int, shape: Shape) -> Array:
    """Weigh the power of a field so that its sum is the squared error of the traction in the middle of gaps.

    Parameters
    ----------
    share : ndarray of shape (2, height, width // 2 + 1)
        Share of the displacement that the smoother keeps, along every wave vector and across it; 0 at ``k = 0``.
    gain : ndarray of shape (2, height, width // 2 + 1)
        Displacement over traction, along and across; not 0.
    half : int
        Half width of the gap, from `half_width`.
    shape : (int, int)
        Height and width of the field; the gap has to fit into it.

    Returns
    -------
    ndarray of shape (2, height, width // 2 + 1)
        Weights along and across. The error is short of the square of the true traction.

    Notes
    -----
    With the smoother ``H`` and the gap ``B``, the fit of the rest is ``H (u - e)`` where ``e`` is
    ``(1 - H_BB)^-1 (1 - H) u`` inside the gap and 0 outside [1]_. The error of its traction ``t = G^-1 H (u - e)`` is
    ``t^2 - 2 t S G^-1 u`` up to the square of the truth, with the average ``S`` over a pixel; the second term is that
    of the noisy ``u`` at the centre, which the fit has not seen, with ``G^-1`` on the side of the fit.

    References
    ----------
    .. [1] P. Burman, E. Chow and D. Nolan, Biometrika 81, 351 (1994), for the error of the displacement.
    """
    ky, kx = np.broadcast_arrays(*wavenumbers(shape))
    k = np.hypot(ky, kx)
    k[0, 0] = 1
    cos, sin = kx / k, ky / k
    pixel = np.sinc(ky / (2 * np.pi)) * np.sinc(kx / (2 * np.pi))
    offsets = np.stack(np.meshgrid(*2 * [np.arange(-half, half + 1)], indexing="ij"), axis=-1).reshape(-1, 2)
    inverse = np.asarray(np.linalg.inv(np.eye(2 * len(offsets)) - _block(share, shape, offsets)), float)
    fits = share / gain, pixel * share / gain**2
    (traction, mixed), (product, _) = (
        _without_block(fit, share, _kernels(_block(fit, shape, offsets), inverse, offsets, shape), (cos, sin))
        for fit in fits
    )
    return np.asarray(traction**2 + mixed**2 - 2 * product)


def _block(part: Array, shape: Shape, offsets: NDArray[Any]) -> Array:
    """Entries of a convolution between the vectors of a block: first x of all, then y."""
    lags = offsets[:, None] - offsets[None]
    symbol = Symbol.from_along_across(part[0], part[1], shape)
    xx, yy, xy = (scipy.fft.irfft2(entry, s=shape)[lags[..., 0], lags[..., 1]] for entry in symbol)
    return np.block([[xx, xy], [xy, yy]])


def _kernels(fit: Array, inverse: Array, offsets: NDArray[Any], shape: Shape) -> Array:
    """Transforms of the kernels that add the residuals of the block to a fit at its centre: xx, yy, xy and yx."""
    n, middle = len(offsets), len(offsets) // 2
    x, y = fit[[middle, n + middle]] @ inverse
    kernels = np.zeros((4, *shape))
    # The block is its own mirror image: every row of its centre is even, every transform real.
    kernels[:, offsets[:, 0], offsets[:, 1]] = x[:n], y[n:], x[n:], y[:n]
    return np.asarray(scipy.fft.rfft2(kernels).real)


def _without_block(fit: Array, share: Array, kernels: Array, direction: tuple[Array, Array]) -> tuple[Array, Array]:
    """Take the part of the block out of a convolution: along and across the wave vector, and the two mixed parts."""
    (xx, yy, xy, yx), (cos, sin) = kernels, direction
    along = xx * cos**2 + yy * sin**2 + (xy + yx) * cos * sin
    across = xx * sin**2 + yy * cos**2 - (xy + yx) * cos * sin
    from_along = (yy - xx) * cos * sin + yx * cos**2 - xy * sin**2
    from_across = (yy - xx) * cos * sin + xy * cos**2 - yx * sin**2
    return fit - np.stack([along, across]) * (1 - share), np.stack([from_along, from_across]) * (1 - share)
