"""The shape machine: local protrusion signals and a global inhibition move the border of a cell.

A border is 360 radii around a moving centre, one per degree. Every degree carries a protrusion signal. All cells of a
batch take each step together. Every cell has its own random stream, so it does not depend on the other cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmkit._validation import check_choice, check_count, root_stream

N_ANGLES = 360
# Radius of the cell body, the least radius of a border. The unit of length of the model is a tenth of it.
BODY_RADIUS = 10.0

_DEGREE = np.float32(np.pi / 180)
_ANGLES = np.arange(N_ANGLES, dtype=np.float32) * _DEGREE
COSINES = np.cos(_ANGLES)
SINES = np.sin(_ANGLES)

_SIGNAL_LIMIT = np.float32(100.0)
# Largest spread of a signal to either side in one step, in degrees.
_MAX_WINDOW = 40
_STEPS_PER_RECENTRING = 4
# Border tension: the weight of the radius of each neighbour in one step.
_TENSION = 0.1
# Cells in one block, so that its arrays stay in a processor's cache.
_CELLS_PER_BLOCK = 32

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Circuit:
    """Parameters of the control circuit of a cell's shape.

    Attributes
    ----------
    spread : float
        Distance along the border that a signal spreads in one step, in tenths of the body's radius.
    decay : float
        Fraction of a signal lost in one step, in (0, 1).
    burst_rate : float
        Expected burst of signal per degree and step, without feedback.
    feedback : float
        Growth of the expected burst with the net signal above `takeoff`.
    takeoff : float
        Net signal above which feedback acts.
    inhibition : float
        Global inhibition per mean signal, for a cell with the area of its body; it grows with the area.
    protrusion : float
        Mean and variance of the outward step where the local signal exceeds the inhibition, in tenths of the body's
        radius.
    retraction : float
        Fraction of the way back to the body in one step where the inhibition exceeds the signal, in [0, 1).
    n_steps : int
        Number of steps, starting from a round cell.
    """

    spread: float
    decay: float
    burst_rate: float
    feedback: float
    takeoff: float
    inhibition: float
    protrusion: float
    retraction: float
    n_steps: int


# Chosen by eye from sheets of cells: see examples/plot_simulate_cells.py.
CIRCUITS: dict[str, Circuit] = {
    "generic": Circuit(
        spread=5.0, decay=0.12, burst_rate=0.05, feedback=0.25, takeoff=0.3,
        inhibition=0.1, protrusion=0.5, retraction=0.03, n_steps=110,
    ),
    "keratocyte": Circuit(
        spread=15.0, decay=0.1, burst_rate=0.02, feedback=0.25, takeoff=0.2,
        inhibition=0.15, protrusion=0.6, retraction=0.08, n_steps=100,
    ),
    "neuron": Circuit(
        spread=1.0, decay=0.05, burst_rate=0.02, feedback=0.25, takeoff=0.1,
        inhibition=0.15, protrusion=1.0, retraction=0.1, n_steps=100,
    ),
    "fibroblast": Circuit(
        spread=3.0, decay=0.1, burst_rate=0.02, feedback=0.25, takeoff=0.2,
        inhibition=0.1, protrusion=0.6, retraction=0.01, n_steps=120,
    ),
}  # fmt: skip


def simulate_borders(n_cells: int, family: str = "generic", random_state: Any = None) -> tuple[Array, Array]:
    """Simulate cell borders and their signals.

    Parameters
    ----------
    n_cells : int
        Number of cells.
    family : {"generic", "keratocyte", "neuron", "fibroblast"}, default="generic"
        Key of `CIRCUITS`.
    random_state : None, int, numpy Generator or RandomState, optional
        Seed. The first cells of a seed do not depend on `n_cells`.

    Returns
    -------
    radii : ndarray of shape (n_cells, 360), float32
        Distance of the border from the cell's centre at each degree, in tenths of the body's radius; degree 0 points
        along x, degree 90 along y.
    signals : ndarray of shape (n_cells, 360), float32
        Net (local minus global) signal: positive where the border protrudes, negative where it retracts.

    Raises
    ------
    ValueError
        If `n_cells` is not a positive integer, or `family` is unknown.

    Examples
    --------
    >>> radii, signals = simulate_borders(2, "keratocyte", random_state=0)
    >>> radii.shape
    (2, 360)
    """
    n_cells = check_count(n_cells, "n_cells")
    circuit = CIRCUITS[check_choice(family, "family", tuple(CIRCUITS))]
    return evolve(root_stream(random_state).spawn(n_cells), circuit)


def evolve(streams: Sequence[np.random.Generator], circuit: Circuit) -> tuple[Array, Array]:
    """Evolve one round cell per random stream.

    Parameters
    ----------
    streams : sequence of numpy Generator
        One random stream per cell.
    circuit : Circuit
        Parameters of the shape machine.

    Returns
    -------
    radii : ndarray of shape (len(streams), 360), float32
        As `simulate_borders` returns them.
    signals : ndarray of shape (len(streams), 360), float32
        As `simulate_borders` returns them.

    Notes
    -----
    With signal s, inhibition I and area A (1 for the round body), one step is

    - ``s <- (1 - decay) * (s + (<s> - s) / 2) + burst``, <s> the mean over the `spread` to either side,
    - burst normal with mean and variance ``burst_rate + feedback * max(s - I - takeoff, 0)``, cut off at 0,
    - ``I = inhibition * A * mean(s)``,
    - where s > I the radius grows by a normal step of mean and variance `protrusion`, cut off at 0; elsewhere it
      shrinks by ``retraction * (r - body)``,

    and then the centre moves to the mean of the border. The rules are those of [1]_; the parameters are tfmkit's.

    References
    ----------
    .. [1] Satulovsky, Lui and Wang, "Exploring the control circuit of cell migration by mathematical modeling",
       Biophys. J. 94:3671 (2008).
    """
    blocks = [
        _evolve_block(streams[start : start + _CELLS_PER_BLOCK], circuit)
        for start in range(0, len(streams), _CELLS_PER_BLOCK)
    ]
    radii, signals = zip(*blocks, strict=True)
    return np.concatenate(radii), np.concatenate(signals)


def _evolve_block(streams: Sequence[np.random.Generator], circuit: Circuit) -> tuple[Array, Array]:
    shape = (len(streams), N_ANGLES)
    radii = np.full(shape, BODY_RADIUS, np.float32)
    signals = np.full(shape, circuit.burst_rate / circuit.decay, np.float32)
    inhibition = _inhibition(radii, signals, circuit)
    normals = np.empty((len(streams), _STEPS_PER_RECENTRING, 2, N_ANGLES), np.float32)
    for step in range(circuit.n_steps):
        phase = step % _STEPS_PER_RECENTRING
        if phase == 0:
            for stream, block in zip(streams, normals, strict=True):
                stream.standard_normal(dtype=np.float32, out=block)
        signals = _update_signals(radii, signals, inhibition, normals[:, phase, 0], circuit)
        inhibition = _inhibition(radii, signals, circuit)
        radii = _move_border(radii, signals > inhibition, normals[:, phase, 1], circuit)
        if phase == _STEPS_PER_RECENTRING - 1 or step == circuit.n_steps - 1:
            radii, signals = _recentre(radii, signals)
    return radii, signals - inhibition


def _inhibition(radii: Array, signals: Array, circuit: Circuit) -> Array:
    area = (radii * radii).mean(axis=1) / np.float32(BODY_RADIUS**2)
    return (np.float32(circuit.inhibition) * area * signals.mean(axis=1))[:, None]


def _update_signals(radii: Array, signals: Array, inhibition: Array, normals: Array, circuit: Circuit) -> Array:
    burst = signals - (inhibition + np.float32(circuit.takeoff))
    np.maximum(burst, 0, out=burst)
    burst *= np.float32(circuit.feedback)
    burst += np.float32(circuit.burst_rate)
    burst += np.sqrt(burst) * normals
    np.maximum(burst, 0, out=burst)
    spread = _mean_along_border(radii, signals, circuit.spread)
    spread += signals
    spread *= np.float32(0.5 * (1 - circuit.decay))
    spread += burst
    return np.clip(spread, 0, _SIGNAL_LIMIT, out=spread)


def _mean_along_border(radii: Array, signals: Array, distance: float) -> Array:
    # The window is in degrees: where a degree of the border is longer, a signal reaches fewer degrees.
    closed = np.concatenate([radii[:, -1:], radii], axis=1)
    length = np.abs(np.diff(closed, axis=1))
    # |dr| + r dphi is an upper bound of the length of a degree, and needs no square root.
    length += radii * _DEGREE
    window = np.clip(np.float32(distance) / length, 1, _MAX_WINDOW).astype(np.intp)
    padded = np.concatenate([signals[:, -_MAX_WINDOW - 1 :], signals, signals[:, :_MAX_WINDOW]], axis=1)
    sums = np.cumsum(padded, axis=1)
    middle = np.arange(len(signals))[:, None] * padded.shape[1] + np.arange(_MAX_WINDOW, _MAX_WINDOW + N_ANGLES)
    flat = sums.ravel()
    total = flat.take(middle + window + 1)
    total -= flat.take(middle - window)
    total /= (2 * window + 1).astype(np.float32)
    return total


def _move_border(radii: Array, protruding: NDArray[np.bool_], normals: Array, circuit: Circuit) -> Array:
    outwards = normals * np.float32(np.sqrt(circuit.protrusion))
    outwards += np.float32(circuit.protrusion)
    np.maximum(outwards, 0, out=outwards)
    inwards = np.maximum(radii - np.float32(BODY_RADIUS), 0)
    inwards *= np.float32(-circuit.retraction)
    moved = radii + np.where(protruding, outwards, inwards)
    closed = np.concatenate([moved[:, -1:], moved, moved[:, :1]], axis=1)
    moved *= np.float32(1 - 2 * _TENSION)
    moved += np.float32(_TENSION) * (closed[:, :-2] + closed[:, 2:])
    return moved


def _recentre(radii: Array, signals: Array) -> tuple[Array, Array]:
    """Move the origin to the mean of the border, to first order in the shift."""
    shift_x = (radii * COSINES).mean(axis=1, keepdims=True)
    shift_y = (radii * SINES).mean(axis=1, keepdims=True)
    # Old angle minus new angle of the point where the new ray meets the old border.
    turn = (shift_y * COSINES - shift_x * SINES) / (radii * _DEGREE)
    position = np.arange(N_ANGLES, dtype=np.float32) + np.clip(turn, -20, 20)
    low = np.floor(position)
    weight = position - low
    first = low.astype(np.intp) % N_ANGLES
    second = (first + 1) % N_ANGLES
    rows = np.arange(len(radii))[:, None] * N_ANGLES

    def interpolate(values: Array) -> Array:
        start = values.take(rows + first)
        return start + weight * (values.take(rows + second) - start)

    along_ray = shift_x * COSINES + shift_y * SINES
    # The new centre stays inside the border, also near a thin part.
    return np.maximum(interpolate(radii) - along_ray, np.float32(0.3 * BODY_RADIUS)), interpolate(signals)
