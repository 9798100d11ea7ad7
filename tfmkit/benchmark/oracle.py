"""The fairest baseline: a solver with the best regularisation for every field, chosen with the true traction."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import clone
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from tfmkit._validation import FloatArray, check_field, check_number, check_pair
from tfmkit.base import FieldRegressor
from tfmkit.metrics import relative_rmse

# A quarter of a decade apart, the error at the best of them is within a percent of the best of all.
DEFAULT_LAMS = tuple(float(lam) for lam in np.logspace(-6, 4, 41))


class OracleLambda(FieldRegressor):
    """Choose the lambda of every field that gives the least error against the true traction.

    Measured data have no true traction, so this is not a method for them. It shows the best that a solver can reach
    with a perfect choice of its regularisation, so that other methods are not compared with a badly tuned solver.

    Parameters
    ----------
    estimator : estimator
        Closed-form solver with the parameter `lam`.
    lams : sequence of float, optional
        Dimensionless lambdas to choose from. By default 41 of them, evenly spaced in logarithm from 1e-6 to 1e4.

    Attributes
    ----------
    lam_ : ndarray of shape (n_fields,)
        Lambda of each field.
    errors_ : ndarray of shape (n_lams, n_fields)
        Relative error over the whole field of every lambda.

    Examples
    --------
    >>> import numpy as np
    >>> from tfmkit.benchmark import OracleLambda
    >>> from tfmkit.fttc import FTTC
    >>> truth = np.random.default_rng(0).normal(size=(2, 2, 16, 16))
    >>> oracle = OracleLambda(FTTC(young=1.0), lams=[0.1, 1e6]).fit(1e-3 * truth, truth)
    >>> oracle.lam_
    array([0.1, 0.1])
    """

    def __init__(self, estimator: Any, *, lams: ArrayLike | None = None) -> None:
        self.estimator = estimator
        self.lams = lams

    def fit(self, X: ArrayLike, y: ArrayLike) -> OracleLambda:
        """Find the best lambda of each field.

        Parameters
        ----------
        X : array-like of shape (n_fields, 2, height, width)
            Displacement.
        y : array-like of shape (n_fields, 2, height, width)
            True traction of the same fields.

        Returns
        -------
        OracleLambda
            The oracle itself.

        Raises
        ------
        ValueError
            If the two arrays are not batches of one shape, or a lambda is not a number >= 0.
        """
        lams = [check_number(lam, "lam", low=0) for lam in np.ravel(DEFAULT_LAMS if self.lams is None else self.lams)]
        if not lams:
            raise ValueError("Expected at least one lambda, got none.")
        if y is None:
            raise ValueError("Expected the true traction, got none: an oracle chooses lambda by the true error.")
        displacement, traction = check_pair(X, y)
        errors = [
            relative_rmse(traction, self._solver(lam, displacement).predict(displacement), multioutput="raw_values")
            for lam in lams
        ]
        self.errors_ = np.stack(errors)
        self.lam_ = np.array(lams)[self.errors_.argmin(axis=0)]
        return self

    def predict(self, X: ArrayLike) -> FloatArray:
        """Solve every field with its own lambda.

        Parameters
        ----------
        X : array-like of shape (n_fields, 2, height, width)
            The fields of `fit`, in the same order.

        Returns
        -------
        ndarray of shape (n_fields, 2, height, width)
            Traction.

        Raises
        ------
        ValueError
            If the number of fields is not the number of lambdas.
        """
        check_is_fitted(self)
        displacement = check_field(X)
        if len(displacement) != len(self.lam_):
            raise ValueError(f"Expected the {len(self.lam_)} fields of fit, got {len(displacement)}.")
        traction = np.empty_like(displacement)
        for lam in np.unique(self.lam_):
            chosen = self.lam_ == lam
            traction[chosen] = self._solver(lam, displacement[chosen]).predict(displacement[chosen])
        return traction

    def __sklearn_tags__(self) -> Tags:
        """Return the tags of an estimator that needs the true traction.

        Returns
        -------
        Tags
            The tags.
        """
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags

    def _solver(self, lam: float, displacement: FloatArray) -> Any:
        return clone(self.estimator).set_params(lam=float(lam)).fit(displacement)
