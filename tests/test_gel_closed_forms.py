"""Closed-form discs against quadrature of the point-force solution, limits and the discretised operator."""

from __future__ import annotations

import numpy as np
import pytest

from tfmkit.gel import ForwardOperator
from tfmkit.gel.closed_forms import disc_displacement, hertz_displacement


def uniform(s):
    return np.ones_like(s)


def hertz(s):
    return np.sqrt(1 - s * s)


def quadrature(x, y, radius, traction, poisson, profile):
    """Integrate the Boussinesq-Cerruti tensor over the disc in polar coordinates about the field point."""
    nodes, weights = np.polynomial.legendre.leggauss(400)
    distance, towards = np.hypot(x, y), np.arctan2(-y, -x)
    # From outside the disc fills a cone; the sine crowds the nodes where its chords shrink to nothing.
    widest = np.pi if distance < radius else np.arcsin(radius / distance)
    angle = towards + widest * (nodes if distance < radius else np.sin(np.pi / 2 * nodes))
    weight = weights * widest * (1.0 if distance < radius else np.pi / 2 * np.cos(np.pi / 2 * nodes))
    middle = -(x * np.cos(angle) + y * np.sin(angle))
    half = np.sqrt(np.maximum(middle**2 - distance**2 + radius**2, 0))
    start = np.maximum(middle - half, 0)
    # r runs over the chord by Gauss-Chebyshev nodes, smooth where Hertz's profile has infinite slope.
    theta = (np.arange(400) + 0.5) * np.pi / 400
    length = middle + half - start
    r = start[:, None] + length[:, None] * (1 - np.cos(theta)) / 2
    s = np.hypot(x + r * np.cos(angle)[:, None], y + r * np.sin(angle)[:, None]) / radius
    chord = (profile(np.minimum(s, 1)) * np.sin(theta)).sum(axis=1) * length * np.pi / 800
    direction = np.stack([np.cos(angle), np.sin(angle)])
    # The area element r dr dphi cancels the tensor's 1 / r.
    tensor = (1 - poisson) * traction[:, None] + poisson * direction * (traction @ direction)
    return (1 + poisson) / np.pi * (tensor * chord * weight).sum(axis=1)


@pytest.mark.parametrize(("function", "profile"), [(disc_displacement, uniform), (hertz_displacement, hertz)])
@pytest.mark.parametrize("point", [(0.0, 0.0), (0.6, -0.4), (-1.3, 1.9), (2.5, 0.3)])
def test_closed_form_is_the_integral_of_point_forces(function, profile, point):
    traction, poisson, radius = np.array([0.2, -0.1]), 0.4, 1.5
    expected = quadrature(*point, radius, traction, poisson, profile)
    np.testing.assert_allclose(function(*point, radius, traction, poisson), expected, rtol=1e-4)


@pytest.mark.parametrize("function", [disc_displacement, hertz_displacement])
def test_series_meets_closed_form_where_they_change_over(function):
    near, far = (function(distance, 0.3 * distance, 1.0, (0.3, 0.1), 0.3) for distance in (19.15, 19.16))
    step = function(19.17, 0.3 * 19.17, 1.0, (0.3, 0.1), 0.3) - far
    np.testing.assert_allclose(far - near, step, rtol=2e-3)


@pytest.mark.parametrize(
    ("function", "force"), [(disc_displacement, np.pi * 4), (hertz_displacement, 2 / 3 * np.pi * 4)]
)
def test_far_away_is_a_point_force(function, force):
    x, y, nu = 3e4, 4e4, 0.45
    expected = (1 + nu) / np.pi * force * np.array([(1 - nu) / 5e4 + nu * x * x / 5e4**3, nu * x * y / 5e4**3])
    np.testing.assert_allclose(function(x, y, 2.0, (1.0, 0.0), nu), expected, rtol=1e-6)


@pytest.mark.parametrize("function", [disc_displacement, hertz_displacement])
def test_displacement_is_continuous_across_the_rim_and_the_centre(function):
    for place in (1e-4, 2.0):
        inner, outer = (function(place * scale, 0.0, 2.0, (1.0, 0.5), 0.49) for scale in (1 - 1e-9, 1 + 1e-9))
        np.testing.assert_allclose(inner, outer, rtol=1e-6)
    np.testing.assert_allclose(function(0.0, 0.0, 2.0, (1.0, 0.5), 0.49), function(1e-6, 0.0, 2.0, (1.0, 0.5), 0.49))


def test_operator_reproduces_the_disc_within_half_a_percent_of_its_maximum():
    side, radius, centre, sub = 64, 22.3, np.array([31.2, 30.6]), 8
    fine = (np.arange(side * sub) + 0.5) / sub - 0.5
    covered = (fine - centre[0]) ** 2 + ((fine - centre[1]) ** 2)[:, None] <= radius**2
    coverage = covered.reshape(side, sub, side, sub).mean(axis=(1, 3))
    traction = np.array([0.3, 0.1])
    computed = ForwardOperator(side, young=1.0, poisson=0.49).apply(traction[:, None, None] * coverage)
    y, x = np.mgrid[:side, :side]
    exact = disc_displacement(x - centre[0], y - centre[1], radius, traction, 0.49)
    assert np.abs(computed - exact).max() < 0.005 * np.hypot(*exact).max()
