"""Closed-form inverse: one filter per wave vector, the whole batch at once.

Displacement is in pixels and traction in units of Young's modulus. On a periodic grid the traction of least
``|u - K tau|^2 + lam | |k|^order tau |^2`` is, wave vector by wave vector [1]_::

    tau~ = (K~'K~ + lam |k|^(2 order))^-1 K~' u~

Noise that is not white multiplies the penalty by its spectrum (`tfmkit.fttc.penalty`). A field that does not vanish at
its edge is first continued past it (`tfmkit.fttc.border`), so that the wrap of the transform falls outside the field.
The traction that the fading continuation takes from the field, its mean among it, is put back.

References
----------
.. [1] B. Sabass et al., Biophys. J. 94, 207 (2008).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from tfmkit.fttc.border import extend, extended_grid
from tfmkit.fttc.penalty import Penalty
from tfmkit.gel.gel import Gel
from tfmkit.gel.operator import green_symbol
from tfmkit.gel.symbol import Interleaved, Shape

# Fields filtered at once: few enough to stay in the cache between the forward and the inverse transform.
_CHUNK_BYTES = 1 << 20


def fourier_inverse(
    displacement: NDArray[Any], gel: Gel, penalty: Penalty, *, boundary: str = "periodic", scale: float = 1.0
) -> NDArray[Any]:
    """Invert displacement under a quadratic penalty.

    Parameters
    ----------
    displacement : ndarray of shape (n_fields, 2, height, width)
        Displacement in pixels, float32 or float64.
    gel : Gel
        The gel.
    penalty : Penalty
        Lambda, order and noise correlation.
    boundary : {"periodic", "extended"}, default="periodic"
        Whether the field repeats or is continued past its border.
    scale : float, default=1.0
        Factor on the result. Young's modulus over spacing puts the units back without a pass over the data.

    Returns
    -------
    ndarray of shape (n_fields, 2, height, width)
        Traction over Young's modulus times `scale`, in the same precision.
    """
    height, width = displacement.shape[-2:]
    grid = extended_grid((height, width)) if boundary == "extended" else (height, width)
    gel = gel.dimensionless
    inverse = _inverse_filter(grid, gel, penalty, scale, displacement.dtype.name)
    result = np.empty_like(displacement)
    step = max(1, _CHUNK_BYTES // (2 * grid[0] * grid[1] * displacement.itemsize))
    for start in range(0, len(displacement), step):
        fields, faded = displacement[start : start + step], None
        if boundary == "extended":
            fields, faded = extend(fields, grid, gel)
        spectrum = scipy.fft.rfft2(fields)
        inverse.multiply_in_place(spectrum)
        filtered = scipy.fft.irfft2(spectrum, s=grid, overwrite_x=True)
        result[start : start + step] = filtered[..., :height, :width]
        if faded is not None:
            result[start : start + step] += scale * faded
    return result


@lru_cache(maxsize=8)
def _inverse_filter(grid: Shape, gel: Gel, penalty: Penalty, scale: float, dtype: str) -> Interleaved:
    symbol = green_symbol(grid, gel, boundary="periodic", like=np.empty(0))
    return symbol.regularised_inverse(penalty.on(grid)).interleaved(dtype, scale)
