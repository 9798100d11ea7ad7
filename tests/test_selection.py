"""The criteria against brute force with explicit smoothers."""

from __future__ import annotations

import numpy as np
import pytest

from tfmkit.inversion.fourier import fourier_inverse
from tfmkit.inversion.noise import BANDS, noise_bands, noise_power
from tfmkit.inversion.spectrum import gains, ring_power, rings_of, taper, tapered_spectrum
from tfmkit.operators import convolve
from tfmkit.selection import CRITERIA, Path, _blocked_weights, _centre_filter, pass_shares, scores, statistics
from tfmkit.simulate import add_noise

LAMS = np.geomspace(1e-3, 1e3, 19)


def _noisy(seed: int = 0, correlation: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    traction = np.zeros((2, 2, 48, 40))
    traction[:, 0, 20:26, 15:21] = 0.1
    traction[:, 0, 20:26, 22:28] = -0.1
    clean = convolve(traction, 0.45)
    return traction, add_noise(clean, 0.2, unit="rms", correlation=correlation, random_state=seed)


@pytest.mark.parametrize("shape", [(48, 40), (31, 47)])
def test_rings_count_every_wave_vector_once(shape: tuple[int, int]) -> None:
    assert rings_of(shape).n_vectors.sum() == shape[0] * shape[1] - 1
    assert (np.diff(rings_of(shape).wavenumber) > 0).all()


def test_rings_hold_the_power_of_the_field() -> None:
    field = np.random.default_rng(0).normal(size=(3, 2, 31, 40))
    window = taper((31, 40)) / np.linalg.norm(taper((31, 40)))
    weighted = field * window
    expected = (weighted - weighted.mean(axis=(-2, -1), keepdims=True)) ** 2
    power = ring_power(tapered_spectrum(field), (31, 40))
    np.testing.assert_allclose(power.sum(axis=(1, 2)), expected.sum(axis=(1, 2, 3)) * 31 * 40, rtol=1e-6)


def test_residual_norms_of_the_path_need_no_inverse_transform() -> None:
    _, displacement = _noisy()
    data = statistics(displacement, poisson=0.45)
    shares = pass_shares(data.rings.wavenumber, LAMS, 1.0, 0.45)
    by_rings = data.power.reshape(2, -1) @ ((1 - shares) ** 2).reshape(len(LAMS), -1).T
    window = taper((48, 40)) / np.linalg.norm(taper((48, 40)))
    tapered = displacement * window
    tapered = tapered - tapered.mean(axis=(-2, -1), keepdims=True)
    for i, lam in enumerate(LAMS):
        fit = convolve(fourier_inverse(tapered, lam, poisson=0.45, order=1.0), 0.45, boundary="periodic")
        direct = ((tapered - fit) ** 2).sum(axis=(1, 2, 3)) * 48 * 40
        np.testing.assert_allclose(by_rings[:, i], direct, rtol=0.15)


def test_blocked_prediction_is_that_of_a_fit_without_the_block() -> None:
    # Ridge smoother on a tiny periodic grid: drop the block's rows, fit again, predict its centre.
    shape, lam = (9, 8), 0.5
    size = 2 * 9 * 8
    basis = np.eye(size).reshape(size, 2, *shape)
    forward = convolve(basis, 0.3, boundary="periodic").reshape(size, size).T
    displacement = np.random.default_rng(0).normal(size=size)
    offsets = np.stack(np.meshgrid([-1, 0, 1], [-1, 0, 1], indexing="ij"), axis=-1).reshape(-1, 2)
    centre = (4, 3)
    cells = [(row % 9) * 8 + column % 8 for row, column in offsets + centre]
    block = np.array([*cells, *(cell + 72 for cell in cells)])
    kept = np.setdiff1d(np.arange(size), block)
    part = forward[kept]
    traction = np.linalg.solve(part.T @ part + lam * np.eye(size), part.T @ displacement[kept])
    direct = (displacement - forward @ traction)[[cells[4], cells[4] + 72]]
    smoother = forward @ np.linalg.solve(forward.T @ forward + lam * np.eye(size), forward.T)
    residual = displacement - smoother @ displacement
    own = np.linalg.inv(np.eye(18) - smoother[np.ix_(block, block)])[[4, 13]] @ residual[block]
    np.testing.assert_allclose(own, direct, atol=1e-10)
    symbols = [
        np.fft.rfft2(smoother[:72, :72][0].reshape(shape)).real,
        np.fft.rfft2(smoother[72:, 72:][0].reshape(shape)).real,
    ]
    symbols.append(np.fft.rfft2(smoother[:72, 72:][0].reshape(shape)).real)
    filters = _centre_filter((symbols[0], symbols[1], symbols[2]), shape, offsets)
    planes = np.fft.rfft2(residual.reshape(2, *shape))
    x = np.fft.irfft2(filters[0] * planes[0] + filters[2] * planes[1], s=shape)
    assert x[centre] == pytest.approx(direct[0], abs=1e-10)


def test_unblocked_weights_grow_with_the_block() -> None:
    weights = _blocked_weights((16, 16), 0.45, (0.01, 1.0, 100.0), 0.0)
    shares = pass_shares(rings_of((16, 16)).wavenumber, np.array([0.01, 1.0, 100.0]), 0.0, 0.45)
    # A vector's own data always help to predict it.
    assert (weights >= 0.9 * (1 - shares) ** 2).mean() > 0.9


@pytest.mark.parametrize("correlation", [0.0, 1.0])
def test_noise_spectrum_is_measured_beside_a_signal(correlation: float) -> None:
    clean = convolve(_noisy()[0], 0.45)
    clean = np.repeat(clean, 4, axis=0)
    noisy = add_noise(clean, 0.05, unit="rms", correlation=correlation, random_state=2)
    variance = 0.05**2 * np.square(clean[0]).mean()
    levels, excess = noise_bands(tapered_spectrum(noisy), clean.shape[-2:], 0.45)
    k = np.array([0.8, 1.2, 1.7])
    true = variance * np.exp(-((correlation * k) ** 2)) * (4 * np.pi * correlation**2 or 1)
    measured = np.median(noise_power(levels, excess, k), axis=0)
    assert (np.abs(np.log(measured / true)) < np.log(3)).all()
    assert (excess[:, 1] < 2).all()


def test_noise_does_not_rise_with_the_wave_number() -> None:
    k = np.linspace(0.1, 4, 50)
    power = noise_power(np.array([[1.0, 2.0, 0.5, 3.0]]), np.ones((1, 4)), k)
    assert (np.diff(power) <= 0).all()
    np.testing.assert_allclose(noise_power(np.full((1, 4), 2.0), np.ones((1, 4)), np.array(BANDS)), 2.0)


@pytest.mark.parametrize("criterion", CRITERIA)
def test_every_criterion_scores_every_lambda(criterion: str) -> None:
    data = statistics(_noisy()[1], poisson=0.45)
    score = scores(data, LAMS, 1.0, criterion=criterion)
    assert score.shape == (2, len(LAMS))
    assert np.isfinite(score).all()


def test_risk_is_the_error_of_the_traction() -> None:
    # On a periodic field with known noise: the score and the true squared error differ by a constant.
    traction, displacement = _noisy()
    clean = convolve(traction, 0.45)
    variance = np.square(displacement - clean).mean()
    data = statistics(displacement, poisson=0.45, noise=float(np.sqrt(variance)))
    best = scores(data, LAMS, 0.5, criterion="risk").argmin(axis=1)
    errors = [
        np.square(fourier_inverse(displacement, lam, poisson=0.45, order=0.5, boundary="extended") - traction).sum(
            axis=(1, 2, 3)
        )
        for lam in LAMS
    ]
    chosen = np.array(errors)[best, [0, 1]]
    assert (chosen < 1.2 * np.min(errors, axis=0)).all()


def test_shares_are_those_of_the_inverse() -> None:
    k = np.array([0.5, 2.0])
    shares = pass_shares(k, np.array([0.1]), 1.0, 0.3)[0]
    np.testing.assert_allclose(shares, gains(k, 0.3) ** 2 / (gains(k, 0.3) ** 2 + 0.1 * k**2))
    assert Path(np.array([0.1]), 1.0, shares[None]).order == 1.0
