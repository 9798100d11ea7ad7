"""Standard deviations of the quantities of a cell: their parts, their numbers, and whether they hold the bias."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tfmkit.base import Draws
from tfmkit.error_bars import (
    CALIBRATIONS,
    INTERVAL,
    Calibration,
    Parts,
    Recovery,
    Samples,
    Variations,
    border_shares,
    lost_shares,
    noise_shares,
    quantity_scales,
    standard_deviations,
)
from tfmkit.force_region import Forces, find_forces
from tfmkit.fttc import FTTC
from tfmkit.gel import ForwardOperator, Gel
from tfmkit.gel.operator import bandlimited_symbol
from tfmkit.gel.symbol import padded_grid
from tfmkit.mechanics import largest_moment, strain_energy
from tfmkit.noise.measure import noise_level
from tfmkit.simulate import CellSimulator, PatchSimulator, add_noise

RESULTS = Path(__file__).parents[1] / "benchmarks" / "results"


def test_standard_deviation_by_hand():
    calibration = Calibration(spread=1.25, again=2.0, shift=0.5, floor=0.1, noise=2.0, border=1.5, lost=0.5)
    parts = Parts(
        estimate=1e3, spread=4.0, again=-6.0, shift=-70.0, noise_share=0.3, border_share=0.2, lost_share=0.4, scale=84.0
    )
    # Spread 1.25 x 4 = 5, change 2 x 6 = 12, shift 0.5 x 70 = 35, and 0.1 + 2 x 0.3 + 1.5 x 0.2 + 0.5 x 0.4 = 1.2.
    assert calibration.std(parts) == pytest.approx(np.sqrt(5**2 + 12**2 + 35**2 + (1.2 * 84) ** 2))


def test_share_of_the_force_at_the_border():
    traction = np.zeros((2, 2, 30, 40))
    traction[:, 0, 14:17, 20:23], traction[0, 1, 10:13, :3] = 10.0, -20.0
    forces = find_forces(traction)
    # Columns 0 and 1 of the second patch: 6 x 20 of 9 x 10 + 9 x 20.
    np.testing.assert_allclose(border_shares(forces), [120 / 270, 0.0], atol=0.01)
    left = np.arange(40) < 10
    np.testing.assert_allclose(border_shares(forces, np.broadcast_to(left, (30, 40))), [120 / 180, 0.0], atol=0.01)


def test_share_of_the_force_that_cancels():
    traction = np.zeros((2, 2, 24, 24))
    traction[:, 0, 10:13, 10:13] = 10.0
    # In the second field, one vector of nine points the other way.
    traction[1, 0, 11, 11] = -10.0
    forces = find_forces(traction)
    np.testing.assert_allclose(lost_shares(traction, forces), [0.0, 2 / 9], atol=1e-9)
    left = np.broadcast_to(np.arange(24) < 11, (24, 24))
    np.testing.assert_allclose(lost_shares(traction, forces, left), 0.0, atol=1e-9)
    assert (lost_shares(0 * traction, find_forces(0 * traction)) == 0).all()


def test_numbers_are_those_of_the_study():
    table = pd.read_csv(RESULTS / "error_bars.csv")
    assert set(table["method"]) == set(CALIBRATIONS)
    for row in table.itertuples():
        assert CALIBRATIONS[row.method][row.quantity] == tuple(getattr(row, name) for name in Calibration._fields)


def test_noise_share_does_not_depend_on_units_or_on_the_size_of_the_field():
    cells = CellSimulator("adhesion", shape=64, random_state=0).sample(1)
    noisy = add_noise(cells.displacement, 0.1, unit="rms", random_state=0)
    share = noise_shares(noisy, Gel())
    level = 0.1 * np.sqrt(np.square(cells.displacement).mean())
    assert share == pytest.approx(level / np.hypot(*noisy[0]).max(), rel=0.2)
    np.testing.assert_allclose(noise_shares(3 * noisy, Gel(spacing=3.0)), share, rtol=1e-4)
    assert noise_shares(np.zeros((1, 2, 16, 16)), Gel()) == 0


def test_scales():
    sums = {"net_force": 0.1, "net_force_length": 2.0, "total_force": 20.0, "torque": -1.0, "contractile_moment": -50.0}
    wanted = {"net_force": 1, "net_force_length": 20, "total_force": 20, "torque": 70, "contractile_moment": 70}
    assert quantity_scales(sums, 70) == wanted


def test_a_method_without_calibration_has_the_spread_of_its_draws_and_others_all_parts():
    rng, gel = np.random.default_rng(0), Gel(spacing=3.0)
    traction = np.zeros((1, 2, 24, 30))
    traction[0, :, 8:11, 8:11], traction[0, 0, 14:17, 14:17] = 900.0, -700.0
    displacement = ForwardOperator((24, 30), spacing=3.0).apply(traction) + 1e-3 * rng.normal(size=traction.shape)
    draws, again = (
        Draws(
            factor * np.stack(5 * [displacement]), factor * (traction + rng.normal(scale=20.0, size=(5, 1, 2, 24, 30)))
        )
        for factor in (1.0, 0.8)
    )
    samples = Samples.of(Recovery.of(displacement, traction), draws, again)
    inside = np.zeros((24, 30), dtype=bool)
    inside[5:20, 5:20] = True
    stds, drawn = standard_deviations("Own", samples, gel, mask=inside), samples.draws.summary(spacing=3.0, mask=inside)
    assert stds["total_force"] == pytest.approx(drawn["total_force"].std(ddof=1))
    calibrated = standard_deviations("FTTC", samples, gel, mask=inside)
    assert calibrated["polarity_ratio"] == stds["polarity_ratio"]
    found, second = (each.summary(spacing=3.0, mask=inside) for each in (samples.estimate, samples.again))
    noise = noise_level(displacement / 3, Gel())[0] / np.sqrt(np.square(displacement / 3).sum(axis=1).max())
    moment = largest_moment(traction, spacing=3.0, mask=inside)[0]
    sizes = {"net_force": 1, "contractile_moment": moment, "torque": moment}
    sizes["net_force_length"] = found["total_force"][0]
    # Both patches lie inside the outermost two rows and columns. The net force changes as a vector.
    draw = samples.draws.summary(spacing=3.0, mask=inside)
    changes, shifts = ({name: np.mean(each[name]) - found[name][0] for name in found} for each in (second, draw))
    vectors = [(each.traction * each.forces.wide[:, None] * inside).sum(axis=(2, 3)) * 9 for each in samples]
    for change, others in ((changes, vectors[2]), (shifts, vectors[1])):
        change["net_force_length"] = np.hypot(*(others.mean(axis=0) - vectors[0][0]))
        change["net_force"] = change["net_force_length"] / found["total_force"][0]
    lost = lost_shares(traction, samples.estimate.forces, inside)[0]
    for name, numbers in CALIBRATIONS["FTTC"].items():
        unseen = numbers.floor + numbers.noise * noise + numbers.lost * lost
        parts = (
            numbers.spread * stds[name],
            numbers.again * changes[name],
            numbers.shift * shifts[name],
            unseen * sizes.get(name, abs(found[name][0])),
        )
        assert calibrated[name] == pytest.approx(np.linalg.norm(parts)), name


def net_of(vectors):
    """Return a recovery whose net forces are the vectors, beside two opposed forces of 50."""
    vectors = np.asarray(vectors, dtype=float)
    traction = np.zeros((len(vectors), 2, 12, 12))
    traction[:, 0, 3, 3], traction[:, 0, 8, 8] = 50.0, -50.0
    traction[:, :, 3, 3] += vectors
    everywhere = np.ones((len(vectors), 12, 12), dtype=bool)
    return Recovery(traction, traction, Forces(np.hypot(traction[:, 0], traction[:, 1]), everywhere, everywhere))


def test_net_force_varies_as_its_vector_does():
    draws = np.random.default_rng(0).normal(scale=2.0, size=(4000, 2))
    samples = Samples(net_of([[3.0, 4.0]]), net_of(draws), net_of([[-3.0, -3.0], [-3.0, -5.0]]))
    found = Variations.of(samples, spacing=1.0, mask=None)
    assert found.estimate["net_force_length"] == pytest.approx(5.0)
    # One component of the vector. The lengths are those of noise alone: they vary by 0.66 of it only.
    assert found.spread["net_force_length"] == pytest.approx(2.0, rel=0.03)
    assert samples.draws.summary()["net_force_length"].std() == pytest.approx(2.0 * np.sqrt(2 - np.pi / 2), rel=0.03)
    # The vector turns round, and keeps its length.
    assert found.again["net_force_length"] == pytest.approx(10.0)
    total = found.estimate["total_force"]
    assert found.again["net_force"] == pytest.approx(10.0 / total)
    # The draws are about 0, and the estimate is 5 long.
    assert found.shift["net_force_length"] == pytest.approx(5.0, rel=0.03)
    left = np.arange(12) < 6
    half = Variations.of(samples, spacing=2.0, mask=np.broadcast_to(left, (12, 12)))
    assert half.spread["net_force_length"] == pytest.approx(4 * 2.0, rel=0.03)


def test_second_recovery_is_that_of_the_displacement_of_the_first():
    cells = CellSimulator("adhesion", shape=32, noise=0.02, random_state=1).sample(2)
    estimator = FTTC(young=8_000.0, spacing=2.0).fit(2 * cells.displacement)
    first = estimator.predict(2 * cells.displacement)
    again = estimator.recover_again(2 * cells.displacement, 3, random_state=0)
    assert again.displacement.shape == again.traction.shape == (3, 2, 2, 32, 32)
    clean = 2 * bandlimited_symbol((32, 32), Gel()).convolve(first / 8_000.0, padded_grid((32, 32)))
    noise = again.displacement - clean
    # Noise of the field: 0.02 / sqrt(2) px per component, and the same in no two recoveries.
    assert noise.std() == pytest.approx(2 * 0.02 / np.sqrt(2), rel=0.4)
    np.testing.assert_allclose(again.traction[0], estimator.predict(again.displacement[0]))
    with pytest.raises(ValueError, match="n"):
        estimator.recover_again(2 * cells.displacement, 0)


def test_second_recovery_adds_no_smoothing_of_its_own():
    """Traction that is constant on each pixel would: on patches narrower than the grid tells, by 4 % of the largest."""
    fields = PatchSimulator("hertz", shape=48, poisson=0.45, random_state=3).sample(2)
    estimator = FTTC(lam=1e-9, poisson=0.45).fit(fields.displacement)
    first = estimator.predict(fields.displacement)
    constant = ForwardOperator(48, poisson=0.45).apply(first)
    inner = (slice(None), slice(None), slice(8, -8), slice(8, -8))
    changes = [estimator.predict(moved) - first for moved in (estimator._displace(first), constant)]
    exact, smoothed = (np.abs(change[inner]).max() / np.abs(first).max() for change in changes)
    assert exact < 0.002
    assert smoothed > 0.04


def test_energy_of_patches_that_the_grid_does_not_resolve_lies_in_the_interval():
    """Without noise all draws agree, and the error is bias alone."""
    fields = PatchSimulator("hertz", shape=48, poisson=0.45, random_state=3).sample(3)
    finer = PatchSimulator("hertz", shape=96, poisson=0.45, pixel_size=1.925 / 2, random_state=3).sample(3)
    estimator = FTTC().fit(fields.displacement)
    table = estimator.intervals(fields.displacement, n_samples=4, random_state=0)
    energy = table[table.quantity == "strain_energy"]
    truth = strain_energy(finer.displacement, finer.traction) / 8
    assert ((energy.low < truth) & (truth < energy.high)).all()
    assert (energy.high - energy.low < 0.25 * energy.estimate).all()
    np.testing.assert_allclose((energy.high - energy.low) / 2, INTERVAL * energy["std"])
