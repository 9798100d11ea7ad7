"""The gel against solutions that share no formula with it: a boundary-value problem for each wave, integrals over rays.

Sources: Navier's equations of a layer on a rigid base, solved by exponentials (Merkel et al., Biophys. J. 93, 3314,
2007, for the problem); Mindlin's force in a half-space, in Fourier space (Physics 7, 195, 1936); Boussinesq and
Cerruti's tensor (Landau and Lifshitz, Theory of Elasticity, section 8); the energy of two charges on one disc,
16 pi a^3 / 3 (Johnson, Contact Mechanics, chapter 3).
"""

from __future__ import annotations

import numpy as np
import pytest
from elastic_waves import solve_wave, solve_waves
from numpy.testing import assert_allclose
from scipy.special import j1

from tfmkit.gel import ForwardOperator, Gel
from tfmkit.gel.layer import fourier_factors
from tfmkit.gel.layer_pixel import layer_kernel
from tfmkit.gel.operator import bandlimited_symbol, convolve, pixel_sources
from tfmkit.gel.symbol import padded_grid
from tfmkit.mechanics import strain_energy


@pytest.mark.parametrize("nu", [0.0, 0.3, 0.45, 0.5])
@pytest.mark.parametrize(("k", "h"), [(0.05, 10.0), (0.3, 4.0), (1.0, 3.0), (2.0, 5.0)])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.8])
def test_layer_solves_its_boundary_value_problem(k: float, h: float, share: float, nu: float) -> None:
    expected = solve_wave(k, nu, h, (1 - share) * h)
    assert_allclose(fourier_factors(k, Gel(1.0, nu, 1.0, h, share * h)), expected, rtol=1e-9, atol=1e-12)


def base_by_waves(y: float, x: float, nu: float, h: float, depth: float) -> np.ndarray:
    """Effect of the base on Gxx, Gyy and Gxy of a pixel: a sum over waves of all lengths and directions."""
    end, (points, weights) = 45 / (2 * h - depth), np.polynomial.legendre.leggauss(16)
    reach = np.hypot(abs(y) + 0.5, abs(x) + 0.5)
    edges = np.linspace(0, end, int(max(end * reach / 10, 40)) + 1)
    half = np.diff(edges)[:, None] / 2
    k, dk = (edges[:-1, None] + half * (points + 1)).ravel(), (half * weights).ravel()
    free = np.exp(-k * depth) * 2 * (1 + nu) / k
    along, across = solve_waves(k, nu, h, h - depth)
    along, across = along - (1 - nu - k * depth / 2) * free, across - free
    # All directions are four copies of a quarter: x and y even, but for their product.
    angle = (np.arange(int(end * reach / 2) + 20) + 0.5) * np.pi / 2 / (int(end * reach / 2) + 20)
    total, (cos, sin) = np.zeros(3), (np.cos(angle), np.sin(angle))
    for some in np.array_split(np.arange(len(k)), len(k) // 64 + 1):
        k_x, k_y = k[some, None] * cos, k[some, None] * sin
        measure = (k * dk)[some, None] / (2 * np.pi * len(angle)) * np.sinc(k_x / 2 / np.pi) * np.sinc(k_y / 2 / np.pi)
        even, a, b = measure * np.cos(k_x * x) * np.cos(k_y * y), along[some, None], across[some, None]
        odd = -measure * np.sin(k_x * x) * np.sin(k_y * y)
        parts = even * (a * cos**2 + b * sin**2), even * (a * sin**2 + b * cos**2), odd * (a - b) * cos * sin
        total += [part.sum() for part in parts]
    return total


@pytest.mark.parametrize("nu", [0.0, 0.5])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
@pytest.mark.parametrize("h", [0.02, 0.3, 0.5, 1.0, 3.0, 20.0, 100.0])
def test_pixel_kernel_of_a_layer_is_the_sum_over_its_waves(h: float, share: float, nu: float) -> None:
    gel = Gel(1.0, nu, 1.0, h, share * h)
    top = np.abs(layer_kernel(0, 0, gel)).max()
    for y, x in ((0, 0), (1, 2)) if h > 0.02 else ((0, 0),):
        # The half-space alone is a closed form of its own.
        base = np.subtract(layer_kernel(y, x, gel), layer_kernel(y, x, Gel(1.0, nu, 1.0, None, share * h)))
        assert_allclose(base, base_by_waves(y, x, nu, h, share * h), rtol=0, atol=1e-9 * top)


def coverage(side: int, centre: tuple[float, float], radius: float) -> np.ndarray:
    """Share of every pixel that lies on a disc."""
    fine = (np.arange(16 * side) + 0.5) / 16 - 0.5
    inside = (fine - centre[0]) ** 2 + (fine[:, None] - centre[1]) ** 2 <= radius**2
    return inside.reshape(side, 16, side, 16).mean(axis=(1, 3))


def disc_by_rays(x: float, y: float, radius: float, traction: np.ndarray, nu: float) -> np.ndarray:
    """Integrate the tensor over a disc by rays from the point: r dr dphi cancels 1 / r, chords are left."""
    angle = (np.arange(20_000) + 0.5) * 2 * np.pi / 20_000
    direction = np.stack([np.cos(angle), np.sin(angle)])
    middle = -(np.array([x, y]) @ direction)
    square = np.maximum(middle**2 - x * x - y * y + radius**2, 0)
    chord = np.maximum(middle + np.sqrt(square), 0) - np.maximum(middle - np.sqrt(square), 0)
    tensor = (1 - nu) * traction[:, None] + nu * direction * (traction @ direction)
    return (1 + nu) / np.pi * (tensor * chord).mean(axis=1) * 2 * np.pi


@pytest.mark.parametrize("spacing", [1.0, 0.25])
def test_operator_moves_points_as_rays_over_a_disc_say(spacing: float) -> None:
    centre, radius, traction, nu, young = (14.3, 17.1), 6.4, np.array([300.0, -100.0]), 0.45, 2_000.0
    field = traction[:, None, None] * coverage(32, centre, radius)
    moved = ForwardOperator(32, young=young, poisson=nu, spacing=spacing).apply(field)
    for row, column in ((17, 14), (20, 10), (5, 27), (31, 0)):
        expected = disc_by_rays(column - centre[0], row - centre[1], radius, traction / young, nu) * spacing
        assert_allclose(moved[:, row, column], expected, rtol=0, atol=0.005 * np.abs(moved).max())


@pytest.mark.parametrize("nu", [0.0, 0.3, 0.5])
def test_energy_of_a_disc_is_its_closed_form(nu: float) -> None:
    # Work of uniform traction t on its own displacement: the integrals of 1 / r and of x^2 / r^3 over pairs of points
    # of the disc are 16 pi a^3 / 3 and half of that.
    radius, young, spacing, traction = 12.3, 3_000.0, 0.5, 400.0
    field = np.zeros((1, 2, 48, 48))
    field[0, 1] = traction * coverage(48, (23.7, 23.2), radius)
    moved = ForwardOperator(48, young=young, poisson=nu, spacing=spacing).apply(field)
    expected = 8 / 3 * (1 + nu) * (1 - nu / 2) * (radius * spacing) ** 3 * traction**2 / young
    assert_allclose(strain_energy(moved, field, spacing=spacing), expected, rtol=0.006)


@pytest.mark.parametrize(("thickness", "depth"), [(6.0, 0.0), (6.0, 2.0), (20.0, 1.0)])
def test_work_on_a_layer_is_the_sum_over_waves(thickness: float, depth: float) -> None:
    # Parseval: the disc's transform is 2 pi a J1(k a) / k, and half of every wave runs along it, half across.
    radius, nu = 9.2, 0.45
    field = np.zeros((1, 2, 48, 48))
    field[0, 0] = coverage(48, (23.7, 23.2), radius)
    moved = ForwardOperator(48, young=1.0, poisson=nu, thickness=thickness, depth=depth).apply(field)
    k = (np.arange(300) + 0.5) * 0.01
    factors = np.array([np.mean(solve_wave(wave, nu, thickness, thickness - depth)) for wave in k])
    expected = 0.5 * (2 * np.pi * (radius * j1(k * radius)) ** 2 / k * factors).sum() * 0.01
    assert_allclose(strain_energy(moved, field), expected, rtol=0.01)


def test_pixel_sources_undo_two_means_over_a_pixel_to_fourth_order() -> None:
    # A wave of wave number k loses sin(k / 2) / (k / 2) by each mean: to be made up for twice, 1 + k^2 / 12.
    x = np.arange(64)
    for k in (0.1, 0.2):
        wave = np.broadcast_to(np.cos(k * (x - 31.5)), (1, 2, 64, 64))
        gain = pixel_sources(wave)[0, 0, 30, 31] / wave[0, 0, 30, 31]
        assert_allclose(gain * (np.sin(k / 2) / (k / 2)) ** 2, 1, rtol=0.02 * k**3)
    bump = np.zeros((1, 2, 9, 9))
    bump[0, :, 4, 4] = 1.0
    assert_allclose(pixel_sources(bump)[0, 0, 3:6, 3:6] * 12, [[0, -1, 0], [-1, 16, -1], [0, -1, 0]], atol=1e-12)
    assert_allclose(pixel_sources(np.ones((1, 2, 9, 9))), 1)


def test_bandlimited_operator_moves_the_gel_as_a_fine_grid_does() -> None:
    # A Gaussian bump of one pixel: a grid nine times finer resolves it, and the pixel operator is off by 1.5 %.
    gel = Gel(1.0, 0.45)

    def bump(finer: int) -> np.ndarray:
        at = (np.arange(32 * finer) + 0.5) / finer - 0.5
        line = np.exp(-((at - 15.5) ** 2) / 2)
        return np.stack([line[:, None] * line, np.zeros((32 * finer, 32 * finer))])

    exact = convolve(bump(9), gel.on_grid(1 / 9))[:, 4::9, 4::9] / 9
    found = bandlimited_symbol((32, 32), gel).convolve(bump(1), padded_grid((32, 32)))
    assert_allclose(found, exact, rtol=0, atol=2.5e-4 * np.abs(exact).max())


@pytest.mark.parametrize(("thickness", "depth"), [(3.0, 0.0), (3.0, 1.0), (None, 1.0)])
def test_layers_know_left_and_right_up_and_down(thickness: float | None, depth: float) -> None:
    operator = ForwardOperator((10, 13), young=1.0, thickness=thickness, depth=depth)
    traction = np.random.default_rng(0).normal(size=(2, 10, 13))
    moved = operator.apply(traction)
    signs = np.array([-1.0, 1.0])[:, None, None]
    assert_allclose(operator.apply(signs * traction[..., ::-1]), signs * moved[..., ::-1], rtol=0, atol=1e-12)
    assert_allclose(operator.apply(-signs * traction[:, ::-1]), -signs * moved[:, ::-1], rtol=0, atol=1e-12)
    # A push to the right moves the points to the lower right downwards, if sideways at all: volume is kept.
    push = np.zeros((2, 11, 11))
    push[0, 5, 5] = 1.0
    sideways = ForwardOperator(11, young=1.0, thickness=thickness, depth=depth).apply(push)[1]
    assert sideways[7, 8] == pytest.approx(sideways[3, 2])
    assert sideways[7, 8] == pytest.approx(-sideways[3, 8])
    assert sideways[7, 8] != 0
