"""Errors of sums over a sparse recovery, from recoveries of simulated data with a known truth.

A sum over lengths is biased. Noise lengthens the vectors, the penalty shortens them, and patches lie between the grid
points. The bias is measured by a parametric bootstrap [1]_: the recovery is repeated on data that are simulated from a
traction much like the measured one, under noise of the measured spectrum. Three rules make the simulated data honest.

- The traction is drawn between two tractions that the data cannot tell apart. The first is the recovery itself. Its
  lengths are too short, and some of its patches are noise. The second is fitted without the penalty on the lengths, on
  the patches that noise cannot reach [2]_. Its lengths are too long, and its patches too few. The difference of the two
  widens the interval.
- The patches lie off the grid of the recovery, each by up to a third of a pixel either way, as measured ones do.
- The noise is chosen so that the noise measured on the simulated data is, on average, the noise measured on the true
  data. It is measured anew every time.

References
----------
.. [1] B. Efron and R. J. Tibshirani, An Introduction to the Bootstrap (1993).
.. [2] A. Chatterjee and S. N. Lahiri, J. Am. Stat. Assoc. 106, 608 (2011): the bootstrap of sparse estimates needs a
   truth without small values.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.fft
import scipy.ndimage
import scipy.stats
from numpy.typing import NDArray

from tfmkit.gel.gel import Gel
from tfmkit.gel.layer import gains
from tfmkit.gel.operator import convolve
from tfmkit.noise.draw import draw_noise
from tfmkit.noise.measure import effective_noise, level_of, noise_spectrum, rings_of
from tfmkit.sparse.on_support import refit, undecided_energy
from tfmkit.sparse.problem import SparseProblem
from tfmkit.sparse.solver import elastic_net
from tfmkit.sparse.weights import LENGTH_WEIGHT, SMOOTHER, adaptive_elastic_net

Array = NDArray[np.floating[Any]]
# Maps a traction and a displacement, both of shape (2, height, width), to numbers.
Statistics = Callable[[Array, Array], Array]

# Tractions are drawn on a grid this many times finer.
_FINER = 3
_MATCHES = 4
_TOL, _MAX_ITER = 0.1, 400
# Started from the truth, a recovery of made-up data takes few iterations.
_ROUGH_TOL, _ROUGH_ITER = 0.2, 60
_PROBES = 4


@dataclass(frozen=True)
class Recovery:
    """A sparse recovery and the noise that it was made with.

    Attributes
    ----------
    problem : SparseProblem
        Data and penalties.
    traction : ndarray of shape (2, height, width)
        Their minimiser.
    power : ndarray of shape (n_rings,)
        Power of the noise per wave vector and component, in squared pixels.
    measured : bool
        Whether the noise was measured on the data. It is False for a noise level that the user gave.
    """

    problem: SparseProblem
    traction: Array
    power: Array
    measured: bool

    @property
    def level(self) -> float:
        """Standard deviation of the noise that the penalties are made for.

        Returns
        -------
        float
            Standard deviation per component, in pixels.
        """
        return float(self.problem.lam1.min()) / LENGTH_WEIGHT

    @property
    def inside(self) -> NDArray[np.bool_]:
        """Where traction may be.

        Returns
        -------
        ndarray of shape (height, width)
            True inside.
        """
        return np.asarray(self.problem.lam1 < np.inf)


def recover(displacement: Array, inside: NDArray[np.bool_], noise: float | None, gel: Gel, *, order: float) -> Recovery:
    """Recover one field as `ElasticNetTFM` does.

    Parameters
    ----------
    displacement : ndarray of shape (2, height, width)
        Displacement in pixels.
    inside : ndarray of shape (height, width)
        True where traction may be, somewhere at least.
    noise : float or None
        Standard deviation of white noise per component, in pixels; None to measure it.
    gel : Gel
        The gel.
    order : float
        Order of the quadratic penalty.

    Returns
    -------
    Recovery
        The recovery.
    """
    power = noise_spectrum(displacement[None], gel, noise)[0]
    level = effective_noise(displacement, float(level_of(power, (displacement.shape[-2], displacement.shape[-1]))))
    lam1 = np.where(inside, LENGTH_WEIGHT * level, np.inf).astype(displacement.dtype)
    problem = SparseProblem(displacement, lam1, 1.0, gel.dimensionless, order)
    problem, solution = adaptive_elastic_net(problem, level, tol=_TOL, max_iter=_MAX_ITER)
    return Recovery(problem, solution.traction, power, noise is None)


def resample(recovery: Recovery, statistics: Statistics, *, n_samples: int, rng: np.random.Generator) -> Array:
    """Recover made-up data and return by how much the statistics miss the truth.

    Parameters
    ----------
    recovery : Recovery
        Recovery of the measured field.
    statistics : callable
        Maps a traction and a displacement to an ndarray of shape (n_statistics,).
    n_samples : int
        Number of recoveries.
    rng : numpy.random.Generator
        Source of truths and noise.

    Returns
    -------
    ndarray of shape (n_samples, n_statistics)
        Statistics of recovered traction and noisy displacement less those of the truth.
    """
    problem, shortest = recovery.problem, recovery.traction
    longest = certain(recovery)
    power = matched_noise(recovery, rng) if recovery.measured else recovery.power
    errors = []
    for share in (np.arange(n_samples) + rng.random(n_samples)) / n_samples:
        pilot = shortest + problem.displacement.dtype.type(share) * (longest - shortest)
        traction, displacement = off_grid(recovery, pilot, rng)
        noisy = displacement + draw_noise(power, displacement, rng)
        found = elastic_net(_with_data(recovery, noisy), start=pilot, tol=_ROUGH_TOL, max_iter=_ROUGH_ITER)
        errors.append(statistics(found.traction, noisy) - statistics(traction, displacement))
    return np.stack(errors)


def undecided(recovery: Recovery, rng: np.random.Generator) -> float:
    """Return the strain energy that neither the data nor the recovery shows.

    Parameters
    ----------
    recovery : Recovery
        Recovery of the measured field.
    rng : numpy.random.Generator
        Source of random signs.

    Returns
    -------
    float
        Expectation of ``<d, K d> / 2`` over the posterior of the deviation ``d`` from the recovery, on its support, in
        units of Young's modulus and pixels.

    Notes
    -----
    The posterior mean of a quadratic form is that of the mean plus the trace with the covariance. Pixel-sized traction
    carries energy that noise hides and the quadratic penalty smooths away; the prior of the evidence, which is rougher
    by the factor that the recovery smooths more, tells how much to expect.
    """
    problem = replace(recovery.problem, lam2=recovery.problem.lam2 / SMOOTHER)
    shape, dtype = recovery.traction.shape, recovery.traction.dtype
    probes = (rng.choice([-1.0, 1.0], shape).astype(dtype) for _ in range(_PROBES))
    energies = [undecided_energy(problem, recovery.traction, probe) for probe in probes]
    return recovery.level**2 * float(np.mean(energies))


def certain(recovery: Recovery) -> Array:
    """Fit the data without a penalty on lengths, only where no noise could pretend to be traction.

    Parameters
    ----------
    recovery : Recovery
        Recovery of the measured field.

    Returns
    -------
    ndarray of shape (2, height, width)
        Traction: zero at more pixels than the recovery where noise is correlated, and longer elsewhere.

    Notes
    -----
    Noise that neighbours share passes the smoothing ``K'`` more easily than white noise of the same strength; the
    weight of the lengths grows by as much.
    """
    problem = recovery.problem
    rings = rings_of(problem.shape)
    passed = np.square(gains(rings.wavenumber, problem.gel)).sum(axis=0) * rings.n_vectors
    ratio = max(float(np.sqrt(recovery.power @ passed / passed.sum())) / recovery.level, 1.0)
    strict = replace(problem, lam1=problem.lam1 * problem.lam1.dtype.type(ratio))
    solution = elastic_net(strict, start=recovery.traction, tol=_TOL, max_iter=_MAX_ITER)
    return refit(replace(problem, lam2=problem.lam2 * ratio**2), solution.traction)


def matched_noise(recovery: Recovery, rng: np.random.Generator) -> Array:
    """Return the noise that would be measured as the given one.

    Parameters
    ----------
    recovery : Recovery
        Recovery of the measured field.
    rng : numpy.random.Generator
        Source of noise.

    Returns
    -------
    ndarray of shape (n_rings,)
        Power of the noise: the measured one, less the power that the measurement adds to it in the presence of the
        recovered traction.
    """
    problem = recovery.problem
    clean = convolve(recovery.traction, problem.gel)
    made_up = np.stack([clean + draw_noise(recovery.power, clean, rng) for _ in range(_MATCHES)])
    mean = rings_of(problem.shape).mean
    again = mean(noise_spectrum(made_up, problem.gel)).mean()
    return recovery.power * min(float(mean(recovery.power)) / float(again), 1.0)


def off_grid(recovery: Recovery, traction: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Move the patches of a traction off its grid, each by up to a third of a pixel, and sample the result on the grid.

    Parameters
    ----------
    recovery : Recovery
        Its gel and its support count.
    traction : ndarray of shape (2, height, width)
        Traction, constant on every pixel.
    rng : numpy.random.Generator
        Source of the shifts.

    Returns
    -------
    traction : ndarray of shape (2, height, width)
        Means of the moved traction over the pixels.
    displacement : ndarray of shape (2, height, width)
        Its displacement in the middle of the pixels.
    """
    height, width = traction.shape[-2:]
    half, block = _FINER // 2, np.ones((1, _FINER, _FINER), traction.dtype)
    patches, n_patches = scipy.ndimage.label(np.hypot(*traction) > 0, np.ones((3, 3)))
    shift = rng.integers(0, _FINER**2, n_patches + 1)[patches]
    moved = np.zeros((2, _FINER * height, _FINER * width), traction.dtype)
    for number in range(_FINER**2):
        y, x = divmod(number, _FINER)
        fine = np.pad(np.kron(np.where(shift == number, traction, 0), block), ((0, 0), (half, half), (half, half)))
        moved += fine[:, y : y + moved.shape[1], x : x + moved.shape[2]]
    moved = np.where(np.kron(recovery.inside, block[0] > 0), moved, 0)
    displacement = convolve(moved, recovery.problem.gel.on_grid(1 / _FINER)) / moved.dtype.type(_FINER)
    means = moved.reshape(2, height, _FINER, width, _FINER).mean(axis=(2, 4))
    return means, displacement[:, half::_FINER, half::_FINER]


def interval(estimate: Array, errors: Array, undecided: Array, *, level: float = 0.9) -> tuple[Array, Array, Array]:
    """Turn estimates and the errors of resampled ones into intervals.

    Parameters
    ----------
    estimate : ndarray of shape (n_statistics,)
        Statistics of the recovery.
    errors : ndarray of shape (n_samples, n_statistics)
        From `resample`, at least 2.
    undecided : ndarray of shape (n_statistics,)
        The part of each statistic that the recovery does not show, >= 0.
    level : float, default=0.9
        Probability of the interval.

    Returns
    -------
    centre : ndarray of shape (n_statistics,)
        The estimate less its mean error, plus the undecided part.
    low : ndarray of shape (n_statistics,)
        Lower end of the interval.
    high : ndarray of shape (n_statistics,)
        Upper end of the interval.

    Notes
    -----
    The interval is the prediction interval of Student's t for one more error, given a few Gaussian ones. The undecided
    part is taken as uniform between 0 and twice its value.
    """
    n = len(errors)
    centre = estimate - errors.mean(axis=0) + undecided
    spread = np.sqrt(errors.var(axis=0, ddof=1) * (1 + 1 / n) + np.square(undecided) / 3)
    half = float(scipy.stats.t.ppf((1 + level) / 2, n - 1)) * spread
    return centre, centre - half, centre + half


def _with_data(recovery: Recovery, displacement: Array) -> SparseProblem:
    """Put other data into the problem, with penalties for the noise that is measured on them."""
    problem, ratio = recovery.problem, 1.0
    if recovery.measured:
        power = noise_spectrum(displacement[None], problem.gel)[0]
        ratio = effective_noise(displacement, float(level_of(power, problem.shape))) / recovery.level
    lam1 = problem.lam1 * problem.lam1.dtype.type(ratio)
    return replace(problem, displacement=displacement, lam1=lam1, lam2=problem.lam2 * ratio**2)
