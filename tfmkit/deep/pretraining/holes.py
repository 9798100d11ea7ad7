"""Vectors that were not measured, filled for a whole batch at once as :func:`tfmkit.holes.fill` fills them."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from tfmkit.deep.pretraining.drawing import Draw

# Least and largest share of missing vectors. Their holes are a pixel or two wide, which takes few rounds to fill.
_LEAST, _MOST = 0.01, 0.25
_ROUNDS = 40
_TINY = 1e-30


def lose_vectors(draw: Draw, displacement: Tensor, share: float) -> Tensor:
    """Lose 1-25 % of the vectors of some fields and fill them with a thin plate.

    Parameters
    ----------
    draw : Draw
        Randomness.
    displacement : Tensor of shape (n, 2, height, width)
        Displacement.
    share : float
        Part of the fields that lose vectors.

    Returns
    -------
    Tensor of shape (n, 2, height, width)
        The fields as an estimator gets them.
    """
    n, _, height, width = displacement.shape
    level = draw.log_uniform(_LEAST, _MOST, n, 1, 1, 1) * (draw.uniform(0, 1, n, 1, 1, 1) < share)
    missing = draw.uniform(0, 1, n, 1, height, width) < level
    holed = torch.nonzero(level.flatten()).flatten()
    return displacement.index_copy(0, holed, fill_batch(displacement[holed], missing[holed]))


def fill_batch(displacement: Tensor, missing: Tensor) -> Tensor:
    """Replace missing vectors by the field of least bending through the others, as :func:`tfmkit.holes.fill` does.

    Parameters
    ----------
    displacement : Tensor of shape (n, 2, height, width)
        Displacement; the values at missing vectors do not matter.
    missing : Tensor of shape (n, 1, height, width)
        True where a vector is missing.

    Returns
    -------
    Tensor of shape (n, 2, height, width)
        The filled fields, after 40 rounds of conjugate gradients from the mean of the vectors around.
    """
    known = (~missing).to(displacement.dtype)
    kept = displacement * known
    weight = functional.avg_pool2d(known, 5, 1, 2)
    field = torch.where(missing, functional.avg_pool2d(kept, 5, 1, 2) / weight.clamp(min=0.5 / 25), kept)
    residual = -_bend(field) * missing
    direction, size = residual, _dot(residual, residual)
    for _ in range(_ROUNDS):
        image = _bend(direction) * missing
        field = field + size / (_dot(direction, image) + _TINY) * direction
        residual = residual - size / (_dot(direction, image) + _TINY) * image
        size, before = _dot(residual, residual), size
        direction = residual + size / (before + _TINY) * direction
    return field


def _bend(field: Tensor) -> Tensor:
    """Gradient of half the bending energy ``sum |u_xx|^2 + 2 |u_xy|^2 + |u_yy|^2``, free at the border."""
    along_x = functional.pad(field.diff(n=2, dim=-1), (2, 2, 0, 0)).diff(n=2, dim=-1)
    along_y = functional.pad(field.diff(n=2, dim=-2), (0, 0, 2, 2)).diff(n=2, dim=-2)
    across = functional.pad(field.diff(dim=-1).diff(dim=-2), (1, 1, 1, 1)).diff(dim=-1).diff(dim=-2)
    return along_x + along_y + 2 * across


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum((-2, -1), keepdim=True)
