"""Two trainings of TracNet: by the paper's recipe, and a refinement of weights on more cells."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from tfmkit.deep.networks.tracnet import TracNet
from tfmkit.deep.pretraining.loop import Training, default_device, describe, run_training, seeded_network
from tfmkit.deep.pretraining.turned_cells import Fields, simulated_cells, turned_cells
from tfmkit.deep.turns import turn

_EPS = 1e-8
# The paper's unit of traction: Young's modulus is 10.
_YOUNG = 10.0


class Pairs(NamedTuple):
    """A minibatch on the scale of the network.

    Attributes
    ----------
    displacement, traction : Tensor of shape (n, 2, height, width)
        Input and target.
    """

    displacement: Tensor
    traction: Tensor


@dataclass(frozen=True)
class PaperRecipe:
    """The training that the paper and its companion code describe.

    Attributes
    ----------
    n_cells : int
        Cells without symmetry. Each is turned by `n_angles` angles: 44 x 16 + 4 are the paper's 708 images.
    n_angles : int
        Angles per cell.
    n_round : int
        Radially symmetric cells beside them.
    side : int
        Pixels along a side of the fields.
    batch : int
        Fields in a minibatch; the incomplete one at the end of an epoch is left out.
    epochs : int
        Passes through the fields.
    lr, drop, drop_every : float, float, int
        Learning rate, and the factor that it takes after every so many epochs.
    momentum, weight_decay : float
        Of stochastic gradient descent. The decay acts on the weights of convolutions alone.
    spread : float
        Standard deviation of the first weights; the first biases are 0.
    seed : int
        Seed of cells, weights and order.
    """

    n_cells: int = 44
    n_angles: int = 16
    n_round: int = 4
    side: int = 104
    batch: int = 64
    epochs: int = 50
    lr: float = 6e-4
    drop: float = 0.7943
    drop_every: int = 10
    momentum: float = 0.9
    weight_decay: float = 5e-4
    spread: float = 0.01
    seed: int = 0

    def fields(self) -> Fields:
        """Simulate the fields of the training.

        Returns
        -------
        Fields
            The noise-free fields, always the same ones for one recipe.
        """
        rng = np.random.default_rng(self.seed)
        return turned_cells(self.n_cells, self.n_angles, self.n_round, self.side, rng)


@dataclass(frozen=True)
class Refinement:
    """A training that goes on from weights, on windows around cells.

    Attributes
    ----------
    start : str
        Checksum of the weights that it goes on from.
    n_cells : int
        Cells to simulate, half of them by each protocol; each has eight turns and reflections.
    paper_cells : bool
        Whether the fields are those of the paper's recipe with this seed instead, in place of `n_cells` cells.
    side, window : int
        Pixels along a side of the fields, and of the part of them that a minibatch shows.
    batch, n_updates : int
        Fields in a minibatch, and optimiser steps.
    lr, ema : float
        Peak learning rate, which falls to 0 along half a cosine, and decay of the running mean of the weights.
    lengths : float
        Part of the loss that is the sum of the lengths of the errors over the sum of the lengths of the truth.
    noise : (float, float)
        Range of the noise, log-uniform, as a part of the displacement's RMS.
    noise_free : float
        Part of the fields without noise.
    seed : int
        Seed of cells, order, windows and noise.
    """

    start: str
    n_cells: int = 4_000
    paper_cells: bool = False
    side: int = 104
    window: int = 64
    batch: int = 12
    n_updates: int = 3_000
    lr: float = 4e-4
    ema: float = 0.998
    lengths: float = 0.2
    noise: tuple[float, float] = (0.003, 0.4)
    noise_free: float = 0.3
    seed: int = 0

    def fields(self) -> Fields:
        """Simulate the fields of the training.

        Returns
        -------
        Fields
            The noise-free fields, always the same ones for one recipe.
        """
        if self.paper_cells:
            return PaperRecipe(side=self.side, seed=self.seed).fields()
        return simulated_cells(self.n_cells, self.side, np.random.default_rng(self.seed))


def train_as_paper(
    recipe: PaperRecipe, folder: Path, *, device: str | None = None, bfloat16: bool = False, save_every: float = 60.0
) -> TracNet:
    """Train TracNet by the paper's recipe, or go on where a killed run stopped.

    Parameters
    ----------
    recipe : PaperRecipe
        The training.
    folder : Path
        Folder of the state of the training and of the loss curve.
    device : {"cpu", "cuda"}, optional
        Device to compute on; by default the GPU, if there is one.
    bfloat16 : bool, default=False
        Whether convolutions compute with 16-bit numbers.
    save_every : float, default=60
        Seconds between two writings of the state.

    Returns
    -------
    TracNet
        The network on the CPU, on the scale of tfmkit's networks: input and output divided by the RMS of the
        displacement. The paper's network has no such scale. The RMS of all training fields together stands for it.
    """
    training = PaperTraining(recipe, device or default_device(), bfloat16=bfloat16)
    run_training(training, folder, save_every=save_every)
    return training.result()


def refine(
    recipe: Refinement,
    start: Mapping[str, Tensor],
    folder: Path,
    *,
    params: Mapping[str, Any],
    device: str | None = None,
    bfloat16: bool = False,
    save_every: float = 60.0,
) -> TracNet:
    """Refine weights of TracNet, or go on where a killed run stopped.

    Parameters
    ----------
    recipe : Refinement
        The training.
    start : mapping of str to Tensor
        The weights.
    folder : Path
        Folder of the state of the training and of the loss curve.
    params : mapping
        Parameters of the network.
    device : {"cpu", "cuda"}, optional
        Device to compute on; by default the GPU, if there is one.
    bfloat16 : bool, default=False
        Whether convolutions compute with 16-bit numbers.
    save_every : float, default=60
        Seconds between two writings of the state.

    Returns
    -------
    TracNet
        The network with averaged weights, on the CPU.
    """
    device = device or default_device()
    training = RefinementTraining(recipe, TracNet(**params), start, device, bfloat16=bfloat16)
    run_training(training, folder, save_every=save_every)
    network = TracNet(**params)
    network.load_state_dict(training.averaged())
    return network


class PaperTraining(Training):
    """TracNet in training by the paper's recipe.

    Parameters
    ----------
    recipe : PaperRecipe
        The training.
    device : {"cpu", "cuda"}
        Device to compute on.
    bfloat16 : bool
        Whether convolutions compute with 16-bit numbers.
    """

    def __init__(self, recipe: PaperRecipe, device: str, *, bfloat16: bool) -> None:
        self.recipe = recipe
        self.fields = recipe.fields()
        network = seeded_network(recipe.seed, lambda: _narrow_normal(TracNet(second_norm=False), recipe.spread))
        network.to(device)
        optimizer = torch.optim.SGD(_groups(network, recipe.weight_decay), lr=recipe.lr, momentum=recipe.momentum)
        self._per_epoch = len(self.fields.traction) // recipe.batch
        n_updates = recipe.epochs * self._per_epoch
        super().__init__(network, optimizer, describe(recipe), n_updates, device, bfloat16=bfloat16, ema=0.0)

    def batches(self) -> Iterator[Pairs]:
        """Make the next minibatch. The training may stop after each, because one takes long on a CPU.

        Yields
        ------
        Pairs
            Displacement in px, and traction in units of a tenth of Young's modulus.
        """
        epoch, place = divmod(self.update, self._per_epoch)
        order = np.random.default_rng((self.recipe.seed, epoch)).permutation(len(self.fields.traction))
        yield self._pairs(order[place * self.recipe.batch : (place + 1) * self.recipe.batch])

    def rate(self) -> float:
        """Return the learning rate of the present epoch.

        Returns
        -------
        float
            The rate.
        """
        return self.recipe.lr * self.recipe.drop ** (self.update // self._per_epoch // self.recipe.drop_every)

    def loss(self, batch: Pairs) -> tuple[Tensor, Tensor]:
        """Compute half the squared error, summed over pixels and averaged over fields.

        Parameters
        ----------
        batch : Pairs
            The minibatch.

        Returns
        -------
        tuple of (Tensor, Tensor)
            The loss, and the mean relative RMSE.
        """
        self.network.train()
        with self.autocast():
            predicted = self.network(batch.displacement)
        squares = (predicted.float() - batch.traction).square().sum((1, 2, 3))
        return 0.5 * squares.mean(), (squares / batch.traction.square().sum((1, 2, 3))).sqrt().mean()

    def clip(self) -> None:
        """Limit the norm of the gradient of every parameter by itself to 1."""
        for parameter in self.parameters:
            nn.utils.clip_grad_norm_([parameter], 1.0)

    def result(self) -> TracNet:
        """Take the statistics of batch normalisation anew, and bring the network to the scale of tfmkit's.

        Returns
        -------
        TracNet
            The network on the CPU.
        """
        norms = [module for module in self.network.modules() if isinstance(module, nn.BatchNorm2d)]
        for norm in norms:
            norm.reset_running_stats()
            # None means the plain mean over all minibatches.
            norm.momentum = None
        self.network.train()
        n_fields = len(self.fields.traction)
        with torch.no_grad(), self.autocast():
            for chosen in np.array_split(np.arange(n_fields), -(-n_fields // self.recipe.batch)):
                self.network(self._pairs(chosen).displacement)
        network: TracNet = self.network.cpu().eval()
        rms = float(np.sqrt(np.square(self.fields.displacement).mean()))
        with torch.no_grad():
            next(network.encoder[0].parameters()).mul_(rms)
            for parameter in network.head.parameters():
                parameter.div_(_YOUNG * rms)
        return network

    def _pairs(self, chosen: Any) -> Pairs:
        displacement, traction = self.fields.displacement[chosen], _YOUNG * self.fields.traction[chosen]
        return Pairs(*(torch.from_numpy(part).to(self.device) for part in (displacement, traction)))


class RefinementTraining(Training):
    """TracNet in training on windows around cells, from weights on.

    Batch normalisation keeps the statistics of the start, because those of windows are not those of whole fields.

    Parameters
    ----------
    recipe : Refinement
        The training.
    network : TracNet
        The network.
    start : mapping of str to Tensor
        The weights.
    device : {"cpu", "cuda"}
        Device to compute on.
    bfloat16 : bool
        Whether convolutions compute with 16-bit numbers.
    """

    # Updates between two places where the training may stop.
    CHUNK = 16

    def __init__(
        self, recipe: Refinement, network: TracNet, start: Mapping[str, Tensor], device: str, *, bfloat16: bool
    ) -> None:
        self.recipe = recipe
        self.fields = recipe.fields()
        network.load_state_dict(dict(start))
        network.to(device).eval()
        optimizer = torch.optim.AdamW(network.parameters(), lr=recipe.lr, weight_decay=1e-4, betas=(0.9, 0.99))
        super().__init__(
            network, optimizer, describe(recipe), recipe.n_updates, device, bfloat16=bfloat16, ema=recipe.ema
        )

    def batches(self) -> Iterator[Pairs]:
        """Make the next minibatches.

        Yields
        ------
        Pairs
            Displacement and traction, divided by the RMS of the displacement of the whole field.
        """
        for update in range(self.update, min(self.update + self.CHUNK, self.n_updates)):
            yield self._draw(np.random.default_rng((self.recipe.seed, 1, update)))

    def rate(self) -> float:
        """Return the learning rate of the next update.

        Returns
        -------
        float
            The rate, after a linear warm-up over 100 updates.
        """
        cosine = 0.5 + 0.5 * math.cos(math.pi * self.update / self.n_updates)
        return self.recipe.lr * min(1.0, (self.update + 1) / 100) * cosine

    def loss(self, batch: Pairs) -> tuple[Tensor, Tensor]:
        """Compute the square root of the relative RMSE, and of the same ratio for sums of lengths.

        The roots let clean fields count beside noisy ones. The lengths ask for a quiet background.

        Parameters
        ----------
        batch : Pairs
            The minibatch.

        Returns
        -------
        tuple of (Tensor, Tensor)
            The loss, and the mean relative RMSE.
        """
        with self.autocast():
            predicted = self.network(batch.displacement)
        error, truth = ((part.square().sum(1) + _EPS) for part in (predicted.float() - batch.traction, batch.traction))
        relative = (error.sum((1, 2)) / truth.sum((1, 2))).sqrt()
        lengths = error.sqrt().sum((1, 2)) / truth.sqrt().sum((1, 2))
        return relative.sqrt().mean() + self.recipe.lengths * lengths.sqrt().mean(), relative.mean()

    def _draw(self, rng: np.random.Generator) -> Pairs:
        recipe = self.recipe
        chosen = rng.integers(len(self.fields.traction), size=recipe.batch)
        quarters, mirror = int(rng.integers(4)), bool(rng.integers(2))
        displacement, traction = (turn(part[chosen], quarters, mirror) for part in self.fields)
        rms = np.sqrt(np.square(displacement).mean(axis=(1, 2, 3), keepdims=True))
        lowest, highest = recipe.noise
        level = np.exp(rng.uniform(math.log(lowest), math.log(highest), size=rms.shape)) * (
            rng.random(rms.shape) >= recipe.noise_free
        )
        middle = (recipe.side - recipe.window) // 2
        jitter = min(6, middle)
        top, left = middle + rng.integers(-jitter, jitter + 1, size=2)
        window = (..., slice(top, top + recipe.window), slice(left, left + recipe.window))
        noisy = displacement[window] / rms + level * rng.normal(size=displacement[window].shape)
        # The noise is part of the RMS by which a field is divided in use.
        total = np.sqrt(1 + level**2)
        parts = (noisy / total, traction[window] / (rms * total))
        return Pairs(*(torch.from_numpy(part.astype(np.float32)).to(self.device) for part in parts))


def _narrow_normal(network: TracNet, spread: float) -> TracNet:
    """Draw all weights of convolutions anew, and set their biases to 0."""
    with torch.no_grad():
        for parameter in _weights_and_rest(network)[0]:
            parameter.normal_(0, spread)
        for name, parameter in network.named_parameters():
            if name.endswith("bias") and "norm" not in name:
                parameter.zero_()
    return network


def _groups(network: TracNet, weight_decay: float) -> list[dict[str, Any]]:
    weights, rest = _weights_and_rest(network)
    return [{"params": weights, "weight_decay": weight_decay}, {"params": rest, "weight_decay": 0.0}]


def _weights_and_rest(network: TracNet) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Return the weights of convolutions, and all other parameters."""
    # The weights of batch normalisation have one axis.
    parameters = list(network.parameters())
    return [p for p in parameters if p.ndim > 1], [p for p in parameters if p.ndim == 1]
