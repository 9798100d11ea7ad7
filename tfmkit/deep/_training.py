"""The course of a training: the loss, the learning rate, the files, the bar, the best weights and an early end."""
# ruff: noqa: ARG002 (skorch gives every hook more than it needs)

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from skorch.callbacks import Callback, EpochTimer, GradientNormClipping, PassthroughScoring
from skorch.history import History
from torch import Tensor, nn
from tqdm.auto import tqdm

from tfmkit.deep.training_state import FILE_NAME, entry, read_training, write_training
from tfmkit.io import remove_unfinished


class RelativeError(nn.Module):
    """The relative RMSE of each field, averaged over the fields of a batch.

    Notes
    -----
    ``mean_i sqrt(|t^_i - t_i|^2 / |t_i|^2)`` is the metric :func:`tfmkit.metrics.relative_rmse`: a weak cell counts as
    much as a strong one, and the loss of the validation fields is the negative score. A field without traction has
    no relative error; its absolute error counts instead.
    """

    def forward(self, y_pred: Tensor | tuple[Tensor, ...], y_true: Tensor) -> Tensor:
        """Compute the loss.

        Parameters
        ----------
        y_pred : Tensor of shape (n_fields, 2, height, width), or a tuple that starts with it
            Predicted traction.
        y_true : Tensor of shape (n_fields, 2, height, width)
            True traction.

        Returns
        -------
        Tensor
            A number.
        """
        traction = y_pred[0] if isinstance(y_pred, tuple) else y_pred
        error = (traction - y_true).square().flatten(1).sum(1)
        size = y_true.square().flatten(1).sum(1)
        # The small number keeps the slope of the root finite at a perfect prediction.
        return (error / size.where(size > 0, 1.0) + 1e-12).sqrt().mean()


def default_callbacks() -> list[tuple[str, Callback]]:
    """Return the callbacks of a training in the order in which skorch calls them.

    Returns
    -------
    list of (str, Callback)
        Losses come first, since other callbacks read them; the callback that may end the training comes last.
    """
    return [
        ("epoch_timer", EpochTimer()),
        ("train_loss", PassthroughScoring("train_loss", on_train=True)),
        ("valid_loss", PassthroughScoring("valid_loss")),
        ("clipping", GradientNormClipping(1.0)),
        ("schedule", CosineSchedule()),
        ("best", KeepBest()),
        ("checkpoint", Checkpoint()),
        ("progress", ProgressBar()),
        ("early_stopping", EarlyStopping()),
    ]


class CosineSchedule(Callback):
    """Raise the learning rate linearly over a warm-up, then lower it to zero along half a cosine.

    Parameters
    ----------
    warmup : float, default=0.05
        Part of the training that the warm-up takes, in [0, 1).

    Notes
    -----
    The rate depends on the progress alone, so a resumed training needs no memory of it.
    """

    def __init__(self, warmup: float = 0.05) -> None:
        self.warmup = warmup

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:
        """Note the rates to scale."""
        for group in net.optimizer_.param_groups:
            group.setdefault("initial_lr", group["lr"])

    def on_epoch_begin(self, net: Any, dataset_train: Any = None, **kwargs: Any) -> None:
        """Start to count the fields of an epoch."""
        self.seen_, self.n_fields_ = 0, len(dataset_train)

    def on_batch_begin(self, net: Any, batch: Any = None, training: bool = False, **kwargs: Any) -> None:
        """Set the learning rate of a training step."""
        if not training:
            return
        n_batch = len(batch[0])
        epoch = len(net.history) - 1 - net.first_epoch_ + (self.seen_ + n_batch / 2) / self.n_fields_
        self.seen_ += n_batch
        for group in net.optimizer_.param_groups:
            group["lr"] = group["initial_lr"] * self._factor(epoch / net.max_epochs)

    def on_train_end(self, net: Any, **kwargs: Any) -> None:
        """Put the learning rates back."""
        for group in net.optimizer_.param_groups:
            group["lr"] = group.pop("initial_lr", group["lr"])

    def _factor(self, progress: float) -> float:
        if progress < self.warmup:
            return progress / self.warmup
        return 0.5 + 0.5 * math.cos(math.pi * min(progress, 1.0))


class KeepBest(Callback):
    """Remember the weights of the epoch with the smallest loss and put them back at the end of training."""

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:
        """Forget the weights of an earlier training."""
        if len(net.history) == net.first_epoch_:
            net.best_weights_ = {}

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Keep the weights if no epoch before was better."""
        losses = monitored_losses(net)
        if int(np.argmin(losses)) == len(losses) - 1:
            net.best_weights_ = {name: value.detach().clone() for name, value in net.module_.state_dict().items()}

    def on_train_end(self, net: Any, **kwargs: Any) -> None:
        """Put the best weights back."""
        if net.best_weights_:
            net.module_.load_state_dict(net.best_weights_)
            if math.isinf(min(monitored_losses(net))):
                raise ValueError("Training broke down: no epoch had a finite loss. Choose a smaller lr.")
        net.best_weights_ = {}


class Checkpoint(Callback):
    """Write the state of a training after every epoch, where the estimator has a `checkpoint_dir`."""

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Write the state."""
        if net.checkpoint_dir is not None and net.training_ is not None:
            progress = {"seed": net.seed_, "history": [{**row, "batches": []} for row in net.history]}
            write_training(
                Path(net.checkpoint_dir) / FILE_NAME,
                net.module_,
                net.optimizer_,
                kept=net.best_weights_,
                description=net.training_,
                progress=progress,
            )


def resume(net: Any) -> None:
    """Bring a freshly initialised estimator to the state in its `checkpoint_dir`, if there is one.

    Parameters
    ----------
    net : DeepTFM
        The estimator; its ``training_`` describes the training that is to go on.

    Raises
    ------
    ValueError
        If the folder holds another training, or a damaged file.
    """
    path = Path(net.checkpoint_dir) / FILE_NAME
    remove_unfinished(path.parent, path.name)
    if not path.exists():
        return
    kept, progress = read_training(path, net.module_, net.optimizer_, net.training_)
    state = net.module_.state_dict()
    if kept and {name: value.shape for name, value in kept.items()} != {n: value.shape for n, value in state.items()}:
        raise ValueError(f"Expected the best weights of this network in {path}, got {', '.join(kept)}.")
    rows = entry(progress, "history", list, path)
    if not all(isinstance(row, dict) and isinstance(row.get("train_loss"), float | int) for row in rows):
        raise ValueError(f"Expected a history of rows with their train_loss in {path}, got {rows!r:.80}.")
    net.best_weights_, net.history = kept, History(rows)
    net.seed_ = entry(progress, "seed", int, path)


class EarlyStopping(Callback):
    """End training when the loss has not improved for some epochs.

    Parameters
    ----------
    patience : int, default=10
        Number of epochs without improvement.

    Notes
    -----
    skorch has a callback of that name with a memory of its own. This one reads the history instead, so a resumed
    training ends where an uninterrupted one does.
    """

    def __init__(self, patience: int = 10) -> None:
        self.patience = patience

    def is_due(self, net: Any) -> bool:
        """Tell whether training should end.

        Parameters
        ----------
        net : DeepTFM
            The estimator in training.

        Returns
        -------
        bool
            Whether the last `patience` epochs brought no improvement.
        """
        losses = monitored_losses(net)
        return len(losses) - 1 - int(np.argmin(losses)) >= self.patience

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """End training when it is due."""
        if self.is_due(net):
            raise KeyboardInterrupt


class ProgressBar(Callback):
    """Show one bar for the whole training, with loss and validation error, where the estimator is verbose."""

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:
        """Start without a bar: its length is known with the first epoch."""
        self.bar_: Any = None

    def on_epoch_begin(self, net: Any, dataset_train: Any = None, **kwargs: Any) -> None:
        """Open the bar."""
        if self.bar_ is None:
            n_fields, done = len(dataset_train), len(net.history) - 1 - net.first_epoch_
            self.bar_ = tqdm(
                total=net.max_epochs * n_fields,
                initial=done * n_fields,
                desc="training",
                unit="field",
                disable=not net.verbose,
            )

    def on_batch_end(self, net: Any, batch: Any = None, training: bool = False, **kwargs: Any) -> None:
        """Move the bar."""
        if training:
            self.bar_.update(len(batch[0]))

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Show the losses."""
        row = net.history[-1]
        held_out = "validation error" if isinstance(net.criterion_, RelativeError) else "validation loss"
        names = {"loss": "train_loss", held_out: "valid_loss"}
        losses = {name: f"{row[key]:.4f}" for name, key in names.items() if key in row}
        self.bar_.set_postfix(epoch=len(net.history), **losses)

    def on_train_end(self, net: Any, **kwargs: Any) -> None:
        """Close the bar."""
        if self.bar_ is not None:
            self.bar_.close()
        self.bar_ = None


def monitored_losses(net: Any) -> list[float]:
    """Return the losses that tell which epoch of the present training was best.

    Parameters
    ----------
    net : DeepTFM
        The estimator in training, one epoch or more into it.

    Returns
    -------
    list of float
        One loss per epoch: of the validation fields where some are held out, else of the training fields. An epoch
        whose loss is not finite counts as infinitely bad.
    """
    rows = net.history[net.first_epoch_ :]
    key = "valid_loss" if "valid_loss" in rows[-1] else "train_loss"
    return [row[key] if math.isfinite(row[key]) else math.inf for row in rows]
