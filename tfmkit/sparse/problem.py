"""The objective of the sparse inversion: data, penalties and how far a traction is from the minimum.

Everything is dimensionless (displacement in pixels, traction over Young's modulus). For one field it is, over ``z``
that is zero outside the field and with the open operator ``K``::

    1/2 |u - K z|^2  +  sum_i lam1_i |z_i|  +  lam2 / 2 * | |k|^order z |^2
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmkit.fttc.penalty import Penalty
from tfmkit.gel.gel import Gel
from tfmkit.gel.operator import green_symbol
from tfmkit.gel.symbol import Shape, Symbol, irfft2, padded_grid, rfft2

Array = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class SparseProblem:
    """One field and its penalties.

    Attributes
    ----------
    displacement : ndarray of shape (2, height, width)
        Displacement in pixels.
    lam1 : ndarray of shape (height, width)
        Weight of the length of each traction vector, > 0; infinite where there is no traction.
    lam2 : float
        Weight of the quadratic penalty, >= 0.
    gel : Gel
        The gel.
    order : float
        Order of the quadratic penalty: 0 penalises the traction, 1 its gradient.
    """

    displacement: Array
    lam1: Array
    lam2: float
    gel: Gel
    order: float = 1.0

    @property
    def shape(self) -> Shape:
        """Height and width of the field.

        Returns
        -------
        (int, int)
            Height and width.
        """
        return self.displacement.shape[-2], self.displacement.shape[-1]

    @property
    def symbol(self) -> Symbol:
        """Symbol of the open operator.

        Returns
        -------
        Symbol
            Entries on the half plane of the padded grid.
        """
        return green_symbol(self.shape, self.gel, boundary="open", like=self.displacement)

    @property
    def grid(self) -> Shape:
        """Grid of the transforms, at least twice the field.

        Returns
        -------
        (int, int)
            Height and width.
        """
        return padded_grid(self.shape)

    @property
    def penalty(self) -> Array:
        """Quadratic penalty at every wave vector, ``lam2 |k|^(2 order)``.

        Returns
        -------
        ndarray
            On the half plane of the padded grid.
        """
        return Penalty(self.lam2, self.order).on(self.grid).astype(self.displacement.dtype)


def duality_gap(problem: SparseProblem, traction: Array) -> float:
    """Bound how far a traction's objective is from the minimum.

    Parameters
    ----------
    problem : SparseProblem
        Data and penalties.
    traction : ndarray of shape (2, height, width)
        Traction, zero where `lam1` is infinite.

    Returns
    -------
    float
        Difference of primal and dual objective over the primal one, in [0, 1].

    Notes
    -----
    The residual of data and quadratic penalty, ``r = (u - K z, -sqrt(lam2) |k|^order z)``, is scaled until no
    component of ``A'r`` is longer than its `lam1`, which makes it a feasible point ``s r`` of the dual
    ``s <r, u> - s^2 |r|^2 / 2``.
    """
    u = problem.displacement
    spectrum = rfft2(traction, problem.grid)
    residual = u - crop(irfft2(problem.symbol.multiply(spectrum), problem.grid), u)
    bend = crop(irfft2(problem.penalty * spectrum, problem.grid), u)
    excess = np.hypot(*(convolve(problem, residual) - bend))
    bound = float((problem.lam1 / np.maximum(excess, np.finfo(u.dtype).tiny)).min())
    squared, product = inner(residual, residual) + inner(traction, bend), inner(residual, u)
    length = np.hypot(*traction)
    primal = squared / 2 + float((length[length > 0] * problem.lam1[length > 0]).sum(dtype=float))
    if primal <= 0:
        return 0.0
    scale = float(np.clip(product / squared, 0, bound)) if squared > 0 else 0.0
    dual = scale * product - scale**2 * squared / 2
    return float(np.clip((primal - dual) / primal, 0, 1))


def unit_penalty(problem: SparseProblem, traction: Array) -> float:
    """Return the quadratic penalty of a traction for a lambda of 1.

    Parameters
    ----------
    problem : SparseProblem
        Its order counts.
    traction : ndarray of shape (2, height, width)
        Traction.

    Returns
    -------
    float
        Value of ``| |k|^order z |^2``.
    """
    weight = replace(problem, lam2=1.0).penalty
    return inner(traction, crop(irfft2(weight * rfft2(traction, problem.grid), problem.grid), traction))


def slope(problem: SparseProblem, z: Array, *, data: bool = True) -> Array:
    """Return the direction of steepest descent of the quadratic part.

    Parameters
    ----------
    problem : SparseProblem
        Data and penalties.
    z : ndarray of shape (2, height, width)
        Traction.
    data : bool, default=True
        Whether the displacement counts; without it the result is linear, minus the Hessian times `z`.

    Returns
    -------
    ndarray of shape (2, *grid)
        Image ``K'(u - K z) - lam2 |k|^(2 order) z`` on the padded grid.
    """
    spectrum = rfft2(z, problem.grid)
    residual = -crop(irfft2(problem.symbol.multiply(spectrum), problem.grid), z)
    if data:
        residual = residual + problem.displacement
    descent = problem.symbol.multiply(rfft2(residual, problem.grid)) - problem.penalty * spectrum
    return np.asarray(irfft2(descent, problem.grid))


def convolve(problem: SparseProblem, field: Array) -> Array:
    """Apply the open operator, which is its own adjoint.

    Parameters
    ----------
    problem : SparseProblem
        Its gel counts.
    field : ndarray of shape (2, height, width)
        Traction or displacement.

    Returns
    -------
    ndarray of shape (2, height, width)
        Its image.
    """
    return np.asarray(problem.symbol.convolve(field, problem.grid))


def quadratic_inverse(problem: SparseProblem, shift: float, scale: float) -> Symbol:
    """Return the inverse of the quadratic part on the padded grid.

    Parameters
    ----------
    problem : SparseProblem
        Its gel and quadratic penalty count.
    shift : float
        Weight of ``|z|^2``, > 0.
    scale : float
        Weight of the data, > 0.

    Returns
    -------
    Symbol
        ``(scale K'K + lam2 |k|^(2 order) + shift)^-1``.
    """
    symbol = problem.symbol
    kind = symbol.xx.dtype.type
    return symbol.product(symbol).scaled(kind(scale)).plus(problem.penalty + kind(shift)).inverse()


def crop(padded: Array, field: Array) -> Array:
    """Return the part of a padded array that lies inside the field.

    Parameters
    ----------
    padded : ndarray of shape (..., *grid)
        Array on the padded grid.
    field : ndarray of shape (..., height, width)
        Array with the field's size.

    Returns
    -------
    ndarray of shape (..., height, width)
        View of `padded`.
    """
    return padded[..., : field.shape[-2], : field.shape[-1]]


def inner(a: Array, b: Array) -> float:
    """Return the inner product of two fields, summed in double precision.

    Parameters
    ----------
    a, b : ndarray
        Fields of one shape.

    Returns
    -------
    float
        Sum of the products.
    """
    return float((a * b).sum(dtype=np.float64))
