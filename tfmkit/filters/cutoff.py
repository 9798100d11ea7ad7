"""The cutoff filter: remove traction vectors that are as short as the noise outside the cell."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from tfmkit._validation import FloatArray, check_field, check_mask, check_number
from tfmkit.base import negative_error
from tfmkit.filters.base import Filter
from tfmkit.metrics.fields import magnitude, percentile_in_region


class CutoffFilter(Filter):
    r"""Remove traction vectors that are as short as the noise outside the cell.

    Traction that an estimator predicts outside the cell is noise. In each predicted field, the filter sets to zero
    all vectors that are shorter than a high percentile of the lengths outside, inside the cell and outside.

    Parameters
    ----------
    estimator : estimator
        Any estimator from displacement to traction.
    percentile : float in [0, 100], default=98
        Percentile of the lengths outside the cell. Shorter vectors are removed.

    Attributes
    ----------
    estimator_ : estimator
        The fitted clone of `estimator`.

    Notes
    -----
    `predict` and `score` need the mask of the cell. With metadata routing enabled they request `mask` in a Pipeline, a
    search or a cross-validation. There, leave `scoring` at its default, the score of the estimator itself:
    scikit-learn's scorers do not pass metadata to `predict`. [1]_ introduced the filter.

    References
    ----------
    .. [1] Wang & Lin, Traction force microscopy by deep learning, Biophys. J. 120:3079 (2021).

    Examples
    --------
    >>> import numpy as np
    >>> from tfmkit.filters import CutoffFilter
    >>> from tfmkit.fttc import FTTC
    >>> X = np.random.default_rng(0).normal(size=(1, 2, 16, 16))
    >>> mask = np.zeros((16, 16), dtype=bool)
    >>> mask[4:12, 4:12] = True
    >>> traction = CutoffFilter(FTTC(lam=1.0), percentile=100).fit(X).predict(X, mask=mask)
    >>> int(np.count_nonzero(traction[0, 0][~mask]))  # only the longest vector outside remains
    1
    """

    # The filter always needs the mask, so users need not call set_predict_request.
    __metadata_request__predict: ClassVar[dict[str, bool]] = {"mask": True}
    _own_metadata = frozenset({"mask"})

    def __init__(self, estimator: Any, *, percentile: float = 98.0) -> None:
        self.estimator = estimator
        self.percentile = percentile

    def fit(self, X: ArrayLike, y: ArrayLike | None = None, **params: Any) -> CutoffFilter:
        """Fit a clone of the estimator.

        Parameters
        ----------
        X : array-like of shape (n_fields, 2, height, width)
            Displacement, in the unit of the grid spacing.
        y : array-like of shape (n_fields, 2, height, width), optional
            True traction, for an estimator that learns from it.
        **params : dict
            Metadata that `fit` of the estimator inside has requested.

        Returns
        -------
        CutoffFilter
            The filter itself.

        Raises
        ------
        ValueError
            If the percentile is not a number in [0, 100].
        """
        check_number(self.percentile, "percentile", low=0, high=100)
        routed = self._route("fit", params)
        self.estimator_ = clone(self.estimator).fit(X, y, **routed.estimator.fit)
        return self

    def predict(self, X: ArrayLike, mask: ArrayLike | None = None, **params: Any) -> FloatArray:
        """Predict traction and remove the vectors that are as short as the noise outside the cell.

        Parameters
        ----------
        X : array-like of shape (n_fields, 2, height, width)
            Displacement, in the unit of the grid spacing.
        mask : array-like of shape (n_fields, height, width) or (height, width)
            True inside the cell. The mask is always needed; scikit-learn wants a default in the signature.
        **params : dict
            Metadata that `predict` of the estimator inside has requested.

        Returns
        -------
        ndarray of shape (n_fields, 2, height, width)
            Traction, in the unit of the estimator.

        Raises
        ------
        ValueError
            If the mask is missing, or has no pixel outside the cell.
        """
        check_is_fitted(self)
        inside = _check_outside(mask, check_field(X).shape)
        routed = self._route("predict", {"mask": mask, **params})
        traction = self.estimator_.predict(X, **routed.estimator.predict)
        length = magnitude(traction)
        keep = length >= percentile_in_region(length, ~inside, self.percentile)[:, None, None]
        return traction * keep[:, None]

    def score(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        mask: ArrayLike | None = None,
        **params: Any,
    ) -> float:
        """Return the negative relative error of the filtered traction over the whole field.

        Parameters
        ----------
        X : array-like of shape (n_fields, 2, height, width)
            Displacement, in the unit of the grid spacing.
        y : array-like of shape (n_fields, 2, height, width)
            True traction.
        sample_weight : array-like of shape (n_fields,), optional
            Weight of each field. By default all weights are equal.
        mask : array-like of shape (n_fields, height, width) or (height, width)
            True inside the cell, for the filter. The error is that of the whole field.
        **params : dict
            Metadata that `predict` of the estimator inside has requested.

        Returns
        -------
        float
            Minus :func:`tfmkit.metrics.relative_rmse`, averaged over fields.

        Raises
        ------
        ValueError
            If the mask is missing, or has no pixel outside the cell.
        """
        return negative_error(y, self.predict(X, mask=mask, **params), sample_weight=sample_weight)


def _check_outside(mask: ArrayLike | None, shape: tuple[int, ...]) -> NDArray[Any]:
    if mask is None:
        raise ValueError(
            "Expected a mask of the cell, got none: the cutoff is a percentile of the lengths outside the cell."
        )
    inside = check_mask(mask, shape)
    full = inside.all(axis=(1, 2))
    if full.any():
        raise ValueError(
            f"Expected pixels outside the cell, got a full mask in field(s) {np.flatnonzero(full).tolist()}."
        )
    return inside
