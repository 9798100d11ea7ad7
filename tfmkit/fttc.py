"""Fourier-transform traction cytometry as scikit-learn estimators."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from tfmkit._base import TractionEstimator
from tfmkit._validation import check_choice, check_field, check_gel, check_number, check_pair
from tfmkit.inversion.fourier import fourier_inverse

BOUNDARIES = ("periodic",)


class FTTC(TractionEstimator):
    """Regularised Fourier-transform traction cytometry.

    Parameters
    ----------
    lam : float, default=0.1
        Regularisation, >= 0. Dimensionless: displacement counts in grid pixels, traction in units of `young`
        (see `tfmkit.inversion.lambdas` for the conventions of other programs). The default is near the paper's
        lambda for its gel; the right one grows with the noise (`FTTCCV` finds it).
    young : float, default=10670.0
        Young's modulus; traction comes out in its unit.
    poisson : float, default=0.45
        Poisson ratio in [0, 0.5].
    spacing : float, default=1.0
        Distance between grid points in the unit of the displacement.
    boundary : {"periodic"}, default="periodic"
        What lies past the border of the field: ``"periodic"`` repeats it.

    Attributes
    ----------
    lam_ : float
        The regularisation in use.

    Notes
    -----
    With ``u`` in grid pixels and ``tau = t / young``, the minimiser of ``|u - K tau|^2 + lam |tau|^2`` on a periodic
    grid is ``tau~ = (K~'K~ + lam)^-1 K~' u~`` at every wave vector, where ``K~`` is the Fourier transform of the
    Boussinesq-Cerruti tensor [1]_, [2]_. The mean displacement is a drift and carries no traction.

    References
    ----------
    .. [1] J. P. Butler et al., Am. J. Physiol. Cell Physiol. 282, C595 (2002).
    .. [2] B. Sabass et al., Biophys. J. 94, 207 (2008).

    Examples
    --------
    >>> import numpy as np
    >>> from tfmkit.operators import ForwardOperator
    >>> traction = np.random.default_rng(0).normal(size=(3, 2, 16, 16))
    >>> traction -= traction.mean(axis=(-2, -1), keepdims=True)
    >>> displacement = ForwardOperator(16, boundary="periodic").apply(traction)
    >>> bool(np.allclose(FTTC(lam=0.0).fit(displacement).predict(displacement), traction))
    True
    """

    def __init__(
        self,
        lam: float = 0.1,
        *,
        young: float = 10_670.0,
        poisson: float = 0.45,
        spacing: float = 1.0,
        boundary: str = "periodic",
    ) -> None:
        self.lam = lam
        self.young = young
        self.poisson = poisson
        self.spacing = spacing
        self.boundary = boundary

    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> FTTC:
        """Check the parameters and the data; there is nothing to learn.

        Parameters
        ----------
        X : array-like of shape (n_fields, 2, height, width)
            Displacement in the unit of `spacing`.
        y : array-like of shape (n_fields, 2, height, width), optional
            Traction; checked and not used.

        Returns
        -------
        FTTC
            The estimator.

        Raises
        ------
        ValueError
            If a parameter is out of its range or the data are no fields.
        """
        check_gel(self.young, self.poisson, self.spacing)
        check_choice(self.boundary, "boundary", BOUNDARIES)
        lam = check_number(self.lam, "lam", low=0)
        if y is None:
            check_field(X)
        else:
            check_pair(X, y)
        self.lam_ = lam
        return self

    def predict(self, X: ArrayLike) -> NDArray[np.floating[Any]]:
        """Recover traction from displacement.

        Parameters
        ----------
        X : array-like of shape (n_fields, 2, height, width)
            Displacement in the unit of `spacing`; any grid of at least 8 pixels a side.

        Returns
        -------
        ndarray of shape (n_fields, 2, height, width)
            Traction in the unit of `young`, in the precision of `X`.

        Raises
        ------
        ValueError
            If `X` is no batch of finite fields.
        """
        check_is_fitted(self)
        displacement = check_field(X)
        young, poisson, spacing = check_gel(self.young, self.poisson, self.spacing)
        return fourier_inverse(displacement, self.lam_, poisson=poisson, scale=young / spacing)
