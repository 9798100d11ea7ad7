"""The criteria against brute force with explicit smoothers."""

from __future__ import annotations

import numpy as np
import pytest

from tfmkit.fttc import FTTC, FTTCCV
from tfmkit.fttc.closed_form import fourier_inverse
from tfmkit.fttc.criteria import CRITERIA, Path, pass_shares, scores, statistics
from tfmkit.fttc.penalty import Penalty
from tfmkit.gel import Gel
from tfmkit.gel.layer import gains
from tfmkit.gel.operator import convolve
from tfmkit.metrics import relative_rmse
from tfmkit.noise.measure import BANDS, correlation_length, noise_bands, noise_power, rings_of, taper, tapered_spectrum
from tfmkit.simulate import CellSimulator, add_noise

LAMS = np.geomspace(1e-3, 1e3, 19)


def _noisy(seed: int = 0, correlation: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    traction = np.zeros((2, 2, 48, 40))
    traction[:, 0, 20:26, 15:21] = 0.1
    traction[:, 0, 20:26, 22:28] = -0.1
    clean = convolve(traction, Gel(poisson=0.45))
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
    power = rings_of((31, 40)).power(tapered_spectrum(field))
    np.testing.assert_allclose(power.sum(axis=(1, 2)), expected.sum(axis=(1, 2, 3)) * 31 * 40, rtol=1e-6)


def test_residual_norms_of_the_path_need_no_inverse_transform() -> None:
    _, displacement = _noisy()
    data = statistics(displacement, Gel(poisson=0.45))
    shares = pass_shares(data.rings.wavenumber, LAMS, 1.0, Gel(poisson=0.45))
    by_rings = data.power.reshape(2, -1) @ ((1 - shares) ** 2).reshape(len(LAMS), -1).T
    window = taper((48, 40)) / np.linalg.norm(taper((48, 40)))
    tapered = displacement * window
    tapered = tapered - tapered.mean(axis=(-2, -1), keepdims=True)
    for i, lam in enumerate(LAMS):
        fit = convolve(
            fourier_inverse(tapered, Gel(poisson=0.45), Penalty(lam, 1.0)), Gel(poisson=0.45), boundary="periodic"
        )
        direct = ((tapered - fit) ** 2).sum(axis=(1, 2, 3)) * 48 * 40
        np.testing.assert_allclose(by_rings[:, i], direct, rtol=0.15)


def test_blocked_choice_is_close_to_the_best_on_white_noise() -> None:
    traction, displacement = _noisy()
    orders = (0.0, 1.0, 2.0)
    data = statistics(displacement, Gel(poisson=0.45))
    score = np.concatenate([scores(data, LAMS, order, criterion="blocked_cv") for order in orders], axis=1)
    recovered = [
        fourier_inverse(displacement, Gel(poisson=0.45), Penalty(lam, order), boundary="extended")
        for order in orders
        for lam in LAMS
    ]
    errors = np.sqrt([np.square(part - traction).sum(axis=(1, 2, 3)) for part in recovered])
    assert (errors[score.argmin(axis=1), [0, 1]] < 1.2 * errors.min(axis=0)).all()


def test_fields_of_one_batch_may_differ_in_their_blocks() -> None:
    both = np.concatenate([_noisy(0)[1], _noisy(0, 1.5)[1]])
    together = scores(statistics(both, Gel(poisson=0.45)), LAMS, 1.0, criterion="blocked_cv")
    apart = [
        scores(statistics(part, Gel(poisson=0.45)), LAMS, 1.0, criterion="blocked_cv") for part in (both[:2], both[2:])
    ]
    np.testing.assert_allclose(together, np.concatenate(apart))


@pytest.mark.parametrize("correlation", [0.0, 1.5])
@pytest.mark.parametrize("side", [24, 32])
def test_weak_noise_is_measured_on_small_fields(side: int, correlation: float) -> None:
    """The long waves of the cell are everywhere on such a field; they must not pass for noise."""
    cells = CellSimulator("adhesion", shape=side, oversample=3, random_state=3).sample(4)
    noisy = add_noise(cells.noise_free_displacement, 0.04, unit="rms", correlation=correlation, random_state=1)
    best = [
        relative_rmse(cells.traction, FTTC(lam, order=order).fit(noisy).predict(noisy), multioutput="raw_values")
        for lam in np.logspace(-3, 3, 13)
        for order in (0.0, 1.0)
    ]
    chosen = relative_rmse(cells.traction, FTTCCV().fit(noisy).predict(noisy), multioutput="raw_values")
    assert np.median(chosen / np.min(best, axis=0)) < 1.15


@pytest.mark.parametrize("correlation", [0.0, 1.0])
def test_noise_spectrum_is_measured_beside_a_signal(correlation: float) -> None:
    clean = convolve(_noisy()[0], Gel(poisson=0.45))
    clean = np.repeat(clean, 4, axis=0)
    noisy = add_noise(clean, 0.05, unit="rms", correlation=correlation, random_state=2)
    variance = 0.05**2 * np.square(clean[0]).mean()
    levels, excess = noise_bands(tapered_spectrum(noisy), clean.shape[-2:], Gel(poisson=0.45))
    k = np.array([0.8, 1.2, 1.7])
    true = variance * np.exp(-((correlation * k) ** 2)) * (4 * np.pi * correlation**2 or 1)
    measured = np.median(noise_power(levels, excess, k), axis=0)
    assert (np.abs(np.log(measured / true)) < np.log(3)).all()
    assert (excess[:, 1] < 2).all()


@pytest.mark.parametrize("correlation", [0.0, 0.75, 1.5])
def test_bands_tell_the_power_of_gaussian_noise(correlation: float) -> None:
    fields = add_noise(np.ones((40, 2, 64, 64)), 1.0, unit="rms", correlation=correlation, random_state=0) - 1
    rings = rings_of((64, 64))
    levels, excess = noise_bands(tapered_spectrum(fields), (64, 64), Gel(poisson=0.45))
    measured = np.median(noise_power(levels, excess, rings.wavenumber), axis=0)
    true = np.exp(-((correlation * rings.wavenumber) ** 2))
    true *= rings.n_vectors.sum() / (true @ rings.n_vectors)
    strong = (true > 0.01 * true.max()) & (rings.wavenumber < BANDS[2])
    np.testing.assert_allclose(measured[strong], true[strong], rtol=0.25)
    assert correlation_length(measured[None], rings)[0] == correlation


def test_noise_does_not_rise_with_the_wave_number() -> None:
    k = np.linspace(0.1, 4, 50)
    power = noise_power(np.array([[1.0, 2.0, 0.5, 3.0]]), np.ones((1, 4)), k)
    assert (np.diff(power) <= 0).all()
    np.testing.assert_allclose(noise_power(np.full((1, 4), 2.0), np.ones((1, 4)), np.array(BANDS)), 2.0)


@pytest.mark.parametrize("criterion", CRITERIA)
def test_every_criterion_knows_neither_unit_nor_company_nor_direction(criterion: str) -> None:
    displacement = np.concatenate([_noisy(0)[1], 0.3 * _noisy(1)[1]])
    score = scores(statistics(displacement, Gel(poisson=0.45)), LAMS, 1.0, criterion=criterion)
    alone = [
        scores(statistics(displacement[i : i + 1], Gel(poisson=0.45)), LAMS, 1.0, criterion=criterion)[0]
        for i in range(4)
    ]
    np.testing.assert_allclose(alone, score, rtol=1e-6)
    turned = np.rot90(displacement, axes=(2, 3))
    changed = 1e3 * np.stack([turned[:, 1], -turned[:, 0]], axis=1)
    again = scores(statistics(changed, Gel(poisson=0.45)), LAMS, 1.0, criterion=criterion)
    assert score.argmin(axis=1).tolist() == again.argmin(axis=1).tolist()
    # Differences along the path scale by a power of the unit, or stay.
    steps, steps_again = (np.diff(part, axis=1) for part in (score, again))
    ratio = steps_again[np.abs(steps) > 0.01 * np.abs(steps).max()] / steps[np.abs(steps) > 0.01 * np.abs(steps).max()]
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-3)
    assert ratio[0] == pytest.approx(1e6 if criterion in ("risk", "gcv", "blocked_cv") else 1.0, rel=1e-3)


def test_risk_is_the_error_of_the_traction() -> None:
    # On a periodic field with known noise: the score and the true squared error differ by a constant.
    traction, displacement = _noisy()
    clean = convolve(traction, Gel(poisson=0.45))
    variance = np.square(displacement - clean).mean()
    data = statistics(displacement, Gel(poisson=0.45), noise=float(np.sqrt(variance)))
    best = scores(data, LAMS, 0.5, criterion="risk").argmin(axis=1)
    errors = [
        np.square(
            fourier_inverse(displacement, Gel(poisson=0.45), Penalty(lam, 0.5), boundary="extended") - traction
        ).sum(axis=(1, 2, 3))
        for lam in LAMS
    ]
    chosen = np.array(errors)[best, [0, 1]]
    assert (chosen < 1.2 * np.min(errors, axis=0)).all()


def test_shares_are_those_of_the_inverse() -> None:
    k = np.array([0.5, 2.0])
    shares = pass_shares(k, np.array([0.1]), 1.0, Gel(poisson=0.3))[0]
    np.testing.assert_allclose(shares, gains(k, Gel(poisson=0.3)) ** 2 / (gains(k, Gel(poisson=0.3)) ** 2 + 0.1 * k**2))
    assert Path(np.array([0.1]), 1.0, shares[None]).order == 1.0
