"""The fairest baseline: a solver with the best regularisation for every field, chosen with the true traction."""

from __future__ import annotations

from itertools import product
from typing import Any, ClassVar

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
    """Choose the lambda, and the order, of every field that give the least error against the true traction.

    Measured data have no true traction, so this is not a method for them. It shows the best that a solver can reach
    with a perfect choice of its regularisation, so that other methods are not compared with a badly tuned solver.

    Parameters
    ----------
    estimator : estimator
        Closed-form solver with the parameter `lam`, and `order` where `orders` are given.
    lams : sequence of float, optional
        Dimensionless lambdas to choose from. By default 41 of them, evenly spaced in logarithm from 1e-6 to 1e4.
    orders : sequence of float, optional
        Orders of the penalty to choose from. By default the order of `estimator` alone.

    Attributes
    ----------
    lam_ : ndarray of shape (n_fields,)
        Lambda of each field.
    best_ : ndarray of int, shape (n_fields,)
        Index of the candidate of each field.
    candidates_ : list of dict of str to float
        Parameters of all candidates: all lambdas for the first order, then for the next.
    errors_ : ndarray of shape (n_candidates, n_fields)
        Relative RMSE over the whole field of each candidate.

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

    needs_truth: ClassVar[bool] = True

    def __init__(self, estimator: Any, *, lams: ArrayLike | None = None, orders: ArrayLike | None = None) -> None:
        self.estimator = estimator
        self.lams = lams
        self.orders = orders

    @property
    def label(self) -> str:
        """Name for a table, with the parameters and the region of the choice.

        Returns
        -------
        str
            As ``"FTTC oracle (lam and order, whole field)"``.
        """
        chosen = "lam" if self.orders is None else "lam and order"
        return f"{type(self.estimator).__name__} oracle ({chosen}, whole field)"

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
            If the two arrays are not batches of one shape, or a lambda or an order is not a number >= 0.
        """
        if y is None:
            raise ValueError("Expected the true traction, got none: an oracle chooses lambda by the true error.")
        self.candidates_ = self._candidates()
        displacement, traction = check_pair(X, y)
        errors = [
            relative_rmse(traction, self._solve(choice, displacement), multioutput="raw_values")
            for choice in self.candidates_
        ]
        self.errors_ = np.stack(errors)
        self.best_ = self.errors_.argmin(axis=0)
        self.lam_ = np.array([choice["lam"] for choice in self.candidates_])[self.best_]
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
        for best in np.unique(self.best_):
            chosen = self.best_ == best
            traction[chosen] = self._solve(self.candidates_[best], displacement[chosen])
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

    def _candidates(self) -> list[dict[str, float]]:
        lams = [check_number(lam, "lam", low=0) for lam in np.ravel(DEFAULT_LAMS if self.lams is None else self.lams)]
        if not lams:
            raise ValueError("Expected at least one lambda, got none.")
        if self.orders is None:
            return [{"lam": lam} for lam in lams]
        orders = [check_number(order, "order", low=0) for order in np.ravel(self.orders)]
        if not orders:
            raise ValueError("Expected at least one order, got none.")
        return [{"order": order, "lam": lam} for order, lam in product(orders, lams)]

    def _solve(self, choice: dict[str, float], displacement: FloatArray) -> FloatArray:
        return np.asarray(clone(self.estimator).set_params(**choice).fit(displacement).predict(displacement))
