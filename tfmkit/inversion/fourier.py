"""Closed-form inverses: one filter per frequency, the whole batch at once.

Everything is dimensionless (displacement in pixels, traction over Young's modulus). The minimiser of
``|u - K tau|^2 + lam * ||k|^order tau|^2`` on a periodic grid is, frequency by frequency,
``(K'K + lam |k|^(2 order))^-1 K' u`` [1]_. Noise that is not white weighs the penalty by its spectrum. A field that
does not vanish at its edge is first continued past it (`tfmkit.inversion.continuation`), so that the wrap of the
transform falls outside the field.

References
----------
.. [1] B. Sabass et al., Biophys. J. 94, 207 (2008).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import scipy.fft
from array_api_compat import is_torch_array
from numpy.typing import NDArray

from tfmkit.inversion.continuation import extend, extended_grid
from tfmkit.layered import HALF_SPACE, Layer
from tfmkit.operators import green_symbol, irfft2, multiply, regularised_inverse, rfft2, wavenumbers

Shape = tuple[int, int]
Symbol = tuple[Any, Any, Any]

# Fields filtered at once: few enough to stay in the cache between the forward and the inverse transform.
_CHUNK_BYTES = 1 << 20
# Part of the power of the longest waves that correlated noise keeps at all others.
_WHITE_SHARE = 1e-3


def fourier_inverse(
    displacement: Any,
    lam: float,
    *,
    poisson: float,
    order: float = 0.0,
    noise_correlation: float = 0.0,
    boundary: str = "periodic",
    scale: float = 1.0,
    layer: Layer = HALF_SPACE,
) -> Any:
    """Invert displacement under a quadratic penalty.

    Parameters
    ----------
    displacement : array of shape (n_fields, 2, height, width)
        Displacement in pixels (numpy or torch, float32 or float64).
    lam : float
        Regularisation, >= 0, dimensionless.
    poisson : float
        Poisson ratio.
    order : float, default=0.0
        Order of the penalty: 0 weighs the traction, 1 its gradient.
    noise_correlation : float, default=0.0
        As for `penalty_weight`.
    boundary : {"periodic", "extended"}, default="periodic"
        Whether the field repeats or is continued past its border.
    scale : float, default=1.0
        Factor on the result: Young's modulus over spacing puts the units back without a pass over the data.
    layer : Layer, default=HALF_SPACE
        Thickness of the gel and depth of the beads, in pixels.

    Returns
    -------
    array of shape (n_fields, 2, height, width)
        Traction over Young's modulus times `scale`, same library and precision.
    """
    height, width = displacement.shape[-2:]
    grid = extended_grid((height, width)) if boundary == "extended" else (height, width)
    if is_torch_array(displacement):
        symbol = green_symbol(grid, poisson, boundary="periodic", like=displacement, layer=layer)
        weight = displacement.new_tensor(lam * penalty(grid, order, noise_correlation))
        spectrum = multiply(
            regularised_inverse(symbol, weight), rfft2(extend(displacement, grid, poisson=poisson, layer=layer), grid)
        )
        return irfft2(spectrum, grid)[..., :height, :width] * scale
    factors = inverse_filter(
        grid,
        poisson,
        lam,
        order,
        scale,
        displacement.dtype.name,
        noise_correlation=noise_correlation,
        layer=layer,
    )
    return _filter(displacement, grid, factors, poisson=poisson, layer=layer)


def penalty(grid: Shape, order: float, noise_correlation: float = 0.0) -> NDArray[np.float64]:
    """Return the weight of the squared traction at every frequency, for a lambda of 1.

    Parameters
    ----------
    grid : (int, int)
        Grid of the transform.
    order : float
        Order of the penalty, >= 0.
    noise_correlation : float, default=0.0
        As for `penalty_weight`.

    Returns
    -------
    ndarray of shape (height, width // 2 + 1)
        Weights of `penalty_weight`.
    """
    ky, kx = wavenumbers(grid)
    return penalty_weight(np.hypot(ky, kx), order, noise_correlation)


def penalty_weight(wavenumber: NDArray[np.float64], order: float, noise_correlation: Any = 0.0) -> NDArray[np.float64]:
    """Return the weight of the squared traction at given wave numbers, for a lambda of 1.

    Parameters
    ----------
    wavenumber : ndarray of shape (...)
        Lengths of wave vectors in rad per pixel.
    order : float
        Order of the penalty, >= 0.
    noise_correlation : float or array, default=0.0
        Standard deviation, in pixels, of the Gaussian that correlates the noise; 0 for white noise.

    Returns
    -------
    ndarray of shape (...)
        Products ``|k|^(2 order) n(k)`` with the shape ``n`` of the noise's power, 1 for white noise.

    Notes
    -----
    Minimising ``<u - K tau, N^-1 (u - K tau)> + lam ||k|^order tau|^2``, the data weighed by the covariance ``N`` of
    the noise, is minimising ``|u - K tau|^2 + lam |N^(1/2) |k|^order tau|^2`` frequency by frequency. Noise smoothed
    by a Gaussian has the power ``exp(-(s k)^2)``; a thousandth of white noise keeps the shortest waves in check.
    """
    noise = _WHITE_SHARE + (1 - _WHITE_SHARE) * np.exp(-((noise_correlation * wavenumber) ** 2))
    return np.asarray(wavenumber ** (2 * order) * noise)


@lru_cache(maxsize=8)
def inverse_filter(
    grid: Shape,
    poisson: float,
    lam: float,
    order: float,
    scale: float,
    dtype: str,
    *,
    noise_correlation: float = 0.0,
    layer: Layer = HALF_SPACE,
) -> Symbol:
    """Return the scaled regularised inverse as real factors of the interleaved half spectrum.

    Parameters
    ----------
    grid : (int, int)
        Grid of the transform.
    poisson : float
        Poisson ratio.
    lam : float
        Regularisation, >= 0.
    order : float
        Order of the penalty, >= 0.
    scale : float
        Factor on the result.
    dtype : {"float32", "float64"}
        Precision of the result.
    noise_correlation : float, default=0.0
        As for `penalty_weight`.
    layer : Layer, default=HALF_SPACE
        Thickness of the gel and depth of the beads, in pixels.

    Returns
    -------
    tuple of three ndarrays of shape (height, 2 * (width // 2 + 1))
        Entries xx, yy and xy; each factor stands twice in a row, for the real and the imaginary part.
    """
    symbol = green_symbol(grid, poisson, boundary="periodic", like=np.empty(0), layer=layer)
    inverse = regularised_inverse(symbol, lam * penalty(grid, order, noise_correlation))
    return interleave(inverse, dtype, scale)


def interleave(symbol: Symbol, dtype: str, scale: float = 1.0) -> Symbol:
    """Return a real symbol with every factor twice in a row, for the real and the imaginary part.

    Parameters
    ----------
    symbol : tuple of ndarrays of shape (height, width // 2 + 1)
        Its entries.
    dtype : {"float32", "float64"}
        Precision of the result.
    scale : float, default=1.0
        Factor on the result.

    Returns
    -------
    tuple of ndarrays of shape (height, 2 * (width // 2 + 1))
        The entries for `multiply_in_place`.
    """
    xx, yy, xy = (np.repeat(part * scale, 2, axis=-1).astype(dtype) for part in symbol)
    return xx, yy, xy


def multiply_in_place(spectrum: NDArray[Any], factors: Symbol) -> None:
    """Multiply vector spectra by an interleaved symmetric 2 x 2 symbol.

    Parameters
    ----------
    spectrum : ndarray of shape (n_fields, 2, height, width // 2 + 1)
        Complex spectra, overwritten.
    factors : tuple of three ndarrays
        From `interleave`.
    """
    xx, yy, xy = factors
    # Seen as pairs of reals, a complex number times a real one is two multiplications instead of four.
    parts = spectrum.view(spectrum.real.dtype)
    x, y = parts[:, 0], parts[:, 1]
    into_x, into_y = xy * y, xy * x
    x *= xx
    x += into_x
    y *= yy
    y += into_y


def _filter(field: NDArray[Any], grid: Shape, factors: Symbol, *, poisson: float, layer: Layer) -> NDArray[Any]:
    """Multiply the spectra of a batch by real factors, a few fields at a time and in place."""
    height, width = field.shape[-2:]
    result = np.empty_like(field)
    step = max(1, _CHUNK_BYTES // (2 * grid[0] * grid[1] * field.itemsize))
    for start in range(0, len(field), step):
        spectrum = scipy.fft.rfft2(extend(field[start : start + step], grid, poisson=poisson, layer=layer))
        multiply_in_place(spectrum, factors)
        filtered = scipy.fft.irfft2(spectrum, s=grid, overwrite_x=True)
        result[start : start + step] = filtered[..., :height, :width]
    return result
