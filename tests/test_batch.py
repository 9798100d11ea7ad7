"""Batches: the table and the fields are what the parts of tfmkit say, on cores and on a cluster."""

from __future__ import annotations

import os

import numpy as np
import pandas as pd
import pytest
import tifffile
from batch_images import SIDE, contents, settings, write_position

from tfmkit.batch import process, read_results, run
from tfmkit.displacement import PIV, DriftCorrection, Flag
from tfmkit.fttc import FTTC
from tfmkit.gel import ForwardOperator
from tfmkit.io import open_images, write_fiji_displacement
from tfmkit.mechanics import force_summary, significant_force
from tfmkit.methods import TRACTION

MASKS = {"mask": "{position}/mask.tif"}


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Two positions of two frames."""
    folder = tmp_path_factory.mktemp("images")
    write_position(folder / "p1", seed=1)
    write_position(folder / "p 2 <b>", seed=2)
    return folder


@pytest.fixture(scope="module")
def results(images, tmp_path_factory):
    """Results with masks and cell images."""
    config = settings(images, input={**MASKS, "cell": "{position}/cell.tif"})
    return run(config, results=tmp_path_factory.mktemp("results"))


def test_one_row_per_position_frame_and_cell(results):
    table = results.table
    assert len(results) == 4
    assert results.failures.empty
    assert list(table["position"].unique()) == ["p1", "p 2 <b>"]
    assert table[["frame", "cell"]].drop_duplicates().shape == (4, 2)
    assert list(table["time_s"].unique()) == [0.0, 30.0]
    np.testing.assert_allclose(table["area_um2"], 64 * 36 * 0.04)
    np.testing.assert_allclose(table["drift_x_px"], -(table["frame"] - 1), atol=0.2)
    np.testing.assert_allclose(table["drift_y_px"], table["frame"] - 1, atol=0.2)
    np.testing.assert_allclose(
        pd.read_csv(results.folder / "table.csv")["total_force_N"], table["total_force_N"], rtol=1e-15
    )


def test_rows_are_what_the_parts_say(results, images):
    with open_images(images / "p1" / "relaxed.tif") as one, open_images(images / "p1" / "deformed.tif") as other:
        pairs = np.stack([one.read(0), other.read(0)])[None]
    cells = tifffile.imread(images / "p1" / "mask.tif") > 0
    displacement = PIV(spacing=8).measure(DriftCorrection().fit_transform(pairs, mask=cells)).displacement
    traction = FTTC(0.1, young=8000, poisson=0.4, spacing=8).fit(displacement).predict(displacement)
    row = results.table.query("item == 'p1_0001' and cell == '2'").iloc[0]
    mask = np.zeros((12, 12), dtype=bool)
    # Nodes lie every 8 px from 3.5 on, and a node takes the pixel nearest to it.
    mask[2:10, 6:11] = True
    grid, metres = {"spacing": 1.6e-6, "mask": mask}, 0.2e-6 * displacement
    sums, force = force_summary(metres, traction, **grid), significant_force(traction, **grid)[0]
    assert row["strain_energy_J"] == pytest.approx(sums["strain_energy"][0], rel=1e-4)
    assert row["total_force_N"] == pytest.approx(force, rel=1e-4)
    assert row["contractile_moment_Nm"] == pytest.approx(sums["contractile_moment"][0], rel=1e-4)
    assert row["mean_traction_Pa"] == pytest.approx(force / (mask.sum() * 1.6e-6**2), rel=1e-4)
    assert row["lam"] == 0.1


def test_fields_and_previews_can_be_read_back(results):
    items = {item.key: item for item in results.items()}
    assert list(items)[:2] == ["p1_0001", "p1_0002"]
    fields = items["p1_0002"].fields()
    assert list(fields)[:8] == ["ux_px", "uy_px", "tx_Pa", "ty_Pa", "sx_px", "sy_px", "sx_Pa", "sy_Pa"]
    assert fields["ux_px"].shape == (12, 12)
    assert set(np.unique(fields["cell"])) == {0, 1, 2}
    assert (fields["sx_Pa"] > 0).all()
    row = results.table.query("item == 'p1_0002' and cell == '1'").iloc[0]
    length = np.hypot(fields["tx_Pa"], fields["ty_Pa"])[fields["cell"] == 1]
    assert row["max_traction_Pa"] == pytest.approx(length.max(), rel=1e-6)
    previews = items["p1_0002"].previews()
    assert {name: image.shape for name, image in previews.items()} == dict.fromkeys(
        ("relaxed", "deformed", "cell"), (SIDE, SIDE)
    )
    assert previews["cell"].dtype == np.uint8
    # The preview shows the frame without its drift.
    agreement = np.corrcoef(previews["relaxed"][:8].ravel(), previews["deformed"][:8].ravel())[0, 1]
    assert agreement > 0.8
    record = items["p1_0002"].record
    assert record["grid"] == {"shape": [12, 12], "spacing_px": 8.0, "x0_px": 3.5, "y0_px": 3.5}
    assert sum(record["flags"].values()) == 144
    assert set(record["flags"]) == {flag.name for flag in Flag}
    with open_images(results.folder / "fields" / "p1_0002.ome.tif") as series:
        assert series.pixel_size == pytest.approx(1.6)


def test_keys_are_safe_and_tell_positions_apart(results):
    keys = results.table["item"].unique()
    assert all(set(key) <= set("abcdefghijklmnopqrstuvwxyz0123456789_-") for key in keys)
    assert len(keys) == 4


def test_lambda_path_is_kept(images, tmp_path):
    config = settings(images, input=MASKS, traction={"estimator": "FTTCCV"})
    del config["traction"]["lam"]
    found = run(config, results=tmp_path)
    record = next(found.items()).record
    path = record["lambda_path"]
    assert len(path["lams"]) == len(path["criterion"]) == 50
    assert record["choice"]["lam"] == path["lams"][int(np.argmin(path["criterion"]))]


@pytest.mark.parametrize(
    "traction",
    [
        {"estimator": "BayesianFTTC", "noise": 0.05},
        {"estimator": "ElasticNetTFM", "lam1": 5.0},
        {"estimator": "DeepTFM", "weights": "small"},
    ],
)
def test_every_estimator_has_error_bars(images, tmp_path, traction):
    config = settings(images, input=MASKS, run={"samples": 4})
    found = run({**config, "traction": traction}, results=tmp_path).table
    bars = found.filter(like="_std")
    assert bars.shape[1] == 10
    assert (bars > 0).all(axis=None)


@pytest.mark.filterwarnings("ignore:The best lambda")  # of noise alone
@pytest.mark.parametrize(
    ("name", "n_samples"), [("BayesianFTTC", 0), ("BayesianFTTC", 3), ("FTTCCV", 3), ("FTTCCV", 1)]
)
def test_maps_of_error_bars_are_those_of_the_estimator(tmp_path, name, n_samples):
    displacement = np.random.default_rng(0).normal(scale=0.1, size=(1, 2, 16, 18)).astype(np.float32)
    np.save(tmp_path / "u.npy", displacement)
    config = {
        "input": {"folder": str(tmp_path), "displacement": "u.npy", "spacing": 4.0},
        "gel": {"young": 8000.0, "poisson": 0.4},
        "traction": {"estimator": name},
        "run": {"jobs": 1, "samples": n_samples},
    }
    item = next(run(config, results=tmp_path / "results").items())
    fields = item.fields()
    assert ("sx_Pa" in fields) == (name == "BayesianFTTC" or n_samples > 1)
    estimator = TRACTION[name].make(young=8000, poisson=0.4, spacing=4).fit(displacement)
    expected = (
        estimator.predict(displacement, return_std=True) if estimator.gives_std else [estimator.predict(displacement)]
    )
    np.testing.assert_allclose([fields["tx_Pa"], fields["ty_Pa"]], expected[0][0], rtol=1e-5, atol=1e-3)
    if estimator.gives_std:
        np.testing.assert_allclose([fields["sx_Pa"], fields["sy_Pa"]], expected[1][0], rtol=1e-5)
    elif n_samples > 1:
        draws = estimator.draw(displacement, n_samples, process._stream(0, item.key)).traction[:, 0]
        spread = np.sqrt(np.square(draws - draws.mean(axis=0)).sum(axis=0) / (n_samples - 1))
        np.testing.assert_allclose([fields["sx_Pa"], fields["sy_Pa"]], spread, rtol=1e-4)


@pytest.mark.parametrize("name", TRACTION)
def test_field_at_rest_has_no_forces_and_no_residual(tmp_path, name):
    np.save(tmp_path / "u.npy", np.zeros((1, 2, 16, 18)))
    config = {
        "input": {"folder": str(tmp_path), "displacement": "u.npy", "spacing": 4.0},
        "gel": {"young": 8000.0, "poisson": 0.4},
        "traction": {"estimator": name},
        "run": {"jobs": 1, "samples": 2},
    }
    found = run(config, results=tmp_path / "results")
    assert found.failures.empty
    assert found.table["max_traction_Pa"].tolist() == [0.0]
    assert found.table["displacement_residual"].isna().all()


def test_without_pixel_size_there_are_no_newtons(images, tmp_path):
    config = settings(images, input={"deformed": "{position}/plain.tif"}, drift={"enabled": False}, run={"samples": 0})
    found = run(config, results=tmp_path)
    assert found.table[["total_force_N", "strain_energy_J", "area_um2", "time_s"]].isna().all(axis=None)
    assert found.table["mean_traction_Pa"].notna().all()
    assert found.table.filter(like="_std").isna().all(axis=None)
    assert (found.table["cell"] == "field").all()


def test_gel_of_finite_thickness_needs_the_pixel_size(images, tmp_path):
    gel = {"thickness": 20.0, "depth": 0.5}
    thick = run(settings(images, gel=gel), results=tmp_path / "a")
    assert thick.failures.empty
    thin = run(settings(images, gel={**gel, "thickness": 4.0}), results=tmp_path / "a")
    assert (thin.table["mean_traction_Pa"] > thick.table["mean_traction_Pa"]).all()
    failed = run(settings(images, gel=gel, input={"deformed": "{position}/plain.tif"}), results=tmp_path / "b")
    assert failed.failures["error"].str.contains("pixel size").all()
    assert failed.table.empty


def test_displacement_files(tmp_path):
    traction = np.zeros((1, 2, 16, 18))
    traction[0, 0, 8, 5], traction[0, 0, 8, 12] = 1000.0, -1000.0
    displacement = ForwardOperator((16, 18), young=8000, poisson=0.4, spacing=8).apply(traction)
    x, y = 3.5 + 8 * np.arange(18.0), 3.5 + 8 * np.arange(16.0)
    for frame in (2, 10):
        write_fiji_displacement(tmp_path / f"u_{frame}.txt", displacement[0], x, y)
    config = {
        "input": {"folder": str(tmp_path), "displacement": "u_{frame}.txt", "pixel_size": 0.25, "interval": 5.0},
        "gel": {"young": 8000.0, "poisson": 0.4},
        "traction": {"estimator": "FTTC", "lam": 1e-6},
        "run": {"jobs": 1},
    }
    found = run(config, results=tmp_path / "results")
    assert list(found.table["frame"]) == [2, 10]
    assert list(found.table["time_s"]) == [0.0, 40.0]
    np.testing.assert_allclose(found.table["contractile_moment_Nm"], -7 * 2e-6 * 4e-9, rtol=0.2)
    np.testing.assert_allclose(found.table["area_um2"], 16 * 18 * 4)
    assert next(found.items()).previews() == {}
    head, names, *rows = repr(found).splitlines()
    assert head == f"2 items in {tmp_path / 'results'}, 0 without results"
    assert names.split()[:4] == ["position", "frame", "cell", "strain_energy_J"]
    assert len(rows) == 2


def test_excluded_places_are_flagged_and_do_not_count(images, tmp_path):
    folder = tmp_path / "images"
    write_position(folder / "p1", n_frames=1, seed=1)
    debris = np.zeros((SIDE, SIDE), dtype=np.uint8)
    debris[:, :20] = 1
    tifffile.imwrite(folder / "p1" / "debris.tif", debris)
    plain = run(settings(folder), results=tmp_path / "results").table
    # What moves differently there would otherwise pull the gel.
    deformed = tifffile.imread(folder / "p1" / "deformed.tif")
    deformed[:, :20] = np.roll(deformed[:, :20], 5, axis=0)
    tifffile.imwrite(folder / "p1" / "deformed.tif", deformed)
    found = run(settings(folder, input={"exclude": "{position}/debris.tif"}), results=tmp_path / "results")
    fields = next(found.items()).fields()
    assert (fields["flag"][:, :2] == Flag.EXCLUDED).all()
    assert (fields["flag"][:, 3:] != Flag.EXCLUDED).all()
    assert found.table["replaced_fraction"].iloc[0] >= 2 / 12
    assert found.table["drift_y_px"].iloc[0] == pytest.approx(plain["drift_y_px"].iloc[0], abs=0.2)


def test_several_relaxed_images_ask_which_one_is_meant(images, tmp_path):
    folder = tmp_path / "images"
    write_position(folder / "p1", n_frames=2, seed=1)
    relaxed = tifffile.imread(folder / "p1" / "relaxed.tif")
    tifffile.imwrite(folder / "p1" / "relaxed.tif", np.stack([relaxed, np.roll(relaxed, (1, -1), axis=(0, 1))]))
    asked = run(settings(folder), results=tmp_path / "results")
    assert len(asked) == 0
    assert asked.failures["error"].str.contains('relaxed_frame = "each"', regex=False).tolist() == [True, True]
    one = run(settings(folder, input={"relaxed_frame": 1}), results=tmp_path / "one").table
    each = run(settings(folder, input={"relaxed_frame": "each"}), results=tmp_path / "each").table
    # The second relaxed image has drifted with the second deformed one.
    np.testing.assert_allclose(one["drift_x_px"], [0, -1], atol=0.2)
    np.testing.assert_allclose(each["drift_x_px"], [0, 0], atol=0.2)


def test_stack_of_relaxed_and_deformed_frames(images, tmp_path):
    folder = tmp_path / "stack"
    folder.mkdir()
    with open_images(images / "p1" / "relaxed.tif") as one, open_images(images / "p1" / "deformed.tif") as other:
        frames = np.stack([other.read(0), one.read(0), other.read(1)])
    tifffile.imwrite(folder / "movie.tif", frames, imagej=True, metadata={"axes": "TYX"})
    config = settings(folder, input={"relaxed": "movie.tif", "deformed": "movie.tif", "relaxed_frame": 2})
    found = run(config, results=tmp_path / "results")
    assert list(found.table["frame"]) == [1, 3]
    apart = run(settings(images), results=tmp_path / "apart").table.query("position == 'p1'")
    np.testing.assert_allclose(found.table["mean_traction_Pa"], apart["mean_traction_Pa"])


def test_processes_and_cluster_make_the_same_bytes(images, results, tmp_path):
    dask, distributed = pytest.importorskip("dask"), pytest.importorskip("distributed")
    config = settings(images, input={**MASKS, "cell": "{position}/cell.tif"})
    run(config, results=tmp_path / "cores", jobs=2)
    # Without an address of its own, the dashboard takes a port that another program may have.
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": ":0"}
    # Workers start slowly on a busy machine.
    patience = {"distributed.comm.timeouts.connect": "300s"}
    with dask.config.set(patience), distributed.LocalCluster(**options) as cluster:
        with distributed.Client(cluster) as client:
            assert len({os.getpid(), *client.run(os.getpid).values()}) == 3
        run(config, results=tmp_path / "cluster", dask=cluster.scheduler_address)
    expected = contents(results.folder)
    assert contents(tmp_path / "cores") == expected
    assert contents(tmp_path / "cluster") == expected


def test_results_that_are_none_are_refused(results, tmp_path):
    with pytest.raises(ValueError, match="settings.json"):
        read_results(tmp_path)
    for text, wanted in (("[]", "settings"), ("{}", "tables")):
        (tmp_path / "settings.json").write_text(text)
        with pytest.raises(ValueError, match=wanted):
            read_results(tmp_path)


def test_edited_tables_do_not_become_paths(results, tmp_path):
    for name in ("settings.json", "failures.csv"):
        (tmp_path / name).write_bytes((results.folder / name).read_bytes())
    results.table.assign(item="../../secret").to_parquet(tmp_path / "table.parquet")
    with pytest.raises(ValueError, match="secret"):
        next(read_results(tmp_path).items())
