"""The two penalties of the sparse inversion, from the noise in the data.

The penalty on the lengths follows from theory. ``K'u`` of pure noise should nowhere exceed it, so it is a few times the
noise level. The quadratic penalty is the fixed point of the evidence [1]_, with the degrees of freedom of the sparse
solution in the place of the linear ones.

References
----------
.. [1] D. J. C. MacKay, Neural Comput. 4, 415 (1992).
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmkit.noise.measure import effective_noise
from tfmkit.sparse.on_support import degrees_of_freedom
from tfmkit.sparse.problem import SparseProblem, unit_penalty
from tfmkit.sparse.solver import SparseSolution, elastic_net

Array = NDArray[np.floating[Any]]

# Measured (benchmark `sparse`): the error is flat between 4 and 10 sigma on adhesion cells and on discs.
LENGTH_WEIGHT = 6.0
# The evidence is about displacement, which hardly shows rough traction. It asks for too little smoothing.
SMOOTHER = 2.0
_ROUNDS = 3
_ROUGH_TOL = 0.3
_ROUGH_ITER = 40
# From 1e-3 to 1e2 and three decades more at each end, as the paths of `tfmkit.fttc.search` grow. Cells and patches have
# 4e-5 to 2e2 at noise from 0.1 % to three times their displacement.
LAM2_RANGE = np.array([1e-6, 1e5])


@lru_cache(maxsize=16)
def symmetric_signs(shape: tuple[int, int]) -> NDArray[np.float64]:
    """Return random signs that turn and mirror with the field, so that an estimate made with them does too.

    Parameters
    ----------
    shape : (int, int)
        Height and width of the field.

    Returns
    -------
    ndarray of shape (2, height, width)
        Signs up to a constant; turned by a quarter or mirrored they are the same but for a sign common to all. On a
        field with an odd side the component along the other side is 0 in the middle.
    """
    height, width = shape
    return np.stack([_mirrored_signs(height, width), -_mirrored_signs(width, height).T])


def _mirrored_signs(across: int, along: int) -> NDArray[np.float64]:
    """Signs that are even along the component's own direction and odd across it, of mean square 1."""
    half = np.random.default_rng(0).choice([-1.0, 1.0], (across // 2, (along + 1) // 2))
    half = np.concatenate([half, half[:, : along // 2][:, ::-1]], axis=1)
    signs = np.concatenate([half, np.zeros((across % 2, along)), -half[::-1]])
    return signs / np.sqrt(np.mean(signs**2))


def adaptive_elastic_net(
    problem: SparseProblem, noise: float, *, tol: float, max_iter: int
) -> tuple[SparseProblem, SparseSolution]:
    """Minimise the sparse objective with a quadratic weight found on the way.

    Parameters
    ----------
    problem : SparseProblem
        Data, weight of the lengths, and the quadratic weight to start from.
    noise : float
        Standard deviation of the noise per component, in pixels.
    tol : float
        Duality gap over the objective at which to stop.
    max_iter : int
        Number of iterations after which to stop all the same.

    Returns
    -------
    problem : SparseProblem
        The problem with the weight that was found, in `LAM2_RANGE`.
    solution : SparseSolution
        Its minimiser.

    Notes
    -----
    The fixed point is ``lam2 = 2 noise^2 df / | |k|^order z |^2``: noise times degrees of freedom over roughness, with
    a factor that was measured. Three rounds at a rough tolerance come within a few per cent of it.
    """
    floor = effective_noise(problem.displacement, noise)
    height, width = problem.displacement.shape[-2:]
    probe = symmetric_signs((height, width)).astype(problem.displacement.dtype)
    start = None
    for _ in range(_ROUNDS):
        start = elastic_net(problem, start=start, tol=_ROUGH_TOL, max_iter=_ROUGH_ITER).traction
        penalised = unit_penalty(problem, start)
        if penalised <= 0:
            break
        lam2 = SMOOTHER * floor**2 * degrees_of_freedom(problem, start, probe) / penalised
        problem = replace(problem, lam2=float(np.clip(lam2, *LAM2_RANGE)))
    return problem, elastic_net(problem, start=start, tol=tol, max_iter=max_iter)
