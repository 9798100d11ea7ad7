"""``[monolayer]`` of a batch: stress in sheets of cells, its tables and its panels."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from batch_images import settings, write_position

from tfmkit.batch import read_config, run
from tfmkit.batch.sheets import sheet_stress
from tfmkit.monolayer import MonolayerStress, analyse_sheet, fill_gaps
from tfmkit.report import write_report


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    write_position(folder / "a", n_frames=1)
    return folder


def configuration(folder, **monolayer):
    config = settings(folder, input={"mask": "{position}/mask.tif"})
    return config | {"monolayer": monolayer}


def test_stress_is_in_the_maps_the_tables_and_the_report(images, tmp_path):
    results = run(configuration(images, margin=2.0), results=tmp_path / "out")
    (item,) = results.items()
    fields = item.fields()
    stress = sheet_stress(fields)
    inside = np.isfinite(stress).all(axis=0)
    assert (fields["cell"] > 0).sum() < inside.sum() < inside.size
    cells, borders, balance = (
        pd.read_csv(results.folder / f"sheet_{name}.csv") for name in ("cells", "borders", "balance")
    )
    assert cells["cell"].astype(str).tolist() == ["1", "2", "sheet"]
    assert (cells["mean_normal_stress_N_per_m_std"] > 0).all()
    assert cells["item"].nunique() == 1
    assert borders[["cell", "neighbour"]].astype(str).to_numpy().tolist() == [["1", "2"]]
    assert borders["balance_force_N"].notna().all()
    assert len(balance) == 1
    # The gap between the cells belongs to them in the table.
    first = fill_gaps(fields["cell"].astype(int)) == 1
    assert first.sum() > (fields["cell"] == 1).sum()
    normal = (stress[0] + stress[1])[first].mean() / 2
    assert cells.loc[0, "mean_normal_stress_N_per_m"] == pytest.approx(normal, rel=1e-5)
    # The same by hand: grid points lie 8 px of 0.2 micrometres apart, and the margin is in micrometres.
    traction = np.stack([fields["tx_Pa"], fields["ty_Pa"]])[None]
    own = analyse_sheet(MonolayerStress(spacing=1.6e-6), traction, fields["cell"].astype(int), margin=2.0 / 1.6)
    np.testing.assert_allclose(stress, own.stress[0], rtol=1e-4, atol=1e-9)
    for table, wanted in ((cells, own.cells), (borders, own.borders), (balance, own.balance)):
        assert (table["item"] == item.key).all()
        assert (table["position"] == "a").all()
        assert (table["frame"] == 1).all()
        numbers = wanted.drop(columns="field").select_dtypes("number")
        np.testing.assert_allclose(table[list(numbers)], numbers, rtol=1e-4, atol=1e-18)
    write_report(results.folder, tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "Stress in the sheet" in page
    assert "Tension of borders" in page


def test_only_the_stress_is_made_again_when_its_section_changes(images, tmp_path):
    out = tmp_path / "out"
    plain = settings(images, input={"mask": "{position}/mask.tif"})
    run(plain, results=out)
    assert not (out / "sheet_cells.csv").exists()
    before = {path: path.stat().st_mtime_ns for path in (out / "displacement").iterdir()}
    run(configuration(images, estimator="BayesianStress", noise=10.0), results=out)
    assert {path: path.stat().st_mtime_ns for path in (out / "displacement").iterdir()} == before
    record = json.loads(next((out / "items").iterdir()).read_text())
    assert len(record["sheet"]["cells"]) == 3


def test_a_mask_without_cells_and_no_error_bars(images, tmp_path):
    config = settings(images, run={"samples": 0}) | {"monolayer": {}}
    results = run(config, results=tmp_path / "out")
    cells = pd.read_csv(results.folder / "sheet_cells.csv")
    assert cells["cell"].tolist() == ["field", "sheet"]
    assert not [name for name in cells if name.endswith("_std")]


def test_without_the_size_of_a_pixel_the_item_fails_with_the_reason(images, tmp_path):
    config = settings(images, input={"deformed": "{position}/plain.tif", "mask": "{position}/mask.tif"})
    results = run(config | {"monolayer": {}}, results=tmp_path / "out")
    assert "pixel_size" in results.failures["error"].item()


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"noise": 3.0}, "BayesianStress"),
        ({"poisson": 1.5}, "poisson"),
        ({"margin": -1.0}, "margin"),
        ({"gap": 2}, "gap"),
    ],
)
def test_wrong_settings_are_refused(images, section, message):
    with pytest.raises(ValueError, match=message):
        read_config(configuration(images, **section))
