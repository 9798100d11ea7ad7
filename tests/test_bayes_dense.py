"""Evidence and posterior against dense matrices and boundary-value solutions.

Sources: MacKay, Neural Comput. 4, 415 (1992); Rasmussen and Williams, Gaussian Processes for Machine Learning (2006),
section 2.1, for the posterior.
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
from tfmkit.fttc.penalty import Penalty
from tfmkit.gel import Gel


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
    # The estimate is R u with R = B (B' (G'G + lam P) B)^-1 B' G': the noise of the displacement makes noise^2 R R'.
    seen = parts.basis @ np.linalg.solve(normal, parts.basis.T @ parts.green.T)
    unseen = posterior.unseen_samples(
        SHAPE, noise, Gel(1.0, NU), Penalty(lam, order), n_samples=4000, rng=np.random.default_rng(0)
    ).reshape(4000, -1)
    expected = covariance - noise**2 * seen @ seen.T
    assert_allclose(unseen.T @ unseen / 4000, expected, rtol=0, atol=0.1 * expected.max())


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
