"""The physics that FourierUNet is given: traction under regularised Fourier inverses, from weak to strong."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from tfmkit.fttc.penalty import Penalty
from tfmkit.gel import Gel
from tfmkit.gel.operator import green_symbol

# (lambda, order): weak to strong, |t|^2 first. Frozen with the trained weights, unlike the defaults of FTTC.
FILTERS = ((1e-5, 0.0), (3e-3, 0.0), (5e-2, 0.0), (6e-1, 0.0), (1e-2, 1.0), (2e-1, 1.0), (3.0, 1.0), (40.0, 1.0))
# On the CPU fields go one by one and filters in pairs, so that the data stay in the cache.
_FILTERS_AT_A_TIME = 2


def filtered_inverses(displacement: Tensor, gel: Gel) -> Tensor:
    """Invert the displacement, continued past the border, under each of `FILTERS`.

    Parameters
    ----------
    displacement : Tensor of shape (n, 2, height, width)
        Displacement in pixels.
    gel : Gel
        The gel; lengths in its own `spacing`.

    Returns
    -------
    Tensor of shape (n, len(FILTERS), 2, height, width)
        Tractions over Young's modulus.

    Notes
    -----
    Outside the field the displacement keeps its edge values, fading to zero half a field away under a cosine taper.
    """
    if displacement.device.type != "cpu":
        return _invert(displacement, gel, len(FILTERS))
    return torch.cat([_invert(field, gel, _FILTERS_AT_A_TIME) for field in displacement.split(1)])


def _invert(displacement: Tensor, gel: Gel, n_filters: int) -> Tensor:
    """Transform along x, then along y with y last in memory, and back; rows outside the field are left out halfway."""
    height, width = displacement.shape[-2:]
    top, left = height // 2, width // 2
    fade, filters = _continued_filters(
        (2 * height, 2 * width), gel.dimensionless, displacement.dtype, displacement.device
    )
    extended = functional.pad(displacement, (left, width - left, top, height - top), mode="replicate") * fade
    spectrum = torch.fft.fft(torch.fft.rfft(extended).transpose(-1, -2).contiguous())
    # The spectrum as pairs of real numbers: otherwise torch makes the real filters complex before it multiplies.
    x, y = torch.view_as_real(spectrum)[:, None].unbind(2)
    fields = []
    for f_xx, f_yy, f_xy in zip(*(part.split(n_filters) for part in filters), strict=True):
        product = torch.stack([torch.addcmul(f_xx * x, f_xy, y), torch.addcmul(f_xy * x, f_yy, y)], 2)
        columns = torch.fft.ifft(torch.view_as_complex(product))[..., top : top + height]
        rows = torch.fft.irfft(columns.transpose(-1, -2).contiguous(), n=2 * width)
        fields.append(rows[..., left : left + width])
    return torch.cat(fields, 1)


@lru_cache(maxsize=16)
def _continued_filters(grid: tuple[int, int], gel: Gel, dtype: Any, device: Any) -> tuple[Tensor, list[Tensor]]:
    """Taper outside the field, and the entries of the filters, (n_filters, width // 2 + 1, height, 1) each."""
    fade_y, fade_x = (torch.as_tensor(_fade(n // 2), dtype=dtype, device=device) for n in grid)
    symbol = green_symbol(grid, gel, boundary="periodic", like=fade_y)
    penalties = np.stack([Penalty(lam, order).on(grid) for lam, order in FILTERS])
    filters = symbol.regularised_inverse(torch.as_tensor(penalties, dtype=dtype, device=device))
    return fade_y[:, None] * fade_x, [entry.transpose(-1, -2).contiguous()[..., None] for entry in filters]


def _fade(n: int) -> NDArray[np.float64]:
    before, after = n // 2, n - n // 2
    position = np.arange(2 * n) - before
    distance = np.maximum(-position / (before + 1), 0) + np.maximum((position - n + 1) / (after + 1), 0)
    return 0.5 + 0.5 * np.cos(np.pi * np.minimum(distance, 1))
