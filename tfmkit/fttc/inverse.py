"""The inverse under a quadratic penalty, for every boundary and with or without a support."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from tfmkit._validation import FloatArray, check_choice, check_count, check_number
from tfmkit.fttc.closed_form import fourier_inverse
from tfmkit.fttc.iterative import bounded_inverse
from tfmkit.fttc.penalty import Penalty
from tfmkit.gel.gel import Gel

BOUNDARIES = ("extended", "open", "periodic")
SUPPORTS = ("cut", "fit")


class Solver(NamedTuple):
    """Settings of an inverse.

    Attributes
    ----------
    boundary : {"extended", "open", "periodic"}
        The displacement past the border of the field: extrapolated, free of traction, or repeated.
    tol : float
        Where conjugate gradients stop.
    max_iter : int
        Most iterations.
    """

    boundary: str
    tol: float
    max_iter: int

    @classmethod
    def of(cls, estimator: Any) -> Solver:
        """Read the settings from the parameters of an estimator.

        Parameters
        ----------
        estimator : estimator
            Has the parameters ``boundary``, ``tol``, ``max_iter`` and ``support``.

        Returns
        -------
        Solver
            The settings.

        Raises
        ------
        ValueError
            If one is out of its range.
        """
        check_choice(estimator.support, "support", SUPPORTS)
        return cls(
            check_choice(estimator.boundary, "boundary", BOUNDARIES),
            check_number(estimator.tol, "tol", low=0),
            check_count(estimator.max_iter, "max_iter", low=0),
        )


def invert(
    displacement: FloatArray, gel: Gel, penalty: Penalty, solver: Solver, mask: NDArray[Any] | None = None
) -> FloatArray:
    """Recover traction under a quadratic penalty.

    Parameters
    ----------
    displacement : ndarray of shape (n_fields, 2, height, width)
        Displacement in the unit of the gel's spacing.
    gel : Gel
        The gel.
    penalty : Penalty
        Lambda, order and noise correlation.
    solver : Solver
        Boundary, tolerance and number of iterations.
    mask : ndarray of shape (n_fields, height, width), optional
        Where traction may be, from 0 (none) to 1; its prior standard deviation is proportional to it.

    Returns
    -------
    ndarray of shape (n_fields, 2, height, width)
        Traction in the unit of the gel's Young's modulus.

    Warns
    -----
    ConvergenceWarning
        If the residual of a field is above the tolerance after the last iteration.
    """
    periodic = solver.boundary == "periodic"
    traction = fourier_inverse(
        displacement, gel, penalty, boundary="periodic" if periodic else "extended", scale=gel.young / gel.spacing
    )
    if mask is None and solver.boundary != "open":
        return traction
    # Displacement stays in its unit: traction over Young's modulus times spacing is linear in it.
    scale = displacement.dtype.type(gel.young / gel.spacing)
    solution = bounded_inverse(
        displacement,
        gel,
        penalty,
        boundary="periodic" if periodic else "open",
        mask=mask,
        start=traction / scale,
        tol=solver.tol,
        max_iter=solver.max_iter,
    )
    left = solution.residual > solver.tol
    if left.any():
        warnings.warn(
            f"{left.sum()} of {len(displacement)} fields have not converged to tol={solver.tol} in {solver.max_iter} "
            f"iterations (residual up to {solution.residual.max():.1e}). Raise max_iter or tol.",
            ConvergenceWarning,
            stacklevel=4,
        )
    return np.asarray(solution.x * scale)
