"""Simulated colonies: their cells, their stress, and the traction that balances it."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone

from tfmkit.monolayer import MonolayerStress, border_table, cell_table
from tfmkit.simulate import MonolayerSimulator
from tfmkit.simulate.monolayer_cells import edge_stress

SMALL = {"shape": 80, "cell_size": 14.0, "colony_size": 0.6}


@pytest.fixture(scope="module")
def fields():
    return MonolayerSimulator(**SMALL, spacing=2.0, random_state=0).sample(2)


def test_arrays_and_labels(fields):
    assert fields.displacement.shape == fields.traction.shape == (2, 2, 80, 80)
    assert fields.sheet_stress.shape == (2, 3, 80, 80)
    assert np.array_equal(np.isfinite(fields.sheet_stress).all(axis=1), fields.mask)
    for labels in fields.labels:
        counts = np.bincount(labels.ravel())[1:]
        assert (counts > 0).all()
        assert 14**2 / 2 < np.median(counts) < 2 * 14**2


def test_no_cell_reaches_the_border_of_the_field():
    crowded = MonolayerSimulator(shape=(72, 80), cell_size=12.0, colony_size=0.9, random_state=4).sample(3)
    for labels in crowded.labels:
        assert labels.max() > 4
        assert not np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]).any()


def test_one_edge_under_tension():
    # Stress integrates to tension times length along the edge, traction to the tension at each end, inwards.
    ends = np.array([[[20.0, 30.0], [50.0, 30.0 + 30 * np.tan(0.3)]]])
    stress, traction = edge_stress(ends, np.array([2.0]), (70, 80), 2.0)
    direction = np.array([np.cos(0.3), np.sin(0.3)])
    wanted = 2 * 30 / np.cos(0.3) * np.array([direction[0] ** 2, direction[1] ** 2, direction.prod()])
    np.testing.assert_allclose(stress.sum(axis=(1, 2)), wanted, rtol=1e-3)
    np.testing.assert_allclose(traction.sum(axis=(1, 2)), 0, atol=1e-9)
    np.testing.assert_allclose(traction[..., :35].sum(axis=(1, 2)), 2 * direction, rtol=1e-3)


def test_traction_is_the_divergence_of_the_stress():
    # Wide edges, so that differences between pixels are derivatives.
    fields = MonolayerSimulator(shape=96, cell_size=24.0, edge_width=4.0, colony_size=0.5, random_state=1).sample(1)
    xx, yy, xy = fields.sheet_stress[0].astype(float)
    divergence = np.stack(
        [np.gradient(xx, axis=1) + np.gradient(xy, axis=0), np.gradient(xy, axis=1) + np.gradient(yy, axis=0)]
    )
    inside = np.isfinite(divergence).all(axis=0)
    error = (divergence - fields.traction[0])[:, inside]
    assert np.abs(error).max() < 0.05 * np.abs(fields.traction[0]).max()


def test_forces_and_torques_balance(fields):
    traction = fields.traction.astype(float)
    y, x = np.mgrid[:80, :80]
    size = np.hypot(traction[:, 0], traction[:, 1]).sum(axis=(1, 2))
    assert (np.abs(traction.sum(axis=(2, 3))) < 1e-4 * size[:, None]).all()
    torque = (x * traction[:, 1] - y * traction[:, 0]).sum(axis=(1, 2))
    assert (np.abs(torque) < 1e-3 * 80 * size).all()


def test_cells_pull_at_each_other_and_the_solver_finds_their_tension(fields):
    found = MonolayerStress(spacing=2.0).fit(fields.traction).predict(fields.traction, mask=fields.labels)
    true, got = (cell_table(stress, fields.labels, spacing=2.0) for stress in (fields.sheet_stress, found))
    ratio = got["mean_normal_stress_N_per_m"] / true["mean_normal_stress_N_per_m"]
    assert (true["mean_normal_stress_N_per_m"] > 0).all()
    assert np.median(np.abs(ratio - 1)) < 0.1
    assert (border_table(fields.sheet_stress, fields.labels, spacing=2.0)["normal_tension_N_per_m"] > 0).mean() > 0.9


def test_equal_seeds_give_equal_fields_and_more_fields_start_alike():
    simulator = MonolayerSimulator(**SMALL, noise=0.1, noise_unit="rms", random_state=3)
    one, two = simulator.sample(1), clone(simulator).sample(2)
    for name in ("displacement", "traction", "sheet_stress", "labels"):
        np.testing.assert_array_equal(one[name][0], two[name][0])
    noise = one.displacement - one.noise_free_displacement
    assert noise.std() == pytest.approx(0.1 * np.sqrt((one.noise_free_displacement**2).mean()), rel=0.05)


def test_lengths_and_scale():
    small, large = (
        MonolayerSimulator(**SMALL, spacing=step, max_traction=100.0, random_state=0).sample(1) for step in (1.0, 3.0)
    )
    np.testing.assert_allclose(large.displacement, 3 * small.displacement, rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(large.sheet_stress, 3 * small.sheet_stress, rtol=1e-5, atol=1e-6)
    assert np.hypot(*small.traction[0]).max() == pytest.approx(100, rel=1e-5)


@pytest.mark.parametrize(
    "wrong",
    [
        {"cell_size": 2.0},
        {"cell_size": 60.0},
        {"colony_size": 1.0},
        {"edge_width": 9.0},
        {"interior": -1},
        {"variation": 3.0},
    ],
)
def test_wrong_parameters_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        MonolayerSimulator(**(SMALL | wrong)).sample(1)
