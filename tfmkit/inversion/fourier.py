"""Closed-form inverses: one filter per frequency, the whole batch at once.

Everything is dimensionless (displacement in pixels, traction over Young's modulus). The minimiser of
``|u - K tau|^2 + lam * ||k|^order tau|^2`` on a periodic grid is, frequency by frequency,
``(K'K + lam |k|^(2 order))^-1 K' u`` [1]_.

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

from tfmkit.operators import green_symbol, irfft2, multiply, regularised_inverse, rfft2, wavenumbers

Shape = tuple[int, int]
Symbol = tuple[Any, Any, Any]

# Fields filtered at once: few enough to stay in the cache between the forward and the inverse transform.
_CHUNK_BYTES = 1 << 20


def fourier_inverse(displacement: Any, lam: float, *, poisson: float, order: float = 0.0, scale: float = 1.0) -> Any:
    """Invert displacement under a quadratic penalty on a periodic grid.

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
    scale : float, default=1.0
        Factor on the result: Young's modulus over spacing puts the units back without a pass over the data.

    Returns
    -------
    array of shape (n_fields, 2, height, width)
        Traction over Young's modulus, same library and precision; its mean is 0.
    """
    shape = displacement.shape[-2:]
    if is_torch_array(displacement):
        symbol = green_symbol(tuple(shape), poisson, boundary="periodic", like=displacement)
        weight = displacement.new_tensor(penalty(tuple(shape), lam, order))
        inverse = regularised_inverse(symbol, weight)
        return irfft2(multiply(inverse, rfft2(displacement, shape)), shape) * scale
    return _filter(displacement, inverse_filter(shape, poisson, lam, order, scale, displacement.dtype.name))


def penalty(shape: Shape, lam: float, order: float) -> NDArray[np.float64]:
    """Return the weight of the squared traction at every frequency.

    Parameters
    ----------
    shape : (int, int)
        Grid of the transform.
    lam : float
        Regularisation, >= 0.
    order : float
        Order of the penalty, >= 0.

    Returns
    -------
    ndarray of shape (height, width // 2 + 1)
        ``lam * |k|^(2 order)``, k in rad per pixel.
    """
    ky, kx = wavenumbers(shape)
    return lam * np.hypot(ky, kx) ** (2 * order)


@lru_cache(maxsize=64)
def inverse_filter(shape: Shape, poisson: float, lam: float, order: float, scale: float, dtype: str) -> Symbol:
    """Return the scaled regularised inverse as real factors of the interleaved half spectrum.

    Parameters
    ----------
    shape : (int, int)
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

    Returns
    -------
    tuple of three ndarrays of shape (height, 2 * (width // 2 + 1))
        Entries xx, yy and xy; each factor stands twice in a row, for the real and the imaginary part.
    """
    symbol = green_symbol(shape, poisson, boundary="periodic", like=np.empty(0))
    inverse = regularised_inverse(symbol, penalty(shape, lam, order))
    xx, yy, xy = (np.repeat(part * scale, 2, axis=-1).astype(dtype) for part in inverse)
    return xx, yy, xy


def _filter(field: NDArray[Any], factors: Symbol) -> NDArray[Any]:
    """Multiply the spectra of a batch by real factors, a few fields at a time and in place."""
    shape = field.shape[-2:]
    result = np.empty_like(field)
    step = max(1, _CHUNK_BYTES // field[0].nbytes)
    for start in range(0, len(field), step):
        spectrum = scipy.fft.rfft2(field[start : start + step])
        _multiply_in_place(spectrum, factors)
        result[start : start + step] = scipy.fft.irfft2(spectrum, s=shape, overwrite_x=True)
    return result


def _multiply_in_place(spectrum: NDArray[Any], factors: Symbol) -> None:
    xx, yy, xy = factors
    # Seen as pairs of reals, a complex number times a real one is two multiplications instead of four.
    parts = spectrum.view(spectrum.real.dtype)
    x, y = parts[:, 0], parts[:, 1]
    into_x, into_y = xy * y, xy * x
    x *= xx
    x += into_x
    y *= yy
    y += into_y
