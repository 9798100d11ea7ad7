"""Symmetries and scaling laws of every operator and solver, on even and odd, square and rectangular grids.

New operators join `OPERATORS`, new solvers join `SOLVERS`; every property then runs over them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone

from tfmkit.bayes import BayesianFTTC
from tfmkit.fttc import FTTC, FTTCCV
from tfmkit.gel import ForwardOperator
from tfmkit.sparse import ElasticNetTFM

# A drawn field need not have a best lambda inside the path; the laws hold at its end, too.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

Field = np.ndarray
Map = Callable[[Field], Field]


def _operator(boundary: str) -> Map:
    return lambda field: ForwardOperator(field.shape[-2:], young=1.0, boundary=boundary).apply(field)


def _solver(model: FTTC) -> Map:
    return lambda field: clone(model).fit(field).predict(field)


def _fitted_inside(model: FTTC) -> Map:
    """A mask that all symmetries of the square leave alone."""

    def solve(field: Field) -> Field:
        height, width = field.shape[-2:]
        y, x = np.abs(np.mgrid[:height, :width] - np.array([height - 1, width - 1])[:, None, None] / 2)
        return clone(model).fit(field).predict(field, mask=(np.hypot(x, y) < min(height, width) / 2).astype(float))

    return solve


OPERATORS: dict[str, Map] = {boundary: _operator(boundary) for boundary in ("open", "periodic")}
UNREGULATED = {"young": 1.0, "lam": 0.3, "tol": 1e-10, "max_iter": 500}
MODELS = {
    "FTTC periodic": FTTC(boundary="periodic", **UNREGULATED),
    "FTTC periodic first order": FTTC(boundary="periodic", order=1.0, **UNREGULATED),
    "FTTC periodic on a layer": FTTC(boundary="periodic", thickness=4.0, depth=0.5, **UNREGULATED),
    "FTTC extended": FTTC(boundary="extended", **UNREGULATED),
    "FTTC extended order 0.7": FTTC(boundary="extended", order=0.7, **UNREGULATED),
    "FTTC open": FTTC(boundary="open", **UNREGULATED),
    "FTTC open first order": FTTC(boundary="open", order=1.0, **UNREGULATED),
    "FTTC open on a layer": FTTC(boundary="open", thickness=4.0, depth=0.5, **UNREGULATED),
}
SOLVERS: dict[str, Map] = {
    **{name: _solver(model) for name, model in MODELS.items()},
    "FTTC open, fitted to a mask": _fitted_inside(FTTC(boundary="open", support="fit", **UNREGULATED)),
    "FTTC periodic, fitted to a mask": _fitted_inside(FTTC(boundary="periodic", support="fit", **UNREGULATED)),
}
LINEAR = {**OPERATORS, **SOLVERS}
# Those that choose lambda from the data are not linear, but as symmetric as the others.
CHOOSING_MODELS = {
    "FTTCCV": FTTCCV(young=1.0),
    "FTTCCV gcv": FTTCCV(young=1.0, criterion="gcv"),
    "FTTCCV open": FTTCCV(young=1.0, boundary="open", tol=1e-10, max_iter=500),
    "Bayes": BayesianFTTC(young=1.0),
    "Bayes, order 0, on a layer": BayesianFTTC(young=1.0, order=0.0, thickness=4.0),
    "elastic net": ElasticNetTFM(young=1.0),
    "elastic net on a layer": ElasticNetTFM(lam2=0.3, young=1.0, thickness=4.0, depth=0.5),
}
CHOOSING: dict[str, Map] = {name: _solver(model) for name, model in CHOOSING_MODELS.items()}

shapes = st.tuples(st.integers(8, 15), st.integers(8, 15))
seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=8, deadline=None)


def _random(shape: tuple[int, int], seed: int, n: int = 1) -> Field:
    return np.random.default_rng(seed).normal(size=(n, 2, *shape))


def _measured(shape: tuple[int, int], seed: int) -> Field:
    """Displacement of a few loaded pixels, under noise."""
    rng = np.random.default_rng(seed)
    traction = np.where(rng.random((1, 1, *shape)) < 0.05, rng.normal(size=(1, 2, *shape)), 0)
    traction[0, :, shape[0] // 2, shape[1] // 2] = 2.0, -1.0
    displacement = OPERATORS["open"](traction)
    return displacement + 0.05 * displacement.std() * rng.normal(size=displacement.shape)


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
    field, apply = (_measured if name in CHOOSING else _random)(shape, seed), {**LINEAR, **CHOOSING}[name]
    assert _close(apply(np.ascontiguousarray(change(field))), change(apply(field)))


@pytest.mark.parametrize("name", {**CHOOSING, **SOLVERS})
@given(shape=shapes, seed=seeds, exponent=st.integers(-20, 20))
@few
def test_amplitude(name: str, shape: tuple[int, int], seed: int, exponent: int) -> None:
    field, apply = _measured(shape, seed), {**CHOOSING, **SOLVERS}[name]
    assert _close(apply(field * 2.0**exponent), apply(field) * 2.0**exponent)


@pytest.mark.parametrize("name", OPERATORS)
@given(shape=shapes, seed=seeds, young=st.floats(1e-2, 1e5), spacing=st.floats(1e-6, 1e3))
@few
def test_units_of_operators(name: str, shape: tuple[int, int], seed: int, young: float, spacing: float) -> None:
    traction = _random(shape, seed)
    displacement = ForwardOperator(shape, young=young, spacing=spacing, boundary=name).apply(traction * young)
    assert _close(displacement, OPERATORS[name](traction) * spacing)


@pytest.mark.parametrize("name", {**MODELS, **CHOOSING_MODELS})
@given(shape=shapes, seed=seeds, young=st.floats(1e-2, 1e5), spacing=st.floats(1e-6, 1e3))
@few
def test_units_of_solvers(name: str, shape: tuple[int, int], seed: int, young: float, spacing: float) -> None:
    field, plain = _measured(shape, seed), {**MODELS, **CHOOSING_MODELS}[name]
    lengths = {"depth": plain.depth * spacing}
    if plain.thickness is not None:
        lengths["thickness"] = plain.thickness * spacing
    model = clone(plain).set_params(young=young, spacing=spacing, **lengths).fit(field)
    expected = clone(plain).fit(field).predict(field)
    assert np.allclose(model.predict(field * spacing) / young, expected, rtol=0, atol=1e-6 * np.abs(expected).max())


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


@pytest.mark.parametrize(
    ("model", "missing"),
    [
        (FTTC(1e-6, young=1.0, boundary="open", tol=1e-9, max_iter=500), 0.02),
        (FTTC(1e-6, young=1.0, order=1.0), 0.05),
        (FTTCCV(young=1.0, noise=1e-4), 0.05),
        (BayesianFTTC(young=1.0, noise=1e-4), 0.05),
        (ElasticNetTFM(young=1.0, noise=0.0), 0.05),
    ],
    ids=["open", "extended", "FTTCCV", "Bayes", "elastic net"],
)
@given(shape=st.tuples(st.integers(24, 31), st.integers(24, 31)), seed=seeds)
@settings(max_examples=3, deadline=None)
def test_recovered_traction_moves_the_gel_as_measured(
    model: FTTC, missing: float, shape: tuple[int, int], seed: int
) -> None:
    y, x = np.mgrid[: shape[0], : shape[1]]
    patches = np.random.default_rng(seed).uniform([8, 8, -1, -1], [*np.subtract(shape, 8), 1, 1], (3, 4))
    patches[:, 2:] -= patches[:, 2:].mean(axis=0)  # a cell at rest
    bells = [
        np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / 6) * np.array([tx, ty])[:, None, None] for cy, cx, tx, ty in patches
    ]
    field = OPERATORS["open"](np.sum(bells, axis=0)[None])
    again = OPERATORS["open"](clone(model).fit(field).predict(field))
    assert np.linalg.norm(again - field) < missing * np.linalg.norm(field)
