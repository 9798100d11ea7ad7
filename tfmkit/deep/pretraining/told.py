"""Fields of the stream whose noise is uneven, for a network that is told the standard deviation of every vector.

The errors of vectors that were measured in images are not alike. They are largest under a cell, where the gel is
strained most and beads leave the focus. On real pairs of bead images they grow from 0.02 px far from the cell to 1 px
under it. Simulated images show less of that, so the stream draws it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from tfmkit.deep.networks.fourier_unet import constant_noise
from tfmkit.deep.pretraining.drawing import Draw
from tfmkit.deep.pretraining.holes import fill_batch
from tfmkit.deep.pretraining.stream import ZOOM, Batch, FieldStream, scaled, smoothed

# Share of the chunks whose cells are small in the field, and their sides as shares of those of the field.
_SMALL, _SIDES = 0.4, (0.35, 0.8)
_LEAST_SIDE = 16
# Noise over the RMS of the displacement, and the part of it that grows with the displacement around a vector.
_LEVELS, _GROWTH, _GROWING = (0.003, 0.6), (0.01, 0.3), 0.6
# Spread of the logarithm of the noise over the field and between the components, and of the stated noise by field.
_UNEVEN, _APART, _UNSURE = 0.4, 0.15, 0.25
_CORRELATED = 0.6
# Most vectors of a field that were replaced.
_MOST_REPLACED = 0.08
# Share of fields whose forces balance, as those of single cells do.
_BALANCED = 0.6
_TINY = 1e-12


class ToldStream(FieldStream):
    """A stream of fields with uneven noise, whose standard deviation is known, and with cells small in the field."""

    def chunk(self, number: int) -> Batch:
        """Make one chunk.

        Parameters
        ----------
        number : int
            Number of the chunk; the same number gives the same fields.

        Returns
        -------
        Batch
            Its fields with their noise, in random order.
        """
        clean, draw = self.clean(number)
        displacement, std = measure(draw, clean.displacement, self.missing)
        told = scaled(Batch(displacement, clean.traction, clean.gel, std))
        if not self.withheld:
            return told
        return withhold_noise(told, draw.uniform(0, 1, len(displacement)) < self.withheld)

    def traction(
        self, draw: Draw, n: int, shape: tuple[int, int], choice: np.random.Generator
    ) -> tuple[Tensor, NDArray[np.str_]]:
        """Draw traction on the fine grid, in some chunks in a part of it.

        Parameters
        ----------
        draw, n, shape, choice : Draw, int, (int, int) and numpy Generator
            As for `FieldStream.traction`.

        Returns
        -------
        fine : Tensor
            As of `FieldStream.traction`.
        family : ndarray of str
            As of `FieldStream.traction`.
        """
        small = choice.random() < _SMALL
        share = choice.uniform(*_SIDES) if small else 1.0
        inner = tuple(min(side, max(_LEAST_SIDE, int(share * side))) for side in shape)
        fine, family = super().traction(draw, n, (inner[0], inner[1]), choice)
        fine = balanced(fine, draw.uniform(0, 1, n) < _BALANCED)
        if not small:
            return fine, family
        # In the middle half, so that a part is seen where the border of the field is cut off.
        before = [int((whole - part) * choice.uniform(0.25, 0.75)) for whole, part in zip(shape, inner, strict=True)]
        after = [whole - part - first for whole, part, first in zip(shape, inner, before, strict=True)]
        around = (before[1], after[1], before[0], after[0])
        return functional.pad(fine, [ZOOM * side for side in around]), family


def measure(draw: Draw, displacement: Tensor, holed: float) -> tuple[Tensor, Tensor]:
    """Blur a displacement and add noise, as a measurement in images does.

    Parameters
    ----------
    draw : Draw
        Randomness.
    displacement : Tensor of shape (n, 2, height, width)
        Noise-free displacement.
    holed : float
        Part of the fields that have replaced vectors.

    Returns
    -------
    measured : Tensor of shape (n, 2, height, width)
        The displacement as an estimator gets it.
    std : Tensor of shape (n, 2, height, width)
        Its standard deviation as it is stated; NaN where a vector was replaced.
    """
    n, _, height, width = displacement.shape
    std = _uneven_std(draw, displacement)
    white = draw.normal(*displacement.shape)
    correlated = (draw.uniform(0, 1, n, 1, 1, 1) < _CORRELATED).float()
    error = std * torch.lerp(white, smoothed(white, draw.log_uniform(0.5, 2.0, n, 1, 1, 1)), correlated)
    measured = torch.lerp(displacement, _binomial(displacement), draw.uniform(0, 1, n, 1, 1, 1)) + error
    share = _MOST_REPLACED * draw.uniform(0, 1, n, 1, 1, 1) * (draw.uniform(0, 1, n, 1, 1, 1) < holed)
    replaced = draw.uniform(0, 1, n, 1, height, width) < share
    rows = torch.nonzero(share.flatten()).flatten()
    measured = measured.index_copy(0, rows, fill_batch(measured[rows], replaced[rows]))
    stated = std * (_UNSURE * draw.normal(n, 1, 1, 1)).exp()
    return measured, stated.masked_fill(replaced, torch.nan)


def balanced(traction: Tensor, chosen: Tensor) -> Tensor:
    """Take the net force out of chosen fields, in proportion to the lengths of the vectors.

    Parameters
    ----------
    traction : Tensor of shape (n, 2, height, width)
        Traction.
    chosen : Tensor of bool, shape (n,)
        Fields to balance.

    Returns
    -------
    Tensor of shape (n, 2, height, width)
        Traction with a net force of zero in the chosen fields.
    """
    length = traction.square().sum(1, keepdim=True).sqrt()
    net = traction.sum((2, 3), keepdim=True) / (length.sum((2, 3), keepdim=True) + _TINY)
    return torch.where(chosen[:, None, None, None], traction - net * length, traction)


def withhold_noise(fields: Batch, chosen: Tensor) -> Batch:
    """Replace the stated noise of chosen fields by the network's own estimate.

    Parameters
    ----------
    fields : Batch
        Fields of unit RMS with their noise.
    chosen : Tensor of bool, shape (n,)
        Fields whose noise is not told.

    Returns
    -------
    Batch
        The fields, with the noise that the network gets.
    """
    assumed = constant_noise(fields.displacement)
    noise = assumed if fields.noise is None else torch.where(chosen[:, None, None, None], assumed, fields.noise)
    return replace(fields, noise=noise)


def _uneven_std(draw: Draw, displacement: Tensor) -> Tensor:
    """Standard deviation of the noise: a level that wanders over the field, and a share of the displacement around."""
    n, _, height, width = displacement.shape
    rms = displacement.square().mean((1, 2, 3), keepdim=True).sqrt()
    wandering = smoothed(draw.normal(n, 1, height, width), draw.log_uniform(2.0, 8.0, n, 1, 1, 1))
    level = draw.log_uniform(*_LEVELS, n, 1, 1, 1) * rms * (_UNEVEN * wandering).exp()
    growth = draw.log_uniform(*_GROWTH, n, 1, 1, 1) * (draw.uniform(0, 1, n, 1, 1, 1) < _GROWING)
    around = _binomial(_binomial(displacement.square().sum(1, keepdim=True).sqrt()))
    return torch.hypot(level, growth * around) * (_APART * draw.normal(n, 2, 1, 1)).exp()


def _binomial(field: Tensor) -> Tensor:
    """Average over 3 x 3 pixels with binomial weights: a Gaussian of 0.7 pixels, much as PIV blurs."""
    weights = torch.tensor([1.0, 2.0, 1.0], device=field.device, dtype=field.dtype) / 4
    kernel = torch.outer(weights, weights).expand(field.shape[1], 1, 3, 3)
    return functional.conv2d(functional.pad(field, (1, 1, 1, 1), mode="replicate"), kernel, groups=field.shape[1])
