"""Resampled recoveries: their truths, their noise and the intervals made of their errors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from tfmkit.bayes.bootstrap import Recovery, certain, interval, matched_noise, off_grid, recover, resample, undecided
from tfmkit.gel import ForwardOperator, Gel
from tfmkit.noise.draw import draw_noise
from tfmkit.noise.measure import level_of, noise_spectrum, rings_of
from tfmkit.simulate import add_noise
from tfmkit.sparse.problem import convolve, slope
from tfmkit.sparse.weights import SMOOTHER

SHAPE = (36, 33)


@pytest.fixture(scope="module")
def truth() -> np.ndarray:
    """Traction of three patches over Young's modulus."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    tau = np.zeros((2, *SHAPE))
    for cx, cy, tx, ty in ((9, 10, 0.3, 0.1), (22, 12, -0.3, 0.1), (15, 26, 0.0, -0.2)):
        tau += np.array([tx, ty])[:, None, None] * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / 4)
    return tau


def measure(tau: np.ndarray, **parameters: float) -> np.ndarray:
    """Displacement under a tenth of noise."""
    clean = ForwardOperator(SHAPE, young=1.0).apply(tau[None])
    return add_noise(clean, 0.1, unit="rms", random_state=1, **parameters)[0]


@pytest.fixture(scope="module")
def recovery(truth: np.ndarray) -> Recovery:
    """Recovery of white noise."""
    return recover(measure(truth), np.ones(SHAPE, bool), None, Gel(poisson=0.45), order=1.0)


def length(traction: np.ndarray, displacement: np.ndarray) -> np.ndarray:
    """Total force, and the energy against the displacement."""
    return np.array([np.hypot(*traction).sum(), (traction * displacement).sum() / 2])


@pytest.mark.parametrize("layer", [{}, {"thickness": 6.0, "depth": 0.5}])
def test_moved_truth_keeps_its_force_and_nearly_its_displacement(recovery: Recovery, layer: dict[str, float]) -> None:
    gel = replace(recovery, problem=replace(recovery.problem, gel=Gel(1.0, 0.45, **layer)))
    plain = convolve(gel.problem, recovery.traction)
    seen = set()
    for seed in range(4):
        traction, displacement = off_grid(gel, recovery.traction, np.random.default_rng(seed))
        assert_allclose(traction.sum(axis=(1, 2)), recovery.traction.sum(axis=(1, 2)), atol=1e-9)
        assert_allclose(displacement, plain, atol=0.3 * np.abs(plain).max())
        seen.add(round(float(displacement[0, 0, 0]), 12))
    assert len(seen) > 1


def test_nothing_is_moved_out_of_the_mask(recovery: Recovery) -> None:
    lam1 = recovery.problem.lam1.copy()
    lam1[:, 16:] = np.inf
    half = replace(recovery, problem=replace(recovery.problem, lam1=lam1))
    traction, _ = off_grid(half, np.where(np.isfinite(lam1), recovery.traction, 0), np.random.default_rng(0))
    assert not traction[:, :, 16:].any()


@pytest.mark.parametrize("correlation", [0.0, 1.5])
def test_drawn_noise_has_the_spectrum_that_is_asked_for(correlation: float) -> None:
    rings = rings_of((64, 64))
    power = 0.04 * np.exp(-((correlation * rings.wavenumber) ** 2))
    rng = np.random.default_rng(3)
    drawn = np.stack([draw_noise(power, np.zeros((2, 64, 64)), rng) for _ in range(20)])
    assert_allclose(drawn.std(), level_of(power, (64, 64)), rtol=0.02)
    neighbours = (drawn[..., 1:] * drawn[..., :-1]).mean() / drawn.var()
    assert_allclose(neighbours, np.exp(-1 / (4 * correlation**2)) if correlation else 0.0, atol=0.03)


def test_matched_noise_is_measured_as_the_given_noise(recovery: Recovery) -> None:
    power = matched_noise(recovery, np.random.default_rng(0))
    assert (power <= recovery.power).all()
    clean, rng = convolve(recovery.problem, recovery.traction), np.random.default_rng(1)
    made_up = np.stack([clean + draw_noise(power, clean, rng) for _ in range(12)])
    measured = level_of(noise_spectrum(made_up, Gel(poisson=0.45)), SHAPE).mean()
    assert_allclose(measured, level_of(recovery.power, SHAPE), rtol=0.1)


def test_certain_traction_is_a_fit_without_penalty_on_lengths(recovery: Recovery) -> None:
    traction = certain(recovery)
    support = np.hypot(*traction) > 0
    assert 0 < support.sum() <= (np.hypot(*recovery.traction) > 0).sum() * 1.2
    assert np.hypot(*traction).sum() > np.hypot(*recovery.traction).sum()
    left = slope(recovery.problem, traction)[:, : SHAPE[0], : SHAPE[1]][:, support]
    before = slope(recovery.problem, recovery.traction)[:, : SHAPE[0], : SHAPE[1]][:, support]
    assert np.abs(left).max() < 0.2 * np.abs(before).max()


def test_correlated_noise_leaves_fewer_certain_places(truth: np.ndarray) -> None:
    recovery = recover(measure(truth, correlation=1.5), np.ones(SHAPE, bool), None, Gel(poisson=0.45), order=1.0)
    assert (np.hypot(*certain(recovery)) > 0).sum() < (np.hypot(*recovery.traction) > 0).sum()


def test_undecided_energy_is_the_trace_over_the_posterior() -> None:
    shape = (9, 8)
    u = np.random.default_rng(0).normal(size=(2, *shape))
    recovery = recover(u, np.ones(shape, bool), 0.02, Gel(poisson=0.3), order=0.5)
    support = np.flatnonzero(np.broadcast_to(np.hypot(*recovery.traction) > 0, u.shape))
    problem = replace(recovery.problem, lam2=recovery.problem.lam2 / SMOOTHER)
    unit = np.eye(u.size).reshape(-1, *u.shape)[support]
    gel = np.stack([convolve(problem, e).ravel()[support] for e in unit])
    hessian = np.stack([-slope(problem, e, data=False)[:, :9, :8].ravel()[support] for e in unit])
    expected = recovery.level**2 * np.trace(np.linalg.solve(hessian, gel)) / 2
    found = np.mean([undecided(recovery, np.random.default_rng(seed)) for seed in range(20)])
    assert_allclose(found, expected, rtol=0.1)


def test_told_noise_is_white_and_stays_what_it_is(truth: np.ndarray) -> None:
    recovery = recover(measure(truth).astype(np.float32), np.ones(SHAPE, bool), 0.01, Gel(poisson=0.45), order=1.0)
    assert not recovery.measured
    assert_allclose(recovery.power, 1e-4)
    assert_allclose(recovery.level, 0.01, rtol=1e-6)
    assert recovery.traction.dtype == np.float32


def test_errors_show_the_bias_of_the_recovery(truth: np.ndarray, recovery: Recovery) -> None:
    errors = resample(recovery, length, n_samples=6, rng=np.random.default_rng(2))
    assert errors.shape == (6, 2)
    # The penalty shortens; with that taken off the force is right within a few per cent.
    assert errors[:, 0].mean() < 0
    force, _ = length(recovery.traction, recovery.problem.displacement) - errors.mean(axis=0)
    assert_allclose(force, np.hypot(*truth).sum(), rtol=0.04)


def test_interval_takes_the_bias_off_and_adds_what_is_undecided() -> None:
    errors = np.array([[-1.0, 0.0], [1.0, 0.0], [3.0, 0.0]])
    centre, low, high = interval(np.array([10.0, 5.0]), errors, np.array([0.0, 0.6]))
    assert_allclose(centre, [9.0, 5.6])
    assert_allclose((low + high) / 2, centre)
    # Student's quantile for two degrees of freedom is 2.92.
    assert_allclose((high - low) / 2, 2.91999 * np.array([2 * np.sqrt(4 / 3), 0.6 / np.sqrt(3)]), rtol=1e-5)
