"""From border signals to a traction field: the magnitudes and the positions of the vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmkit.simulate.circuit import COSINES, N_ANGLES, SINES

Array = NDArray[np.floating[Any]]

# Signals below this share of the strongest signal of a cell are dropped.
THRESHOLD = 0.05
# Largest net force over the force to compare it with, in x and in y (`net_force_share`).
MAX_NET_FORCE = 0.1

_POINT = np.ones((1, 1))
_SPREAD = np.array([[0.4, 0.6, 0.4], [0.6, 1.0, 0.6], [0.4, 0.6, 0.4]])
# The three layers: degrees between vectors, mean distance inwards in pixels, and the kernel of one vector.
_LAYERS = ((2, 1.0, _POINT), (6, 2.0, _POINT), (10, 6.0, _SPREAD))


@dataclass(frozen=True)
class Protocol:
    """Rules that turn the signals of a border into traction.

    Attributes
    ----------
    relative_threshold : float
        Share of the strongest signal of a cell below which signals are dropped.
    threshold : float
        Strength below which signals are dropped, in the unit of the circuit.
    inset : float
        Distance that every vector moves inwards besides its random distance, over the shorter side of the field.
    """

    relative_threshold: float = THRESHOLD
    threshold: float = 0.0
    inset: float = 0.0

    def magnitudes(self, signals: Array) -> Array:
        """Turn net signals into the magnitudes of the traction vectors along the border.

        Parameters
        ----------
        signals : ndarray of shape (n_cells, 360)
            Net signals.

        Returns
        -------
        ndarray of shape (n_cells, 360)
            Magnitudes, by `balance_signals`.
        """
        strongest = np.abs(signals).max(axis=1, keepdims=True)
        share = np.divide(self.threshold, strongest, out=np.zeros_like(strongest), where=strongest > 0)
        return balance_signals(signals, np.maximum(share, self.relative_threshold))


# The rules of the companion code of Wang and Lin (2021) are for its grid of 160 pixels.
PROTOCOLS = {
    "tfmkit": Protocol(),
    "wang2021": Protocol(relative_threshold=0.0, threshold=1.0, inset=3 / 160),
}


def balance_signals(signals: Array, threshold: Any = THRESHOLD) -> Array:
    """Turn net signals into the magnitudes of the traction vectors along the border.

    Parameters
    ----------
    signals : ndarray of shape (n_cells, 360)
        Net signals: positive where the border protrudes, negative where it retracts.
    threshold : float or ndarray of shape (n_cells, 1), default=0.05
        Share of a cell's strongest signal below which signals are dropped.

    Returns
    -------
    ndarray of shape (n_cells, 360)
        Magnitudes, >= 0. Signals under the threshold are dropped. The retracting signals are scaled so that their sum
        equals the sum of the protruding signals. All are 0 for a cell with signals of one sign only.
    """
    strongest = np.abs(signals).max(axis=1, keepdims=True)
    kept = np.where(np.abs(signals) >= threshold * strongest, signals, 0)
    pushing, pulling = np.maximum(kept, 0), np.maximum(-kept, 0)
    total_push, total_pull = (part.sum(axis=1, keepdims=True) for part in (pushing, pulling))
    usable = (total_push > 0) & (total_pull > 0)
    ratio = np.divide(total_push, total_pull, out=np.zeros_like(total_push), where=usable)
    return (pushing + ratio * pulling) * usable


def net_force_share(magnitudes: Array, *, per_axis: bool = False) -> Array:
    """Return the net force of a cell over its summed magnitude, before its vectors are placed.

    Parameters
    ----------
    magnitudes : ndarray of shape (n_cells, 360)
        Magnitudes of the vectors along the border; all point to the centre.
    per_axis : bool, default=False
        Whether to divide by the summed components along the axis instead of the summed magnitude.

    Returns
    -------
    ndarray of shape (n_cells, 2)
        |net force| over the summed magnitude, in x and y; 1 for a cell without force. It does not depend on the
        positions of the vectors, so cells can be rejected before they are drawn.
    """
    forces = magnitudes * _force_per_angle()
    along_axes = forces[:, None] * np.stack([COSINES, SINES])
    net = np.abs(along_axes.sum(axis=2))
    total = np.abs(along_axes).sum(axis=2) if per_axis else np.repeat(forces.sum(axis=1)[:, None], 2, axis=1)
    return np.divide(net, total, out=np.ones_like(net), where=total > 0)


def place_traction(
    streams: Sequence[np.random.Generator],
    radii: Array,
    centres: Array,
    magnitudes: Array,
    shape: tuple[int, int],
    oversample: int = 1,
    *,
    inset: float = 0.0,
) -> Array:
    """Draw the traction vectors of cells on a grid.

    Parameters
    ----------
    streams : sequence of numpy Generator
        One random stream per cell.
    radii : ndarray of shape (n_cells, 360)
        Borders in pixels.
    centres : ndarray of shape (n_cells, 2)
        Centres (x, y) of the borders in pixels.
    magnitudes : ndarray of shape (n_cells, 360)
        Magnitudes of the vectors along the border.
    shape : (int, int)
        Height and width of the grid.
    oversample : int, default=1
        Odd number: fine pixels per pixel in each direction in the result. A vector fills a square of one pixel, whose
        middle is the middle of a fine pixel.
    inset : float, default=0.0
        Distance in pixels that every vector moves inwards besides its random distance.

    Returns
    -------
    ndarray of shape (n_cells, 2, oversample * height, oversample * width), float32
        The traction, in the unit of `magnitudes`.

    Notes
    -----
    Every second vector moves from the border towards the centre by Poisson(1) pixels, every sixth by Poisson(2), and
    every tenth by Poisson(6). The last are spread by a 3 x 3 kernel. The result is the sum of the three layers (Wang
    and Lin 2021).
    """
    height, width = shape[0] * oversample, shape[1] * oversample
    rows, columns, weights, cells, angles = [], [], [], [], []
    for every, mean, kernel in _LAYERS:
        at = np.arange(0, N_ANGLES, every)
        inwards = np.array([stream.poisson(mean, len(at)) for stream in streams]).reshape(-1, len(at))
        distance = np.maximum(radii[:, at] - inwards - inset, 0)
        x = _fine_index(centres[:, :1] + distance * COSINES[at], oversample)
        y = _fine_index(centres[:, 1:] + distance * SINES[at], oversample)
        offset_y, offset_x, weight = _stamp(kernel, oversample)
        rows.append((y[..., None] + offset_y).ravel())
        columns.append((x[..., None] + offset_x).ravel())
        weights.append((magnitudes[:, at, None] * weight).ravel())
        cells.append(np.repeat(np.arange(len(radii)), len(at) * len(weight)))
        angles.append(np.tile(np.repeat(at, len(weight)), len(radii)))
    # Vectors outside the field act at its edge, so that the forces stay balanced.
    row, column = np.concatenate(rows).clip(0, height - 1), np.concatenate(columns).clip(0, width - 1)
    index = (np.concatenate(cells) * height + row) * width + column
    weight, angle = np.concatenate(weights), np.concatenate(angles)
    size = len(radii) * height * width
    planes = [np.bincount(index, -weight * part[angle], minlength=size) for part in (COSINES, SINES)]
    return np.stack([plane.astype(np.float32).reshape(-1, height, width) for plane in planes], axis=1)


def _force_per_angle() -> Array:
    force = np.zeros(N_ANGLES, dtype=np.float32)
    for every, _, kernel in _LAYERS:
        force[::every] += kernel.sum()
    return force


def _fine_index(position: Array, oversample: int) -> NDArray[np.intp]:
    return np.rint(position * oversample + (oversample - 1) / 2).astype(np.intp)


def _stamp(kernel: Array, oversample: int) -> tuple[NDArray[np.intp], NDArray[np.intp], Array]:
    """Return the offsets and the weights of one vector on the finer grid."""
    block = np.kron(kernel, np.ones((oversample, oversample)))
    offset_y, offset_x = np.indices(block.shape) - (len(block) - 1) // 2
    return offset_y.ravel(), offset_x.ravel(), block.ravel()
