"""The sparse objective: its minimiser, its duality gap and its weights."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from tfmkit.gel import ForwardOperator, Gel
from tfmkit.gel.closed_forms import hertz_displacement
from tfmkit.noise.measure import effective_noise, noise_level
from tfmkit.simulate import add_noise
from tfmkit.sparse.on_support import degrees_of_freedom, polish
from tfmkit.sparse.problem import SparseProblem, convolve, duality_gap, inner, slope, unit_penalty
from tfmkit.sparse.solver import begin, elastic_net, shrink, split
from tfmkit.sparse.weights import adaptive_elastic_net, symmetric_signs


def problem(
    shape: tuple[int, int] = (16, 19), lam1: float = 0.2, lam2: float = 0.3, order: float = 1.0
) -> SparseProblem:
    """Two small patches under noise, in double precision."""
    tau = np.zeros((2, *shape))
    tau[0, 4:6, 4:6], tau[:, 10:12, 11:13] = 0.5, -0.4
    noise = np.random.default_rng(0).normal(scale=0.02, size=tau.shape)
    u = ForwardOperator(shape, young=1.0).apply(tau[None])[0] + noise
    return SparseProblem(u, np.full(shape, lam1), lam2, Gel(1.0, 0.45), order)


def objective(p: SparseProblem, z: np.ndarray) -> float:
    """Written out, term by term."""
    misfit = p.displacement - ForwardOperator(z.shape[-2:], young=1.0, poisson=p.gel.poisson).apply(z[None])[0]
    return float(0.5 * (misfit**2).sum() + (p.lam1 * np.hypot(*z)).sum() + 0.5 * p.lam2 * unit_penalty(p, z))


@pytest.mark.parametrize("order", [0.0, 1.0])
@pytest.mark.parametrize("shape", [(16, 16), (15, 17), (13, 20)])
def test_minimiser_satisfies_the_optimality_conditions(shape: tuple[int, int], order: float) -> None:
    p = problem(shape, order=order)
    solution = elastic_net(p, tol=1e-5, max_iter=2000)
    assert solution.gap <= 1e-5
    z = solution.traction
    pull = slope(p, z)[:, : z.shape[1], : z.shape[2]]
    active = np.hypot(*z) > 0
    assert 0 < active.sum() < active.size
    assert_allclose(pull[:, active], (p.lam1 * z / np.where(active, np.hypot(*z), 1))[:, active], atol=5e-3)
    assert np.hypot(*pull)[~active].max() <= 0.2 * 1.01


def gradient_of(p: SparseProblem, z: np.ndarray) -> np.ndarray:
    """Gradient of the quadratic part inside the field."""
    return -slope(p, z)[:, : z.shape[1], : z.shape[2]]


def hessian_of(p: SparseProblem) -> np.ndarray:
    """Hessian of the quadratic part inside the field, column by column."""
    at_rest = replace(p, displacement=np.zeros_like(p.displacement))
    units = np.eye(p.displacement.size).reshape(-1, *p.displacement.shape)
    return np.stack([gradient_of(at_rest, unit).ravel() for unit in units], axis=1)


@pytest.mark.parametrize("thickness", [None, 2.0])
def test_minimum_is_that_of_brute_force(thickness: float | None) -> None:
    p = problem((13, 12))
    p = replace(p, gel=Gel(1.0, 0.45, thickness=thickness))
    p.lam1[:4] = 0.5
    p.lam1[:, -1] = np.inf
    matrix, pull = hessian_of(p), convolve(p, p.displacement).ravel()
    step = 1 / np.linalg.eigvalsh(matrix)[-1]
    z = momentum = np.zeros_like(p.displacement)
    for n in range(4_000):
        before, descent = z, (pull - matrix @ momentum.ravel()).reshape(z.shape)
        z = shrink(momentum + step * descent, step * p.lam1)
        momentum = z + n / (n + 3) * (z - before)
    inside = np.isfinite(p.lam1)

    def dense_objective(t: np.ndarray) -> float:
        lengths = np.hypot(*t)[inside] @ p.lam1[inside]
        quadratic = 0.5 * t.ravel() @ matrix @ t.ravel() - pull @ t.ravel()
        return float(quadratic + lengths + 0.5 * inner(p.displacement, p.displacement))

    solution = elastic_net(p, tol=1e-6, max_iter=4_000)
    assert solution.gap <= 1e-6
    assert not solution.traction[:, ~inside].any()
    assert_allclose(solution.traction, z, atol=2e-3 * np.abs(z).max())
    assert abs(dense_objective(solution.traction) / dense_objective(z) - 1) < 2e-6


def dipole(n_nodes: int, peak: float) -> SparseProblem:
    """Hertz patches, 50 um apart and 3 um in radius, in a field of 70 um; largest displacement in nodes."""
    node = 70 / n_nodes
    places = (np.arange(n_nodes) - (n_nodes - 1) / 2) * node
    x, y = np.meshgrid(places, places)
    u = np.zeros((2, n_nodes, n_nodes))
    for side in (-17.7, 17.7):
        u += hertz_displacement(x - side, y - side, 3.0, np.array([-side, -side]), 0.5)
    u *= peak / np.hypot(*u).max()
    u += np.random.default_rng(0).normal(scale=0.007, size=u.shape)
    return SparseProblem(u.astype(np.float32), np.full(u.shape[1:], 0.045, np.float32), 0.15, Gel(1.0, 0.5))


def test_a_large_field_with_large_displacement_converges() -> None:
    solution = elastic_net(dipole(256, 12.0), tol=0.1, max_iter=250)
    assert solution.gap <= 0.1
    assert 0 < np.count_nonzero(np.hypot(*solution.traction)) < 0.05 * 256**2


def test_the_splitting_stands_still_at_the_solution_and_goes_on_where_it_stopped() -> None:
    p = problem((24, 24))
    best = elastic_net(p, tol=1e-8, max_iter=4_000).traction
    assert_allclose(split(p, begin(p, best), 5).traction, best, atol=1e-3 * np.abs(best).max())
    start = begin(p, np.zeros_like(best))
    halves, whole = split(p, split(p, start, 15), 15), split(p, start, 30)
    assert_allclose(halves.traction, whole.traction, atol=1e-9)
    assert not start.traction.any()


def test_no_perturbation_lowers_the_minimum_and_the_gap_bounds_the_excess() -> None:
    p = problem()
    best = elastic_net(p, tol=1e-7, max_iter=2000)
    minimum = objective(p, best.traction)
    rng = np.random.default_rng(1)
    for scale in (1e-3, 1e-2, 0.1):
        other = best.traction + scale * rng.standard_normal(best.traction.shape)
        excess = 1 - minimum * (1 - 1e-7) / objective(p, other)
        assert 0 < excess <= duality_gap(p, other) + 1e-9


@pytest.mark.parametrize("factor", [1.001, 10.0])
def test_beyond_the_largest_weight_nothing_is_left(factor: float) -> None:
    p = problem()
    largest = np.hypot(*convolve(p, p.displacement)).max()
    solution = elastic_net(replace(p, lam1=np.full(p.lam1.shape, factor * largest)), tol=1e-4, max_iter=2000)
    assert_allclose(objective(p, solution.traction), objective(p, 0 * solution.traction), rtol=1e-3)


def test_start_does_not_matter() -> None:
    p = problem()
    cold = elastic_net(p, tol=1e-5, max_iter=2000).traction
    warm = elastic_net(p, start=np.ones_like(cold), tol=1e-5, max_iter=2000).traction
    assert_allclose(warm, cold, atol=2e-3)


def test_polishing_never_raises_the_objective() -> None:
    p = problem()
    z = shrink(np.random.default_rng(2).normal(scale=0.1, size=p.displacement.shape), 0.1)
    for _ in range(4):
        better = polish(p, z)
        assert objective(p, better) <= objective(p, z)
        assert not better[:, np.hypot(*z) == 0].any()
        z = better


def test_support_is_kept() -> None:
    p = problem()
    lam1 = p.lam1.copy()
    lam1[:, 9:] = np.inf
    z = elastic_net(replace(p, lam1=lam1), tol=1e-3, max_iter=1000).traction
    assert not z[:, :, 9:].any()
    assert z[:, :, :9].any()


def test_degrees_of_freedom_are_the_derivative_of_the_fit() -> None:
    p = problem()
    probe = np.random.default_rng(3).choice([-1.0, 1.0], p.displacement.shape)
    base = elastic_net(p, tol=1e-9, max_iter=2000).traction
    moved = replace(p, displacement=p.displacement + 1e-4 * probe)
    step = elastic_net(moved, start=base, tol=1e-9, max_iter=2000).traction
    numerical = inner(probe, convolve(p, step - base)) / 1e-4
    assert_allclose(degrees_of_freedom(p, base, probe, n_iter=200), numerical, rtol=0.1)


def test_shrink_is_the_proximal_map_of_the_length() -> None:
    z = np.array([[[3.0, 0.3, 0.0]], [[4.0, 0.4, 0.0]]])
    assert_allclose(shrink(z, 1.0), [[[2.4, 0, 0]], [[3.2, 0, 0]]])


def test_noise_below_the_resolution_of_the_grid_does_not_count() -> None:
    p = problem()
    assert 0 < effective_noise(p.displacement, 0.0) < 0.01 * np.abs(p.displacement).max()
    assert effective_noise(p.displacement, 0.5) == 0.5


@pytest.mark.parametrize("correlation", [0.0, 1.5])
def test_noise_is_measured_whether_neighbours_share_it_or_not(correlation: float) -> None:
    tau = np.zeros((1, 2, 64, 64))
    tau[:, 0, 20:24, 20:24], tau[:, 1, 40:44, 40:44] = 0.5, -0.4
    clean = np.repeat(ForwardOperator(64, young=1.0).apply(tau), 6, axis=0)
    noisy = add_noise(clean, 0.3, unit="rms", correlation=correlation, random_state=8)
    true = np.std(noisy - clean, axis=(1, 2, 3))
    assert_allclose(np.median(noise_level(noisy, Gel(poisson=0.45)) / true), 1, rtol=0.25)


def test_quadratic_weight_grows_with_the_noise() -> None:
    p = problem((32, 32))
    clean = p.displacement - np.random.default_rng(0).normal(scale=0.02, size=p.displacement.shape)
    found = []
    for sigma in (0.01, 0.05, 0.25):
        u = clean + np.random.default_rng(6).normal(scale=sigma, size=clean.shape)
        noisy = replace(p, displacement=u, lam1=np.full(p.lam1.shape, 6 * sigma), lam2=1.0)
        found.append(adaptive_elastic_net(noisy, sigma, tol=0.1, max_iter=400)[0].lam2)
    assert found[0] < found[1] < found[2]


@pytest.mark.parametrize("shape", [(8, 8), (9, 9), (12, 17), (17, 12)])
def test_signs_turn_and_mirror_with_the_field(shape: tuple[int, int]) -> None:
    signs = symmetric_signs(shape)
    assert_allclose(np.mean(signs**2, axis=(1, 2)), 1)
    turned = np.rot90(signs, -1, axes=(1, 2))
    turned = np.stack([-turned[1], turned[0]])
    mirrored = signs[..., ::-1] * np.array([-1, 1])[:, None, None]
    for same, wanted in ((turned, symmetric_signs(shape[::-1])), (mirrored, signs)):
        assert_allclose(same * np.sign((same * wanted).sum()), wanted)
    assert abs(signs.mean()) < 0.2
