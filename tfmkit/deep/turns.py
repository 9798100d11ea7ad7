"""The eight quarter turns and reflections of a field, and averages over them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def turn(field: Array, quarters: int, mirror: bool) -> Array:
    """Turn vector fields, vectors and all.

    Parameters
    ----------
    field : ndarray of shape (n_fields, 2, height, width)
        Vectors, x (to the right) before y (down).
    quarters : int
        Quarter turns, counter-clockwise as one looks at the image; negative ones turn back.
    mirror : bool
        Whether to reverse left and right before turning.

    Returns
    -------
    ndarray of shape (n_fields, 2, height, width), height and width swapped where `quarters` is odd
        The turned fields.
    """
    turned = field[..., ::-1] * np.array([-1, 1], dtype=field.dtype)[:, None, None] if mirror else field
    return _quarter_turns(turned, quarters)


def turn_back(field: Array, quarters: int, mirror: bool) -> Array:
    """Undo `turn`.

    Parameters
    ----------
    field : ndarray of shape (n_fields, 2, height, width)
        Turned vectors.
    quarters : int
        As given to `turn`.
    mirror : bool
        As given to `turn`.

    Returns
    -------
    ndarray of shape (n_fields, 2, height, width)
        The fields as they were.
    """
    return turn(_quarter_turns(field, -quarters), 0, mirror)


def average_over_turns(
    evaluate: Callable[[Array, Array | None], tuple[Array, ...]], displacement: Array, noise: Array | None = None
) -> tuple[Array, ...]:
    """Average the predictions of a network for the eight turns of fields.

    Parameters
    ----------
    evaluate : callable
        Function from displacement and noise to a tuple of traction and, where the network knows it, the half-width of
        its interval. A half-width is not a vector: its components have no sign. Neither have those of the noise.
    displacement : ndarray of shape (n_fields, 2, height, width)
        Displacement.
    noise : ndarray of shape (n_fields, 2, height, width), optional
        Standard deviation of the displacement, for a network that is told it.

    Returns
    -------
    tuple of ndarray
        Results of `evaluate`, turned back and averaged.
    """
    sums: list[Array] = []
    for quarters in range(4):
        for mirror in (False, True):
            turned = np.ascontiguousarray(turn(displacement, quarters, mirror))
            told = None if noise is None else np.ascontiguousarray(abs(turn(noise, quarters, mirror)))
            traction, *half_width = evaluate(turned, told)
            parts = [turn_back(traction, quarters, mirror), *(abs(turn_back(w, quarters, mirror)) for w in half_width)]
            sums = [total + part for total, part in zip(sums, parts, strict=True)] if sums else parts
    return tuple(total / 8 for total in sums)


def _quarter_turns(field: Array, quarters: int) -> Array:
    for _ in range(quarters % 4):
        rotated = np.rot90(field, axes=(2, 3))
        # Counter-clockwise with y down: vectors to the right turn upwards, vectors downwards turn to the right.
        field = np.stack([rotated[:, 1], -rotated[:, 0]], axis=1)
    return field
