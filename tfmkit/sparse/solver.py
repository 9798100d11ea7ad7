"""The minimiser of the sparse objective (`tfmkit.sparse.problem`), one field at a time.

One field at a time keeps all arrays in the cache of the processor. The alternating direction method of multipliers [1]_
splits off the two parts that are not diagonal in Fourier space: the threshold on the lengths, and the border of the
field. Its other step then has a closed form. It finds the support within some tens of iterations. The long waves
converge slowly. Every run of iterations therefore ends in a few preconditioned conjugate-gradient steps on the support.

The next run starts from the traction that the steps have found, and keeps the multipliers of the run before.
Multipliers made from the traction would be far from the final ones: an error of the traction counts in them times the
Hessian, thousands of times for the longest waves.

The weights of the splitting change the number of iterations alone. The weight of the traction is proportional to the
geometric mean of the smallest and the largest eigenvalue of the Hessian. The largest is about the square of the gain of
the longest wave, which grows with the field.

References
----------
.. [1] S. Boyd et al., Foundations and Trends in Machine Learning 3, 1 (2011).
.. [2] J. Eckstein and D. Bertsekas, Math. Program. 55, 293 (1992): over-relaxation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfmkit.fttc.closed_form import fourier_inverse
from tfmkit.fttc.penalty import Penalty
from tfmkit.gel.symbol import irfft2, rfft2
from tfmkit.sparse.on_support import polish
from tfmkit.sparse.problem import SparseProblem, crop, duality_gap, quadratic_inverse, slope

Array = NDArray[np.floating[Any]]

# Measured on adhesion cells, discs and Hertz patches on 104 x 104 nodes, and on Hertz patches on 256 x 256, with noise
# of 0.1 to 30 % of the displacement: the fewest iterations to a gap of 10 %.
_STIFF = 0.16  # of |x - z|^2, over the geometric mean of the extreme eigenvalues
_SOFT = 0.3  # of |K x - v|^2
_RELAXATION = 1.7
_CYCLE = 20


class Split(NamedTuple):
    """A state of the splitting.

    Attributes
    ----------
    traction : ndarray of shape (2, height, width)
        Traction ``z``, thresholded.
    fitted : ndarray of shape (2, *grid)
        Displacement ``K x`` on the padded grid.
    inside : ndarray of shape (2, height, width)
        Displacement ``v`` inside the field.
    of_traction : ndarray of shape (2, *grid)
        Multiplier of ``z = x`` over its weight.
    of_fit : ndarray of shape (2, height, width)
        Multiplier of ``v = K x`` over its weight.
    """

    traction: Array
    fitted: Array
    inside: Array
    of_traction: Array
    of_fit: Array


@dataclass(frozen=True)
class SparseSolution:
    """Traction and how far it may be from the minimum.

    Attributes
    ----------
    traction : ndarray of shape (2, height, width)
        Traction over Young's modulus.
    gap : float
        Duality gap over the objective: the objective exceeds its minimum by this share at most.
    n_iter : int
        Iterations of the splitting.
    """

    traction: Array
    gap: float
    n_iter: int


def elastic_net(problem: SparseProblem, *, start: Array | None = None, tol: float, max_iter: int) -> SparseSolution:
    """Minimise the sparse objective.

    Parameters
    ----------
    problem : SparseProblem
        Data and penalties.
    start : ndarray of shape (2, height, width), optional
        Traction to start from, as the solution for neighbouring weights; zero by default.
    tol : float
        Duality gap over the objective at which to stop.
    max_iter : int
        Number of iterations after which to stop all the same.

    Returns
    -------
    SparseSolution
        Minimiser, duality gap and number of iterations.
    """
    traction = np.where(problem.lam1 < np.inf, _closed_form(problem) if start is None else start, 0)
    gap, n_iter = duality_gap(problem, traction), 0
    state = begin(problem, traction) if gap > tol else None
    while state is not None and gap > tol and n_iter < max_iter:
        # The closer the solution is, the rarer its polish.
        steps = min(max(_CYCLE, n_iter // 2), max_iter - n_iter)
        state = split(problem, state, steps)
        traction = polish(problem, state.traction)
        state = _with_traction(problem, state, traction)
        gap, n_iter = duality_gap(problem, traction), n_iter + steps
    return SparseSolution(traction, gap, n_iter)


def begin(problem: SparseProblem, traction: Array) -> Split:
    """Start the splitting at a traction.

    Parameters
    ----------
    problem : SparseProblem
        Data and penalties.
    traction : ndarray of shape (2, height, width)
        Traction to start from.

    Returns
    -------
    Split
        State at that traction. It stands still if the traction is the solution.
    """
    empty = np.empty((0,), traction.dtype)
    state = _with_traction(problem, Split(traction, empty, empty, empty, empty), traction)
    stiff = _stiffness(problem)
    of_traction = slope(problem, traction) / stiff
    # A multiplier is never longer than its weight; far from the solution this keeps the first steps small.
    inside = crop(of_traction, traction)
    inside -= shrink(inside, problem.lam1 / stiff)
    of_fit = (state.inside - problem.displacement) / problem.displacement.dtype.type(_SOFT)
    return state._replace(of_traction=of_traction, of_fit=of_fit)


def split(problem: SparseProblem, state: Split, n_iter: int) -> Split:
    """Iterate the alternating direction method of multipliers.

    Parameters
    ----------
    problem : SparseProblem
        Data and penalties.
    state : Split
        State to go on from.
    n_iter : int
        Number of iterations.

    Returns
    -------
    Split
        State after the iterations.

    Notes
    -----
    Minimise ``f(v) + g(z)`` with ``v = K x`` and ``z = x``, where `f` is the misfit inside the field, ``g`` the
    threshold, and the quadratic penalty stays with ``x``. The multipliers ``b`` and ``d`` are over their weights.
    """
    symbol, grid, u = problem.symbol, problem.grid, problem.displacement
    z, fitted, v, d, b = (
        state.traction,
        state.fitted.copy(),
        state.inside,
        state.of_traction.copy(),
        state.of_fit.copy(),
    )
    stiff = _stiffness(problem)
    solve = quadratic_inverse(problem, stiff, _SOFT)
    for _ in range(n_iter):
        wanted_z = -d
        crop(wanted_z, u)[...] += z
        crop(fitted, u)[...] = v - b
        wanted = symbol.multiply(rfft2(fitted, grid)) * _SOFT + rfft2(wanted_z, grid) * stiff
        spectrum = solve.multiply(wanted)
        d += _RELAXATION * irfft2(spectrum, grid)
        moved = crop(d, u)
        moved += (1 - _RELAXATION) * z
        z = shrink(moved, problem.lam1 / stiff)
        moved -= z
        fitted = irfft2(symbol.multiply(spectrum), grid)
        b += _RELAXATION * crop(fitted, u) + (1 - _RELAXATION) * v
        v = (u + _SOFT * b) / (1 + _SOFT)
        b -= v
    return Split(z, fitted, v, d, b)


def shrink(traction: Array, threshold: Any) -> Array:
    """Shorten every vector by a threshold, down to zero.

    Parameters
    ----------
    traction : ndarray of shape (2, height, width)
        Vectors.
    threshold : float or ndarray of shape (height, width)
        How much to shorten each by, >= 0.

    Returns
    -------
    ndarray of shape (2, height, width)
        The proximal map of the sum of vector lengths times `threshold`.
    """
    length = np.maximum(np.hypot(*traction), np.finfo(traction.dtype).tiny)
    return traction * np.maximum(1 - threshold / length, 0).astype(traction.dtype, copy=False)


def _closed_form(problem: SparseProblem) -> Array:
    """Quadratic inverse of the continued field: right in the long waves, where iterations are slow."""
    penalty = Penalty(max(problem.lam2, 1.0), problem.order)
    return fourier_inverse(problem.displacement[None], problem.gel, penalty, boundary="extended")[0]


def _with_traction(problem: SparseProblem, state: Split, traction: Array) -> Split:
    """Return a state with another traction and its displacement."""
    fitted = irfft2(problem.symbol.multiply(rfft2(traction, problem.grid)), problem.grid)
    return state._replace(traction=traction, fitted=fitted, inside=crop(fitted, traction).copy())


def _stiffness(problem: SparseProblem) -> float:
    """Weight of ``|x - z|^2``, from the mean of the two eigenvalues of the Hessian at every wave vector."""
    squared = problem.symbol.product(problem.symbol)
    eigenvalues = (squared.xx + squared.yy) / 2 + problem.penalty
    return _STIFF * float(np.sqrt(eigenvalues.min()) * np.sqrt(eigenvalues.max()))
