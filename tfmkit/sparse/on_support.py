"""The sparse objective on a fixed support, where it is nearly quadratic: conjugate gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmkit.fttc.conjugate_gradients import conjugate_gradients
from tfmkit.gel.symbol import Symbol
from tfmkit.sparse.problem import SparseProblem, convolve, crop, inner, quadratic_inverse, slope

Array = NDArray[np.floating[Any]]


def polish(problem: SparseProblem, traction: Array, n_iter: int = 4) -> Array:
    """Lower the objective on the support of a traction.

    Parameters
    ----------
    problem : SparseProblem
        Data and penalties.
    traction : ndarray of shape (2, height, width)
        Traction; its zeros stay zero.
    n_iter : int, default=4
        Number of conjugate-gradient steps.

    Returns
    -------
    ndarray of shape (2, height, width)
        Traction with an objective no higher.

    Notes
    -----
    A length is majorised by a parabola, ``2 |z| <= |z|^2 / |z_0| + |z_0|``, which makes the objective quadratic; any
    number of conjugate-gradient steps on the majorant lowers the objective too.
    """
    length = np.hypot(*traction)
    support = length > 0
    if not support.any():
        return traction
    weight = np.where(support, problem.lam1, 0) / np.where(support, length, 1)

    def _curvature(p: Array) -> Array:
        return weight * p

    rhs = np.where(support, convolve(problem, problem.displacement), 0)
    precondition = quadratic_inverse(problem, float(weight.sum() / support.sum()), 1.0)
    return _solve_on_support(
        problem, rhs, traction, support=support, curvature=_curvature, precondition=precondition, n_iter=n_iter
    )


def degrees_of_freedom(problem: SparseProblem, traction: Array, probe: Array, n_iter: int = 24) -> float:
    """Estimate the degrees of freedom of a solution.

    Parameters
    ----------
    problem : SparseProblem
        Data and penalties.
    traction : ndarray of shape (2, height, width)
        Their minimiser.
    probe : ndarray of shape (2, height, width)
        Independent random signs.
    n_iter : int, default=24
        Number of conjugate-gradient steps.

    Returns
    -------
    float
        Hutchinson's estimate of the trace of ``d(K z) / d u``.

    Notes
    -----
    With the support fixed, ``dz/du = H^-1 K'`` where ``H`` is the Hessian of the objective on the support; a length
    only bends across its own direction.
    """
    length = np.hypot(*traction)
    support = length > 0
    if not support.any():
        return 0.0
    safe = np.where(support, length, 1)
    direction, weight = traction / safe, np.where(support, problem.lam1, 0) / safe

    def _curvature(p: Array) -> Array:
        return weight * (p - direction * (direction * p).sum(axis=0))

    rhs = np.where(support, convolve(problem, probe), 0)
    precondition = quadratic_inverse(problem, float(weight.sum() / support.sum()) / 2, 1.0)
    response = _solve_on_support(
        problem,
        rhs,
        np.zeros_like(rhs),
        support=support,
        curvature=_curvature,
        precondition=precondition,
        n_iter=n_iter,
    )
    return max(inner(rhs, response), 0.0)


def _solve_on_support(
    problem: SparseProblem,
    rhs: Array,
    start: Array,
    *,
    support: NDArray[np.bool_],
    curvature: Callable[[Array], Array],
    precondition: Symbol,
    n_iter: int,
) -> Array:
    """Solve ``(K'K + lam2 |k|^(2 order) + curvature) z = rhs`` on the support, by a few conjugate-gradient steps."""

    def hessian(p: Array) -> Array:
        return np.where(support, curvature(p) - crop(slope(problem, p, data=False), p), 0)

    def approximate_inverse(r: Array) -> Array:
        return np.where(support, precondition.convolve(r, problem.grid), 0)

    residual = rhs - hessian(start)
    # A residual below the rounding error of the first one is noise.
    goal = np.finfo(residual.dtype).eps * np.sqrt(max(inner(residual, approximate_inverse(residual)), 0.0))
    solution = conjugate_gradients(
        lambda p: hessian(p[0])[None],
        start[None],
        residual[None],
        precondition=lambda r: approximate_inverse(r[0])[None],
        goal=np.array([goal], dtype=residual.dtype),
        max_iter=n_iter,
        reorthogonalise=True,
    )
    return np.asarray(solution.x[0])
