"""The fields of the trainings of TracNet: cells turned by many angles, round cells, and cells of the simulator."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfmkit.gel import ForwardOperator, Gel
from tfmkit.simulate import CellSimulator
from tfmkit.simulate.circuit import N_ANGLES, simulate_borders
from tfmkit.simulate.placement import MAX_NET_FORCE, balance_signals, net_force_share, place_traction
from tfmkit.simulate.shapes import fit_border

Array = NDArray[Any]

POISSON = 0.45
# Largest traction of a cell over Young's modulus: 1 to 8 kPa on a gel of 10,670 Pa. Longest side of a cell over that
# of the field.
_TRACTION, _SIZE = (1_000 / 10_670, 8_000 / 10_670), 0.4


class Fields(NamedTuple):
    """Fields of a training.

    Attributes
    ----------
    displacement, traction : ndarray of shape (n, 2, height, width), float32
        Displacement in grid px, and traction over Young's modulus.
    """

    displacement: Array
    traction: Array


def turned_cells(n_cells: int, n_angles: int, n_round: int, side: int, rng: np.random.Generator) -> Fields:
    """Simulate cells of the circuit model in many orientations, and radially symmetric cells.

    A turned cell has the border, the signals and the largest traction of the cell, turned by a whole number of degrees.
    Its vectors are placed on the pixels anew, and its displacement is computed anew.

    Parameters
    ----------
    n_cells : int
        Cells without symmetry.
    n_angles : int
        Orientations of each.
    n_round : int
        Round cells whose border pulls everywhere alike.
    side : int
        Pixels along a side of the fields.
    rng : numpy Generator
        Randomness.

    Returns
    -------
    Fields
        ``n_cells * n_angles + n_round`` noise-free fields.
    """
    radii, magnitudes = _balanced_cells(n_cells, rng)
    largest = rng.uniform(*_TRACTION, n_cells + n_round)
    steps = [round(N_ANGLES * number / n_angles) for number in range(n_angles)]
    round_cells = np.ones((n_round, N_ANGLES))
    borders, signals = (
        np.concatenate([*(np.roll(part, step, axis=1) for step in steps), round_cells]) for part in (radii, magnitudes)
    )
    peaks = np.concatenate([np.tile(largest[:n_cells], n_angles), largest[n_cells:]])
    shape = (side, side)
    scaled, centres = fit_border(borders, shape, np.full(len(borders), _SIZE * side))
    traction = place_traction(rng.spawn(len(borders)), scaled, centres, signals, shape)
    length = np.sqrt(np.square(traction).sum(axis=1)).max(axis=(1, 2))
    traction *= (peaks / length).astype(np.float32)[:, None, None, None]
    gel = Gel(young=1.0, poisson=POISSON)
    return Fields(np.asarray(ForwardOperator.of_gel(shape, gel).apply(traction), dtype=np.float32), traction)


def simulated_cells(n_cells: int, side: int, rng: np.random.Generator) -> Fields:
    """Simulate generic cells, half of them by each protocol of the simulator.

    Parameters
    ----------
    n_cells : int
        Cells.
    side : int
        Pixels along a side of the fields.
    rng : numpy Generator
        Randomness.

    Returns
    -------
    Fields
        Noise-free fields.
    """
    counts = {"tfmkit": n_cells - n_cells // 2, "wang2021": n_cells // 2}
    parts = [
        CellSimulator(shape=side, young=1.0, poisson=POISSON, protocol=protocol, max_traction=_TRACTION,
                      random_state=stream).sample(count)
        for (protocol, count), stream in zip(counts.items(), rng.spawn(len(counts)), strict=True)
    ]  # fmt: skip
    return Fields(*(np.concatenate([part[name] for part in parts]) for name in ("displacement", "traction")))


def _balanced_cells(n_cells: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return borders and magnitudes of cells whose net force is small."""
    radii, magnitudes = np.empty((0, N_ANGLES)), np.empty((0, N_ANGLES))
    while len(radii) < n_cells:
        drawn, signals = simulate_borders(4 * n_cells, "generic", rng)
        pulls = balance_signals(signals)
        keep = (pulls.max(axis=1) > 0) & (net_force_share(pulls) < MAX_NET_FORCE).all(axis=1)
        radii, magnitudes = np.concatenate([radii, drawn[keep]]), np.concatenate([magnitudes, pulls[keep]])
    return radii[:n_cells], magnitudes[:n_cells]
