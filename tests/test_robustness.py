"""The sweeps of the robustness benchmark: what each varies, and that one of them runs through."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GridSearchCV

from tfmkit.benchmark import OracleLambda
from tfmkit.fttc import FTTC

# The benchmarks are no part of the installed package.
sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import left_out, robustness
from benchmarks.stages import run_stages


@pytest.fixture
def field():
    return np.random.default_rng(0).normal(size=(2, 2, 32, 32))


def test_only_missing_vectors_change(field):
    filled = robustness.with_missing(field, 0.0, np.random.default_rng(1), share=0.3)
    changed = (filled != field).any(axis=1)
    assert 0.2 < changed.mean() < 0.4
    assert np.isfinite(filled).all()


def test_no_missing_vectors_is_plain_noise(field):
    with_none = robustness.with_missing(field, 0.1, np.random.default_rng(1), share=0.0)
    np.testing.assert_array_equal(with_none, robustness.relative_noise(field, 0.1, np.random.default_rng(1)))


@pytest.mark.parametrize("distance", [0, 20])
def test_cells_stand_at_the_border(distance):
    fields = robustness.cut_at_border(1, distance)
    length = np.hypot(fields.traction[0, 0], fields.traction[0, 1])
    assert fields.traction.shape == fields.noise_free_displacement.shape == (1, 2, 104, 104)
    assert (length[: -45 - distance] == 0).all()
    whole = robustness.cut_at_border(1, 50).traction[0]
    lost = 1 - length.sum() / np.hypot(whole[0], whole[1]).sum()
    assert (lost > 0.2) == (distance == 0)


@pytest.mark.parametrize("name", robustness.SWEEPS)
def test_every_sweep_makes_points(name):
    sweep = robustness.SWEEPS[name]
    point = sweep.make(sweep.values[0], 1)
    assert point.value == sweep.values[0]
    noisy = point.noise(point.fields.noise_free_displacement, point.level, np.random.default_rng(0))
    assert noisy.shape == point.fields.traction.shape


def test_sweeps_run_and_are_drawn(tmp_path, monkeypatch):
    quick = {name: FTTC(0.1) for name in robustness.COLOURS} | {robustness.REFERENCE: OracleLambda(FTTC(), lams=[1.0])}
    monkeypatch.setattr(robustness, "methods", lambda: quick)
    sweep = robustness.SWEEPS["poisson"]
    monkeypatch.setattr(robustness, "SWEEPS", dict.fromkeys(robustness.COST, replace(sweep, values=(0.3, 0.45))))
    settings = {"n_fields": 1, "seed": 0}
    stages = [partial(robustness.sweep_stage, name, settings) for name in robustness.COST]
    run_stages([*stages, lambda: robustness.figure_stage(tmp_path)], tmp_path)
    table = pd.read_csv(tmp_path / "grid.csv")
    assert set(table["value"]) == {0.3, 0.45}
    assert set(table["estimator"]) == set(robustness.COLOURS)
    assert (tmp_path / "robustness.png").is_file()


def test_a_batch_holds_as_many_fields_as_it_says():
    point = robustness.SWEEPS["batch"].make(4, 1)
    assert len(point.fields.traction) == 4


def test_every_family_is_left_out_once(tmp_path, monkeypatch):
    displacement, traction = np.random.default_rng(0).normal(size=(2, 4, 2, 16, 16))
    monkeypatch.setattr(left_out, "families", lambda *_: (displacement, traction, np.array(left_out.FAMILIES)))
    search = GridSearchCV(FTTC(), {"lam": [0.1, 1.0]}, cv=3)
    monkeypatch.setattr(left_out, "estimators", lambda _: {left_out.SEARCH: search, "fixed": FTTC(0.1)})
    run_stages([lambda: left_out.stage({"n_fields": 1, "seed": 0}, 0.45)], tmp_path)
    table = pd.read_csv(tmp_path / "left_out.csv")
    assert sorted(table["family"]) == sorted(2 * left_out.FAMILIES)
    assert (table.loc[table["estimator"] == left_out.SEARCH, "lam"].isin([0.1, 1.0])).all()
    assert (tmp_path / "left_out.png").is_file()
