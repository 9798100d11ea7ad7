"""Evidence and posterior against dense matrices and boundary-value solutions, the interval against Student's table.

Sources: MacKay, Neural Comput. 4, 415 (1992); Rasmussen and Williams, Gaussian Processes for Machine Learning (2006),
section 2.1, for the posterior; Student's t from Abramowitz and Stegun, table 26.10.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from dense_model import FREEDOM, NU, SHAPE, dense, fields, spectra
from elastic_waves import solve_wave
from numpy.testing import assert_allclose

from tfmkit.bayes import BayesianFTTC, posterior
from tfmkit.bayes.bootstrap import Recovery, interval, matched_noise, off_grid
from tfmkit.fttc.penalty import Penalty
from tfmkit.gel import Gel
from tfmkit.gel.operator import convolve
from tfmkit.noise.measure import rings_of
from tfmkit.sparse.problem import SparseProblem


@pytest.mark.parametrize("order", [0.0, 1.0])
def test_evidence_is_the_likelihood_of_the_data(order: float, monkeypatch: Any) -> None:
    u, parts, noise = fields(), dense(order), np.array([0.05, 0.2, 0.5])
    data = spectra(u, 0.0)
    rings = SimpleNamespace(
        wavenumber=data.rings.wavenumber, n_vectors=data.rings.n_vectors, power=lambda _: data.power
    )
    monkeypatch.setattr(posterior, "rings_of", lambda _: rings)
    monkeypatch.setattr(posterior, "tapered_spectrum", lambda field: field)
    got = posterior.evidence(u.reshape(3, 2, *SHAPE), noise, Gel(1.0, NU), order=order)[:, ::60]
    expected = np.empty_like(got)
    prior = np.linalg.inv(parts.basis.T @ parts.penalty @ parts.basis)
    moved = parts.basis.T @ parts.green @ parts.basis
    for i, lam in enumerate(np.geomspace(1e-6, 1e6, 241)[::60]):
        for field, sigma in enumerate(noise):
            # The prior of the traction has the covariance sigma^2 / lam L^-1.
            covariance = sigma**2 * (np.eye(FREEDOM) + moved @ prior @ moved.T / lam)
            seen = parts.basis.T @ u[field]
            expected[field, i] = -0.5 * (np.linalg.slogdet(covariance)[1] + seen @ np.linalg.solve(covariance, seen))
    assert_allclose(got - got[:, -1:], expected - expected[:, -1:], rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("order", [0.0, 1.0])
def test_posterior_deviation_is_that_of_dense_matrices(order: float) -> None:
    parts, lam, noise = dense(order), 0.7, 0.1
    normal = parts.basis.T @ (parts.green.T @ parts.green + lam * parts.penalty) @ parts.basis
    covariance = noise**2 * parts.basis @ np.linalg.inv(normal) @ parts.basis.T
    size = SHAPE[0] * SHAPE[1]
    got = posterior.posterior_std(SHAPE, noise, Gel(1.0, NU), Penalty(lam, order))
    assert_allclose(np.sqrt(np.diag(covariance)), np.repeat(got, size), rtol=1e-9)
    draws = posterior.posterior_samples(
        SHAPE, noise, Gel(1.0, NU), Penalty(lam, order), n_samples=4000, rng=np.random.default_rng(0)
    ).reshape(4000, -1)
    assert_allclose(draws.T @ draws / 4000, covariance, rtol=0, atol=0.1 * covariance.max())


@pytest.mark.parametrize(("thickness", "depth"), [(None, 0.0), (3.0, 0.0), (3.0, 1.0), (None, 1.0)])
def test_error_bars_know_thickness_depth_and_units(thickness: float | None, depth: float) -> None:
    young, spacing, noise, shape = 2_000.0, 0.5, 0.05, (12, 9)
    field = np.random.default_rng(0).normal(scale=0.3, size=(1, 2, *shape))
    lengths = {"thickness": None if thickness is None else thickness * spacing, "depth": depth * spacing}
    model = BayesianFTTC(noise=noise * spacing, young=young, spacing=spacing, **lengths).fit(field)
    std = model.predict(spacing * field, return_std=True)[1][0]
    lam = posterior.evidence_lam(field, np.array([noise]), Gel(1.0, 0.45, 1.0, thickness, depth), order=1.0)[0]
    total = np.zeros((2, 2))
    ky, kx = np.meshgrid(*(2 * np.pi * np.fft.fftfreq(n) for n in shape), indexing="ij")
    for y, x in zip(ky.ravel()[1:], kx.ravel()[1:], strict=True):
        k, n = np.hypot(x, y), np.outer([x, y], [x, y]) / (x * x + y * y)
        h = 60 / k if thickness is None else thickness  # as good as a half-space
        along, across = solve_wave(k, 0.45, h, h - depth)
        symbol = along * n + across * (np.eye(2) - n)
        total += np.linalg.inv(symbol @ symbol + lam * k**2 * np.eye(2))
    expected = young * noise * np.sqrt(np.diag(total) / ky.size)
    assert_allclose(std, np.broadcast_to(expected[:, None, None], std.shape), rtol=1e-4)


def test_interval_is_that_of_student() -> None:
    # Four degrees of freedom: 90 % of t lie within 2.132. A new value scatters by s sqrt(1 + 1 / 5).
    errors = np.array([1.0, 2.0, 3.0, 4.0, 5.0])[:, None]
    centre, low, high = interval(np.array([10.0]), errors, np.zeros(1))
    half = 2.132 * np.sqrt(2.5 * 1.2)
    assert_allclose([centre[0], low[0], high[0]], [7, 7 - half, 7 + half], rtol=1e-4)
    # Undecided energy adds to the centre; its uncertainty is that of a number anywhere between 0 and twice of it.
    centre, low, high = interval(np.array([10.0]), errors, np.full(1, 3.0))
    half = 2.132 * np.sqrt(2.5 * 1.2 + 36 / 12)
    assert_allclose([centre[0], low[0], high[0]], [10, 10 - half, 10 + half], rtol=1e-4)


def test_made_up_displacement_belongs_to_the_middles_of_the_pixels() -> None:
    y, x = np.mgrid[:24, :24]
    traction = np.zeros((2, 24, 24))
    traction[0] = np.maximum(1 - np.hypot(y - 11.5, x - 11.5) / 6, 0)
    problem = SparseProblem(traction, np.ones((24, 24)), 1.0, Gel(1.0, 0.45))
    recovery = Recovery(problem, traction, np.ones(1), False)
    for seed in range(4):
        means, displacement = off_grid(recovery, traction, np.random.default_rng(seed))
        expected = convolve(means, Gel(1.0, 0.45))
        # The places of the displacement by least squares: a third of a pixel off would show as 0.33.
        slopes = np.gradient(expected, axis=(1, 2))
        shifts = [(slope * (displacement - expected)).sum() / np.square(slope).sum() for slope in slopes]
        assert_allclose(shifts, 0, atol=0.05)
        assert_allclose(means.sum(), traction.sum())


def test_noise_is_matched_to_that_measured_on_made_up_data() -> None:
    # Beside a strong traction more noise is measured than was drawn; then less is drawn. Alone, noise is as measured.
    traction = np.zeros((2, 48, 48))
    traction[0, 20:24, 14:18], traction[0, 20:24, 30:34] = 1.0, -1.0
    power = np.full(len(rings_of((48, 48)).n_vectors), 1e-8)
    shares = []
    for strength in (1.0, 0.0):
        problem = SparseProblem(traction, np.ones((48, 48)), 1.0, Gel(1.0, 0.45))
        recovery = Recovery(problem, strength * traction, power, True)
        shares.append(matched_noise(recovery, np.random.default_rng(3)) / power)
    assert (shares[0] < 0.8).all()
    assert ((shares[1] > 0.8) & (shares[1] <= 1)).all()
