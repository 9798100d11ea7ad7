"""BayesianFTTC: evidence, error bars and intervals."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.ndimage import gaussian_filter
from sklearn.exceptions import ConvergenceWarning

from tfmkit.bayes import BayesianFTTC
from tfmkit.bayes.posterior import LAM_RANGE, evidence_lam, posterior_std
from tfmkit.fttc.penalty import Penalty
from tfmkit.gel import ForwardOperator, Gel
from tfmkit.gel.symbol import wavenumbers
from tfmkit.mechanics import contractile_moment, total_force
from tfmkit.methods import TRACTION
from tfmkit.simulate import CellSimulator

LAM, SIGMA = 2.0, 0.3


@pytest.fixture(scope="module")
def gaussian() -> tuple[np.ndarray, np.ndarray]:
    """Displacement and traction (E = 1, pixels) of fields that the prior describes: order 1, a known lambda."""
    rng = np.random.default_rng(0)
    white = np.fft.rfft2(rng.standard_normal((20, 2, 48, 48)))
    k = np.hypot(*wavenumbers((48, 48)))
    k[0, 0] = np.inf
    tau = np.fft.irfft2(white * SIGMA / np.sqrt(LAM) / k, s=(48, 48))
    u = ForwardOperator(48, young=1.0, boundary="periodic").apply(tau)
    return u + rng.normal(scale=SIGMA, size=u.shape), tau


def test_evidence_finds_the_lambda_that_made_the_fields(gaussian: Any) -> None:
    u, _ = gaussian
    found = evidence_lam(u, np.full(len(u), SIGMA), Gel(poisson=0.45), order=1.0)
    assert_allclose(np.exp(np.log(found).mean()), LAM, rtol=0.25)


def test_standard_deviation_is_the_error_that_is_made(gaussian: Any) -> None:
    u, tau = gaussian
    mean, std = BayesianFTTC(young=1.0, noise=SIGMA).fit(u).predict(u, return_std=True)
    score = ((mean - tau) / std)[..., 8:-8, 8:-8]
    assert 0.9 < score.std() < 1.15


def test_draws_scatter_as_the_posterior_says(gaussian: Any) -> None:
    u, _ = gaussian
    model = BayesianFTTC(young=1.0, noise=SIGMA).fit(u)
    mean, std = model.predict(u[:2], return_std=True)
    draws = model.sample_y(u[:2], 200, random_state=0)
    assert draws.shape == (200, *mean.shape)
    assert_allclose(draws.std(axis=0).mean(axis=(2, 3)), std[..., 0, 0], rtol=0.03)
    assert np.abs(draws.mean(axis=0) - mean).max() < 6 * std.max() / np.sqrt(200)
    # Long waves are less certain than short ones: neighbours err together.
    left, right = (draws - mean)[..., :-1], (draws - mean)[..., 1:]
    assert (left * right).mean() > 0.1 * (left * left).mean()
    np.testing.assert_array_equal(draws, model.sample_y(u[:2], 200, random_state=0))


def test_sums_of_the_truth_lie_within_their_draws(gaussian: Any) -> None:
    u, tau = gaussian

    def sums(traction: np.ndarray) -> np.ndarray:
        """Sum over blocks of 6 x 6 pixels, away from the border, whose wrap the estimator does not know."""
        inside = traction[..., 12:36, 12:36]
        return inside.reshape(*inside.shape[:-2], 4, 6, 4, 6).sum(axis=(-3, -1))

    draws = sums(BayesianFTTC(young=1.0, noise=SIGMA).fit(u).sample_y(u, 64, random_state=1))
    score = (sums(tau) - draws.mean(axis=0)) / draws.std(axis=0)
    assert 0.85 < np.sqrt((score**2).mean()) < 1.25


@pytest.mark.parametrize("width", [0.0, 2.0])
def test_draws_scatter_as_the_estimate_does_from_noise_to_noise(width: float) -> None:
    """Noise that neighbours share makes sums vary more than white noise of the same size, which the posterior takes."""
    cell = CellSimulator("adhesion", shape=48, oversample=3, young=1.0, random_state=0).sample(1)
    noise = np.random.default_rng(2).normal(size=(24, 2, 48, 48))
    noise = gaussian_filter(noise, (0, 0, width, width), mode="wrap") if width else noise
    noisy = cell.displacement + 0.2 * cell.displacement.std() * noise / noise.std()
    model = BayesianFTTC(young=1.0).fit(noisy)

    def sums(traction: np.ndarray) -> np.ndarray:
        """Sum over blocks of 6 x 6 pixels."""
        return traction[..., 12:36, 12:36].reshape(*traction.shape[:-2], 4, 6, 4, 6).sum(axis=(-3, -1))

    errors = np.sqrt(np.square(sums(model.predict(noisy) - cell.traction)).mean())
    draws = [sums(model.draw(noisy[[i]], 12, i).traction).std(axis=0, ddof=1) for i in range(6)]
    # The noise is measured on every field, and comes out a little large.
    assert 0.8 < np.mean(draws) / errors < 1.6
    posterior = sums(model.sample_y(noisy[:6], 12, random_state=0)).std(axis=0, ddof=1).mean()
    assert (posterior > 0.8 * errors) == (width == 0)


def test_noise_is_measured_where_it_is_not_given(gaussian: Any) -> None:
    u, _ = gaussian
    given = BayesianFTTC(noise=SIGMA).fit(u).predict(u)
    measured = BayesianFTTC().fit(u).predict(u)
    assert np.linalg.norm(measured - given) < 0.2 * np.linalg.norm(given)


@pytest.mark.parametrize("scale", [0.0, 1e-9, 1e9])
@pytest.mark.parametrize("noisy", [False, True])
def test_lambda_stays_finite_without_signal_or_noise(scale: float, noisy: bool) -> None:
    rng = np.random.default_rng(1)
    traction = np.zeros((1, 2, 24, 24))
    traction[0, :, 8:12, 8:12] = scale
    u = ForwardOperator(24).apply(traction) + (rng.standard_normal((1, 2, 24, 24)) if noisy else 0)
    mean, std = BayesianFTTC().fit(u).predict(u, return_std=True)
    assert np.isfinite(mean).all()
    assert np.isfinite(std).all()
    # A little signal and no noise, where the noise is said to be large, has its best lambda beyond all bounds.
    warns = pytest.warns(ConvergenceWarning, match=r"to 1e\+09") if scale == 1e-9 and not noisy else nullcontext()
    with warns:
        lam = evidence_lam(u, np.array([1.0]), Gel(poisson=0.45), order=1.0)
    assert 1e-3 * LAM_RANGE[0] <= lam[0] <= 1e3 * LAM_RANGE[1]


def test_pixel_variance_is_the_sum_over_wave_vectors() -> None:
    shape = (9, 12)
    ky, kx = np.meshgrid(*(2 * np.pi * np.fft.fftfreq(n) for n in shape), indexing="ij")
    total = np.zeros((2, 2))
    for y, x in zip(ky.ravel()[1:], kx.ravel()[1:], strict=True):
        direction = np.array([x, y]) / np.hypot(x, y)
        along = np.outer(direction, direction)
        symbol = 2 * 1.3 / np.hypot(x, y) * (np.eye(2) - 0.3 * along)
        total += np.linalg.inv(symbol @ symbol + 0.7 * np.hypot(x, y) ** 2 * np.eye(2)) * 0.01 / ky.size
    got = posterior_std(shape, 0.1, Gel(poisson=0.3), Penalty(0.7, 1.0))
    assert_allclose(got, np.sqrt(np.diag(total)))


@pytest.fixture(scope="module")
def cell() -> tuple[np.ndarray, np.ndarray]:
    """Displacement and traction of four opposed patches."""
    y, x = np.mgrid[:40, :40]
    traction = np.zeros((1, 2, 40, 40))
    for cx, cy, tx, ty in ((12, 20, 1, 0), (28, 20, -1, 0), (20, 11, 0, 1), (20, 29, 0, -1)):
        blob = 2_000 * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / 4)
        traction[0, 0] += tx * blob
        traction[0, 1] += ty * blob
    u = ForwardOperator(40).apply(traction)
    return (u + np.random.default_rng(2).normal(scale=0.1 * u.std(), size=u.shape)).astype(np.float32), traction


def test_intervals_are_reproducible_and_near_the_truth(cell: Any) -> None:
    u, traction = cell
    estimator = BayesianFTTC().fit(u)
    table = estimator.intervals(u, n_samples=4, random_state=0)
    assert ((table.low < table.estimate) & (table.estimate < table.high)).all()
    force = table[table.quantity == "total_force"].squeeze()
    assert_allclose(force.estimate, total_force(traction)[0], rtol=0.02)
    assert force.low < total_force(traction)[0] < force.high
    again = estimator.intervals(u, n_samples=4, random_state=np.random.default_rng(0))
    assert table.equals(again)


def test_intervals_know_units_and_mask(cell: Any) -> None:
    u, traction = cell
    y, x = np.mgrid[:40, :40]
    mask = np.hypot(y - 20, x - 20) < 15
    table = BayesianFTTC().fit(u).intervals(u, n_samples=2, random_state=0)
    metres = BayesianFTTC(spacing=2.0).fit(u).intervals(2 * u, n_samples=2, random_state=0)
    powers = {"total_force": 4, "strain_energy": 8, "contractile_moment": 8, "mean_traction": 1}
    for column in ("estimate", "std"):
        ratios = metres.set_index("quantity")[column] / table.set_index("quantity")[column]
        assert_allclose(ratios[list(powers)], list(powers.values()), rtol=1e-3)
    inside = BayesianFTTC().fit(u).intervals(u, mask, n_samples=2, random_state=0).set_index("quantity").estimate
    assert inside.total_force == pytest.approx(total_force(traction)[0], rel=0.03)
    left = BayesianFTTC().fit(u).intervals(u, x < 20, n_samples=2, random_state=0).set_index("quantity").estimate
    assert left.total_force < 0.6 * inside.total_force


@pytest.mark.parametrize("name", ["FTTC", "FTTCCV", "BayesianFTTC"])
def test_a_cell_outside_the_mask_does_not_change_the_intervals(name: str, cell: Any) -> None:
    """The traction of another cell is that of the field, and not pushed into the mask."""
    _, traction = cell
    pair = np.zeros((1, 2, 40, 96))
    pair[..., :40], pair[..., 56:] = traction, 2 * traction
    displacement = ForwardOperator((40, 96)).apply(pair)
    displacement += np.random.default_rng(3).normal(scale=0.05 * displacement.std(), size=displacement.shape)
    mask = np.arange(96) < np.full((40, 1), 44)
    estimator = TRACTION[name].on_gel(Gel()).fit(displacement)
    table = estimator.intervals(displacement, mask, n_samples=8, random_state=0).set_index("quantity")
    truth = {"total_force": total_force(traction)[0], "contractile_moment": contractile_moment(traction)[0]}
    for quantity, value in truth.items():
        assert table.low[quantity] < value < table.high[quantity]
        assert_allclose(table.estimate[quantity], value, rtol=0.05)


@pytest.mark.parametrize("bad", [{"noise": 0.0}, {"order": -1.0}, {"young": 0.0}])
def test_bad_parameters_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        BayesianFTTC(**bad).fit(np.zeros((1, 2, 16, 16)))


def test_one_sample_is_no_spread(cell: Any) -> None:
    with pytest.raises(ValueError, match="n_samples"):
        BayesianFTTC().fit(cell[0]).intervals(cell[0], n_samples=1)
