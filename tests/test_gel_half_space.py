"""Green's tensors against quadrature, limits and each other."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import dblquad, trapezoid

from tfmkit.gel import ForwardOperator, Gel
from tfmkit.gel.closed_forms import disc_displacement
from tfmkit.gel.half_space import combine, pixel_basis
from tfmkit.gel.layer import fourier_factors
from tfmkit.gel.symbol import Symbol


def point_basis(y, x):
    """The three functions of the tensor at points away from the load."""
    r = np.hypot(x, y)
    return np.stack([x * x, y * y, x * y]) / r**3


@pytest.mark.parametrize(("y", "x"), [(0, 1), (1, 0), (2, 3), (-1, 2), (4, -4)])
def test_pixel_integrals_equal_quadrature(y: int, x: int) -> None:
    for component in range(3):
        integral, _ = dblquad(lambda b, a, i=component: point_basis(a, b)[i], y - 0.5, y + 0.5, x - 0.5, x + 0.5)
        np.testing.assert_allclose(pixel_basis(y, x)[component], integral, rtol=1e-8, atol=1e-10)


def test_the_pixel_at_the_origin_equals_quadrature_in_polar_coordinates() -> None:
    # In polar coordinates the integrand is bounded: cos^2, up to the pixel's edge at 1 / (2 cos).
    angle = np.linspace(-np.pi / 4, np.pi / 4, 20_001)
    sides = [np.cos(angle) ** 2 / (2 * np.cos(angle)), np.sin(angle) ** 2 / (2 * np.cos(angle))]
    expected = 2 * sum(trapezoid(side, angle) for side in sides)
    np.testing.assert_allclose(pixel_basis(0, 0), [expected, expected, 0], rtol=1e-8, atol=1e-12)


def test_far_pixels_act_like_points() -> None:
    np.testing.assert_allclose(pixel_basis(30, 40), point_basis(30, 40), rtol=1e-3)


@pytest.mark.parametrize("poisson", [0.0, 0.4, 0.5])
def test_fourier_tensor_is_the_transform_of_the_tensor_in_real_space(poisson: float) -> None:
    # A Gaussian load: multiply in Fourier space on a large, fine grid, or integrate the point tensor over the load.
    n, step, width = 512, 0.25, 1.0
    k = 2 * np.pi * np.fft.fftfreq(n, step)
    load = np.exp(-0.5 * width**2 * (k[:, None] ** 2 + k**2))
    ky, kx = k[:, None], k[None]
    spectra = np.stack(Symbol.at(ky, kx, *fourier_factors(np.hypot(ky, kx), Gel(poisson=poisson)))) * load
    fields = np.fft.ifft2(spectra).real / step**2
    radius, angle = np.meshgrid(np.linspace(1e-3, 8, 1600), np.linspace(0, 2 * np.pi, 720, endpoint=False))
    cell = (radius[0, 1] - radius[0, 0]) * 2 * np.pi / 720
    differences, integrals = [], []
    for x, y in ((4.0, 0.0), (2.0, 3.0)):
        a, b = x - radius * np.cos(angle), y - radius * np.sin(angle)
        weight = np.exp(-0.5 * (a**2 + b**2) / width**2) / (2 * np.pi * width**2)
        basis = np.stack([np.cos(angle) ** 2, np.sin(angle) ** 2, np.cos(angle) * np.sin(angle)])
        tensor = np.stack(combine(basis, poisson))
        integrals.append((tensor * weight).sum(axis=(1, 2)) * cell)
        differences.append(fields[:, round(y / step), round(x / step)])
    # The transform leaves out the mean, the same constant everywhere, and sees the load's images: compare differences.
    np.testing.assert_allclose(differences[0] - differences[1], integrals[0] - integrals[1], atol=4e-3)


def test_zero_wave_number_carries_nothing() -> None:
    np.testing.assert_array_equal(fourier_factors(0.0, Gel(poisson=0.3)), 0)


@pytest.mark.parametrize("poisson", [0.0, 0.3, 0.5])
def test_combined_tensor_is_the_boussinesq_cerruti_tensor(poisson: float) -> None:
    x, y = 1.5, -0.7
    r = np.hypot(x, y)
    g_xx, g_yy, g_xy = combine(point_basis(y, x), poisson)
    factor = (1 + poisson) / np.pi
    np.testing.assert_allclose(g_xx, factor * ((1 - poisson) / r + poisson * x**2 / r**3))
    np.testing.assert_allclose(g_yy, factor * ((1 - poisson) / r + poisson * y**2 / r**3))
    np.testing.assert_allclose(g_xy, factor * poisson * x * y / r**3)


def test_open_operator_agrees_with_the_closed_form_of_a_disc() -> None:
    n, radius, poisson, subsamples = 81, 18.0, 0.45, 16
    offset = (np.arange(n * subsamples) + 0.5) / subsamples - n / 2
    fine = np.hypot(offset[:, None], offset) < radius
    share = fine.reshape(n, subsamples, n, subsamples).mean(axis=(1, 3))
    traction = np.stack([share, np.zeros_like(share)])[None]
    computed = ForwardOperator(n, young=1.0, poisson=poisson).apply(traction)[0]
    centre = np.arange(n) - (n - 1) / 2
    x, y = np.meshgrid(centre, centre)
    exact = np.stack(disc_displacement(x, y, radius, (1.0, 0.0), poisson))
    assert np.abs(computed - exact).max() < 0.005 * np.abs(exact).max()
