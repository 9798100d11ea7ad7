"""Bayesian inversion of the traction under a sheet, and draws for error bars."""

from __future__ import annotations

import numpy as np
import pytest
from monolayer_sheets import airy_sheet, relative_errors

from tfmkit.monolayer import BayesianStress, MonolayerStress, analyse_sheet
from tfmkit.monolayer.evidence import chosen_lams, outside_noise
from tfmkit.monolayer.prior import NoisyEquilibrium
from tfmkit.monolayer.sheet import make_sheet
from tfmkit.monolayer.undecided import _power
from tfmkit.simulate import MonolayerSimulator


def bayesian(traction, mask, **settings):
    return BayesianStress(**settings).fit(traction).predict(traction, mask=mask)


def small_system(lam=0.05, poisson=0.3):
    mask = np.zeros((10, 11), dtype=bool)
    mask[2:8, 2:9] = True
    sheet = make_sheet(mask)
    return sheet, NoisyEquilibrium(sheet, poisson, "fixed", lam)


@pytest.mark.parametrize("poisson", [0.0, 0.5])
def test_without_noise_it_finds_the_stress_of_an_elastic_sheet(poisson):
    stress, traction, mask = airy_sheet("peanut", 60, poisson)
    batch = traction[None]
    found = bayesian(batch, mask, poisson=poisson, noise=0.0)[0]
    elastic = MonolayerStress(poisson).fit(batch).predict(batch, mask=mask)[0]
    assert relative_errors(found, elastic, mask)[1] < 1e-3
    assert relative_errors(found, stress, mask)[0] < 0.03


def test_noise_hurts_less_than_its_size():
    stress, traction, mask = airy_sheet("ellipse", 80, 0.0)
    noise = 0.1 * traction[:, mask].std()
    noisy = (traction + noise * np.random.default_rng(0).standard_normal(traction.shape))[None]
    told, measured = (bayesian(noisy, mask, poisson=0.0, noise=level)[0] for level in (noise, None))
    assert relative_errors(told, stress, mask)[0] < 0.01
    assert relative_errors(measured, told, mask)[0] < 0.005


def test_the_evidence_is_that_of_the_dense_gaussian():
    # Checked by differences between weights, for the evidence is known up to a constant.
    rng = np.random.default_rng(0)
    sheet, system = small_system()
    loads = system.loads(sheet.values(rng.standard_normal((2, 2, *sheet.shape))))
    noise = np.array([0.3, 0.7])
    area = np.repeat(sheet.node_area, 2)
    uniform = system.loads_of(np.broadcast_to(np.eye(3)[:, :, None], (3, 3, sheet.rows.size))).T

    def dense(level, load, lam):
        covariance = level**2 * (system.matrix.toarray() / lam + np.diag(area))
        inverse = np.linalg.inv(covariance)
        seen = uniform.T @ inverse @ uniform
        kept = inverse - inverse @ uniform @ np.linalg.solve(seen, uniform.T @ inverse)
        return -0.5 * (np.linalg.slogdet(covariance)[1] + np.linalg.slogdet(seen)[1] + load @ kept @ load)

    got = [NoisyEquilibrium(sheet, 0.3, "fixed", lam).log_evidence(loads, noise) for lam in (0.01, 0.2)]
    wanted = [[dense(level, load, lam) for level, load in zip(noise, loads, strict=True)] for lam in (0.01, 0.2)]
    np.testing.assert_allclose(got[1] - got[0], np.subtract(wanted[1], wanted[0]), rtol=1e-6)


def test_the_solution_is_the_posterior_mean_of_the_dense_problem():
    rng = np.random.default_rng(1)
    sheet, system = small_system(lam=0.1)
    loads = system.loads(sheet.values(rng.standard_normal((1, 2, *sheet.shape))))
    uniform = system.loads_of(np.broadcast_to(np.eye(3)[:, :, None], (3, 3, sheet.rows.size))).T
    matrix = system.matrix.toarray() + 0.1 * np.diag(np.repeat(sheet.node_area, 2))
    solved = np.linalg.solve(matrix, np.column_stack([loads[0], uniform]))
    amount = np.linalg.solve(uniform.T @ solved[:, 1:], uniform.T @ solved[:, 0])
    wanted = system.stress(-(solved[:, 0] - solved[:, 1:] @ amount)[None]) + amount[None, :, None]
    np.testing.assert_allclose(system.solve(loads), wanted, atol=1e-9)


def test_the_weight_follows_noise_and_stress():
    _, traction, mask = airy_sheet("ellipse", 60, 0.0)
    sheet = make_sheet(mask)
    settings = {"poisson": 0.0, "boundary": "fixed"}
    fields = np.stack([traction, traction, 10 * traction, 0 * traction])
    level = traction[:, mask].std()
    lams = chosen_lams(sheet, fields, np.array([0.01, 0.1, 0.1, 0.1]) * level, **settings)
    assert lams[0] < lams[1]
    # Ten times the traction with the same noise: a hundredth of the weight, to a factor of two.
    assert lams[2] == pytest.approx(lams[1] / 100, rel=1.01)


def test_the_weight_of_a_coarser_grid_serves_a_large_sheet(monkeypatch):
    colony = MonolayerSimulator(shape=112, random_state=0).sample(1)
    noise = 0.1 * float(colony.traction[0][:, colony.mask[0]].std())
    noisy = colony.traction + noise * np.random.default_rng(0).standard_normal(colony.traction.shape)
    coarse = bayesian(noisy, colony.mask, noise=noise)[0]
    monkeypatch.setattr("tfmkit.monolayer.evidence._MOST_PIXELS", 10**6)
    whole = bayesian(noisy, colony.mask, noise=noise)[0]
    assert relative_errors(coarse, whole, colony.mask[0])[0] < 0.02


def test_noise_is_measured_outside_of_the_sheet_and_not_on_other_cells():
    rng = np.random.default_rng(0)
    fields = np.array([1.0, 5.0])[:, None, None, None] * rng.standard_normal((2, 2, 80, 80))
    mask = np.zeros((80, 80), dtype=bool)
    mask[30:50, 30:50] = True
    fields[:, :, mask] += 100
    fields[:, :, :12, :12] += 300
    np.testing.assert_allclose(outside_noise(fields, mask), [1, 5], rtol=0.15)
    # Traction leaks two pixels beyond the border of a sheet, which nearly fills this field.
    fields = rng.standard_normal((1, 2, 80, 80))
    mask[8:72, 8:72] = True
    fields[..., 6:74, 6:74] += 100
    np.testing.assert_allclose(outside_noise(fields, mask), 1, rtol=0.25)


def test_a_sheet_that_fills_the_field_needs_its_noise_told():
    traction = np.random.default_rng(0).standard_normal((1, 2, 20, 20))
    with pytest.raises(ValueError, match="noise"):
        bayesian(traction, None)
    assert np.isfinite(bayesian(traction, None, noise=0.5)).all()


def test_noise_below_zero_is_refused():
    with pytest.raises(ValueError, match="noise"):
        BayesianStress(-1.0).fit(np.zeros((1, 2, 9, 9)))


def cells_of(mask, side):
    rows, columns = np.indices(mask.shape) // side
    return np.where(mask, rows * 100 + columns + 1, 0)


@pytest.mark.parametrize("estimator", [MonolayerStress(), BayesianStress(noise=0.01)])
def test_draws_scatter_about_the_estimate_and_show_no_more_traction(estimator):
    _, traction, mask = airy_sheet("ellipse", 48, 0.5)
    draws = np.broadcast_to(traction, (16, 1, 2, 48, 48))
    labels = cells_of(mask, 8)
    found = estimator.fit(traction[None]).predict(traction[None], labels)[0]
    drawn = estimator.draw(draws, labels, random_state=0)[:, 0]
    assert np.array_equal(np.isfinite(drawn).all(axis=(0, 1)), mask)
    spread = drawn.std(axis=0)[:, mask].mean()
    assert spread > 0.02 * np.abs(found[:, mask]).max()
    assert np.abs(drawn.mean(axis=0) - found)[:, mask].mean() < spread
    again = estimator.draw(draws, labels, random_state=0)[:, 0]
    np.testing.assert_array_equal(again, drawn)


def test_draws_add_the_error_of_the_traction():
    _, traction, mask = airy_sheet("ellipse", 48, 0.5)
    labels, model = cells_of(mask, 8), MonolayerStress().fit(traction[None])
    exact = np.broadcast_to(traction, (24, 1, 2, 48, 48))
    noisy = exact + 2 * np.random.default_rng(0).standard_normal(exact.shape) * traction.std()
    narrow, wide = (model.draw(draws, labels, random_state=0).std(axis=0)[0] for draws in (exact, noisy))
    assert np.median((wide / narrow)[:, mask]) > 1.2


def test_draws_need_the_size_of_cells():
    traction = np.random.default_rng(0).standard_normal((2, 1, 2, 20, 20))
    mask = np.ones((20, 20), dtype=bool)
    with pytest.raises(ValueError, match="cell_size"):
        MonolayerStress().fit(traction[0]).draw(traction, mask)
    assert MonolayerStress(cell_size=8.0).fit(traction[0]).draw(traction, mask).shape == (2, 1, 3, 20, 20)
    with pytest.raises(ValueError, match="n_draws"):
        MonolayerStress(cell_size=8.0).fit(traction[0]).draw(traction[0], mask)
    with pytest.raises(ValueError, match="at least 2"):
        MonolayerStress(cell_size=8.0).fit(traction[0]).draw(traction[:1], mask)


def test_draws_of_an_empty_frame_are_nan():
    traction = np.ones((3, 1, 2, 9, 9))
    drawn = MonolayerStress(cell_size=2.0).fit(traction[0]).draw(traction, np.zeros((9, 9)))
    assert np.isnan(drawn).all()


def test_the_size_of_stress_does_not_depend_on_the_axes():
    inside = np.ones(2, dtype=bool)
    pulled, sheared = np.zeros((2, 3, 2))
    pulled[0], pulled[1] = [1, -1], [-1, 1]
    # The same stress, seen by axes that are turned by 45 degrees.
    sheared[2] = [1, -1]
    assert _power(sheared, inside) == pytest.approx(_power(pulled, inside))


def test_error_bars_of_a_sheet_know_the_diameter_of_its_cells_in_its_unit():
    _, traction, mask = airy_sheet("ellipse", 32, 0.5)
    labels, step = cells_of(mask, 8), 2e-6
    draws = traction + 0.1 * np.random.default_rng(0).standard_normal((6, 1, *traction.shape)) * traction.std()
    diameter = 2 * np.sqrt(np.median(np.unique(labels[mask], return_counts=True)[1]) / np.pi)

    def errors(spacing, cell_size):
        solver = MonolayerStress(spacing=spacing, cell_size=cell_size)
        cells = analyse_sheet(solver, traction[None], labels, gap=0.0, draws=draws, random_state=0).cells
        return cells["mean_normal_stress_N_per_m_std"].to_numpy()

    np.testing.assert_array_equal(errors(step, None), errors(step, diameter * step))
    np.testing.assert_allclose(errors(step, None), step * errors(1.0, None))
    assert not np.allclose(errors(step, diameter * step / 2), errors(step, None), rtol=0.05)
