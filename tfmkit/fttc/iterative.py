"""Inverses without a closed form: an open gel seen through a bounded field, and traction with a known support.

With ``G`` the elastic operator on the field, weights ``m`` (1 everywhere, or the mask) and ``L`` the penalty
``|k|^(2 order)``, the traction is ``m s`` where ``s``, zero where ``m`` is, minimises
``|u - G m s|^2 + lam <s, L s>``. The normal equations ``(m G G m + lam L) s = m G u`` are solved by conjugate
gradients. Two things make a handful of iterations do:

- a circulant preconditioner ``(K~^2 + lam L)^-1`` on a grid a little larger than the field [1]_;
- deflation of the products of Legendre polynomials up to a total degree of 4, in either component: the border changes
  the smooth modes most. Their images under the operator are computed once per grid.

References
----------
.. [1] R. H. Chan and M. K. Ng, SIAM Review 38, 427 (1996).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import scipy.fft
from numpy.polynomial.legendre import legvander
from numpy.typing import NDArray

from tfmkit.fttc.border import extended_grid
from tfmkit.fttc.conjugate_gradients import Deflation, Solution, conjugate_gradients
from tfmkit.fttc.penalty import Penalty
from tfmkit.gel.gel import Gel
from tfmkit.gel.layer import gains
from tfmkit.gel.operator import bandlimited_symbol, green_symbol
from tfmkit.gel.symbol import Interleaved, Shape, padded_grid

Array = NDArray[Any]

# Fields solved at once: few enough for their spectra and search directions to stay in the cache.
_CHUNK_BYTES = 1 << 22
_DEGREE = 4


def bounded_inverse(
    displacement: Array,
    gel: Gel,
    penalty: Penalty,
    *,
    boundary: str = "open",
    mask: Array | None = None,
    start: Array | None = None,
    tol: float = 5e-3,
    max_iter: int = 200,
) -> Solution:
    """Minimise ``|u - G t|^2 + lam |L t|^2`` on an open or periodic gel, with or without a support prior.

    Parameters
    ----------
    displacement : ndarray of shape (n_fields, 2, height, width)
        Displacement in pixels.
    gel : Gel
        The gel.
    penalty : Penalty
        Lambda, order and noise correlation.
    boundary : {"open", "periodic"}, default="open"
        Whether the gel goes on without traction past the field, or repeats.
    mask : ndarray of shape (n_fields, height, width), optional
        Where traction is expected, from 0 (none) to 1; its prior standard deviation is proportional to it.
    start : ndarray of shape (n_fields, 2, height, width), optional
        First guess of the traction; by default 0.
    tol : float, default=5e-3
        A field has converged when the residual of its normal equations, in the metric of the preconditioner, is
        below this fraction of the displacement's norm.
    max_iter : int, default=200
        Most iterations; the residual tells whether they were enough.

    Returns
    -------
    Solution
        Traction over Young's modulus, iterations and the residual over the displacement's norm, of every field.
    """
    shape = (displacement.shape[-2], displacement.shape[-1])
    system = _System(shape, displacement.dtype.name, gel.dimensionless, penalty, boundary)
    guess = np.zeros_like(displacement) if start is None else start
    step = max(1, _CHUNK_BYTES // (8 * displacement[0].nbytes))
    parts = []
    for first in range(0, len(displacement), step):
        some = slice(first, first + step)
        weight = None if mask is None else mask[some, None].astype(displacement.dtype)
        parts.append(system.solve(displacement[some], guess[some], weight, tol=tol, max_iter=max_iter))
    return Solution(*(np.concatenate(each) for each in zip(*parts, strict=True)))


class _System:
    """The normal equations of one kind of field and penalty."""

    def __init__(self, shape: Shape, dtype: str, gel: Gel, penalty: Penalty, boundary: str) -> None:
        self.shape = shape
        self.grid = padded_grid(shape) if boundary == "open" else shape
        self.green = _green(shape, gel, boundary, dtype)
        self.penalty = penalty.on(self.grid).astype(dtype)
        # Opposite edges of the field are not neighbours: the preconditioner needs a margin too.
        self.smooth_grid = extended_grid(shape)
        self.smooth = _inverse_normal(self.smooth_grid, gel, penalty.on(self.smooth_grid), dtype)
        self.deflation = None
        if boundary == "open":
            modes, misfit, penalised = _smooth_modes(shape, gel, penalty._replace(lam=1.0))
            images = misfit + penalty.lam * penalised
            inverse = np.linalg.inv(modes @ images.T)
            self.deflation = Deflation(*(part.astype(dtype) for part in (modes, images, inverse)))

    def solve(self, displacement: Array, start: Array, weight: Array | None, *, tol: float, max_iter: int) -> Solution:
        # The metric of the preconditioner makes a residual comparable with the displacement it explains.
        norm = np.sqrt(np.square(displacement).sum(axis=(1, 2, 3)))
        solution = self._solve(displacement, start, weight, goal=tol * norm, max_iter=max_iter)
        relative = np.divide(solution.residual, norm, out=np.zeros_like(norm), where=norm > 0)
        return solution._replace(residual=relative)

    def _solve(
        self, displacement: Array, start: Array, weight: Array | None, *, goal: Array, max_iter: int
    ) -> Solution:
        if weight is None:
            return conjugate_gradients(
                self.normal,
                start,
                self.residual(displacement, start),
                precondition=self.precondition,
                deflation=self.deflation,
                goal=goal,
                max_iter=max_iter,
            )
        support = weight > 0
        scaled = np.divide(start, weight, out=np.zeros_like(start), where=support)
        misfit = self.elastic(displacement - self.elastic(weight * scaled))
        solution = conjugate_gradients(
            lambda s: weight * self.elastic(self.elastic(weight * s)) + support * self.penalise(s),
            scaled,
            weight * misfit - support * self.penalise(scaled),
            precondition=lambda r: support * self.precondition(support * r),
            goal=goal,
            max_iter=max_iter,
        )
        return solution._replace(x=weight * solution.x)

    def elastic(self, traction: Array) -> Array:
        spectrum = _forward(traction, self.grid)
        self.green.multiply_in_place(spectrum)
        return _backward(spectrum, self.grid, self.shape)

    def penalise(self, traction: Array) -> Array:
        return _backward(self.penalty * _forward(traction, self.grid), self.grid, self.shape)

    def normal(self, traction: Array) -> Array:
        return -self.residual(0, traction)

    def residual(self, displacement: Array | float, traction: Array) -> Array:
        """Return ``G (u - G t) - lam L t``; the penalty shares the transforms."""
        spectrum = _forward(traction, self.grid)
        penalised = self.penalty * spectrum
        self.green.multiply_in_place(spectrum)
        misfit = _forward(displacement - _backward(spectrum, self.grid, self.shape), self.grid)
        self.green.multiply_in_place(misfit)
        misfit -= penalised
        return _backward(misfit, self.grid, self.shape)

    def precondition(self, residual: Array) -> Array:
        spectrum = _forward(residual, self.smooth_grid)
        self.smooth.multiply_in_place(spectrum)
        return _backward(spectrum, self.smooth_grid, self.shape)


@lru_cache(maxsize=8)
def _green(shape: Shape, gel: Gel, boundary: str, dtype: str) -> Interleaved:
    if boundary == "open":
        return bandlimited_symbol(shape, gel).interleaved(dtype)
    return green_symbol(shape, gel, boundary="periodic", like=np.empty(0)).interleaved(dtype)


def _inverse_normal(grid: Shape, gel: Gel, penalty: Array, dtype: str) -> Interleaved:
    """Invert ``K~^2 + penalty``, with a finite value for ``k = 0``, where the analytic symbol has none."""
    periodic = green_symbol(grid, gel, boundary="periodic", like=np.empty(0))
    xx, yy = periodic.xx.copy(), periodic.yy.copy()
    longest = np.array(np.pi / max(grid))
    xx[0, 0] = yy[0, 0] = gains(longest, gel).mean()
    finite = periodic._replace(xx=xx, yy=yy)
    return finite.product(finite).plus(penalty).inverse().interleaved(dtype)


@lru_cache(maxsize=8)
def _smooth_modes(shape: Shape, gel: Gel, penalty: Penalty) -> tuple[Array, Array, Array]:
    """Return orthonormal smooth modes and their images under ``G G`` and under the penalty."""
    values = [legvander(np.linspace(-1, 1, n), _DEGREE).T for n in shape]
    degrees = [(i, j) for i in range(_DEGREE + 1) for j in range(_DEGREE + 1 - i)]
    planes = np.stack([values[0][i][:, None] * values[1][j] for i, j in degrees])
    planes /= np.linalg.norm(planes, axis=(-2, -1), keepdims=True)
    modes = np.concatenate([np.stack([planes, 0 * planes], 1), np.stack([0 * planes, planes], 1)])
    grid, symbol = padded_grid(shape), bandlimited_symbol(shape, gel)
    misfit, penalised, weight = np.empty_like(modes), np.empty_like(modes), penalty.on(grid)
    # One at a time: on large grids the spectra of all of them would not fit into memory.
    for i, mode in enumerate(modes):
        spectrum = _forward(mode, grid)
        displacement = _backward(symbol.multiply(spectrum), grid, shape)
        misfit[i] = _backward(symbol.multiply(_forward(displacement, grid)), grid, shape)
        penalised[i] = _backward(weight * spectrum, grid, shape)
    flat_modes, flat_misfit, flat_penalised = (part.reshape(len(modes), -1) for part in (modes, misfit, penalised))
    return flat_modes, flat_misfit, flat_penalised


def _forward(field: Array, grid: Shape) -> Array:
    """Transform fields, zero-padded; the rows of zeros are left out of the first pass."""
    return np.asarray(scipy.fft.fft(scipy.fft.rfft(field, n=grid[1]), n=grid[0], axis=-2, overwrite_x=True))


def _backward(spectrum: Array, grid: Shape, shape: Shape) -> Array:
    """Transform back and crop; rows outside the field are left out of the second pass."""
    rows = scipy.fft.ifft(spectrum, axis=-2, overwrite_x=True)[..., : shape[0], :]
    return np.asarray(scipy.fft.irfft(rows, n=grid[1])[..., : shape[1]])
