"""The elastic net: traction that is zero at most pixels and smooth at the others."""

from __future__ import annotations

import warnings
from typing import Any, ClassVar

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from tfmkit._validation import FloatArray, check_choice, check_count, check_number
from tfmkit.base import TractionEstimator
from tfmkit.fttc.inverse import SUPPORTS
from tfmkit.fttc.search import warn_of_ends
from tfmkit.gel import Gel
from tfmkit.noise.measure import effective_noise, noise_level
from tfmkit.sparse.problem import SparseProblem
from tfmkit.sparse.solver import SparseSolution, elastic_net
from tfmkit.sparse.weights import LAM2_RANGE, LENGTH_WEIGHT, adaptive_elastic_net

# Most of the noise that is stated vector by vector, over the RMS of the displacement. On 12 published pairs of bead
# images the net force inside the outline is 38 % of the total force without a limit, and 11 % with it.
_MOST_STATED = 0.25


class ElasticNetTFM(TractionEstimator):
    """Traction force microscopy with an elastic net: zero traction wherever the noise allows it.

    Parameters
    ----------
    lam1 : float, default=6.0
        Penalty on the vector lengths, > 0, in units of the noise of the displacement. Larger values leave traction at
        fewer pixels. The error hardly depends on it between 4 and 10.
    lam2 : float, optional
        Quadratic penalty, >= 0, dimensionless as the `lam` of `FTTC`. By default it is found for every
        field from its noise, between 1e-6 and 1e5.
    noise : float, optional
        Standard deviation of the noise per component, >= 0, in the unit of `spacing`. By default it is measured in
        every field, as for `FTTCCV`, whether neighbouring vectors share it or not. The `noise` of `predict`, a standard
        deviation for every vector, takes the place of both: the root of its mean square counts, up to a quarter of
        the RMS of the displacement. Errors of displacement from images are smooth, and no field shows their size; to
        state it lowers the error by 2 to 45 %. The limit is for noise that is nearly as strong as the displacement:
        a penalty that follows it leaves traction on one side of the cell alone.
    order : float, default=1.0
        Order of the quadratic penalty: 0 penalises the traction, as the elastic net of statistics does, 1 its gradient.
    support : {"cut", "fit"}, default="cut"
        The use of a mask in `predict`. ``"cut"`` multiplies the traction by it, and leaves the error inside as it is.
        ``"fit"`` explains the displacement by traction inside alone, with `lam1` divided by the mask. That is better
        where all traction lies inside; where a tail of it does not, as on adhesion cells, it is pushed into the mask.
    young : float, default=10670.0
        Young's modulus; traction comes out in its unit.
    poisson : float, default=0.45
        Poisson ratio in [0, 0.5].
    spacing : float, default=1.0
        Distance between grid points in the unit of the displacement.
    tol : float, default=0.1
        Duality gap over the objective at which to stop, in (0, 1). The gap overstates the error: a tenth is less than
        a hundredth of the traction.
    max_iter : int, default=400
        Number of iterations after which to stop with a warning.
    thickness : float, optional
        Thickness of a gel that is bonded to a rigid base, in the unit of `spacing`; by default, and where infinite,
        the half-space.
    depth : float, default=0.0
        Depth of the beads below the surface in the unit of `spacing`, in [0, thickness).
    n_jobs : int, optional
        Number of threads among which fields are shared, as in joblib; 1 by default.

    Attributes
    ----------
    gel_ : Gel
        The gel, as `fit` saw it.

    Warns
    -----
    ConvergenceWarning
        If the duality gap of a field is above `tol` after `max_iter` iterations, or the `lam2` that is found lies at an
        end of the range from 1e-6 to 1e5.

    Notes
    -----
    With ``u`` in pixels, ``tau = t / young`` and the open operator ``K`` (no repetition, no traction outside the
    field) of `tfmkit.gel.operator`, it minimises::

        1/2 |u - K tau|^2  +  lam1 * noise * sum_i |tau_i|  +  lam2 / 2 * | |k|^order tau |^2

    The sum of vector lengths [1]_, [2]_ sets the background to zero. It does not depend on the axes. The quadratic term
    keeps neighbours alike inside the patches that are left. See `tfmkit.sparse.solver` for the algorithm.

    References
    ----------
    .. [1] M. Yuan and Y. Lin, J. R. Stat. Soc. B 68, 49 (2006).
    .. [2] Y. Huang et al., Sci. Rep. 9, 539 (2019): the elastic net in traction force microscopy.

    Examples
    --------
    >>> import numpy as np
    >>> from tfmkit.gel.operator import ForwardOperator
    >>> traction = np.zeros((1, 2, 32, 32))
    >>> traction[0, 0, 8:11, 8:11], traction[0, 0, 20:23, 20:23] = 1_000.0, -1_000.0
    >>> displacement = ForwardOperator(32).apply(traction)
    >>> noisy = displacement + np.random.default_rng(0).normal(scale=0.01, size=displacement.shape)
    >>> recovered = ElasticNetTFM().fit(noisy).predict(noisy)
    >>> bool((recovered == 0).mean() > 0.8)
    True
    """

    __metadata_request__predict: ClassVar[dict[str, bool]] = {"noise": True}
    takes_noise: ClassVar[bool] = True

    def __init__(
        self,
        lam1: float = LENGTH_WEIGHT,
        lam2: float | None = None,
        *,
        noise: float | None = None,
        order: float = 1.0,
        support: str = "cut",
        young: float = 10_670.0,
        poisson: float = 0.45,
        spacing: float = 1.0,
        tol: float = 0.1,
        max_iter: int = 400,
        thickness: float | None = None,
        depth: float = 0.0,
        n_jobs: int | None = None,
    ) -> None:
        self.lam1 = lam1
        self.lam2 = lam2
        self.noise = noise
        self.order = order
        self.support = support
        self.young = young
        self.poisson = poisson
        self.spacing = spacing
        self.tol = tol
        self.max_iter = max_iter
        self.thickness = thickness
        self.depth = depth
        self.n_jobs = n_jobs

    def _check_parameters(self) -> None:
        check_number(self.lam1, "lam1", low=0, include_low=False)
        for value, name in ((self.lam2, "lam2"), (self.noise, "noise")):
            if value is not None:
                check_number(value, name, low=0)
        check_number(self.order, "order", low=0)
        check_choice(self.support, "support", SUPPORTS)
        check_number(self.tol, "tol", low=0, high=1, include_low=False, include_high=False)
        check_count(self.max_iter, "max_iter")

    def _recover(
        self, displacement: FloatArray, mask: NDArray[Any] | None, noise: FloatArray | None = None
    ) -> FloatArray:
        gel = self.gel_
        fields = gel.in_pixels(displacement)
        support = np.ones((len(fields), *fields.shape[2:])) if mask is None else mask
        known = self.noise if noise is None else noise
        levels = noise_level(fields, gel, None if known is None else known / gel.spacing)
        if noise is not None:
            levels = _believed(levels, fields, gel)
        found = Parallel(n_jobs=self.n_jobs, prefer="threads")(
            delayed(self._solve)(*data) for data in zip(fields, support, levels.tolist(), strict=True)
        )
        problems, solutions = zip(*found, strict=True)
        if self.lam2 is None:
            at_end = np.isin([problem.lam2 for problem in problems], LAM2_RANGE)
            warn_of_ends(at_end, LAM2_RANGE, "of the evidence", "State the noise or lam2, or use FTTCCV.", stacklevel=4)
        worst = max(solution.gap for solution in solutions)
        if worst > self.tol:
            message = f"A duality gap of {worst:.2g} is left after {self.max_iter} iterations (tol={self.tol})."
            warnings.warn(message, ConvergenceWarning, stacklevel=3)
        return np.stack([solution.traction for solution in solutions]) * displacement.dtype.type(gel.young)

    def _solve(self, field: FloatArray, support: NDArray[Any], noise: float) -> tuple[SparseProblem, SparseSolution]:
        with np.errstate(divide="ignore"):
            lam1 = np.asarray(self.lam1 * effective_noise(field, noise) / support, dtype=field.dtype)
        problem = SparseProblem(field, lam1, 1.0 if self.lam2 is None else self.lam2, self.gel_, self.order)
        if self.lam2 is None:
            return adaptive_elastic_net(problem, noise, tol=self.tol, max_iter=self.max_iter)
        return problem, elastic_net(problem, tol=self.tol, max_iter=self.max_iter)


def _believed(stated: NDArray[np.float64], fields: FloatArray, gel: Gel) -> NDArray[np.float64]:
    """Return stated noise levels, limited to a share of the displacement where the field does not show more noise."""
    most = _MOST_STATED * np.sqrt(np.square(fields, dtype=float).mean(axis=(1, 2, 3)))
    return stated if (stated <= most).all() else np.minimum(stated, np.maximum(most, noise_level(fields, gel)))
