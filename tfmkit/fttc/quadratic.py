"""The gel, the boundary and the inverse that estimators with a quadratic penalty share."""

from __future__ import annotations

import warnings
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from tfmkit._validation import check_choice, check_count, check_gel, check_number
from tfmkit.base import TractionEstimator
from tfmkit.fttc.closed_form import fourier_inverse
from tfmkit.fttc.iterative import bounded_inverse
from tfmkit.gel.layer import check_layer

BOUNDARIES = ("extended", "open", "periodic")
SUPPORTS = ("cut", "fit")

FloatArray = NDArray[np.floating[Any]]


class Penalty(NamedTuple):
    """A quadratic penalty: its weight, its order and the correlation of the noise that it is for."""

    lam: float
    order: float
    noise_correlation: float


class QuadraticTFM(TractionEstimator):
    """What the two estimators share: the gel, the boundary and the inverse for given lambda and order."""

    # A mask that is meant for a filter or a score is no support prior unless one says set_predict_request(mask=True).
    __metadata_request__predict: ClassVar[dict[str, bool]] = {"mask": False}

    young: float
    poisson: float
    spacing: float
    boundary: str
    support: str
    tol: float
    max_iter: int
    thickness: float | None
    depth: float

    def _check_parameters(self) -> None:
        check_gel(self.young, self.poisson, self.spacing)
        check_choice(self.boundary, "boundary", BOUNDARIES)
        check_choice(self.support, "support", SUPPORTS)
        check_layer(self.thickness, self.depth)
        check_number(self.tol, "tol", low=0)
        check_count(self.max_iter, "max_iter", low=0)

    def _recover(self, displacement: FloatArray, quadratic: Penalty, mask: NDArray[Any] | None) -> FloatArray:
        if mask is not None and self.support == "cut":
            traction = self._invert(displacement, quadratic, None)
            return traction * mask[:, None].astype(traction.dtype)
        return self._invert(displacement, quadratic, mask)

    def _invert(self, displacement: FloatArray, quadratic: Penalty, mask: NDArray[Any] | None) -> FloatArray:
        young, poisson, spacing = check_gel(self.young, self.poisson, self.spacing)
        layer = check_layer(self.thickness, self.depth, spacing)
        closed_form = "periodic" if self.boundary == "periodic" else "extended"
        traction: FloatArray = fourier_inverse(
            displacement,
            **quadratic._asdict(),
            poisson=poisson,
            boundary=closed_form,
            scale=young / spacing,
            layer=layer,
        )
        if mask is None and self.boundary != "open":
            return traction
        solution = bounded_inverse(
            displacement,
            **quadratic._asdict(),
            poisson=poisson,
            boundary="periodic" if self.boundary == "periodic" else "open",
            mask=mask,
            start=traction * displacement.dtype.type(spacing / young),
            tol=self.tol,
            max_iter=self.max_iter,
            layer=layer,
        )
        if (solution.residual > self.tol).any():
            warnings.warn(
                f"{(solution.residual > self.tol).sum()} of {len(displacement)} fields have not converged to "
                f"tol={self.tol} in {self.max_iter} iterations (residual up to {solution.residual.max():.1e}).",
                ConvergenceWarning,
                stacklevel=4,
            )
        return np.asarray(solution.x * displacement.dtype.type(young / spacing))
