"""The contract of traction estimators: from displacement fields to traction fields, behind fit and predict."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn import config_context
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.frozen import FrozenEstimator
from sklearn.utils import Tags
from sklearn.utils.metadata_routing import get_routing_for_object
from sklearn.utils.validation import check_is_fitted

from tfmkit._validation import (
    FloatArray,
    check_count,
    check_data,
    check_field,
    check_mask,
    check_noise,
    check_random_state,
    check_result,
    unmasked,
)
from tfmkit.error_bars import INTERVAL, Recovery, Samples, standard_deviations
from tfmkit.gel import Gel
from tfmkit.gel.operator import bandlimited_symbol
from tfmkit.gel.symbol import padded_grid
from tfmkit.metrics import relative_rmse
from tfmkit.noise.draw import draw_noise_of
from tfmkit.scoring import refuse_table_scoring

if TYPE_CHECKING:
    import pandas as pd


class Draws(NamedTuple):
    """Pairs of displacement and traction that are as likely as the measured ones.

    Attributes
    ----------
    displacement : ndarray of shape (n_draws, n_fields, 2, height, width)
        Displacement under each draw of noise, in the unit of the measured one.
    traction : ndarray of shape (n_draws, n_fields, 2, height, width)
        Traction of each draw, in the unit of Young's modulus.
    """

    displacement: FloatArray
    traction: FloatArray


class FieldRegressor(RegressorMixin, BaseEstimator):
    """Base class of regressors from fields to fields.

    It tells scikit-learn that the data are 4-D. It replaces the coefficient of determination, which is undefined for
    fields, by the negative relative error of the traction. With metadata routing enabled, the score asks for `mask`, so
    that ``cross_validate(..., params={"mask": mask})`` needs no further set-up.
    """

    # Whether the estimator is fitted to the true traction of the fields that it recovers, as an oracle is.
    needs_truth: ClassVar[bool] = False

    # The error inside the cell is the purpose of a mask that is given to a search or a cross-validation.
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
            Minus :func:`tfmkit.metrics.relative_rmse`; 0 is perfect, -1 is the score of zero traction.
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


class TractionEstimator(FieldRegressor):
    """Base class of traction estimators.

    An estimator of your own is a constructor that stores its parameters, and one method, `_recover`. Everything else is
    here: the checks of the data, the gel, the mask, the score, error bars by draws, and scikit-learn's tags.
    `tfmkit.estimator_checks` tells whether the result keeps the contract.

    Attributes
    ----------
    gel_ : Gel
        The gel, as `fit` saw it: a parameter that is changed after `fit` counts from the next `fit` on.
    choices_ : dict of str to ndarray of shape (n_fields,)
        Parameters that the estimator chose for the fields of `fit`, by their names.

    Notes
    -----
    A subclass may have a parameter ``support``, ``"cut"`` or ``"fit"``. With ``"cut"``, and without the parameter, a
    mask multiplies the traction. With ``"fit"`` the mask is handed on to `_recover`.

    Examples
    --------
    Every wave longer than a cutoff, without a penalty:

    >>> import numpy as np
    >>> from tfmkit.fttc.closed_form import fourier_inverse
    >>> from tfmkit.fttc.penalty import Penalty
    >>> class Unregularised(TractionEstimator):
    ...     def __init__(self, *, young=10_670.0, poisson=0.45, spacing=1.0):
    ...         self.young = young
    ...         self.poisson = poisson
    ...         self.spacing = spacing
    ...
    ...     def _recover(self, displacement, mask):
    ...         gel = self.gel_
    ...         return gel.young * fourier_inverse(gel.in_pixels(displacement), gel, Penalty(0.0))
    >>> Unregularised().fit(np.zeros((1, 2, 16, 16))).predict(np.zeros((1, 2, 16, 16))).shape
    (1, 2, 16, 16)
    """

    # A mask on its way to a filter or a score is not a support prior, unless set_predict_request(mask=True) says so.
    # Noise reaches the estimators that take it.
    __metadata_request__predict: ClassVar[dict[str, bool]] = {"mask": False, "noise": False}
    __metadata_request__fit: ClassVar[dict[str, bool]] = {"noise": False}

    # Whether `predict` takes `return_std`, a keyword, and then returns a standard deviation too.
    gives_std: ClassVar[bool] = False
    # Whether `predict` takes `noise`, the standard deviation of each vector, and hands it on to `_recover`.
    takes_noise: ClassVar[bool] = False
    # Names of the parameters that the estimator chooses in `fit`; each is stored under its name and an underscore.
    _chosen: ClassVar[tuple[str, ...]] = ()
    gel_: Gel

    def fit(self, X: ArrayLike, y: ArrayLike | None = None, *, noise: ArrayLike | None = None) -> Self:
        """Check the parameters and the data, and learn from them.

        Parameters
        ----------
        X : array-like of shape (n_fields, 2, height, width)
            Displacement in the unit of `spacing`; any grid of at least 8 pixels a side.
        y : array-like of shape (n_fields, 2, height, width), optional
            Traction in the unit of `young`. Estimators that learn nothing from it only check it.
        noise : array-like of shape (n_fields, 2, height, width), optional
            Standard deviation of each component of the displacement, as for `predict`. Estimators that choose nothing
            in `fit` only check it.

        Returns
        -------
        estimator
            The estimator.

        Raises
        ------
        ValueError
            If a parameter is out of its range or the data are not fields.
        """
        gel = Gel.of(self)
        self._check_parameters()
        displacement = check_data(X, y)
        told = self._check_told(noise, displacement)
        self.gel_ = gel
        self._learn(displacement, y, told)
        return self

    def predict(self, X: ArrayLike, mask: ArrayLike | None = None, *, noise: ArrayLike | None = None) -> Any:
        """Recover traction from displacement.

        Parameters
        ----------
        X : array-like of shape (n_fields, 2, height, width)
            Displacement in the unit of `spacing`; any grid of at least 8 pixels a side.
        mask : array-like of shape (n_fields, height, width) or (height, width), optional
            Where traction is expected, from 0 (none) to 1.
        noise : array-like of shape (n_fields, 2, height, width), optional
            Standard deviation of each component of the displacement, in its unit, as the transformers of
            `tfmkit.displacement` state it; NaN where it is not known. Only for estimators with `takes_noise`.

        Returns
        -------
        ndarray of shape (n_fields, 2, height, width)
            Traction in the unit of `young`, in the precision of `X`.

        Raises
        ------
        ValueError
            If `X` is not a batch of finite fields, the mask or the noise does not fit, the estimator takes no noise,
            or the traction is too large for its precision.
        """
        check_is_fitted(self)
        displacement = check_field(X)
        told = self._check_told(noise, displacement)
        if mask is None:
            return self._finite(displacement, None, told)
        weight = check_mask(mask, displacement.shape, soft=True)
        if getattr(self, "support", "cut") == "fit":
            return self._finite(displacement, weight, told)
        return cut(self._finite(displacement, None, told), weight)

    def draw(
        self,
        X: ArrayLike,
        n: int = 32,
        random_state: Any = None,
        *,
        predicted: Any = None,
        noise: ArrayLike | None = None,
    ) -> Draws:
        """Draw tractions that are as likely as the predicted one, for error bars of any sum.

        Parameters
        ----------
        X : array-like of shape (n_fields, 2, height, width)
            Displacement in the unit of `spacing`.
        n : int, default=32
            Number of draws per field.
        random_state : None, int, numpy Generator or RandomState, optional
            Seed of the draws.
        predicted : ndarray or tuple of two ndarrays, optional
            The result of `predict` for `X` (with `return_std` where the estimator has it), if it is at hand. It is
            computed otherwise.
        noise : array-like of shape (n_fields, 2, height, width), optional
            Standard deviation of each component of the displacement, as for `predict`.

        Returns
        -------
        Draws
            Displacement and traction of every draw.

        Raises
        ------
        ValueError
            If `X` is not a batch of finite fields or `n` is not a positive integer.

        Notes
        -----
        The noise of every field is measured on the field, and noise of the same spectrum is drawn; where its standard
        deviation is given, it has that size at every vector. By default the
        displacement is inverted again under each draw. The spread of the draws is then the effect of the noise. It does
        not hold the bias of the regularisation, see `recover_again` and `tfmkit.error_bars`.
        """
        check_is_fitted(self)
        check_count(n, "n")
        displacement = check_field(X)
        rng = check_random_state(random_state)
        told = self._check_told(noise, displacement)
        if predicted is None:
            predicted = self._predicted(displacement, told)
        moved, drawn = [], []
        with np.errstate(over="ignore", invalid="ignore"):
            for index, field in enumerate(displacement):
                stated = None if told is None else told[index]
                errors = draw_noise_of(field, self.gel_, n, rng, stated)
                moved.append(field + errors)
                own = predicted[index] if isinstance(predicted, np.ndarray) else [part[index] for part in predicted]
                drawn.append(self._draw_field(field, own, errors, rng, stated))
        return Draws(
            check_result(np.stack(moved, axis=1), "draws of the displacement"),
            check_result(np.stack(drawn, axis=1), "draws of the traction"),
        )

    def recover_again(
        self,
        X: ArrayLike,
        n: int = 4,
        random_state: Any = None,
        *,
        predicted: ArrayLike | None = None,
        noise: ArrayLike | None = None,
    ) -> Draws:
        """Recover the displacement of the predicted traction, for the bias of any sum.

        Parameters
        ----------
        X : array-like of shape (n_fields, 2, height, width)
            Displacement in the unit of `spacing`.
        n : int, default=4
            Number of recoveries per field.
        random_state : None, int, numpy Generator or RandomState, optional
            Seed of the noise.
        predicted : ndarray of shape (n_fields, 2, height, width), optional
            The result of `predict` for `X`, if it is at hand. It is computed otherwise.
        noise : array-like of shape (n_fields, 2, height, width), optional
            Standard deviation of each component of the displacement, as for `predict`.

        Returns
        -------
        Draws
            Displacement and traction of every recovery.

        Raises
        ------
        ValueError
            If `X` is not a batch of finite fields or `n` is not a positive integer.

        Notes
        -----
        The predicted traction is the truth of the recovered fields: its displacement on the open gel, under noise of
        the spectrum that is measured on the field. A sum over the second traction less that over the first is about
        the bias of the first one (parametric bootstrap). The traction is taken as band-limited, as Fourier inversion
        takes it: traction that is constant on each pixel would add a smoothing over the pixel, which the first
        recovery does not have.
        """
        check_is_fitted(self)
        check_count(n, "n")
        displacement = check_field(X)
        rng = check_random_state(random_state)
        stated = self._check_told(noise, displacement)
        told = {} if stated is None else {"noise": stated}
        known = check_field(self.predict(displacement, **told) if predicted is None else predicted, name="traction")
        clean = self._displace(known)
        sizes = [None] * len(displacement) if stated is None else list(stated)
        pairs = zip(displacement, sizes, strict=True)
        errors = [draw_noise_of(field, self.gel_, n, rng, size) for field, size in pairs]
        moved = clean + np.stack(errors, axis=1).astype(clean.dtype)
        return Draws(moved, np.stack([np.asarray(self.predict(each, **told)) for each in moved]))

    def intervals(
        self, X: ArrayLike, mask: ArrayLike | None = None, *, n_samples: int = 32, random_state: Any = None
    ) -> pd.DataFrame:
        """Return 90 % intervals of the energy, the forces and the moments of cells.

        Parameters
        ----------
        X : array-like of shape (n_fields, 2, height, width)
            Displacement in the unit of `spacing`.
        mask : array-like of shape (n_fields, height, width) or (height, width), optional
            True inside the cell. It limits the sums; the traction is that of the whole field. By default all counts.
        n_samples : int, default=32
            Number of draws per field, at least 2.
        random_state : None, int, numpy Generator or RandomState, optional
            Seed of the draws.

        Returns
        -------
        pandas.DataFrame
            One row per field and quantity of `tfmkit.mechanics.force_summary`: ``field``, ``quantity``, ``estimate``,
            ``std``, ``low`` and ``high``, in powers of the units of `young` and `spacing`.

        Raises
        ------
        ValueError
            If `X` is not a batch of finite fields, `mask` does not fit it, or there are too few samples.

        Notes
        -----
        The interval is the estimate plus and minus 1.645 standard deviations of `tfmkit.error_bars`, which hold the
        noise and the bias of the inversion. The benchmark `numbers` tells how often they hold the truth.
        """
        import pandas as pd

        check_is_fitted(self)
        check_count(n_samples, "n_samples", low=2)
        displacement, rng = check_field(X), check_random_state(random_state)
        inside = check_mask(np.ones(displacement.shape[2:], bool) if mask is None else mask, displacement.shape)
        tables = []
        for number in range(len(displacement)):
            field, cell = displacement[number : number + 1], inside[number]
            predicted = self._predicted(field, None)
            traction = predicted[0] if self.gives_std else predicted
            estimate = Recovery.of(field, traction)
            draws = self.draw(field, n_samples, rng, predicted=predicted)
            samples = Samples.of(estimate, draws, self.recover_again(field, random_state=rng, predicted=traction))
            stds = standard_deviations(type(self).__name__, samples, self.gel_, mask=cell)
            sums = estimate.summary(spacing=self.gel_.spacing, mask=cell)
            table = pd.DataFrame({"estimate": {name: float(values[0]) for name, values in sums.items()}, "std": stds})
            tables.append(table.rename_axis("quantity").reset_index().assign(field=number))
        found = pd.concat(tables, ignore_index=True)
        half = INTERVAL * found["std"]
        found = found.assign(low=found["estimate"] - half, high=found["estimate"] + half)
        return found[["field", "quantity", "estimate", "std", "low", "high"]]

    @property
    def choices_(self) -> dict[str, NDArray[np.float64]]:
        """Parameters that the estimator chose for the fields of `fit`.

        Returns
        -------
        dict of str to ndarray of shape (n_fields,) or (1,)
            Values by the name of the parameter. Empty for an estimator that chooses nothing.
        """
        return {name: np.atleast_1d(np.asarray(getattr(self, f"{name}_"), dtype=float)) for name in self._chosen}

    def path(self, field: int = 0) -> dict[str, list[float]]:  # noqa: ARG002
        """Return the path of candidates that was searched for one field of `fit`.

        Parameters
        ----------
        field : int, default=0
            Index of the field.

        Returns
        -------
        dict of str to list of float
            ``"lams"`` and their scores, ``"criterion"``. Empty for an estimator that searches no path.
        """
        return {}

    def doubts(
        self,
        X: ArrayLike,  # noqa: ARG002
        traction: ArrayLike,  # noqa: ARG002
        *,
        noise: ArrayLike | None = None,  # noqa: ARG002
    ) -> dict[str, NDArray[Any]]:
        """Return the signs that the estimator is not made for some fields.

        Parameters
        ----------
        X : array-like of shape (n_fields, 2, height, width)
            Displacement in the unit of `spacing`.
        traction : array-like of shape (n_fields, 2, height, width)
            The traction that `predict` returned for `X`.
        noise : array-like of shape (n_fields, 2, height, width), optional
            Standard deviation of the displacement, as given to `predict`.

        Returns
        -------
        dict of str to ndarray of shape (n_fields,)
            ``"misfit"`` and ``"foreign"`` of a network. Empty for an estimator that holds for every field.
        """
        return {}

    def _check_parameters(self) -> None:
        """Raise a ValueError if a parameter besides those of the gel is out of its range."""

    def _learn(self, displacement: FloatArray, y: ArrayLike | None, noise: FloatArray | None) -> None:
        """Learn from checked data, with `gel_` at hand. Estimators that learn nothing leave it out."""

    def _recover(self, displacement: FloatArray, mask: NDArray[Any] | None) -> FloatArray:
        """Return the traction of checked displacement, in the unit of `young`. Every estimator has this method."""
        raise NotImplementedError(f"Expected {type(self).__name__} to define `_recover(displacement, mask)`.")

    def _check_told(self, noise: ArrayLike | None, displacement: FloatArray) -> FloatArray | None:
        """Return the standard deviations that the estimator is told, checked."""
        if noise is None:
            return None
        if not self.takes_noise:
            raise ValueError(f"Expected no noise: {type(self).__name__} makes no use of it. Leave it out.")
        return check_noise(noise, displacement.shape)

    def _finite(self, displacement: FloatArray, mask: NDArray[Any] | None, noise: FloatArray | None) -> FloatArray:
        told = {} if noise is None else {"noise": noise}
        # The check tells more than NumPy's warnings.
        with np.errstate(over="ignore", invalid="ignore"):
            return check_result(self._recover(displacement, mask, **told), "traction")

    def _predicted(self, displacement: FloatArray, noise: FloatArray | None) -> Any:
        settings: dict[str, Any] = {"return_std": True} if self.gives_std else {}
        return self.predict(displacement, **settings, **({} if noise is None else {"noise": noise}))

    def _draw_field(
        self,
        displacement: FloatArray,
        predicted: Any,  # noqa: ARG002
        errors: FloatArray,
        rng: Any,  # noqa: ARG002
        noise: FloatArray | None,
    ) -> FloatArray:
        """Return tractions of shape (n, 2, height, width) for one field, its draws of errors and its stated noise."""
        told = {} if noise is None else {"noise": np.broadcast_to(noise, errors.shape)}
        return np.asarray(self.predict(displacement + errors, **told))

    def _displace(self, traction: FloatArray) -> FloatArray:
        """Return the displacement of the open gel under band-limited traction, in the precision of the traction."""
        shape = traction.shape[-2], traction.shape[-1]
        symbol = bandlimited_symbol(shape, self.gel_.dimensionless)
        moved = symbol.convolve(traction / self.gel_.young, padded_grid(shape)) * self.gel_.spacing
        return np.asarray(moved, dtype=traction.dtype)


def noise_for(estimator: Any, std: FloatArray | None) -> dict[str, FloatArray]:
    """Return the metadata that tell an estimator how exact a displacement is.

    Parameters
    ----------
    estimator : estimator
        Any estimator of traction.
    std : ndarray of shape (n_fields, 2, height, width) or None
        Standard deviation of the displacement, if it is known.

    Returns
    -------
    dict of str to ndarray
        ``{"noise": std}`` for `predict` and `draw`. It is empty if nothing is known, the estimator takes no
        noise, or its own parameter `noise` says the level.
    """
    told = std is not None and estimator.takes_noise and getattr(estimator, "noise", None) is None
    return {"noise": std} if told and std is not None else {}


def find_gel(estimator: Any) -> Gel | None:
    """Return the gel of an estimator, or of the estimators inside.

    Parameters
    ----------
    estimator : estimator
        Estimator, Pipeline, filter or search, also with estimators that are frozen.

    Returns
    -------
    Gel or None
        The gel; None if `young`, `poisson` or `spacing` is not among the parameters.

    Raises
    ------
    ValueError
        If the estimators inside have different gels.
    """
    found: dict[str, Any] = {}
    for name, value in _parameters(estimator):
        if name in Gel.__dataclass_fields__ and found.setdefault(name, value) != value:
            raise ValueError(f"Expected one gel in {type(estimator).__name__}, got {name} {found[name]} and {value}.")
    return Gel(**found) if {"young", "poisson", "spacing"} <= found.keys() else None


def _parameters(estimator: Any) -> Iterator[tuple[str, Any]]:
    """Yield name (without its path) and value of all parameters, also inside frozen estimators."""
    if isinstance(estimator, FrozenEstimator):
        estimator = estimator.estimator
    for path, value in estimator.get_params(deep=True).items():
        yield path.rpartition("__")[2], value
        if isinstance(value, FrozenEstimator):
            yield from _parameters(value)


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
    weights = np.asarray(unmasked(sample_weight), dtype=np.float64)
    if weights.shape != errors.shape or not np.isfinite(weights).all() or weights.min() < 0 or weights.max() == 0:
        raise ValueError(f"Expected {errors.size} finite weights >= 0, not all of them 0, got {sample_weight!r}.")
    return -float(np.average(errors, weights=weights))


def cut(traction: FloatArray, mask: NDArray[Any]) -> FloatArray:
    """Multiply traction by a mask.

    Parameters
    ----------
    traction : ndarray of shape (n_fields, 2, height, width)
        Traction.
    mask : ndarray of shape (n_fields, height, width)
        Where traction is expected, from 0 (none) to 1.

    Returns
    -------
    ndarray of shape (n_fields, 2, height, width)
        The product, in the precision of `traction`.
    """
    return traction * mask[:, None].astype(traction.dtype)


def predict_inside(estimator: Any, X: ArrayLike, mask: ArrayLike | None) -> FloatArray:
    """Return the prediction of a fitted estimator, with the mask of the cell where it asks for one.

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
