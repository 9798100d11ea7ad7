"""A meta-estimator that presents an estimator of fields to scikit-learn as an estimator of rows."""

from __future__ import annotations

from math import ceil, sqrt
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, MetaEstimatorMixin, RegressorMixin, clone
from sklearn.utils import Tags, get_tags
from sklearn.utils.validation import check_is_fitted, validate_data

from tfmkit.base import predict_inside

SMALLEST_SIDE = 16


class FoldedEstimator(MetaEstimatorMixin, RegressorMixin, BaseEstimator):
    """Fold rows of features into fields, so that scikit-learn's own checks apply.

    A row fills the first values of a square field of two components; the other values are zero. The first values of
    the prediction are the outputs. This class checks the properties of rows only (two dimensions, the number of
    features, sparse input). Values that are not finite and empty batches reach the estimator inside.

    Parameters
    ----------
    estimator : estimator
        Estimator from fields to fields.

    Attributes
    ----------
    estimator_ : estimator
        The fitted clone of `estimator`.
    n_features_in_ : int
        Length of the rows.

    Examples
    --------
    >>> import numpy as np
    >>> from tfmkit.estimator_checks import FoldedEstimator
    >>> from tfmkit.fttc import FTTC
    >>> FoldedEstimator(FTTC()).fit(np.eye(3), np.arange(3)).predict(np.zeros((2, 3)))
    array([0., 0.])
    """

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> FoldedEstimator:
        """Fit a clone of the estimator to the folded rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), optional
            Targets.

        Returns
        -------
        FoldedEstimator
            The estimator itself.

        Raises
        ------
        ValueError
            If the rows are not a table, or the estimator refuses the folded fields.
        """
        rows = self._check_rows(X, y, reset=True)
        targets = None if y is None else np.asarray(y)
        self._n_outputs = None if targets is None or targets.ndim == 1 else targets.shape[1]
        self._side = max(SMALLEST_SIDE, ceil(sqrt(max(rows.shape[1], self._n_outputs or 1) / 2)))
        folded = None if targets is None else self._fold(targets.reshape(len(targets), -1))
        self.estimator_ = clone(self.estimator).fit(self._fold(rows), folded)
        return self

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Predict from folded rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
            First values of the predicted fields, as many as the targets of `fit`.

        Raises
        ------
        ValueError
            If the rows are not a table, or the estimator refuses the folded fields.
        """
        check_is_fitted(self)
        fields = self._fold(self._check_rows(X, None, reset=False))
        mask = np.zeros(fields.shape[2:], dtype=bool)
        mask[: self._side // 2] = True
        outputs = predict_inside(self.estimator_, fields, mask).reshape(len(fields), -1)
        return outputs[:, 0] if self._n_outputs is None else outputs[:, : self._n_outputs]

    def __sklearn_tags__(self) -> Tags:
        """Return the tags of a regressor of rows.

        Returns
        -------
        Tags
            The tags.
        """
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        tags.target_tags.required = inner.target_tags.required
        tags.target_tags.multi_output = True
        tags.non_deterministic = inner.non_deterministic
        # Rows of a table are not a displacement, so an estimator cannot learn their targets.
        tags.regressor_tags.poor_score = True
        return tags

    def _check_rows(self, X: ArrayLike, y: ArrayLike | None, *, reset: bool) -> NDArray[Any]:
        if reset:
            validate_data(self, X=X, y=y, skip_check_array=True)
        rows = validate_data(self, X=X, reset=reset, ensure_all_finite=False, ensure_min_samples=0)
        return np.asarray(rows)

    def _fold(self, rows: NDArray[Any]) -> NDArray[Any]:
        n_values = 2 * self._side**2
        fields = np.zeros((len(rows), n_values), dtype=rows.dtype)
        fields[:, : rows.shape[1]] = rows
        return fields.reshape(len(rows), 2, self._side, self._side)
