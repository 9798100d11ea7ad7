"""The training loop of the packaged weights: a killed run goes on where it stopped, on a CPU as on a GPU."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from tfmkit.deep.training_state import FILE_NAME, entry, read_training, write_training
from tfmkit.io import remove_unfinished


class Training(ABC):
    """A network in training. A recipe says its minibatches, its loss and its learning rate.

    Parameters
    ----------
    network : torch.nn.Module
        The network, on `device`.
    optimizer : torch.optim.Optimizer
        Its optimizer.
    description : dict
        All that decides the course of the training, as values that JSON can hold.
    n_updates : int
        Optimiser steps.
    device : {"cpu", "cuda"}
        Device to compute on.
    bfloat16 : bool
        Whether convolutions compute with 16-bit numbers; weights and sums have 32 bits.
    ema : float
        Decay of the running mean of the weights. With 0 there is no running mean.

    Attributes
    ----------
    update : int
        Updates that are done.
    mean : list of Tensor
        Running mean of the weights, in the order of the network's parameters; empty without a running mean.
    """

    def __init__(
        self,
        network: Any,
        optimizer: torch.optim.Optimizer,
        description: dict[str, Any],
        n_updates: int,
        device: str,
        *,
        bfloat16: bool,
        ema: float,
    ) -> None:
        self.network, self.optimizer, self.description = network, optimizer, description
        self.n_updates, self.device, self.bfloat16, self.ema = n_updates, device, bfloat16, ema
        self.update = 0
        self.parameters = list(network.parameters())
        self.mean = [p.detach().clone() for p in self.parameters] if ema else []

    @abstractmethod
    def batches(self) -> Iterator[Any]:
        """Make the next minibatches, up to a place where the training may stop.

        Returns
        -------
        iterator
            Minibatches for `learn`.
        """

    @abstractmethod
    def rate(self) -> float:
        """Return the learning rate of the next update.

        Returns
        -------
        float
            The rate.
        """

    @abstractmethod
    def loss(self, batch: Any) -> tuple[Tensor, Tensor]:
        """Compute the loss of a minibatch.

        Parameters
        ----------
        batch : object
            The minibatch.

        Returns
        -------
        tuple of (Tensor, Tensor)
            The loss, and the mean relative RMSE for the curve.
        """

    def clip(self) -> None:
        """Limit the norm of the gradient of all weights together to 1."""
        nn.utils.clip_grad_norm_(self.parameters, 1.0)

    def autocast(self) -> Any:
        """Return the context in which convolutions compute with 16-bit numbers, where the training asks for it.

        Returns
        -------
        context manager
            The context.
        """
        return torch.autocast(self.device, torch.bfloat16, enabled=self.bfloat16)

    def learn(self, batch: Any) -> tuple[Tensor, Tensor]:
        """Make one update.

        Parameters
        ----------
        batch : object
            A minibatch.

        Returns
        -------
        tuple of (Tensor, Tensor)
            As of `loss`, without waiting for the device.
        """
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate()
        loss, error = self.loss(batch)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.clip()
        self.optimizer.step()
        if self.mean:
            decay = min(self.ema, (1 + self.update) / (10 + self.update))
            torch._foreach_lerp_(self.mean, [p.detach() for p in self.parameters], 1 - decay)
        self.update += 1
        return loss.detach(), error.detach()

    def averaged(self) -> dict[str, Tensor]:
        """Return the state of the network with the running mean of its weights.

        Returns
        -------
        dict of str to Tensor
            The state, on the CPU.
        """
        state = {name: value.detach().cpu() for name, value in self.network.state_dict().items()}
        return state | {name: mean.cpu() for name, mean in self._kept().items()}

    def save(self, path: Path) -> None:
        """Write the state of the training.

        Parameters
        ----------
        path : Path
            File to write.
        """
        write_training(
            path,
            self.network,
            self.optimizer,
            kept=self._kept(),
            description=self.description,
            progress={"update": self.update},
        )

    def restore(self, path: Path) -> None:
        """Read the state of the training, if there is a file.

        Parameters
        ----------
        path : Path
            A file of `save`.

        Raises
        ------
        ValueError
            If the file is damaged, or of another training.
        """
        remove_unfinished(path.parent, path.name)
        if not path.exists():
            return
        kept, progress = read_training(path, self.network, self.optimizer, self.description)
        shapes = {name: value.shape for name, value in self._kept().items()}
        if shapes != {name: value.shape for name, value in kept.items()}:
            raise ValueError(f"Expected the mean of all weights in {path}, got {', '.join(kept) or 'none'}.")
        self.mean = [kept[name] for name in shapes]
        self.update = entry(progress, "update", int, path)
        for group in self.optimizer.param_groups:
            group["fused"] = self.device != "cpu"

    def _kept(self) -> dict[str, Tensor]:
        names = [name for name, _ in self.network.named_parameters()] if self.mean else []
        return dict(zip(names, self.mean, strict=True))


def run_training(training: Training, folder: Path, *, save_every: float = 60.0) -> None:
    """Run a training to its end, or go on where a killed run stopped.

    Parameters
    ----------
    training : Training
        The training.
    folder : Path
        Folder of the state of the training and of the loss curve.
    save_every : float, default=60
        Seconds between two writings of the state.

    Raises
    ------
    ValueError
        If the folder holds another training, or a damaged file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    training.restore(folder / FILE_NAME)
    saved = time.monotonic()
    losses: list[tuple[int, Tensor, Tensor]] = []
    with tqdm(total=training.n_updates, initial=training.update, desc="training", mininterval=5) as bar:
        while training.update < training.n_updates:
            for batch in training.batches():
                losses.append((training.update, *training.learn(batch)))
                bar.update()
            if time.monotonic() - saved > save_every or training.update >= training.n_updates:
                saved = time.monotonic()
                rows = [(n, float(loss), float(error)) for n, loss, error in losses]
                bar.set_postfix(error=sum(row[2] for row in rows) / len(rows))
                _append(folder / "curve.csv", rows)
                losses.clear()
                training.save(folder / FILE_NAME)


def describe(recipe: Any) -> dict[str, Any]:
    """Describe a recipe by all that differs from the defaults.

    Parameters
    ----------
    recipe : dataclass
        The recipe.

    Returns
    -------
    dict
        Its values. A training goes on even if the recipe has got another part since, as long as that part keeps its
        default.
    """
    values = {field.name: (getattr(recipe, field.name), field.default) for field in fields(recipe)}
    return {name: value for name, (value, default) in values.items() if value != default}


def default_device() -> str:
    """Return the GPU if there is one, else the CPU.

    Returns
    -------
    {"cpu", "cuda"}
        The device.
    """
    return "cuda" if torch.cuda.is_available() else "cpu"


def seeded_network(seed: int, make: Callable[[], nn.Module], start: Mapping[str, Tensor] | None = None) -> Any:
    """Make a network from a seed, and leave the generator of the caller as it is.

    Parameters
    ----------
    seed : int
        Seed of the random weights.
    make : callable
        Function that returns the network.
    start : mapping of str to Tensor, optional
        State that replaces the random weights.

    Returns
    -------
    torch.nn.Module
        The network on the CPU.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = make()
    if start is not None:
        network.load_state_dict(start)
    return network


def _append(path: Path, rows: list[Any]) -> None:
    with path.open("a") as file:
        file.writelines(f"{n},{loss:.5f},{error:.5f}\n" for n, loss, error in rows)
