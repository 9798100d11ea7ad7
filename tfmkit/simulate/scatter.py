"""Random patches of traction: adhesions of a cell, scattered discs, and pairs that pull at each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmkit.simulate.circuit import N_ANGLES
from tfmkit.simulate.patches import Discs, Patches, collect

Array = NDArray[np.floating[Any]]

_ANGLES = np.deg2rad(np.arange(N_ANGLES))
# Proposals per round, and rounds before a field counts as full.
_PROPOSALS, _ROUNDS = 64, 50
# Micrometres.
_HERTZ_RADIUS = (1.8, 2.2)
_HERTZ_DISTANCE = (20.0, 25.0)


def wobbly_borders(streams: Sequence[np.random.Generator]) -> Array:
    """Draw smooth, irregular cell borders.

    Parameters
    ----------
    streams : sequence of numpy Generator
        One random stream per cell.

    Returns
    -------
    ndarray of shape (len(streams), 360)
        Distance of the border from the centre at each degree: 1 plus waves of 2 to 6 periods, and at least 0.4.
    """
    waves = np.arange(2, 7)
    amplitude = np.stack([stream.normal(0, 0.3 / waves) for stream in streams])[:, :, None]
    phase = np.stack([stream.uniform(0, 2 * np.pi, len(waves)) for stream in streams])[:, :, None]
    return np.maximum(1 + (amplitude * np.cos(waves[:, None] * _ANGLES + phase)).sum(axis=1), 0.4)


def draw_adhesions(streams: Sequence[np.random.Generator], radii: Array, centres: Array) -> Patches:
    """Scatter adhesions just inside cell borders.

    Parameters
    ----------
    streams : sequence of numpy Generator
        One random stream per cell.
    radii : ndarray of shape (n_cells, 360)
        Borders in pixels.
    centres : ndarray of shape (n_cells, 2)
        Their centres (x, y) in pixels.

    Returns
    -------
    Patches
        12 to 60 Gaussian adhesions per cell, 1 to 4 px inside the border. Their standard deviations are 0.8-2.6 px
        along and 0.5-1.2 px across the pull. The pull points to the centre within 15 degrees, before the net force is
        removed. Strengths are gamma-distributed (shape 2), in arbitrary units.

    Notes
    -----
    The net force F is removed in proportion to the strength of each adhesion, so that weak adhesions stay weak:
    ``t_i <- t_i - |t_i| F / sum_j A_j |t_j|``, where A_j is the area of an adhesion.
    """
    return collect([_adhesions_of(stream, *cell) for stream, *cell in zip(streams, radii, centres, strict=True)])


def draw_discs(
    rng: np.random.Generator, shape: tuple[int, int], relative_traction: tuple[float, float], _pixel_size: float
) -> Discs:
    """Scatter discs that do not overlap.

    Parameters
    ----------
    rng : numpy Generator
        Random stream.
    shape : (int, int)
        Height and width of the grid.
    relative_traction : (float, float)
        Range of the magnitude of the traction over Young's modulus.
    _pixel_size : float
        Not used: the discs scale with the field.

    Returns
    -------
    Discs
        10 to 50 discs with random directions. The radii are 1-5 % of the shorter side of the field.
    """
    radius = np.sort(rng.uniform(0.01, 0.05, rng.integers(10, 51)) * min(shape))[::-1]
    position = np.concatenate(_place(rng, shape, radius, _single))
    direction, size = rng.uniform(0, 2 * np.pi, len(radius)), rng.uniform(*relative_traction, len(radius))
    return Discs(position, radius, np.stack([size * np.cos(direction), size * np.sin(direction)], axis=1))


def draw_hertz_pairs(
    rng: np.random.Generator, shape: tuple[int, int], relative_traction: tuple[float, float], pixel_size: float
) -> Discs:
    """Scatter pairs of patches that pull at each other with equal forces.

    Parameters
    ----------
    rng : numpy Generator
        Random stream.
    shape : (int, int)
        Height and width of the grid.
    relative_traction : (float, float)
        Range of the traction at the centre over Young's modulus.
    pixel_size : float
        Micrometres per pixel.

    Returns
    -------
    Discs
        2 to 10 pairs, with radii of 1.8-2.2 um and 20-25 um between the centres.

    Raises
    ------
    ValueError
        If the field is too small for the pairs.
    """
    radius = rng.uniform(*_HERTZ_RADIUS, rng.integers(2, 11)) / pixel_size
    distance = rng.uniform(*_HERTZ_DISTANCE, len(radius)) / pixel_size
    pairs = np.stack(_place(rng, shape, radius, _pair, distance))
    towards = (pairs[:, 1] - pairs[:, 0]) / distance[:, None]
    pull = towards * rng.uniform(*relative_traction, len(radius))[:, None]
    traction = np.stack([pull, -pull], axis=1).reshape(-1, 2)
    return Discs(pairs.reshape(-1, 2), np.repeat(radius, 2), traction, "hertz")


def _adhesions_of(stream: np.random.Generator, radii: Array, centre: Array) -> tuple[Array, Array, Array, Array]:
    count = stream.integers(12, 61)
    at = stream.integers(N_ANGLES, size=count)
    distance = np.maximum(radii[at] - stream.uniform(1, 4, count), 0)
    position = centre + distance[:, None] * np.stack([np.cos(_ANGLES[at]), np.sin(_ANGLES[at])], axis=1)
    semi_axes = np.stack([stream.uniform(0.8, 2.6, count), stream.uniform(0.5, 1.2, count)], axis=1)
    angle = _ANGLES[at] + np.pi + np.deg2rad(stream.uniform(-15, 15, count))
    strength = stream.gamma(2.0, 1.0, count)
    traction = strength[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    area = semi_axes.prod(axis=1)
    net = (area[:, None] * traction).sum(axis=0)
    return position, semi_axes, angle, traction - strength[:, None] * net / (area * strength).sum()


def _single(stream: np.random.Generator, shape: tuple[int, int], _: float) -> Array:
    return stream.uniform(-0.5, np.array(shape[::-1]) - 0.5, (_PROPOSALS, 1, 2))


def _pair(stream: np.random.Generator, shape: tuple[int, int], distance: float) -> Array:
    first, direction = _single(stream, shape, distance), stream.uniform(0, 2 * np.pi, _PROPOSALS)
    step = distance * np.stack([np.cos(direction), np.sin(direction)], axis=1)
    return np.concatenate([first, first + step[:, None]], axis=1)


def _place(
    stream: np.random.Generator,
    shape: tuple[int, int],
    radii: Array,
    propose: Callable[[np.random.Generator, tuple[int, int], float], Array],
    distances: Array | None = None,
) -> list[Array]:
    """Return the positions (n, 2) of one group of discs per radius; discs neither overlap nor cross the edge."""
    placed: list[Array] = []
    taken, reach = np.empty((0, 2)), np.empty(0)
    for radius, distance in zip(radii, np.zeros(len(radii)) if distances is None else distances, strict=True):
        for _ in range(_ROUNDS):
            groups = propose(stream, shape, distance)
            free = _is_free(groups, radius, shape, taken, reach)
            if free.any():
                break
        else:
            raise ValueError(
                f"Expected a field large enough for its patches, got {shape}; use a larger field or larger pixels."
            )
        placed.append(groups[free.argmax()])
        taken = np.concatenate([taken, placed[-1]])
        reach = np.append(reach, np.full(len(placed[-1]), radius))
    return placed


def _is_free(groups: Array, radius: float, shape: tuple[int, int], taken: Array, reach: Array) -> NDArray[np.bool_]:
    inside = (groups >= radius - 0.5) & (groups <= np.array(shape[::-1]) - 0.5 - radius)
    gap = np.linalg.norm(groups[:, :, None] - taken, axis=3) - reach - radius
    return np.asarray(inside.all(axis=(1, 2)) & (gap > 0).all(axis=(1, 2)))
