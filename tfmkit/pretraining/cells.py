"""Circuit-model borders and signals for the training stream: many circuits, and borders no circuit makes."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from tfmkit.simulate.circuit import CIRCUITS, COSINES, N_ANGLES, SINES, Circuit, evolve, simulate_borders

Array = NDArray[Any]

_CELLS_PER_CIRCUIT = 32
# Bounds between which the parameters of a random circuit are drawn, log-uniformly.
_BOUNDS = {
    "spread": (0.6, 20.0),
    "decay": (0.05, 0.2),
    "burst_rate": (0.005, 0.05),
    "feedback": (0.15, 0.4),
    "takeoff": (0.1, 1.0),
    "inhibition": (0.1, 1.2),
    "protrusion": (0.5, 1.5),
    "retraction": (0.008, 0.1),
}


def training_cells(n_cells: int, seed: int) -> tuple[Tensor, Tensor]:
    """Simulate the cells of a training stream.

    Parameters
    ----------
    n_cells : int
        Number of cells asked for: 40 % from the simulator's own circuits, 40 % from random circuits and 20 % with
        random borders and bursts. A few that pull nowhere are dropped.
    seed : int
        Seed.

    Returns
    -------
    radii : Tensor of shape (n, 360)
        Border radii; the longest side of every cell is 1.
    signals : Tensor of shape (n, 360)
        Signed signals, small ones dropped, retraction balanced against protrusion, the largest 1.
    """
    rng = np.random.default_rng(seed)
    own = -(-2 * n_cells // (5 * len(CIRCUITS)))
    parts = [simulate_borders(own, family, rng) for family in CIRCUITS]
    n_circuits = -(-2 * n_cells // (5 * _CELLS_PER_CIRCUIT))
    parts += [
        evolve(rng.spawn(_CELLS_PER_CIRCUIT), _random_circuit(rng))
        for _ in tqdm(range(n_circuits), desc="simulating cells")
    ]
    parts.append(_random_borders(n_cells // 5, rng))
    normalised = [_normalised(radii, signals, 10 ** rng.uniform(-2.7, -1.3)) for radii, signals in parts]
    radii, signals = (
        torch.as_tensor(np.concatenate(column), dtype=torch.float32) for column in zip(*normalised, strict=False)
    )
    return torch.as_tensor(radii, dtype=torch.float32), torch.as_tensor(signals, dtype=torch.float32)


def _random_circuit(rng: np.random.Generator) -> Circuit:
    values = {name: float(np.exp(rng.uniform(*np.log(bounds)))) for name, bounds in _BOUNDS.items()}
    return Circuit(**values, n_steps=int(rng.integers(60, 160)))


def _random_borders(n: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Wavy or rough borders, some with spikes, and bursts of exponential signals over a background."""
    theta = np.arange(N_ANGLES) * (2 * np.pi / N_ANGLES)
    radii = np.ones((n, N_ANGLES))
    for mode in range(1, 9):
        size = 0.35 * rng.normal(size=(n, 1)) / mode ** rng.uniform(0.6, 1.6, (n, 1))
        radii += size * np.cos(mode * theta + rng.uniform(0, 2 * np.pi, (n, 1)))
    radii = np.maximum(radii, 0.25) * np.exp(rng.choice([0, 0.02, 0.06], (n, 1)) * rng.normal(size=radii.shape))
    for _ in range(6):
        spike = _bump(theta, rng.uniform(0.02, 0.15, (n, 1)), rng)
        radii += (rng.random((n, 1)) < 0.25) * rng.uniform(0.3, 1.5, (n, 1)) * spike
    activity = np.zeros_like(radii)
    for _ in range(10):
        burst = rng.gamma(1.0, size=(n, 1)) * _bump(theta, 10 ** rng.uniform(-1.8, -0.1, (n, 1)), rng)
        activity += (rng.random((n, 1)) < 0.5) * burst
    inhibition = rng.uniform(0.02, 0.6, (n, 1)) * activity.mean(1, keepdims=True)
    inhibition = inhibition * np.exp(rng.uniform(0, 1, (n, 1)) * rng.normal(size=radii.shape))
    return radii, activity * rng.exponential(size=radii.shape) ** rng.uniform(0.3, 2, (n, 1)) - inhibition


def _bump(theta: Array, width: Array, rng: np.random.Generator) -> Array:
    distance = np.angle(np.exp(1j * (theta - rng.uniform(0, 2 * np.pi, (len(width), 1)))))
    return np.exp(-((distance / width) ** 2) / 2)


def _normalised(radii: Array, signals: Array, threshold: float) -> tuple[Array, Array]:
    largest = np.abs(signals).max(1, keepdims=True)
    signals = np.where(np.abs(signals) < threshold * largest, 0, signals)
    push, pull = np.maximum(signals, 0).sum(1), -np.minimum(signals, 0).sum(1)
    keep = (push > 0) & (pull > 0)
    radii, signals, push, pull = radii[keep], signals[keep], push[keep], pull[keep]
    signals = np.where(signals < 0, signals * (push / pull)[:, None], signals)
    side = np.maximum(np.ptp(radii * COSINES, 1), np.ptp(radii * SINES, 1))
    return radii / side[:, None], signals / np.abs(signals).max(1, keepdims=True)
