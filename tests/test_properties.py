"""Symmetries and scaling laws of every operator and solver, on even and odd, square and rectangular grids.

New operators join `OPERATORS`, new solvers join `SOLVERS`; every property then runs over them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfmkit.fttc import FTTC, FTTCCV
from tfmkit.operators import ForwardOperator

Field = np.ndarray
Map = Callable[[Field], Field]


def _operator(boundary: str) -> Map:
    return lambda field: ForwardOperator(field.shape[-2:], young=1.0, boundary=boundary).apply(field)


def _solver(**parameters: object) -> Map:
    return lambda field: FTTC(**{"young": 1.0, "lam": 0.3, "max_iter": 500, **parameters}).fit(field).predict(field)


OPERATORS: dict[str, Map] = {boundary: _operator(boundary) for boundary in ("open", "periodic")}
SOLVERS: dict[str, Map] = {
    "FTTC periodic": _solver(boundary="periodic"),
    "FTTC periodic first order": _solver(boundary="periodic", order=1.0),
    "FTTC extended": _solver(boundary="extended"),
    "FTTC extended order 0.7": _solver(boundary="extended", order=0.7),
    "FTTC open": _solver(boundary="open", tol=1e-10),
    "FTTC open first order": _solver(boundary="open", order=1.0, tol=1e-10),
}
LINEAR = {**OPERATORS, **SOLVERS}
# Those that choose lambda from the data are not linear, but as symmetric as the others.
CHOOSING: dict[str, Map] = {
    "FTTCCV": lambda field: FTTCCV(young=1.0).fit(field).predict(field),
    "FTTCCV gcv": lambda field: FTTCCV(young=1.0, criterion="gcv").fit(field).predict(field),
}

shapes = st.tuples(st.integers(8, 15), st.integers(8, 15))
seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=12, deadline=None)


def _random(shape: tuple[int, int], seed: int, n: int = 1) -> Field:
    return np.random.default_rng(seed).normal(size=(n, 2, *shape))


def _turn(field: Field) -> Field:
    """Turn by a quarter: x (right) becomes y (down), y becomes -x; pixels likewise."""
    turned = np.rot90(field, -1, axes=(-2, -1))
    return np.stack([-turned[:, 1], turned[:, 0]], axis=1)


def _mirror(field: Field) -> Field:
    """Mirror left and right."""
    return field[..., ::-1] * np.array([-1, 1])[:, None, None]


def _close(a: Field, b: Field) -> bool:
    return np.abs(a - b).max() <= 1e-7 * max(np.abs(b).max(), np.abs(a).max())


@pytest.mark.parametrize("name", LINEAR)
@given(shape=shapes, seed=seeds, factor=st.floats(-3, 3))
@few
def test_linear(name: str, shape: tuple[int, int], seed: int, factor: float) -> None:
    a, b = _random(shape, seed, 2)[:, None]
    apply = LINEAR[name]
    expected = apply(a) + factor * apply(b)
    assert np.abs(apply(a + factor * b) - expected).max() <= 1e-7 * (np.abs(apply(a)).max() + np.abs(apply(b)).max())


@pytest.mark.parametrize("name", OPERATORS)
@given(shape=shapes, seed=seeds)
@few
def test_self_adjoint(name: str, shape: tuple[int, int], seed: int) -> None:
    a, b = _random(shape, seed, 2)[:, None]
    left, right = (OPERATORS[name](a) * b).sum(), (a * OPERATORS[name](b)).sum()
    assert abs(left - right) <= 1e-12 * np.linalg.norm(OPERATORS[name](a)) * np.linalg.norm(b)


@pytest.mark.parametrize("name", {**LINEAR, **CHOOSING})
@pytest.mark.parametrize("change", [_turn, _mirror])
@given(shape=shapes, seed=seeds)
@few
def test_turned_and_mirrored_fields(name: str, change: Map, shape: tuple[int, int], seed: int) -> None:
    field, apply = _random(shape, seed), {**LINEAR, **CHOOSING}[name]
    assert _close(apply(np.ascontiguousarray(change(field))), change(apply(field)))


@pytest.mark.parametrize("name", CHOOSING)
@given(shape=shapes, seed=seeds, exponent=st.integers(-20, 20))
@few
def test_amplitude(name: str, shape: tuple[int, int], seed: int, exponent: int) -> None:
    field, apply = _random(shape, seed), CHOOSING[name]
    assert _close(apply(field * 2.0**exponent), apply(field) * 2.0**exponent)


@pytest.mark.parametrize("name", ["open", "periodic"])
@given(shape=shapes, seed=seeds, young=st.floats(1e-2, 1e5), spacing=st.floats(1e-6, 1e3))
@few
def test_units(name: str, shape: tuple[int, int], seed: int, young: float, spacing: float) -> None:
    traction = _random(shape, seed)
    displacement = ForwardOperator(shape, young=young, spacing=spacing, boundary=name).apply(traction * young)
    assert _close(displacement, OPERATORS[name](traction) * spacing)
    model = FTTC(0.3, young=young, spacing=spacing, boundary=name, tol=1e-9, max_iter=500).fit(displacement)
    plain = FTTC(0.3, young=1.0, boundary=name, tol=1e-9, max_iter=500).fit(displacement)
    assert np.allclose(model.predict(displacement) / young, plain.predict(displacement / spacing), atol=1e-6)


@pytest.mark.parametrize("name", ["periodic", "FTTC periodic", "FTTC periodic first order"])
@given(shape=shapes, seed=seeds, shift=st.tuples(st.integers(-20, 20), st.integers(-20, 20)))
@few
def test_translated_periodic_fields(name: str, shape: tuple[int, int], seed: int, shift: tuple[int, int]) -> None:
    field = _random(shape, seed)
    moved = np.roll(field, shift, axis=(-2, -1))
    assert _close(LINEAR[name](moved), np.roll(LINEAR[name](field), shift, axis=(-2, -1)))


@pytest.mark.parametrize("boundary", ["periodic", "open"])
@given(shape=shapes, seed=seeds)
@few
def test_round_trip(boundary: str, shape: tuple[int, int], seed: int) -> None:
    field = _random(shape, seed)
    traction = FTTC(1e-8, young=1.0, boundary=boundary, tol=1e-12, max_iter=2_000).fit(field).predict(field)
    again = FTTC(1e-8, young=1.0, boundary=boundary, tol=1e-12, max_iter=2_000).fit(field).predict(2 * field)
    assert np.allclose(again, 2 * traction, atol=1e-6 * np.abs(traction).max())
    if boundary == "periodic":
        drift = field.mean(axis=(-2, -1), keepdims=True)
        assert np.allclose(OPERATORS["periodic"](traction) + drift, field, atol=1e-6)
