"""The reproduction of the paper: stages skip what is done, verdicts follow numbers, figures get drawn."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from tfmkit.base import TractionEstimator
from tfmkit.benchmark import OracleLambda
from tfmkit.deep.networks import TracNet
from tfmkit.fttc import FTTC

# The benchmarks are no part of the installed package.
sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.command import RESULTS
from benchmarks.paper import claims, errors, maps, measured, network, panels, training, transfer
from benchmarks.paper.methods import (
    CUTOFF,
    FTTC_NAMES,
    METHODS,
    PAPER_LAMBDAS,
    Once,
    fttc_at_paper_lambdas,
    fttc_name,
    networks,
    paper_cells,
    with_cutoff,
)
from benchmarks.saving import save_figure, save_table
from benchmarks.stages import Stage, digests, run_stages

SETTINGS = {"seed": 0, "weights": {}}


class Counting(TractionEstimator):
    """Counts how often it is asked, and doubles what it gets."""

    calls = 0

    def fit(self, X, y=None):
        self.truth_ = y
        return self

    def predict(self, X):
        Counting.calls += 1
        return 2 * X


@pytest.fixture(scope="module")
def quick():
    """Methods without a network or a sparse solver, under the names that the figures show."""
    stand_ins = {name: FTTC(0.1) for name in METHODS}
    return stand_ins | fttc_at_paper_lambdas() | {METHODS[6]: OracleLambda(FTTC(), lams=[0.1, 1.0])}


@pytest.fixture(scope="module")
def results(tmp_path_factory, quick):
    """Folder with the error tables and figure 3 of three cells."""
    folder = tmp_path_factory.mktemp("paper")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(errors, "all_methods", lambda: quick)
        stages = [partial(errors.level_stage, level, 3, SETTINGS) for level in errors.LEVELS]
        run_stages([*stages, partial(errors.figure_stage, folder, SETTINGS)], folder)
    return folder


def counting_stage(runs, **settings):
    def make(folder, settings):
        runs.append(settings)
        save_table(pd.DataFrame({"value": [1]}), "table", folder, settings)

    return Stage(("table.csv",), settings, make)


def test_stages_run_once_per_settings(tmp_path):
    runs = []
    for seed in (0, 0, 1):
        run_stages([partial(counting_stage, runs, seed=seed)], tmp_path)
    assert runs == [{"seed": 0}, {"seed": 1}]
    assert json.loads((tmp_path / "table.json").read_text())["settings"] == {"seed": 1}


def test_stages_run_again_by_force_or_without_output(tmp_path):
    runs = []
    stages = [partial(counting_stage, runs, seed=(0, 1))]
    run_stages(stages, tmp_path)
    run_stages(stages, tmp_path, force=True)
    (tmp_path / "table.csv").unlink()
    run_stages(stages, tmp_path)
    assert len(runs) == 3


def test_stages_that_cannot_run_are_left_out(tmp_path):
    run_stages([lambda: None], tmp_path)
    assert not list(tmp_path.iterdir())


def test_digests_change_with_the_file(tmp_path):
    (tmp_path / "a.csv").write_text("1")
    before = digests(tmp_path, ["a.csv", "absent.csv"])
    (tmp_path / "a.csv").write_text("2")
    assert set(before) == {"a.csv"}
    assert digests(tmp_path, ["a.csv"]) != before


@panels.in_style
def write_figure(name, folder):
    figure = panels.new_figure(1, 1)
    figure.subplots().plot([0, 1])
    save_figure(figure, name, folder, {})


def test_a_figure_of_the_paper_leaves_the_style_of_the_process_alone(tmp_path):
    with mpl.rc_context({"font.size": 9.5}):
        before = dict(mpl.rcParams)
        write_figure("a", tmp_path)
        assert dict(mpl.rcParams) == before


def test_saved_figures_are_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        write_figure(name, tmp_path)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


@pytest.mark.parametrize(("lam", "name"), [(0.0, "FTTC, λ = 0"), (6e-10, "FTTC, λ = 6e-10"), (1e-9, "FTTC, λ = 1e-9")])
def test_fttc_name(lam, name):
    assert fttc_name(lam) == name


def test_paper_lambdas_are_converted():
    solvers = fttc_at_paper_lambdas(young=100.0)
    assert tuple(solvers) == FTTC_NAMES
    np.testing.assert_allclose([fttc.lam for fttc in solvers.values()], [lam * 10_670.0**2 for lam in PAPER_LAMBDAS])


def test_paper_cells_have_the_displacement_of_the_paper():
    cells = paper_cells(2, 0, shape=48)
    length = np.hypot(cells.displacement[:, 0], cells.displacement[:, 1])
    inside = [float(one[mask].mean()) for one, mask in zip(length, cells.mask, strict=True)]
    np.testing.assert_allclose(inside, 0.4277, rtol=1e-4)


def test_tracnet_is_left_out_for_another_poisson_ratio():
    assert list(networks(poisson=0.3)) == ["DeepTFM"]


def test_once_asks_once_per_batch():
    X = np.random.default_rng(0).normal(size=(2, 2, 8, 8))
    once = Once(Counting()).fit(X, X)
    Counting.calls = 0
    for fields in (X, X.copy(), X + 1, X + 1):
        np.testing.assert_array_equal(once.predict(fields), 2 * fields)
    assert Counting.calls == 2
    assert once.estimator_.truth_ is None


def test_cutoff_asks_no_method_again():
    cells = paper_cells(2, 0, shape=48)
    methods = with_cutoff({"double": Counting()}, cells.displacement, cells.traction)
    Counting.calls = 0
    plain = methods["double"].predict(cells.displacement)
    filtered = methods["double" + CUTOFF].predict(cells.displacement, mask=cells.mask)
    assert Counting.calls == 1
    kept = (filtered != 0).any(axis=1)
    np.testing.assert_array_equal(filtered[:, 0][kept], plain[:, 0][kept])
    assert 0 < kept.mean() < 0.5


def test_errors_hold_every_method_noise_and_filter(results):
    table = errors.read_errors(results)
    keys = table[["filter", "noise", "estimator", "cell", "metric"]]
    assert not keys.duplicated().any()
    assert len(table) == 2 * 3 * len(METHODS) * 3 * (len(errors.METRICS) + len(errors.FEATURES))
    assert np.isfinite(table["value"]).all()


def test_figure_3_sums_up_the_errors(results):
    table = errors.read_errors(results)
    summary = pd.read_csv(results / "figure_3.csv").set_index(["metric", "filter", "noise", "estimator"])
    expected = table.groupby(["metric", "filter", "noise", "estimator"])["value"].mean()
    np.testing.assert_allclose(summary["mean"].reindex(expected.index), expected, rtol=1e-4)
    tests = pd.read_csv(results / "figure_3_tests.csv")
    assert set(tests["reference"]) == {"DeepTFM", "TracNet"}
    assert set(tests["filter"]) == {"none", "cutoff"}


@pytest.mark.parametrize(("found", "verdict"), [(0.02, "beaten"), (0.033, "reproduced"), (0.04, "not reproduced")])
def test_verdict_on_a_number(found, verdict):
    assert claims.judge_number(found, 0.032) == verdict


def test_claims_follow_the_tables(results):
    rows = pd.DataFrame(claims._accuracy(results) + claims._cutoff(results) + claims._features(results))
    mean = pd.read_csv(results / "figure_3.csv").set_index(["metric", "filter", "noise", "estimator"])["mean"]
    first = rows[rows["subject"] == "TracNet"].iloc[0]
    error = mean["mean_normalized_error", "none", 0.0, "TracNet"]
    assert first["found"] == f"{error:.1%}"
    assert first["verdict"] == claims.judge_number(error, 0.032)
    # The networks' stand-ins are FTTC, which cannot be better than itself at every lambda.
    better = rows["statement"].str.contains("at every λ")
    assert (rows["verdict"][better] == "not reproduced").all()


def test_the_headline_is_judged_under_every_reading(results):
    rows = pd.DataFrame(claims._accuracy(results))
    rows = rows[rows["statement"].str.startswith("mean normalised error") & (rows["subject"] == "TracNet")]
    table = errors.read_errors(results).query("estimator == 'TracNet' and filter == 'none' and noise == 0")
    values = table.groupby("metric")["value"]
    expected = {
        "whole field (sum of lengths over sum of lengths)": values.mean()["mean_normalized_error"],
        "whole field (relative RMSE)": values.mean()["relative_rmse"],
        "whole field (square of the relative RMSE)": values.apply(lambda v: (v**2).mean())["relative_rmse"],
        "cell (square of the relative RMSE)": values.apply(lambda v: (v**2).mean())["relative_rmse_inside"],
    }
    assert len(rows) == 6
    for end, error in expected.items():
        assert rows["found"][rows["statement"].str.endswith(end)].tolist() == [f"{error:.1%}"]


def test_every_failure_has_a_reason(results):
    table = pd.read_csv(RESULTS / "paper" / "claims.csv", keep_default_na=False)
    failed = table["verdict"] == "not reproduced"
    assert (failed == (table["reason"] != "")).all()
    failure = claims.Claim("figure 9", "the moon is a cheese", "yes", "DeepTFM", "no", "not reproduced")
    with pytest.raises(KeyError, match="No reason for 'the moon"):
        claims.with_reason(failure)


def test_every_training_of_the_papers_network_is_among_the_claims():
    table = pd.read_csv(RESULTS / "paper" / "claims.csv", keep_default_na=False)
    found = table[table["where"] == "released networks"].set_index("statement")["found"]
    errors = pd.read_csv(RESULTS / claims.RECIPES).query("cells == '1 to 8 kPa' and noise_px == 0")
    for row in errors.itertuples():
        text = f"{row.weights}: relative RMSE inside the cell, noise vectors of 0 px"
        assert found[text] == f"{row.relative_rmse_inside:.3f}"
    assert len(found) == 2 * len(errors)


def test_claims_without_measured_fields_say_so(tmp_path):
    assert [claim.verdict for claim in claims._measured(tmp_path)] == ["not tested"]


def test_measured_stage_is_left_out_without_fields(monkeypatch, capsys):
    monkeypatch.setattr(measured, "find_file", lambda source: None)
    assert measured.stage(SETTINGS) is None
    assert "TFMKIT_DATA" in capsys.readouterr().out


def test_measured_residuals_are_of_the_given_field():
    cells = paper_cells(1, 0, shape=48)
    gel = {"young": 10_670.0, "poisson": 0.45, "spacing": 1.0}
    tractions = {"DeepTFM": cells.traction[0], "none": 1e-6 * cells.traction[0]}
    exact, nothing = measured._judge(cells.displacement, tractions, gel)
    assert exact["displacement_residual"] < 1e-4
    assert nothing["displacement_residual"] == pytest.approx(1, rel=1e-4)
    assert nothing["similarity_to_deep"] == pytest.approx(1, rel=1e-4)


def test_maps_are_drawn(tmp_path, monkeypatch):
    stand_ins = {name: FTTC(1.0) for name in maps.SHOWN}
    monkeypatch.setattr(maps, "networks", lambda: stand_ins)
    for stage in maps.stages(SETTINGS):
        stage.make(tmp_path, stage.settings)
    assert {path.name for path in tmp_path.glob("*.png")} == {"figure_2.png", "figure_4.png"}


def test_strongest_window():
    length = np.zeros((20, 30))
    length[12, 25] = 1.0
    length[5, 5] = 0.5
    rows, columns = panels.strongest_window(length, 4)
    assert length[rows, columns].max() == 1.0


def test_layers_are_counted_from_the_module():
    assert network.count_layers(TracNet()) == 51
    # One level less: an encoder level of 6 layers and a decoder level of 8.
    assert network.count_layers(TracNet(widths=(4, 8, 8))) == 37


def test_network_figure(tmp_path):
    stage = network.stage(SETTINGS)
    stage.make(tmp_path, stage.settings)
    assert stage.is_done(tmp_path)


def test_training_curve(tmp_path):
    changes = {"n_cells": 70, "side": 16, "epochs": 2, "widths": [2, 4]}
    stage = training.stage(SETTINGS, **changes)
    stage.make(tmp_path, stage.settings)
    table = pd.read_csv(tmp_path / "figure_s2.csv")
    assert table.groupby("recipe").size().tolist() == [2, 2]
    assert (table["iterations_per_epoch"] == 1).all()


def test_transfer_scales_with_the_gel(tmp_path, monkeypatch):
    changes = {"paper": {"paper": {"shape": 48}}, "Young's modulus": {"5 kPa": {"shape": 48, "young": 5_000.0}}}
    monkeypatch.setattr(transfer, "CHANGES", changes)
    monkeypatch.setattr(transfer, "networks", lambda young: {"DeepTFM": FTTC(0.1, young=young)})
    stage = transfer.transfer_stage(2, SETTINGS)
    stage.make(tmp_path, stage.settings)
    table = pd.read_csv(tmp_path / "transfer.csv").pivot(
        index="change", columns=["estimator", "metric", "noise"], values="mean"
    )
    np.testing.assert_allclose(table.loc["5 kPa"], table.loc["paper"], rtol=1e-4)


def test_claims_name_changes_that_are_made():
    assert set(claims.FAMILIES_OF_CHANGES) < set(transfer.CHANGES)
    assert set(pd.read_csv(RESULTS / "paper" / "transfer.csv")["kind"]) == set(transfer.CHANGES)
