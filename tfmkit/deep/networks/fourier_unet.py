"""FourierUNet: a U-Net that is given the physics and learns a correction to it.

The network sees regularised Fourier inverses of the displacement beside the displacement itself, and predicts a
correction to a mixture of them. A second step takes the residual of the first, ``r = u - G t``, inverts the residual
in the same way, and corrects once more. Without noise the residual tells the error of the first step almost exactly;
with noise it tells which part of that error can be mended.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from tfmkit._validation import check_count
from tfmkit.deep.networks.inverses import FILTERS, filtered_inverses
from tfmkit.gel import Gel
from tfmkit.gel.operator import convolve

_FLOOR = 1e-12
# Bounds of the noise that a network is told, over the RMS of the displacement. Replaced vectors have the upper one.
_LEAST_NOISE, _MOST_NOISE = 1e-4, 3.0


class FourierUNet(nn.Module):
    """Unrolled U-Net on regularised Fourier inverses.

    Parameters
    ----------
    widths : sequence of int, default=(24, 48, 64)
        Channels of the levels, fine to coarse; each level halves the grid.
    blocks : int, default=1
        Residual blocks per level on either side.
    steps : int, default=2
        Number of unrolled steps; each after the first looks at the residual of the one before.
    noise : bool or str, default=False
        Whether the network is told the standard deviation of every vector. With True it needs it, always. With
        ``"optional"`` it takes the same for all vectors where it is not told, from the finest detail of the field.

    Raises
    ------
    ValueError
        If a width, `blocks` or `steps` is not a positive integer, or `noise` is none of the three.

    Notes
    -----
    ``t_1 = sum_j g_j(noise) I_j u + s U_1(...)``, then ``t_(k+1) = t_k + sum_j a_j I_j (u - G t_k) + s U_(k+1)(...)``.
    Here I_j is the inverse under filter j (continued past the border), g a softmax of the noise level, a_j maps made
    by the network, and s the RMS of the first term, per field. The network has no normalisation layer: the size of
    the grid changes the output at a pixel through the physics alone.
    """

    gives_interval = True

    def __init__(self, widths: Any = (24, 48, 64), blocks: int = 1, steps: int = 2, noise: bool | str = False) -> None:
        super().__init__()
        if not isinstance(widths, (tuple, list)) or not widths:
            raise ValueError(f"Expected widths to be at least one number of channels, got {widths!r}.")
        widths = [check_count(width, "each of widths") for width in widths]
        blocks, steps = check_count(blocks, "blocks"), check_count(steps, "steps")
        if noise not in (False, True, "optional"):
            raise ValueError(f'Expected noise to be False, True or "optional", got {noise!r}.')
        self._needs_noise = noise is True
        self.config = {"widths": widths, "blocks": blocks, "steps": steps} | ({"noise": noise} if noise else {})
        self.takes_noise = bool(noise)
        n, told = len(FILTERS), 2 * self.takes_noise
        self.gate = nn.Sequential(nn.Linear(1, 32), nn.ReLU(), nn.Linear(32, n))
        unets = [UNet(2 + 2 * n + 3 + told, 2 + n, widths, blocks)]
        unets += [UNet(4 + 2 * n + n + 4 + told + widths[0], 4 + n, widths, blocks) for _ in range(steps - 1)]
        self.unets = nn.ModuleList(unets)
        self.spread = nn.Conv2d(widths[0], 2, 3, padding=1)
        nn.init.constant_(self.spread.bias, -2.0)  # type: ignore[arg-type]
        # Convolutions follow the layout of their weights; this layout saves a quarter of the time on a CPU.
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, displacement: Tensor, gel: Gel, noise: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Predict traction and the half-width of its 90 % interval.

        Parameters
        ----------
        displacement : Tensor of shape (n, 2, height, width)
            Displacement in pixels, scaled to unit RMS per field.
        gel : Gel
            The gel; lengths in its own `spacing`.
        noise : Tensor of shape (n, 2, height, width), optional
            Standard deviation of the displacement on the same scale, NaN for replaced vectors. Only for a network that
            was made with `noise`.

        Returns
        -------
        traction : Tensor of shape (n, 2, height, width)
            Traction over Young's modulus, on the same scale.
        half_width : Tensor of shape (n, 2, height, width)
            Half-width of the central 90 % interval of its error, per component.
        """
        steps, half_width = self.trajectory(displacement, gel, noise)
        return steps[-1], half_width

    def trajectory(self, displacement: Tensor, gel: Gel, noise: Tensor | None = None) -> tuple[list[Tensor], Tensor]:
        """Predict, and keep the traction of every step for the loss of a training.

        Parameters
        ----------
        displacement : Tensor of shape (n, 2, height, width)
            As in `forward`.
        gel : Gel
            As in `forward`.
        noise : Tensor of shape (n, 2, height, width), optional
            As in `forward`.

        Returns
        -------
        steps : list of Tensor
            Traction after each unrolled step.
        half_width : Tensor of shape (n, 2, height, width)
            As in `forward`.
        """
        known, base, inverses = self._prepare(displacement, gel, noise)
        constants = _planes(displacement, known.noise, known.nu, known.one)
        inputs = torch.cat([displacement, (inverses / _rms(inverses)).flatten(1, 2), constants, known.told], 1)
        out, hidden = self.unets[0](inputs)
        steps = [base + known.scale * out[:, :2] + _gated(out[:, 2:], inverses)]
        for unet in self.unets[1:]:
            step, hidden = _refine(unet, known, steps[-1], hidden)
            steps.append(step)
        half_width = known.scale * functional.softplus(self.spread(hidden).to(displacement.dtype))
        return steps, half_width[..., : displacement.shape[-2], : displacement.shape[-1]]

    def _prepare(self, u: Tensor, gel: Gel, told: Tensor | None) -> tuple[_Known, Tensor, Tensor]:
        noise = noise_level(u)
        inverses = filtered_inverses(u, gel)
        # In half precision the inverse would lose its digits: only the U-Nets may run in it.
        with torch.autocast(u.device.type, enabled=False):
            weights = self.gate(noise.view(-1, 1)).softmax(-1)
        base = (weights[:, :, None, None, None] * inverses).sum(1)
        one = torch.ones_like(noise)
        known = _Known(u, gel, gel.poisson * one, noise, one, _rms(base), self._told(u, told))
        return known, base, inverses

    def _told(self, u: Tensor, noise: Tensor | None) -> Tensor:
        """Logarithm of the noise, told or estimated; no plane for a network that takes none."""
        if not self.takes_noise:
            return u[:, :0]
        if noise is None and self._needs_noise:
            raise ValueError(
                "Expected the standard deviation of the displacement as `noise`, which this network is told, got None: "
                'pass the `std_` of PIV, or take the weights "default", which need none.'
            )
        known = constant_noise(u) if noise is None else noise
        return torch.nan_to_num(known, nan=_MOST_NOISE).clamp(_LEAST_NOISE, _MOST_NOISE).log().to(u.dtype)


class _Known(NamedTuple):
    """Quantities of a batch that all steps of the network use."""

    u: Tensor
    gel: Gel
    nu: Tensor
    noise: Tensor
    one: Tensor
    scale: Tensor
    told: Tensor


def _refine(unet: nn.Module, known: _Known, traction: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
    """One unrolled step: invert the residual and correct the traction."""
    residual = known.u - convolve(traction, known.gel)
    inverses = filtered_inverses(residual, known.gel)
    sizes, size = _rms(inverses), _rms(residual)
    logs = [known.noise, known.nu, known.one, size.flatten().log()]
    logs += (sizes.flatten(1) / known.scale.flatten(1)).log().unbind(1)
    parts = [traction / known.scale, residual / size, (inverses / sizes).flatten(1, 2), _planes(known.u, *logs)]
    out, hidden = unet(torch.cat([*parts, known.told], 1), hidden)
    step = known.scale * out[:, :2] + sizes[:, 1] * out[:, 2:4] + _gated(out[:, 4:], inverses)
    return traction + step, hidden


class UNet(nn.Module):
    """Residual U-Net without normalisation, for any grid (padded inside).

    Parameters
    ----------
    n_in, n_out : int
        Channels in and out.
    widths : sequence of int
        Channels per level.
    blocks : int
        Residual blocks per level on either side.
    """

    def __init__(self, n_in: int, n_out: int, widths: Any, blocks: int) -> None:
        super().__init__()
        self.multiple = 2 ** (len(widths) - 1)
        self.enter = nn.Conv2d(n_in, widths[0], 3, padding=1)
        self.down = nn.ModuleList(_stack(w, blocks) for w in widths[:-1])
        self.shrink = nn.ModuleList(nn.Conv2d(a, b, 2, 2) for a, b in itertools.pairwise(widths))
        self.bottom = _stack(widths[-1], blocks)
        self.context = nn.Linear(widths[-1], widths[-1])
        self.bottom_up = _stack(widths[-1], blocks)
        self.grow = nn.ModuleList(nn.ConvTranspose2d(b, a, 2, 2) for a, b in itertools.pairwise(widths))
        self.up = nn.ModuleList(_stack(w, blocks) for w in widths[:-1])
        self.leave = nn.Conv2d(widths[0], n_out, 3, padding=1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor, hidden: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Run the network.

        Parameters
        ----------
        x : Tensor of shape (n, n_in, height, width)
            Features.
        hidden : Tensor, optional
            Last features of the step before (on the padded grid), appended to `x`.

        Returns
        -------
        out : Tensor of shape (n, n_out, height, width)
            Output in the precision of `x`.
        hidden : Tensor of shape (n, widths[0], padded height, padded width)
            Last features.
        """
        height, width = x.shape[-2:]
        x_pad = functional.pad(x, (0, -width % self.multiple, 0, -height % self.multiple))
        if hidden is not None:
            x_pad = torch.cat([x_pad, hidden.to(x.dtype)], 1)
        features = self.enter(x_pad)
        skips = []
        for stage, shrink in zip(self.down, self.shrink, strict=True):
            features = stage(features)
            skips.append(features)
            features = shrink(features)
        features = self.bottom(features)
        features = features + self.context(features.mean((-2, -1)))[..., None, None]
        features = self.bottom_up(features)
        for stage, grow, skip in zip(reversed(self.up), reversed(self.grow), reversed(skips), strict=True):
            features = stage(grow(features).add_(skip))
        return self.leave(features)[..., :height, :width].to(x.dtype), features


class ResidualBlock(nn.Module):
    """Two convolutions around a ReLU, added to the identity; starts as the identity.

    Parameters
    ----------
    width : int
        Channels.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        nn.init.kaiming_normal_(self.first.weight, nonlinearity="relu")
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block.

        Parameters
        ----------
        x : Tensor of shape (n, width, height, width)
            Features.

        Returns
        -------
        Tensor
            Features of the same shape.
        """
        return self.second(self.first(x).relu_()).add_(x)


def tell_noise(state: Mapping[str, Tensor], widths: Sequence[int]) -> dict[str, Tensor]:
    """Make a network that is told the noise out of one that is not.

    Parameters
    ----------
    state : mapping of str to Tensor
        State of a :class:`FourierUNet` without `noise`.
    widths : sequence of int
        Its channels.

    Returns
    -------
    dict of str to Tensor
        State of one with `noise` that gives the same traction, whatever the noise: the new weights are zero.
    """
    changed = dict(state)
    for name, weight in state.items():
        if name.endswith("enter.weight"):
            # The features of the step before come last.
            last = weight.shape[1] - (0 if name == "unets.0.enter.weight" else widths[0])
            parts = [weight[:, :last], weight.new_zeros(weight.shape[0], 2, *weight.shape[2:]), weight[:, last:]]
            changed[name] = torch.cat(parts, 1)
    return changed


def noise_level(displacement: Tensor) -> Tensor:
    """Measure the logarithm of the noise from the field's finest detail.

    Parameters
    ----------
    displacement : Tensor of shape (n, 2, height, width)
        Displacement of unit RMS.

    Returns
    -------
    Tensor of shape (n,)
        ``log(sigma + 1e-4)`` with sigma the scaled median absolute value of the twice differenced field along both
        axes, whose kernel has norm 6.
    """
    second = displacement.diff(n=2, dim=-1).diff(n=2, dim=-2)
    sigma = second.abs().flatten(1).median(1).values / (6 * 0.6745)
    return (sigma + 1e-4).log()


def constant_noise(displacement: Tensor) -> Tensor:
    """Estimate one standard deviation for all vectors of a field.

    Parameters
    ----------
    displacement : Tensor of shape (n, 2, height, width)
        Displacement of unit RMS.

    Returns
    -------
    Tensor of shape (n, 2, height, width)
        The exponential of `noise_level`.
    """
    return noise_level(displacement).exp()[:, None, None, None].expand_as(displacement)


def _rms(fields: Tensor) -> Tensor:
    # The floor is under the root: without it the slope at a field of zeros would be infinite.
    norm = torch.linalg.vector_norm(fields, dim=(-3, -2, -1), keepdim=True)
    return (norm.square() / math.prod(fields.shape[-3:]) + _FLOOR**2).sqrt()


def _planes(like: Tensor, *values: Tensor) -> Tensor:
    planes = torch.stack([value.to(like.dtype) for value in values], 1)[..., None, None]
    return planes.expand(-1, -1, *like.shape[-2:])


def _gated(maps: Tensor, inverses: Tensor) -> Tensor:
    return (maps[:, :, None] * inverses).sum(1)


def _stack(width: int, blocks: int) -> nn.Sequential:
    return nn.Sequential(*(ResidualBlock(width) for _ in range(blocks)))
