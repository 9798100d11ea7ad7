"""Put the three parts of the contract together and run them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any
from unittest import SkipTest

from sklearn.utils import estimator_checks as sklearn_checks

from tfmkit.estimator_checks.field_checks import FIELD_CHECKS
from tfmkit.estimator_checks.folded import FoldedEstimator

Check = Callable[[Any], None]

# Checks of scikit-learn that never call fit; their arguments are (name, estimator).
_DATA_FREE = (
    sklearn_checks.check_estimator_cloneable,
    sklearn_checks.check_estimator_tags_renamed,
    sklearn_checks.check_valid_tag_types,
    sklearn_checks.check_estimator_repr,
    sklearn_checks.check_no_attributes_set_in_init,
    sklearn_checks.check_do_not_raise_errors_in_init_or_set_params,
    sklearn_checks.check_parameters_default_constructible,
    sklearn_checks.check_get_params_invariance,
    sklearn_checks.check_set_params,
    sklearn_checks.check_mixin_order,
)


def traction_checks_generator(estimator: Any) -> Iterator[tuple[Any, Check]]:
    """Generate every check of the contract for one estimator.

    Parameters
    ----------
    estimator : estimator
        Unfitted estimator from displacement to traction.

    Yields
    ------
    estimator : estimator
        The estimator, or a :class:`FoldedEstimator` around it.
    check : callable
        Function of that estimator. It raises an exception if the check fails.
    """
    name = type(estimator).__name__
    for check in _DATA_FREE:
        yield estimator, partial(check, name)
    for check in FIELD_CHECKS:
        yield estimator, check
    yield from sklearn_checks.estimator_checks_generator(FoldedEstimator(estimator))


def check_traction_estimator(estimator: Any, *, expected_failed_checks: dict[str, str] | None = None) -> None:
    """Run the whole contract on one estimator.

    Parameters
    ----------
    estimator : estimator
        Unfitted estimator from displacement to traction. The checks fit it about a hundred times to small fields, so
        choose a fast one (few epochs, few channels).
    expected_failed_checks : dict of str to str, optional
        Checks that must fail, as ``"part:name"`` with the part "api", "fields" or "folded", and the reason for each.

    Raises
    ------
    AssertionError
        If a check fails, or a check that must fail passes; the message names all of them.
    """
    expected = expected_failed_checks or {}
    problems: list[str] = []
    failed: set[str] = set()
    for target, check in traction_checks_generator(estimator):
        name = _check_id(target, check)
        try:
            check(target)
        except SkipTest:
            continue
        except Exception as error:  # noqa: BLE001 - a check may fail in any way
            failed.add(name)
            if name not in expected:
                problems.append(f"{name}: {type(error).__name__}: {error}")
    problems += [f"{name}: expected to fail ({expected[name]}), but passes" for name in sorted(set(expected) - failed)]
    if problems:
        raise AssertionError(f"{type(estimator).__name__} breaks its contract:\n" + "\n".join(problems))


def parametrize_with_traction_checks(
    estimators: Sequence[Any], *, expected_failed_checks: Callable[[Any], dict[str, str]] | None = None
) -> Any:
    """Return a pytest decorator that makes one test from every pair of estimator and check.

    Parameters
    ----------
    estimators : sequence of estimators
        Unfitted estimators from displacement to traction.
    expected_failed_checks : callable, optional
        Function from an estimator to its checks that must fail, in the form of :func:`check_traction_estimator`.

    Returns
    -------
    MarkDecorator
        Decorator for a test function with the arguments `estimator` and `check`.

    Examples
    --------
    >>> from tfmkit.estimator_checks import parametrize_with_traction_checks
    >>> from tfmkit.fttc import FTTC
    >>> @parametrize_with_traction_checks([FTTC()])
    ... def test_contract(estimator, check):
    ...     check(estimator)
    """
    import pytest

    cases = []
    for estimator in estimators:
        expected = expected_failed_checks(estimator) if expected_failed_checks else {}
        for target, check in traction_checks_generator(estimator):
            name = _check_id(target, check)
            marks = [pytest.mark.xfail(reason=expected[name], strict=True)] if name in expected else []
            cases.append(pytest.param(target, check, marks=marks, id=f"{type(estimator).__name__}-{name}"))
    return pytest.mark.parametrize(("estimator", "check"), cases)


def _check_id(target: Any, check: Any) -> str:
    """Return the part of the contract and the name of the check, as some checks belong to two parts."""
    while isinstance(check, partial):
        check = check.func
    bare = "fields" if check in FIELD_CHECKS else "api"
    return f"{'folded' if isinstance(target, FoldedEstimator) else bare}:{check.__name__}"
