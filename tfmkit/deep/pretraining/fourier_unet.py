"""The recipes and the training of FourierUNet: an endless stream of fields, and intervals beside the traction."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from tfmkit.deep.networks.fourier_unet import FourierUNet
from tfmkit.deep.pretraining.loop import Training, default_device, describe, run_training, seeded_network
from tfmkit.deep.pretraining.measured import MeasuredFields
from tfmkit.deep.pretraining.stream import Batch, FieldStream
from tfmkit.deep.pretraining.told import ToldStream
from tfmkit.gel import Gel
from tfmkit.gel.operator import convolve

_EPS = 1e-8
# Traction is near a pixel if this many pixels around it hold a vector longer than this part of the field's longest.
_NEAR, _LEAST_LENGTH = 5, 0.02


@dataclass(frozen=True)
class Recipe:
    """All that decides a set of weights.

    Attributes
    ----------
    widths : tuple of int
        Channels of the levels of the :class:`tfmkit.deep.networks.FourierUNet`.
    blocks : int
        Residual blocks per level of the network.
    n_updates : int
        Optimiser steps.
    steps : int
        Unrolled steps of the network.
    pixels : int
        Pixels per optimiser step (32 fields of 104 x 104).
    chunk : int
        Optimiser steps served by one chunk of the stream.
    lr : float
        Peak learning rate: linear warm-up over 2 % of the updates, cosine decay to 0.
    weight_decay : float
        Weight decay of AdamW.
    ema : float
        Decay of the running mean of the weights; the mean is the result.
    seed : int
        Seed of the weights and of the stream.
    leave_out : tuple of str
        Families left out of the stream.
    missing : float
        Part of the fields with missing vectors.
    depth : float
        Largest depth of the beads below the surface, in pixels.
    start : str
        Checksum of the weights that the training goes on from; empty for random ones.
    measured : int
        Files of measured fields, one for every minibatch of the stream; 0 for a training on the stream alone.
    measured_fields : int
        Most measured fields of a minibatch.
    told : bool
        Whether the network is told the standard deviation of every vector. The stream then draws uneven noise.
    withheld : float
        Part of the fields whose noise is not told after all, so that the network gets by without.
    """

    widths: tuple[int, ...]
    blocks: int
    n_updates: int
    steps: int = 2
    pixels: int = 32 * 104 * 104
    chunk: int = 8
    lr: float = 1e-3
    weight_decay: float = 1e-4
    ema: float = 0.999
    seed: int = 0
    leave_out: tuple[str, ...] = ()
    missing: float = 0.2
    depth: float = 0.0
    start: str = ""
    measured: int = 0
    measured_fields: int = 32
    told: bool = False
    withheld: float = 0.0


RECIPES = {
    "default": Recipe(widths=(48, 96, 128, 128), blocks=2, n_updates=7_774, pixels=48 * 104 * 104),
    "small": Recipe(widths=(20, 32, 40), blocks=1, n_updates=12_000, chunk=16),
    "depth": Recipe(
        widths=(32, 64, 96, 96), blocks=1, n_updates=2_640, pixels=24 * 104 * 104, chunk=16, depth=1.5, withheld=0.5
    ),
}
# Weights of the errors of the net force and of the displacement that the traction makes, in the loss of a network
# that takes noise.
_NET_FORCE, _DISPLACEMENT = 0.2, 0.3
# Changes of a recipe for a training that goes on from weights: small enough for a CPU, and gentle.
REFINEMENT: dict[str, Any] = {"n_updates": 2_000, "pixels": 8 * 104 * 104, "chunk": 4, "lr": 3e-4, "ema": 0.99}
# Measured fields are new to weights that have seen white noise alone, and ask for larger steps.
MEASURED_REFINEMENT: dict[str, Any] = REFINEMENT | {
    "pixels": 2 * 104 * 104, "measured_fields": 8, "lr": 5e-4, "ema": 0.995,
}  # fmt: skip


def train(
    recipe: Recipe,
    cells: tuple[Tensor, Tensor],
    folder: Path,
    *,
    start: Mapping[str, Tensor] | None = None,
    measured: Path | None = None,
    device: str | None = None,
    save_every: float = 60.0,
) -> FourierUNet:
    """Train a network, or go on where a killed run stopped.

    Parameters
    ----------
    recipe : Recipe
        The network and its training.
    cells : tuple of two Tensors of shape (n_cells, 360)
        Circuit-model borders and magnitudes for the stream.
    folder : Path
        Folder of the state of the training and of the loss curve.
    start : mapping of str to Tensor, optional
        State of the network to go on from; by default random weights.
    measured : Path, optional
        Folder of the measured fields that the recipe asks for.
    device : {"cpu", "cuda"}, optional
        Device to compute on; by default the GPU, if there is one.
    save_every : float, default=60
        Seconds between two writings of the state.

    Returns
    -------
    FourierUNet
        The network with averaged weights, on the CPU.

    Raises
    ------
    ValueError
        If the folder holds the training of another recipe, or a damaged file.
    """
    device = device or default_device()
    training = FourierTraining(recipe, *_sources(recipe, cells, measured, device), device, start)
    run_training(training, folder, save_every=save_every)
    network = _network(recipe)
    network.load_state_dict(training.averaged())
    return network


def _network(recipe: Recipe) -> FourierUNet:
    noise = "optional" if recipe.told and recipe.withheld else recipe.told
    return FourierUNet(recipe.widths, recipe.blocks, recipe.steps, noise=noise)


class FourierTraining(Training):
    """A FourierUNet in training.

    Parameters
    ----------
    recipe : Recipe
        The network and its training.
    stream : FieldStream
        The stream of simulated fields.
    measured : MeasuredFields or None
        Fields that were measured in images, of which every minibatch gets one file.
    device : {"cpu", "cuda"}
        Device to compute on.
    start : mapping of str to Tensor or None
        State of the network to go on from.
    """

    def __init__(
        self,
        recipe: Recipe,
        stream: FieldStream,
        measured: MeasuredFields | None,
        device: str,
        start: Mapping[str, Tensor] | None,
    ) -> None:
        self.recipe, self.stream, self.measured = recipe, stream, measured
        network = seeded_network(recipe.seed, lambda: _network(recipe), start)
        network.to(device, memory_format=torch.channels_last)
        optimizer = torch.optim.AdamW(
            network.parameters(),
            lr=recipe.lr,
            weight_decay=recipe.weight_decay,
            betas=(0.9, 0.99),
            fused=device != "cpu",
        )
        low = device != "cpu"
        super().__init__(network, optimizer, describe(recipe), recipe.n_updates, device, bfloat16=low, ema=recipe.ema)

    def batches(self) -> Iterator[tuple[Batch, ...]]:
        """Make the minibatches of the next chunk of the stream.

        Returns
        -------
        iterator of tuples of Batch
            As many as the recipe serves by one chunk: a part of the chunk and, where the recipe has some, the measured
            fields of one file.
        """
        first, n = self.update, self.recipe.chunk
        for number, part in enumerate(_minibatches(self.stream.chunk(first // n), n), start=first):
            yield (part,) if self.measured is None else (part, self.measured.chunk(number))

    def rate(self) -> float:
        """Return the learning rate of the next update.

        Returns
        -------
        float
            The rate.
        """
        return self.recipe.lr * _schedule(self.update / self.recipe.n_updates)

    def loss(self, batch: tuple[Batch, ...]) -> tuple[Tensor, Tensor]:
        """Compute the loss of a minibatch.

        Parameters
        ----------
        batch : tuple of Batch
            The parts of the minibatch, which count alike.

        Returns
        -------
        tuple of (Tensor, Tensor)
            The loss, and the mean relative RMSE.
        """
        losses, errors = zip(*map(self._part_loss, batch), strict=True)
        return torch.stack(losses).mean(), torch.stack(errors).mean()

    def _part_loss(self, part: Batch) -> tuple[Tensor, Tensor]:
        with self.autocast():
            steps, half_width = self.network.trajectory(part.displacement, part.gel, part.noise)
        loss, error = _loss(steps, half_width, part.traction)
        if self.recipe.told:
            loss = loss + _NET_FORCE * _net_force(steps[-1], part.traction)
            loss = loss + _DISPLACEMENT * _displacement_loss(steps[-1], part.traction, part.gel)
        return loss, error


def _sources(
    recipe: Recipe, cells: tuple[Tensor, Tensor], measured: Path | None, device: str
) -> tuple[FieldStream, MeasuredFields | None]:
    """Return where fields come from."""
    shared: dict[str, Any] = {
        "seed": recipe.seed, "leave_out": recipe.leave_out, "withheld": recipe.withheld, "device": device,
    }  # fmt: skip
    kind = ToldStream if recipe.told else FieldStream
    stream = kind(cells, pixels=recipe.pixels, parts=recipe.chunk, missing=recipe.missing, depth=recipe.depth, **shared)
    if not recipe.measured:
        return stream, None
    if measured is None:
        raise ValueError(f"Expected the folder of the {recipe.measured} files that the recipe asks for, got none.")
    return stream, MeasuredFields(measured, recipe.measured, n_fields=recipe.measured_fields, **shared)


def _loss(steps: list[Tensor], half_width: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    """Square root of the relative RMSE, so that clean fields count beside noisy ones, and the intervals' loss."""
    size = truth.square().sum((1, 2, 3)).sqrt() + _EPS
    errors = [((step - truth).square().sum((1, 2, 3)) + _EPS).sqrt() / size for step in steps]
    weights = [0.3] * (len(steps) - 1) + [1.0]
    intervals = _interval_loss(half_width, (steps[-1].detach() - truth).abs(), truth)
    loss = sum(w * error.sqrt().mean() for w, error in zip(weights, errors, strict=True)) + 0.1 * intervals
    return loss, errors[-1].detach().mean()


def _net_force(traction: Tensor, truth: Tensor) -> Tensor:
    """Error of the net force as a share of the summed lengths: what is left of a drift must not pass for a pull."""
    total = truth.square().sum(1).sqrt().sum((1, 2)) + _EPS
    return ((traction - truth).sum((2, 3)).square().sum(1).add(_EPS).sqrt() / total).clamp(max=1).mean()


def _displacement_loss(traction: Tensor, truth: Tensor, gel: Gel) -> Tensor:
    """Square root of the relative error of the displacement that the traction makes.

    Displacement weighs long waves, which hold the net force, the moment and most of the energy, and which a loss of
    the traction hardly sees.
    """
    error, size = (convolve(field, gel).square().sum((1, 2, 3)) for field in (traction - truth, truth))
    return ((error + _EPS) / (size + _EPS)).pow(0.25).clamp(max=1).mean()


def _interval_loss(half_width: Tensor, error: Tensor, truth: Tensor) -> Tensor:
    """Pinball loss of 90 % intervals over the error, half of it from near traction, where they have to hold."""
    miss = error - half_width
    pinball = torch.maximum(0.9 * miss, -0.1 * miss).mean(1)
    length = truth.square().sum(1)
    near = functional.max_pool2d(length, _NEAR, 1, _NEAR // 2) > _LEAST_LENGTH**2 * length.amax((1, 2), keepdim=True)
    regions = (torch.ones_like(length), near.to(length))
    parts = [(pinball * part).sum((1, 2)) / ((error.mean(1) + _EPS) * part).sum((1, 2)) for part in regions]
    return torch.stack(parts).mean()


def _schedule(progress: float) -> float:
    return min(progress / 0.02, 1.0) * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0))) + 1e-3


def _minibatches(chunk: Batch, n: int) -> Iterator[Batch]:
    noise = [None] * n if chunk.noise is None else chunk.noise.chunk(n)
    for part, truth, known in zip(chunk.displacement.chunk(n), chunk.traction.chunk(n), noise, strict=True):
        yield Batch(part, truth, chunk.gel, known)
