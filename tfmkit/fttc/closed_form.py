"""Closed-form inverses: one filter per frequency, the whole batch at once.

Everything is dimensionless (displacement in pixels, traction over Young's modulus). The minimiser of
``|u - K tau|^2 + lam * ||k|^order tau|^2`` on a periodic grid is, frequency by frequency,
``(K'K + lam |k|^(2 order))^-1 K' u`` [1]_. Noise that is not white weighs the penalty by its spectrum. A field that
does not vanish at its edge is first continued past it (`tfmkit.fttc.border`), so that the wrap of the
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

from tfmkit.fttc.border import extend, extended_grid
from tfmkit.gel.layer import HALF_SPACE, Layer
from tfmkit.gel.operator import green_symbol, irfft2, multiply, regularised_inverse, rfft2
from tfmkit.gel.symbol import Symbol, interleave, multiply_in_place, penalty

Shape = tuple[int, int]

# Fields filtered at once: few enough to stay in the cache between the forward and the inverse transform.
_CHUNK_BYTES = 1 << 20


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
