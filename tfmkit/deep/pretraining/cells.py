"""Circuit-model borders and signals for the training stream: many circuits, and random borders beside them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from tfmkit.simulate.circuit import CIRCUITS, COSINES, N_ANGLES, SINES, Circuit, evolve, simulate_borders
from tfmkit.simulate.placement import MAX_NET_FORCE, THRESHOLD, balance_signals, net_force_share

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
        Number of cells to simulate: 60 % from the simulator's own circuits, 25 % from random circuits and 15 % with
        random borders and bursts. Cells that pull nowhere are dropped. So are cells of a circuit whose forces are far
        from balance, as in the simulator.
    seed : int
        Seed.

    Returns
    -------
    radii : Tensor of shape (n, 360)
        Border radii; the longest side of every cell is 1.
    magnitudes : Tensor of shape (n, 360)
        Magnitudes of the vectors along the border, small ones dropped, retraction balanced against protrusion, the
        largest 1.
    """
    rng = np.random.default_rng(seed)
    own = -(-n_cells * 6 // (10 * len(CIRCUITS)))
    parts = [_balanced(*simulate_borders(own, family, rng), THRESHOLD) for family in CIRCUITS]
    n_circuits = -(-n_cells // (4 * _CELLS_PER_CIRCUIT))
    for _ in tqdm(range(n_circuits), desc="simulating cells"):
        cells = evolve(rng.spawn(_CELLS_PER_CIRCUIT), _random_circuit(rng))
        parts.append(_balanced(*cells, _thresholds(rng, _CELLS_PER_CIRCUIT)))
    n_borders = n_cells * 15 // 100
    parts.append(_balanced(*_random_borders(n_borders, rng), _thresholds(rng, n_borders), most_net_force=np.inf))
    radii, magnitudes = (np.concatenate(column) for column in zip(*parts, strict=True))
    return torch.as_tensor(radii, dtype=torch.float32), torch.as_tensor(magnitudes, dtype=torch.float32)


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


def _thresholds(rng: np.random.Generator, n: int) -> Array:
    return 10 ** rng.uniform(-2.7, -1.3, (n, 1))


def _balanced(
    radii: Array, signals: Array, threshold: Any, most_net_force: float = MAX_NET_FORCE
) -> tuple[Array, Array]:
    magnitudes = balance_signals(signals, threshold)
    keep = (magnitudes.max(1) > 0) & (net_force_share(magnitudes) < most_net_force).all(1)
    radii, magnitudes = radii[keep], magnitudes[keep]
    side = np.maximum(np.ptp(radii * COSINES, 1), np.ptp(radii * SINES, 1))
    return radii / side[:, None], magnitudes / magnitudes.max(1, keepdims=True)
