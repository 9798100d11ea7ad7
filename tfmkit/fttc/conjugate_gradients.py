"""Conjugate gradients for a batch of fields that share one symmetric positive definite operator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class Solution(NamedTuple):
    """Result of the iteration.

    Attributes
    ----------
    x : ndarray of shape (n_fields, ...)
        The solution.
    n_iter : ndarray of shape (n_fields,)
        Iterations used.
    residual : ndarray of shape (n_fields,)
        Norm of the residual in the metric of the preconditioner.
    """

    x: Array
    n_iter: NDArray[np.intp]
    residual: Array


class Deflation(NamedTuple):
    """Modes that are solved for directly, and their images under the operator.

    Attributes
    ----------
    modes : ndarray of shape (n_modes, size)
        Linearly independent vectors, `size` entries each.
    images : ndarray of shape (n_modes, size)
        The operator's images of the modes.
    inverse : ndarray of shape (n_modes, n_modes)
        Inverse of the inner products of modes and images.
    """

    modes: Array
    images: Array
    inverse: Array


def conjugate_gradients(
    apply: Callable[[Array], Array],
    start: Array,
    residual: Array,
    *,
    precondition: Callable[[Array], Array],
    deflation: Deflation | None = None,
    goal: Array,
    max_iter: int,
    reorthogonalise: bool = False,
) -> Solution:
    """Solve ``A x = b`` for every field of a batch.

    Parameters
    ----------
    apply : callable
        The operator ``A`` on a batch; symmetric and positive definite.
    start : ndarray of shape (n_fields, ...)
        First guesses.
    residual : ndarray of shape (n_fields, ...)
        Their residuals ``b - A x``.
    precondition : callable
        An approximate inverse of ``A``, symmetric and positive definite.
    deflation : Deflation, optional
        Modes to take out of the iteration.
    goal : ndarray of shape (n_fields,)
        A field has converged when the norm of its residual in the metric of the preconditioner is at most this. It
        then stands still, so that its solution does not depend on the rest of the batch.
    max_iter : int
        Most iterations.
    reorthogonalise : bool, default=False
        Whether every residual is made orthogonal to all residuals before it once more. An iteration that stops early
        needs it: lost orthogonality lets rounding errors grow by a factor of 1e10 in 20 steps.

    Returns
    -------
    Solution
        Solution, iterations and residual norm of every field.

    Notes
    -----
    The deflated method of [1]_: residuals stay orthogonal to the modes, search directions conjugate to them.

    References
    ----------
    .. [1] Y. Saad, M. Yeung, J. Erhel and F. Guyomarc'h, SIAM J. Sci. Comput. 21, 1909 (2000).
    """
    x, residual = _remove_modes(deflation, start, residual)
    z = precondition(residual)
    direction = _conjugate_to_modes(deflation, z)
    size = _dot(residual, z)
    small = np.square(goal).reshape(size.shape)
    n_iter = np.zeros(len(x), dtype=np.intp)
    before: list[tuple[Array, Array]] = []
    for _ in range(max_iter):
        image = apply(direction)
        bend = _dot(direction, image)
        active = (size > small) & (bend > 0)
        if not active.any():
            break
        n_iter += active.reshape(-1)
        step = np.where(active, size, 0) / np.where(active, bend, 1)
        x = x + step * direction
        if reorthogonalise:
            # A field that stands still takes no part: its share would grow from round to round.
            before.append((np.where(active, residual, 0) / np.where(active, size, 1), z))
        residual = _orthogonal(residual - step * image, before)
        z = precondition(residual)
        previous, size = size, np.where(active, _dot(residual, z), size)
        direction = _conjugate_to_modes(deflation, z) + size / np.where(previous > 0, previous, 1) * direction
    return Solution(x, n_iter, np.sqrt(np.maximum(size, 0)).reshape(-1))


def _orthogonal(residual: Array, before: list[tuple[Array, Array]]) -> Array:
    """Take out of a residual its parts along earlier ones, in the metric of the preconditioner."""
    amounts = [_dot(z, residual) for _, z in before]
    return residual - sum(amount * earlier for amount, (earlier, _) in zip(amounts, before, strict=True))


def _remove_modes(deflation: Deflation | None, x: Array, residual: Array) -> tuple[Array, Array]:
    """Solve for the modes: the residual becomes orthogonal to them."""
    if deflation is None:
        return x, residual
    amounts = _amounts(deflation, residual, deflation.modes)
    return x + (amounts @ deflation.modes).reshape(x.shape), residual - (amounts @ deflation.images).reshape(x.shape)


def _conjugate_to_modes(deflation: Deflation | None, z: Array) -> Array:
    if deflation is None:
        return z
    return z - (_amounts(deflation, z, deflation.images) @ deflation.modes).reshape(z.shape)


def _amounts(deflation: Deflation, vectors: Array, against: Array) -> Array:
    return np.asarray(vectors.reshape(len(vectors), -1) @ against.T @ deflation.inverse)


def _dot(a: Array, b: Array) -> Array:
    """Inner product of every field, with axes of length 1 that broadcast against the batch."""
    axes = tuple(range(1, a.ndim))
    return np.asarray((a * b).sum(axis=axes, keepdims=True))
