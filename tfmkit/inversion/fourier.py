"""Closed-form inverses: one filter per frequency, the whole batch at once.

Everything is dimensionless (displacement in pixels, traction over Young's modulus). The minimiser of
``|u - K tau|^2 + lam * ||k|^order tau|^2`` on a periodic grid is, frequency by frequency,
``(K'K + lam |k|^(2 order))^-1 K' u`` [1]_. A field that does not vanish at its edge is first continued past it
(`tfmkit.inversion.continuation`), so that the wrap of the transform falls outside the field.

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


def fourier_inverse(
    displacement: Any,
    lam: float,
    *,
    poisson: float,
    order: float = 0.0,
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
        weight = displacement.new_tensor(lam * penalty(grid, order))
        spectrum = multiply(regularised_inverse(symbol, weight), rfft2(extend(displacement, grid), grid))
        return irfft2(spectrum, grid)[..., :height, :width] * scale
    factors = inverse_filter(grid, poisson, lam, order, scale, displacement.dtype.name, layer=layer)
    return _filter(displacement, grid, factors)


def penalty(grid: Shape, order: float) -> NDArray[np.float64]:
    """Return the weight of the squared traction at every frequency, for a lambda of 1.

    Parameters
    ----------
    grid : (int, int)
        Grid of the transform.
    order : float
        Order of the penalty, >= 0.

    Returns
    -------
    ndarray of shape (height, width // 2 + 1)
        Powers ``|k|^(2 order)``, k in rad per pixel.
    """
    ky, kx = wavenumbers(grid)
    return np.asarray(np.hypot(ky, kx) ** (2 * order))


@lru_cache(maxsize=8)
def inverse_filter(
    grid: Shape,
    poisson: float,
    lam: float,
    order: float,
    scale: float,
    dtype: str,
    *,
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
    layer : Layer, default=HALF_SPACE
        Thickness of the gel and depth of the beads, in pixels.

    Returns
    -------
    tuple of three ndarrays of shape (height, 2 * (width // 2 + 1))
        Entries xx, yy and xy; each factor stands twice in a row, for the real and the imaginary part.
    """
    symbol = green_symbol(grid, poisson, boundary="periodic", like=np.empty(0), layer=layer)
    inverse = regularised_inverse(symbol, lam * penalty(grid, order))
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


def _filter(field: NDArray[Any], grid: Shape, factors: Symbol) -> NDArray[Any]:
    """Multiply the spectra of a batch by real factors, a few fields at a time and in place."""
    height, width = field.shape[-2:]
    result = np.empty_like(field)
    step = max(1, _CHUNK_BYTES // (2 * grid[0] * grid[1] * field.itemsize))
    for start in range(0, len(field), step):
        spectrum = scipy.fft.rfft2(extend(field[start : start + step], grid))
        multiply_in_place(spectrum, factors)
        filtered = scipy.fft.irfft2(spectrum, s=grid, overwrite_x=True)
        result[start : start + step] = filtered[..., :height, :width]
    return result
