"""Checks of an estimator with 4-D data, valid and invalid.

Every check takes an unfitted estimator and fits clones of it. The data are small fields of random traction and their
displacement.
"""

from __future__ import annotations

import pickle
import random
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils import get_tags

from tfmkit._validation import FloatArray
from tfmkit.base import predict_inside
from tfmkit.gel.operator import ForwardOperator
from tfmkit.metrics import relative_rmse


def check_fit_returns_self(estimator: Any) -> None:
    """Fit returns the estimator itself."""
    fresh = clone(estimator)
    _require(fresh.fit(*_fields()) is fresh, "fit must return self")


def check_unfitted_refused(estimator: Any) -> None:
    """Predict before fit raises NotFittedError."""
    X, _ = _fields()
    _assert_raises(NotFittedError, _predict, clone(estimator), X)


def check_target_when_required(estimator: Any) -> None:
    """An estimator that needs a target raises ValueError without one; any other ignores the target."""
    X, y = _fields()
    if get_tags(estimator).target_tags.required:
        _assert_raises(ValueError, clone(estimator).fit, X, None)
    else:
        without, with_target = _predict(clone(estimator).fit(X), X), _predict(clone(estimator).fit(X, y), X)
        _require(np.array_equal(without, with_target), "a target that is not required must not matter")


def check_parameters_untouched(estimator: Any) -> None:
    """Fit and predict change no parameter, and set only public attributes that end in an underscore."""
    fresh = clone(estimator)
    before = {name: repr(value) for name, value in fresh.get_params().items()}
    public = {name for name in vars(fresh) if not name.startswith("_")}
    X, y = _fields()
    _predict(fresh.fit(X, y), X)
    _require({name: repr(value) for name, value in fresh.get_params().items()} == before, "fit changed a parameter")
    new = {name for name in vars(fresh) if not name.startswith("_") and not name.endswith("_")} - public
    _require(not new, f"attributes set by fit must end in an underscore, got {sorted(new)}")


def check_input_untouched(estimator: Any) -> None:
    """Fit and predict do not write to their input."""
    X, y = _fields()
    X_before, y_before = X.copy(), y.copy()
    X.flags.writeable = y.flags.writeable = False
    _predict(clone(estimator).fit(X, y), X)
    _require(np.array_equal(X, X_before), "the displacement was changed")
    _require(np.array_equal(y, y_before), "the traction was changed")


def check_output_fresh(estimator: Any) -> None:
    """Predictions are new arrays: a change of one leaves later ones as they are."""
    X, y = _fields()
    fitted = clone(estimator).fit(X, y)
    first = _predict(fitted, X)
    kept = first.copy()
    first[:] = 0
    _require(np.array_equal(_predict(fitted, X), kept), "changing a prediction changed the next one")


def check_fit_idempotent(estimator: Any) -> None:
    """Fitting again on the same data gives the same predictions."""
    X, y = _fields()
    fitted = clone(estimator).fit(X, y)
    first = _predict(fitted, X)
    if not get_tags(estimator).non_deterministic:
        _require(
            np.array_equal(_predict(fitted.fit(X, y), X), first), "a second fit on the same data changed the result"
        )


def check_fit_forgets(estimator: Any) -> None:
    """A fit on other data leaves nothing of an earlier fit."""
    X, y = _fields()
    other_X, other_y = _fields(shape=(17, 20), seed=1)
    if not get_tags(estimator).non_deterministic:
        again = _predict(clone(estimator).fit(other_X, other_y).fit(X, y), X)
        _require(np.array_equal(again, _predict(clone(estimator).fit(X, y), X)), "fit remembered an earlier fit")


def check_dtype_kept(estimator: Any) -> None:
    """Traction has the floating-point type of the displacement."""
    for dtype in (np.float32, np.float64):
        X, y = (field.astype(dtype) for field in _fields())
        predicted = _predict(clone(estimator).fit(X, y), X)
        _require(predicted.dtype == dtype, f"{np.dtype(dtype)} displacement gave {predicted.dtype} traction")


def check_any_layout(estimator: Any) -> None:
    """Lists, integers and strided arrays give the result of contiguous floats."""
    X, y = _fields()
    X = np.round(X / np.abs(X).max() * 100)
    fitted = clone(estimator).fit(X, y)
    expected = _predict(fitted, X)
    strided = np.empty((*X.shape[:3], 2 * X.shape[3]))[..., ::2]
    strided[:] = X
    for same in (X.tolist(), X.astype(np.int64), np.asfortranarray(X), strided):
        _require(np.allclose(_predict(fitted, same), expected, rtol=1e-6), "the layout of the input changed the result")


def check_any_grid(estimator: Any) -> None:
    """Even, odd, square and rectangular grids keep their shape and give finite traction."""
    for shape in ((16, 16), (17, 17), (16, 23), (21, 18)):
        X, y = _fields(shape=shape)
        predicted = _predict(clone(estimator).fit(X, y), X)
        _require(
            predicted.shape == X.shape, f"displacement of shape {X.shape} gave traction of shape {predicted.shape}"
        )
        _require(np.isfinite(predicted).all(), f"traction on a grid of {shape} is not finite")


def check_batch_invariance(estimator: Any) -> None:
    """A field gives the same traction alone and in a batch of any order."""
    X, y = _fields()
    fitted = clone(estimator).fit(X, y)
    together = _predict(fitted, X)
    tolerance = 1e-5 * np.abs(together).max()
    alone = np.concatenate([_predict(fitted, field[None]) for field in X])
    _require(np.allclose(alone, together, rtol=0, atol=tolerance), "a field alone differs from the same one in a batch")
    _require(
        np.allclose(_predict(fitted, X[::-1])[::-1], together, rtol=0, atol=tolerance), "the order of fields matters"
    )


def check_zero_field(estimator: Any) -> None:
    """A displacement of zero gives finite traction or a clear error."""
    X, y = _fields()
    fitted = clone(estimator).fit(X, y)
    try:
        predicted = _predict(fitted, np.zeros_like(X))
    except ValueError:
        return
    _require(np.isfinite(predicted).all(), "a field of zeros gave NaN or inf")


def check_pickle(estimator: Any) -> None:
    """A pickled estimator predicts the same as the original."""
    X, y = _fields()
    fitted = clone(estimator).fit(X, y)
    copy = pickle.loads(pickle.dumps(fitted))  # noqa: S301 - its own bytes
    _require(np.array_equal(_predict(copy, X), _predict(fitted, X)), "a pickled copy predicts something else")


def check_score(estimator: Any) -> None:
    """The score is minus the relative error of the traction."""
    X, y = _fields()
    fitted = clone(estimator).fit(X, y)
    score = fitted.score(X, y, mask=_mask(X))
    _require(isinstance(score, float), f"score must be a float, got {type(score).__name__}")
    # The mask of the score limits the error to the cell; a filter that needs a mask uses it in predict, too.
    predictions = [_predict(fitted, X)]
    with suppress(ValueError):
        predictions.append(fitted.predict(X))
    allowed = [-float(relative_rmse(y, predicted, mask=mask)) for predicted in predictions for mask in (_mask(X), None)]
    _require(np.isclose(score, allowed).any(), f"score must be -relative_rmse, one of {allowed}, got {score}")


def check_generators_untouched(estimator: Any) -> None:
    """Fit and predict do not use the global random generators."""
    before = _generator_states()
    X, y = _fields()
    _predict(clone(estimator).fit(X, y), X)
    _require(_generator_states() == before, "a global random generator was used")


def check_shape_refused(estimator: Any) -> None:
    """Anything but fields of two components raises ValueError, in fit and predict."""
    X, y = _fields()
    fitted = clone(estimator).fit(X, y)
    for wrong in (X[0], X[:, 0], X[:, :1], X.reshape(len(X), -1), X[:, :, :2, :2], X[:0], X[0, 0, 0, 0]):
        _assert_raises(ValueError, _predict, fitted, wrong)
        _assert_raises(ValueError, clone(estimator).fit, wrong, y)


def check_values_refused(estimator: Any) -> None:
    """NaN, inf, complex numbers, strings and objects raise ValueError, in fit and predict."""
    X, y = _fields()
    fitted = clone(estimator).fit(X, y)
    for wrong in _wrong_values(X):
        _assert_raises(ValueError, _predict, fitted, wrong)
        _assert_raises(ValueError, clone(estimator).fit, wrong, y)


def check_wrong_target_refused(estimator: Any) -> None:
    """A target of another shape, or with values that are not finite numbers, raises ValueError."""
    X, y = _fields()
    for wrong in (y[:-1], y[:, :, :-1], y[:, :1], *_wrong_values(y)):
        _assert_raises(ValueError, clone(estimator).fit, X, wrong)


FIELD_CHECKS: tuple[Callable[[Any], None], ...] = (
    check_fit_returns_self,
    check_unfitted_refused,
    check_target_when_required,
    check_parameters_untouched,
    check_input_untouched,
    check_output_fresh,
    check_fit_idempotent,
    check_fit_forgets,
    check_dtype_kept,
    check_any_layout,
    check_any_grid,
    check_batch_invariance,
    check_zero_field,
    check_pickle,
    check_score,
    check_generators_untouched,
    check_shape_refused,
    check_values_refused,
    check_wrong_target_refused,
)


def _fields(shape: tuple[int, int] = (16, 16), seed: int = 0) -> tuple[FloatArray, FloatArray]:
    """Return displacement and traction of four fields, zero within two pixels of the border."""
    y = np.zeros((4, 2, *shape))
    y[:, :, 2:-2, 2:-2] = 1000 * np.random.default_rng(seed).normal(size=y[:, :, 2:-2, 2:-2].shape)
    return ForwardOperator(shape).apply(y), y


def _mask(X: FloatArray) -> FloatArray:
    mask = np.zeros(np.shape(X)[-2:], dtype=bool)
    mask[4:-4, 4:-4] = True
    return mask


def _predict(estimator: Any, X: ArrayLike) -> FloatArray:
    """Predict, with a mask of the right size if the estimator requests one."""
    mask = _mask(np.asarray(X)) if np.ndim(X) == 4 else np.ones((16, 16), dtype=bool)
    return predict_inside(estimator, X, mask)


def _wrong_values(field: FloatArray) -> list[Any]:
    wrong: list[Any] = [field + 1j, field.astype(str), np.full(field.shape, object())]
    for value in (np.nan, np.inf, -np.inf):
        broken = field.copy()
        broken[1, 1, 3, 4] = value
        wrong.append(broken)
    return wrong


def _require(condition: bool | np.bool_, message: str) -> None:
    """Raise AssertionError unless the condition holds; ``python -O`` removes assert statements."""
    if not condition:
        raise AssertionError(message)


def _assert_raises(expected: type[Exception], function: Callable[..., Any], *args: Any) -> None:
    shapes = ", ".join(f"{getattr(arg, 'dtype', type(arg).__name__)} of {np.shape(arg)}" for arg in args[-2:])
    try:
        function(*args)
    except expected as error:
        if str(error):
            return
        raise AssertionError(f"{expected.__name__} without a message for {shapes}") from error
    raise AssertionError(f"expected {expected.__name__} for {shapes}, got no error")


def _generator_states() -> tuple[bytes, ...]:
    states: list[Any] = [random.getstate(), np.random.get_state()]  # noqa: NPY002 - the global one is meant
    if "torch" in sys.modules:
        # Only an estimator that uses torch can change its generator, and has imported torch already.
        states.append(sys.modules["torch"].get_rng_state().numpy())
    return tuple(pickle.dumps(state) for state in states)
