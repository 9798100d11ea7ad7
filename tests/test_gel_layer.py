"""Layers: against a numerical solution through the thickness, the half-space and the limits in print."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from tfmkit.gel import Gel
from tfmkit.gel.half_space import combine, pixel_basis
from tfmkit.gel.layer import fourier_factors
from tfmkit.gel.layer_pixel import layer_kernel
from tfmkit.gel.symbol import Symbol


def chebyshev(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Points and differentiation matrix on [-1, 1] (Trefethen 2000)."""
    x = np.cos(np.pi * np.arange(n + 1) / n)
    c = np.r_[2, np.ones(n - 1), 2] * (-1) ** np.arange(n + 1)
    difference = x[:, None] - x[None, :]
    matrix = np.outer(c, 1 / c) / (difference + np.eye(n + 1))
    return x, matrix - np.diag(matrix.sum(axis=1))


def layer_symbol(ky, kx, gel):
    """Green's tensor of a layer at given wave vectors."""
    return np.stack(Symbol.at(ky, kx, *fourier_factors(np.hypot(ky, kx), gel)))


def solve_through_thickness(k: float, nu: float, h: float, n: int = 48) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Heights, and displacement along and across a wave under unit traction, by collocation of Navier's equations."""
    x, D = chebyshev(n)
    z, D = (x + 1) * h / 2, D * 2 / h
    one, mu, lam = np.eye(n + 1), 0.5 / (1 + nu), nu / ((1 + nu) * (1 - 2 * nu))
    # u_x = U exp(ikx), u_z = i W exp(ikx); row 0 is the surface, row n the base.
    x_rows = np.hstack([mu * D @ D - (lam + 2 * mu) * k**2 * one, -(lam + mu) * k * D])
    z_rows = np.hstack([(lam + mu) * k * D, (lam + 2 * mu) * D @ D - mu * k**2 * one])
    shear, normal = np.hstack([mu * D, -mu * k * one]), np.hstack([lam * k * one, (lam + 2 * mu) * D])
    x_rows[0], z_rows[0] = shear[0], normal[0]
    x_rows[n], z_rows[n] = np.r_[one[n], 0 * one[n]], np.r_[0 * one[n], one[n]]
    load = np.zeros(2 * n + 2)
    load[0] = 1
    along = np.linalg.solve(np.vstack([x_rows, z_rows]), load)[: n + 1]
    across_rows = D @ D - k**2 * one
    across_rows[0], across_rows[n] = mu * D[0], one[n]
    return z, along, np.linalg.solve(across_rows, load[: n + 1])


@pytest.mark.parametrize("nu", [0.0, 0.3, 0.45, 0.49])
@pytest.mark.parametrize(("k", "h"), [(0.02, 10.0), (0.3, 4.0), (1.0, 3.0), (0.5, 20.0)])
def test_layer_is_what_collocation_through_the_thickness_gives(k: float, h: float, nu: float) -> None:
    heights, along, across = solve_through_thickness(k, nu, h)
    for row in (0, 8, 20, 30):
        expected = along[row], across[row]
        depth = max(h - heights[row], 0.0)
        got = fourier_factors(k, Gel(poisson=nu, thickness=h, depth=depth))
        assert_allclose(got, expected, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("nu", [0.0, 0.3, 0.5])
def test_deep_layer_is_the_half_space(nu: float) -> None:
    k = np.linspace(0.1, 5, 40)
    half = 2 * (1 - nu**2) / k, 2 * (1 + nu) / k
    assert_allclose(fourier_factors(k, Gel(poisson=nu)), half, rtol=1e-12, atol=1e-12)
    assert_allclose(fourier_factors(k, Gel(poisson=nu, thickness=1e4)), half, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("depth", [0.0, 0.7, 5.0])
def test_factors_do_not_jump_where_the_layer_becomes_deep(depth: float) -> None:
    k = (40 + np.array([-1e-6, 1e-6])) / (30.0 - depth)
    for factor in fourier_factors(k, Gel(poisson=0.4, thickness=30.0, depth=depth)):
        assert_allclose(factor[0], factor[1], rtol=1e-6)


def test_incompressible_surface_follows_the_published_form() -> None:
    k, h = np.linspace(0.01, 2, 50), 7.0
    H = k * h
    along, across = fourier_factors(k, Gel(poisson=0.5, thickness=h))
    assert_allclose(along, 1.5 / k * (np.sinh(H) * np.cosh(H) + H) / (np.cosh(H) ** 2 + H**2), rtol=1e-12)
    assert_allclose(across, 3 / k * np.tanh(H), rtol=1e-12)


def test_long_waves_shear_the_layer_uniformly() -> None:
    factors = fourier_factors([0.0, 1e-05], Gel(poisson=0.3, thickness=12.0, depth=2.0))
    assert_allclose(factors, 26.0, rtol=1e-4)
    assert fourier_factors(0.0, Gel(poisson=0.3)) == (0.0, 0.0)


def test_thinner_layers_and_deeper_beads_move_less() -> None:
    k = np.linspace(0.05, 3, 40)
    thick = [fourier_factors(k, Gel(poisson=0.4, thickness=h))[0] for h in (2.0, 5.0, 20.0, np.inf)]
    assert (np.diff(thick, axis=0) >= -1e-12).all()
    deep = [fourier_factors(k, Gel(poisson=0.4, depth=d))[1] for d in (0.0, 1.0, 3.0)]
    assert (np.diff(deep, axis=0) < 0).all()


@pytest.mark.parametrize(
    ("bad", "match"),
    [
        ({"poisson": 0.6}, "poisson"),
        ({"thickness": 0.0}, "thickness"),
        ({"thickness": -np.inf}, "thickness"),
        ({"thickness": np.nan}, "thickness"),
        ({"depth": -1.0}, "depth"),
        ({"thickness": 3.0, "depth": 3.0}, "depth"),
    ],
)
def test_bad_layers_are_refused(bad: dict[str, float], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        Gel(**{"poisson": 0.4, **bad})


def test_pixel_kernel_at_the_surface_is_that_of_the_half_space() -> None:
    y, x = np.mgrid[-4:5, -3:4]
    assert_allclose(
        layer_kernel(y, x, Gel(poisson=0.4)),
        combine(pixel_basis(y, x), 0.4),
        rtol=0,
        atol=1e-14,
    )
    # Corners of the pixel on the axes and on the point itself are limits of 0 times infinity.
    y, x = y + 0.5, x + 0.5
    assert_allclose(
        layer_kernel(y, x, Gel(poisson=0.4)),
        combine(pixel_basis(y, x), 0.4),
        rtol=0,
        atol=1e-14,
    )


@pytest.mark.parametrize("y", [0.0, 2.0])
def test_pixel_kernel_at_depth_is_the_mean_of_the_point_solution(y: float) -> None:
    nu, d, (points, weights) = 0.3, 1.5, np.polynomial.legendre.leggauss(24)
    at_y, at_x = np.meshgrid(y + points / 2, 1 + points / 2, indexing="ij")
    weight, rho = weights[:, None] * weights / 4, np.sqrt(at_y**2 + at_x**2 + d**2)
    # Mindlin's solution for a force along x, printed with R1 = R2 = rho for a load on the surface itself.
    far = rho + d
    ux = 1 / rho + at_x**2 / rho**3 + (1 - 2 * nu) * (1 / far - at_x**2 / (rho * far**2))
    uy = at_x * at_y * (1 / rho**3 - (1 - 2 * nu) / (rho * far**2))
    expected = [(1 + nu) / (2 * np.pi) * (weight * part).sum() for part in (ux, uy)]
    g_xx, _, g_xy = layer_kernel(y, 1.0, Gel(poisson=nu, depth=d))
    assert_allclose([g_xx, g_xy], expected, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize(("h", "d", "nu"), [(4.0, 0.0, 0.4), (4.0, 2.0, 0.4), (1.0, 0.0, 0.5), (0.5, 0.1, 0.0)])
def test_pixel_kernel_has_the_layer_symbol_of_averaged_traction(h: float, d: float, nu: float) -> None:
    y, x = np.mgrid[-100:101, -100:101]
    kernel = np.stack(layer_kernel(y, x, Gel(poisson=nu, thickness=h, depth=d)))
    fold_y, fold_x = 2 * np.pi * np.mgrid[-60:61, -60:61]
    for ky, kx in ((0.0, 0.0), (0.0, 0.3), (0.5, 0.3), (2.0, 1.0)):
        pixel = np.sinc((ky + fold_y) / (2 * np.pi)) * np.sinc((kx + fold_x) / (2 * np.pi))
        symbol = np.stack(layer_symbol(ky + fold_y, kx + fold_x, Gel(poisson=nu, thickness=h, depth=d)))
        transform = (kernel * np.cos(ky * y + kx * x)).sum(axis=(1, 2))
        assert_allclose(transform, (symbol * pixel).sum(axis=(1, 2)), rtol=0, atol=2e-6)


@pytest.mark.parametrize("h", [0.02, 0.05, 0.24, 0.26, 1.0])
@pytest.mark.parametrize("share", [0.0, 0.4, 0.9])
def test_pixel_kernel_adds_up_to_uniform_shear(h: float, share: float) -> None:
    # Traction on every pixel shears the layer by 1 / mu per thickness, however thin it is.
    nu, d, (y, x) = 0.45, share * h, np.mgrid[-30:31, -30:31]
    g_xx, g_yy, g_xy = (part.sum() for part in layer_kernel(y, x, Gel(poisson=nu, thickness=h, depth=d)))
    assert_allclose([g_xx, g_yy], 2 * (1 + nu) * (h - d), rtol=5e-8)
    assert abs(g_xy) < 1e-12


def test_pixel_kernel_takes_single_numbers() -> None:
    gel = Gel(poisson=0.4, thickness=2.0, depth=0.5)
    one, many = layer_kernel(1.0, 2.0, gel), layer_kernel([1.0], [2.0], gel)
    assert_allclose(one, np.stack(many)[:, 0], rtol=1e-14)
    assert np.shape(one) == (3,)
    assert layer_kernel(0, 500.0, gel) == (0.0, 0.0, 0.0)


def test_pixel_kernel_ends_where_nothing_moves() -> None:
    assert not np.any(layer_kernel(0, [50.0, 60.0], Gel(poisson=0.4, thickness=2.0)))
