"""What every tfmkit estimator shares: its tags, its default score, and how it gets told where the cell is."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn import config_context
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils import Tags
from sklearn.utils.metadata_routing import get_routing_for_object

from tfmkit._validation import FloatArray, check_data, check_gel
from tfmkit.gel.layer import Layer, check_layer
from tfmkit.metrics import relative_rmse
from tfmkit.scoring import refuse_table_scoring


class TractionEstimator(RegressorMixin, BaseEstimator):
    """Base class of regressors from displacement fields to traction fields.

    It tells scikit-learn that the data are 4-D and replaces the coefficient of determination, which is
    undefined for fields, by the negative relative error of the traction. With metadata routing enabled,
    the score asks for `mask`, so that ``cross_validate(..., params={"mask": mask})`` needs no further set-up.
    """

    # The error inside the cell is what a mask given to a search or a cross-validation is for.
    __metadata_request__score: ClassVar[dict[str, bool]] = {"mask": True}

    def score(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None, *, mask: ArrayLike | None = None
    ) -> float:
        """Return the negative relative error of the predicted traction, averaged over fields.

        Parameters
        ----------
        X : array-like of shape (n_fields, 2, height, width)
            Displacement, in the unit of the grid spacing.
        y : array-like of shape (n_fields, 2, height, width)
            True traction, in the unit of Young's modulus.
        sample_weight : array-like of shape (n_fields,), optional
            How much each field counts. By default all count alike.
        mask : array-like of shape (n_fields, height, width) or (height, width), optional
            True inside the cell; the error is counted there only. By default the whole field counts.

        Returns
        -------
        float
            Minus :func:`tfmkit.metrics.relative_rmse`; 0 is perfect, -1 is what zero traction gets.
        """
        return negative_error(y, self.predict(X), sample_weight=sample_weight, mask=mask)

    def __sklearn_tags__(self) -> Tags:
        """Return scikit-learn's tags of an estimator from 4-D fields to 4-D fields.

        Returns
        -------
        Tags
            The tags.
        """
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        # A closed-form solver learns nothing; an estimator that does sets this back to True.
        tags.target_tags.required = False
        tags.target_tags.multi_output = True
        tags.target_tags.single_output = False
        return tags

    def __sklearn_clone__(self) -> Self:
        """Return an unfitted copy, unless a search that asks for it scores fields by a metric of tables.

        Returns
        -------
        estimator
            Estimator with the same parameters.

        Raises
        ------
        ValueError
            If the `scoring` of a search or cross-validation of scikit-learn cannot take fields.
        """
        refuse_table_scoring()
        return super().__sklearn_clone__()


class ClosedFormEstimator(TractionEstimator):
    """Base class of solvers that learn nothing: `fit` checks parameters and data and keeps the gel."""

    young: float
    poisson: float
    spacing: float
    thickness: float | None
    depth: float

    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> Self:
        """Check the parameters and the data; there is nothing to learn.

        Parameters
        ----------
        X : array-like of shape (n_fields, 2, height, width)
            Displacement in the unit of `spacing`.
        y : array-like of shape (n_fields, 2, height, width), optional
            Traction; checked and not used.

        Returns
        -------
        estimator
            The estimator.

        Raises
        ------
        ValueError
            If a parameter is out of its range or the data are no fields.
        """
        gel = check_gel(self.young, self.poisson, self.spacing)
        check_layer(self.thickness, self.depth)
        self._check_parameters()
        check_data(X, y)
        self.gel_ = gel
        return self

    def _check_parameters(self) -> None:
        raise NotImplementedError

    def _layer(self) -> Layer:
        return check_layer(self.thickness, self.depth, self.gel_[2])


def negative_error(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    mask: ArrayLike | None = None,
) -> float:
    """Return minus the weighted mean over fields of the relative error.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_fields, 2, height, width)
        True and predicted traction.
    sample_weight : array-like of shape (n_fields,), optional
        How much each field counts, >= 0.
    mask : array-like of shape (n_fields, height, width) or (height, width), optional
        True where the error counts.

    Returns
    -------
    float
        Score; greater is better.

    Raises
    ------
    ValueError
        If the weights do not fit or the error is undefined.
    """
    errors = np.asarray(relative_rmse(y_true, y_pred, mask=mask, multioutput="raw_values"))
    if sample_weight is None:
        return -float(errors.mean())
    weights = np.asarray(sample_weight, dtype=np.float64)
    if weights.shape != errors.shape or not np.isfinite(weights).all() or weights.min() < 0 or weights.max() == 0:
        raise ValueError(f"Expected {errors.size} finite weights >= 0, not all of them 0, got {sample_weight!r}.")
    return -float(np.average(errors, weights=weights))


def predict_inside(estimator: Any, X: ArrayLike, mask: ArrayLike | None) -> FloatArray:
    """Return what a fitted estimator predicts, with the mask of the cell where it asks for one.

    Parameters
    ----------
    estimator : estimator
        Fitted estimator, Pipeline or search.
    X : array-like of shape (n_fields, 2, height, width)
        Displacement.
    mask : array-like of shape (n_fields, height, width) or (height, width), or None
        True inside the cell; handed on only if `predict` of the estimator has requested `mask`.

    Returns
    -------
    ndarray of shape (n_fields, 2, height, width)
        Traction.
    """
    if mask is None or not get_routing_for_object(estimator).consumes("predict", {"mask"}):
        return estimator.predict(X)
    with config_context(enable_metadata_routing=True):
        return estimator.predict(X, mask=mask)
