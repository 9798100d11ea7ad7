"""FTTC with a given lambda."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tfmkit._validation import FloatArray, check_number
from tfmkit.base import TractionEstimator
from tfmkit.fttc.inverse import Solver, invert
from tfmkit.fttc.penalty import Penalty


class FTTC(TractionEstimator):
    """Regularised Fourier-transform traction cytometry.

    Parameters
    ----------
    lam : float, default=0.1
        Regularisation, >= 0. Dimensionless: displacement counts in grid pixels, traction in units of `young`
        (see `tfmkit.fttc.lambdas` for the conventions of other programs). The default is near the paper's lambda for
        its gel. The best lambda grows with the noise; `FTTCCV` finds it.
    young : float, default=10670.0
        Young's modulus; traction comes out in its unit.
    poisson : float, default=0.45
        Poisson ratio in [0, 0.5].
    spacing : float, default=1.0
        Distance between grid points in the unit of the displacement.
    boundary : {"periodic", "extended", "open"}, default="extended"
        The displacement past the border of the field. ``"periodic"`` repeats the field, as the original FTTC does.
        ``"extended"`` extrapolates the displacement by the far field of a coarse traction and a tapered edge. It is a
        closed form too, at about four times the cost. ``"open"`` fits the traction inside the field on an infinite gel
        by conjugate gradients.
    order : float, default=0.0
        Order of the penalty, >= 0: 0 penalises the traction, 1 its gradient. Numbers in between are allowed.
    noise_correlation : float, default=0.0
        Standard deviation, in grid points, of the Gaussian that correlates the noise of neighbours, as overlapping
        interrogation windows do. Above 0, short waves, which such noise lacks, are hardly penalised.
    support : {"cut", "fit"}, default="cut"
        The use of a mask in `predict`. ``"cut"`` multiplies the traction by it, and leaves the error inside as it is.
        ``"fit"`` explains the displacement by traction inside alone, its prior standard deviation proportional to the
        mask, by conjugate gradients. That is better where noise is white and no traction lies outside; where it does,
        or noise is correlated, it is pushed into the mask (benchmark `inversion`).
    tol : float, default=5e-3
        Where conjugate gradients stop (``boundary="open"`` or ``support="fit"``): norm of the gradient, in the metric
        of the preconditioner, over that of the displacement.
    max_iter : int, default=200
        Most iterations; a `ConvergenceWarning` says when they were not enough.
    thickness : float, optional
        Thickness of a gel that is bonded to a rigid base, in the unit of `spacing`; by default, and where infinite,
        the half-space. On a layer the mean displacement counts: remove a drift first.
    depth : float, default=0.0
        Depth of the beads below the surface in the unit of `spacing`, in [0, thickness); otherwise as `thickness`.
        Short waves hardly reach deep beads, and need a `lam` above 0.

    Attributes
    ----------
    lam_ : float
        The regularisation in use.

    Notes
    -----
    With ``u`` in grid pixels and ``tau = t / young``, the traction minimises::

        |u - K tau|^2 + lam | |k|^order tau |^2

    ``K`` convolves with the Boussinesq-Cerruti tensor. On a periodic grid the minimum is known at every wave vector
    [1]_, [2]_ (`tfmkit.fttc.closed_form`). A `noise_correlation` weighs the data by the covariance of the noise
    (`tfmkit.fttc.penalty`). The mean displacement is a drift and carries no traction. The other boundaries take a drift
    for traction far away: remove it first. With a finite `thickness` or a `depth`, ``K`` is the tensor of an elastic
    layer [3]_, [4]_ (`tfmkit.gel.layer`).

    References
    ----------
    .. [1] J. P. Butler et al., Am. J. Physiol. Cell Physiol. 282, C595 (2002).
    .. [2] B. Sabass et al., Biophys. J. 94, 207 (2008).
    .. [3] R. Merkel, N. Kirchgessner, C. M. Cesa and B. Hoffmann, Biophys. J. 93, 3314 (2007): finite thickness.
    .. [4] J. C. del Alamo et al., Proc. Natl. Acad. Sci. USA 104, 13343 (2007): finite thickness and depth.

    Examples
    --------
    >>> import numpy as np
    >>> from tfmkit.gel.operator import ForwardOperator
    >>> traction = np.random.default_rng(0).normal(size=(3, 2, 16, 16))
    >>> traction -= traction.mean(axis=(-2, -1), keepdims=True)
    >>> displacement = ForwardOperator(16, boundary="periodic").apply(traction)
    >>> fttc = FTTC(lam=0.0, boundary="periodic").fit(displacement)
    >>> bool(np.allclose(fttc.predict(displacement), traction))
    True
    """

    _chosen: ClassVar[tuple[str, ...]] = ("lam",)

    def __init__(
        self,
        lam: float = 0.1,
        *,
        young: float = 10_670.0,
        poisson: float = 0.45,
        spacing: float = 1.0,
        boundary: str = "extended",
        order: float = 0.0,
        noise_correlation: float = 0.0,
        support: str = "cut",
        tol: float = 5e-3,
        max_iter: int = 200,
        thickness: float | None = None,
        depth: float = 0.0,
    ) -> None:
        self.lam = lam
        self.young = young
        self.poisson = poisson
        self.spacing = spacing
        self.boundary = boundary
        self.order = order
        self.noise_correlation = noise_correlation
        self.support = support
        self.tol = tol
        self.max_iter = max_iter
        self.thickness = thickness
        self.depth = depth

    def _check_parameters(self) -> None:
        Solver.of(self)
        for name in ("lam", "order", "noise_correlation"):
            check_number(getattr(self, name), name, low=0)

    def _learn(self, displacement: FloatArray, y: ArrayLike | None, noise: FloatArray | None) -> None:  # noqa: ARG002
        self.lam_ = float(self.lam)

    def _recover(self, displacement: FloatArray, mask: NDArray[Any] | None) -> FloatArray:
        penalty = Penalty(self.lam_, float(self.order), float(self.noise_correlation))
        return invert(displacement, self.gel_, penalty, Solver.of(self), mask)

    def _draw_field(
        self,
        displacement: FloatArray,  # noqa: ARG002
        predicted: Any,
        errors: FloatArray,
        rng: Any,  # noqa: ARG002
        noise: FloatArray | None,  # noqa: ARG002
    ) -> FloatArray:
        return np.asarray(predicted + self._recover(errors, None))
