"""Every criterion against dense matrices: no Fourier formula of the package, one wave vector a ring.

Sources: Golub, Heath and Wahba, Technometrics 21, 215 (1979), generalised cross-validation; MacKay, Neural Comput. 4,
415 (1992), evidence; Morozov, Soviet Math. Dokl. 7, 414 (1966), discrepancy; Hansen and O'Leary, SIAM J. Sci. Comput.
14, 1487 (1993), L-curve, here with the curvature of the circle through three neighbours; Stein, Ann. Statist. 9, 1135
(1981), unbiased estimate of an error.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from dense_model import FREEDOM, NU, PLACES, SHAPE, Dense, N, dense, fields, fit, spectra
from numpy.testing import assert_allclose
from scipy import ndimage

from tfmkit.fttc import FTTC, FTTCCV, iterative
from tfmkit.fttc.closed_form import fourier_inverse
from tfmkit.fttc.criteria import scores
from tfmkit.fttc.penalty import Penalty
from tfmkit.gel import Gel

SIGMA = 0.2
LAMS = np.geomspace(1e-2, 1e2, 6)


def gcv(u: np.ndarray, parts: Dense, lam: float) -> float:
    left = parts.basis @ parts.basis.T - parts.green @ fit(parts, lam)
    return np.square(left @ u).sum() / np.trace(left) ** 2


def covariance(parts: Dense, lam: float) -> np.ndarray:
    """Covariance of the data over the variance of the noise, on fields without a mean."""
    inner = parts.basis.T @ parts.penalty @ parts.basis
    moved = parts.basis.T @ parts.green @ parts.basis
    return np.eye(FREEDOM) + moved @ np.linalg.solve(inner, moved.T) / lam


def evidence(u: np.ndarray, parts: Dense, lam: float) -> float:
    c, data = covariance(parts, lam), parts.basis.T @ u
    return data @ np.linalg.solve(c, data) / SIGMA**2 + np.linalg.slogdet(c)[1]


def profiled_evidence(u: np.ndarray, parts: Dense, lam: float) -> float:
    """Gaussian likelihood at the noise level that makes it largest, found by search."""
    c, data = covariance(parts, lam), parts.basis.T @ u
    variances = np.geomspace(1e-8, 1e2, 40_001)
    square = data @ np.linalg.solve(c, data)
    return (FREEDOM * np.log(variances) + square / variances).min() + np.linalg.slogdet(c)[1]


def discrepancy(u: np.ndarray, parts: Dense, lam: float) -> float:
    residual = u - parts.green @ fit(parts, lam) @ u
    return abs(np.log(np.square(residual).sum() / (FREEDOM * SIGMA**2)))


def risk(u: np.ndarray, parts: Dense, lam: float) -> float:
    """Squared distance to the pixel means of the traction that explains all data, less the part that noise makes."""
    recover = fit(parts, lam)
    apart = recover - parts.average @ fit(parts, 0.0)
    return np.square(apart @ u).sum() + SIGMA**2 * (np.square(recover).sum() - np.square(apart).sum())


@pytest.mark.parametrize("order", [0.0, 1.0])
@pytest.mark.parametrize("criterion", [gcv, evidence, profiled_evidence, discrepancy, risk])
def test_criterion_is_that_of_dense_matrices(criterion: Any, order: float) -> None:
    u, parts = fields(), dense(order)
    score = scores(spectra(u, SIGMA), LAMS, order, criterion=criterion.__name__)
    expected = np.array([[criterion(field, parts, lam) for lam in LAMS] for field in u])
    if criterion in (evidence, profiled_evidence):  # known up to a constant of each field
        score, expected = score - score[:, :1], expected - expected[:, :1]
    assert_allclose(score, expected, rtol=1e-5, atol=1e-6 * np.abs(expected).max())


@pytest.mark.parametrize("order", [2.0, 3.0])
def test_l_curve_is_most_curved_where_three_points_lie_on_the_smallest_circle(order: float) -> None:
    # High orders weigh the noise of short waves: only then has the curve of so small a field a corner.
    parts, lams = dense(order), np.geomspace(1e-3, 1e1, 61)
    traction = np.zeros((1, 2, *SHAPE))
    traction[:, 0, 2:5, 1:4], traction[:, 0, 2:5, 5:8] = 0.7, -0.7
    u = traction.reshape(1, -1) @ parts.green
    u = (u + np.random.default_rng(1).normal(scale=0.05, size=u.shape)) @ parts.basis @ parts.basis.T
    half = np.linalg.cholesky(parts.basis.T @ parts.penalty @ parts.basis).T @ parts.basis.T
    points = np.empty((len(lams), 2))
    for i, lam in enumerate(lams):
        found = fit(parts, lam) @ u[0]
        points[i] = np.log([np.linalg.norm(u[0] - parts.green @ found), np.linalg.norm(half @ found)])
    a, b = points[1:-1] - points[:-2], points[2:] - points[1:-1]
    area = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
    curvature = 2 * area / np.prod([np.linalg.norm(side, axis=1) for side in (a, b, a + b)], axis=0)
    score = scores(spectra(u, SIGMA), lams, order, criterion="l_curve")[0, 1:-1]
    assert_allclose(-score[3:-3], curvature[3:-3], rtol=0, atol=0.03 * np.abs(curvature).max())
    assert curvature.max() > 0
    assert abs(int(score.argmin()) - int(curvature.argmax())) <= 1


@pytest.mark.parametrize("order", [0.0, 1.0])
def test_correlated_noise_weighs_the_data_by_the_inverse_of_its_covariance(order: float) -> None:
    # Generalised least squares (Aitken 1935) under noise that a Gaussian of 1.2 pixels has smoothed, plus 0.1 % white.
    parts, lam, width, white = dense(order), 0.4, 1.2, 1e-3
    pulse = np.zeros(SHAPE)
    pulse[0, 0] = 1
    kernel = ndimage.gaussian_filter(pulse, width, mode="wrap", truncate=8)
    smooth = np.stack([np.roll(kernel, place, axis=(0, 1)).ravel() for place in PLACES])
    inverse = np.kron(np.eye(2), np.linalg.inv((1 - white) * smooth @ smooth.T + white * np.eye(N)))
    normal = parts.basis.T @ (parts.green.T @ inverse @ parts.green + lam * parts.penalty) @ parts.basis
    u = fields()
    expected = u @ inverse @ parts.green @ parts.basis @ np.linalg.solve(normal, parts.basis.T)
    got = fourier_inverse(u.reshape(3, 2, *SHAPE), Gel(1.0, NU), Penalty(lam, order, width))
    assert_allclose(got.reshape(3, -1), expected, rtol=0, atol=0.01 * np.abs(expected).max())


@pytest.mark.parametrize("order", [0.0, 0.5, 1.0])
def test_periodic_traction_is_that_of_dense_matrices(order: float) -> None:
    u, young, spacing = fields(), 500.0, 0.4
    expected = young * u @ fit(dense(order), 0.3).T
    settings: dict[str, Any] = {"young": young, "poisson": NU, "spacing": spacing, "boundary": "periodic"}
    field = spacing * u.reshape(3, 2, *SHAPE)
    inverse = fourier_inverse(field / spacing, Gel(1.0, NU), Penalty(0.3, order), scale=young)
    assert_allclose(inverse.reshape(3, -1), expected, rtol=1e-9, atol=1e-9 * young)
    padded = np.tile(field, (1, 1, 2, 2))
    got = FTTC(0.3, order=order, **settings).fit(padded).predict(padded)[..., : SHAPE[0], : SHAPE[1]]
    assert_allclose(got.reshape(3, -1), expected, rtol=1e-9, atol=1e-9 * young)


def test_traction_under_a_soft_mask_is_that_of_dense_matrices(monkeypatch: pytest.MonkeyPatch) -> None:
    # The traction is m s, where s minimises |u - K m s|^2 + lam |s|^2, and is zero where the mask m is.
    u, green, lam = fields(), dense(0.0).green, 0.3
    masks = np.clip(np.random.default_rng(0).uniform(-0.3, 1, (3, *SHAPE)), 0, 1)
    expected = []
    for field, mask in zip(u, masks, strict=True):
        weight = np.tile(mask.ravel(), 2)
        moved = green * weight
        expected.append(weight * np.linalg.solve(moved.T @ moved + lam * np.eye(2 * N), moved.T @ field))
    settings: dict[str, Any] = {"boundary": "periodic", "mask": masks, "tol": 1e-10, "max_iter": 500}
    found = []
    for chunk in (iterative._CHUNK_BYTES, 1):  # all fields at once, and one by one
        monkeypatch.setattr(iterative, "_CHUNK_BYTES", chunk)
        found.append(iterative.bounded_inverse(u.reshape(3, 2, *SHAPE), Gel(1.0, NU), Penalty(lam), **settings).x)
    assert_allclose(found[0].reshape(3, -1), expected, rtol=0, atol=1e-7)
    assert_allclose(found[1], found[0], rtol=0, atol=1e-8)


def test_scale_reaches_all_parts_of_a_continued_field() -> None:
    u = np.random.default_rng(0).normal(size=(2, 2, 13, 16)) + 1.0
    plain, scaled = (
        fourier_inverse(u, Gel(1.0, NU), Penalty(0.3), boundary="extended", scale=scale) for scale in (1.0, 7.0)
    )
    assert_allclose(scaled, 7 * plain, rtol=1e-9)


def test_default_candidates_reach_from_1e_3_to_1e3_and_lower_for_deep_beads() -> None:
    field = np.random.default_rng(0).normal(scale=0.05, size=(1, 2, 16, 16)) + np.sin(np.pi / 4 * np.arange(16))
    shallow, deep = FTTCCV().fit(field).lams_, FTTCCV(depth=2.0).fit(field).lams_
    assert_allclose(shallow, 10 ** np.linspace(-3, 3, 50))
    assert_allclose(deep[[0, -1]], [1e-3 * np.exp(-4), 1e3])
