"""An experiment with conditions: its labels are columns, and the report opens with the comparison."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import pandas as pd
import pytest
from report_pages import Page

from tfmkit.batch import run
from tfmkit.cli import main
from tfmkit.compare import compare_conditions
from tfmkit.gel import ForwardOperator
from tfmkit.report import write_report

SIDE, EFFECT = 24, 0.7


def write_experiment(folder, conditions=("WT", "KO"), n_replicates=3, n_cells=8, seed=0):
    """Write displacement files of cells that pull 30 % less in the second condition; dishes and cells differ too."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:SIDE, :SIDE]
    left, right = (800 * np.exp(-((x - place) ** 2 + (y - 11) ** 2) / 6) for place in (7, 16))
    pair = np.stack([left - right, np.zeros_like(left)])[None]
    displacement = ForwardOperator(SIDE, young=8000, poisson=0.4).apply(pair)[0]
    for number, condition in enumerate(conditions):
        for replicate in range(n_replicates):
            dish = rng.normal(scale=0.05)
            for cell in range(n_cells):
                factor = EFFECT**number * np.exp(dish + rng.normal(scale=0.2))
                noise = rng.normal(scale=1e-5, size=displacement.shape)
                path = folder / condition / f"dish{replicate + 1}" / f"cell_{cell}.npy"
                path.parent.mkdir(parents=True, exist_ok=True)
                np.save(path, factor * displacement + noise)


def settings(folder):
    """Return settings that name condition and replicate."""
    pattern = "{condition}/{replicate}/cell_{position}.npy"
    return {
        "input": {"folder": str(folder), "displacement": pattern, "pixel_size": 0.5},
        "gel": {"young": 8000.0, "poisson": 0.4},
        "traction": {"estimator": "FTTC", "lam": 0.01},
        "run": {"jobs": 1, "samples": 0},
    }


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Results of two conditions with three replicates of eight cells."""
    folder = tmp_path_factory.mktemp("experiment")
    write_experiment(folder)
    return run(settings(folder), results=folder / "results")


def test_placeholders_become_columns(results):
    table = results.table
    assert list(table.columns[:5]) == ["item", "position", "condition", "replicate", "frame"]
    assert list(table["condition"].unique()) == ["KO", "WT"]
    assert sorted(table["replicate"].unique()) == ["dish1", "dish2", "dish3"]
    assert pd.read_csv(results.folder / "table.csv")["condition"].tolist() == table["condition"].tolist()
    assert (table["position"] == table["condition"] + "/" + table["replicate"] + "/" + table["position"].str[-1]).all()


def test_effect_lies_in_its_interval(results):
    result = compare_conditions(results.table, reference="WT").set_index("quantity")
    force = result.loc["total_force_N"]
    assert force["effect_low"] < EFFECT - 1 < force["effect_high"] < 0
    assert (force["n_replicates"], force["n_cells"]) == (3, 24)
    energy = result.loc["strain_energy_J"]
    assert energy["effect_low"] < EFFECT**2 - 1 < energy["effect_high"]


def test_report_opens_with_the_comparison(results, tmp_path):
    assert main(["report", str(results.folder), "-o", str(tmp_path / "report.html"), "--reference", "WT"]) == 0
    page = Page(tmp_path / "report.html")
    ids = [section.attributes.get("id") for section in page.all("section")]
    assert ids[0] == "conditions"
    section = page.by_id("conditions")
    assert "Welch's t-test over 3 and 3 replicates (24 and 24 cells)" in section.text
    assert "KO against WT" in section.text
    images = [image for image in page.all("img") if section in image.parents]
    assert len(images) == 4
    assert main(["report", str(results.folder), "-o", str(tmp_path / "none.html"), "--reference", "mutant"]) == 2
    assert not (tmp_path / "none.html").exists()
    assert all("replicate" in image.attributes["alt"] for image in images)
    (link,) = (link for link in page.all("a") if link.attributes.get("download") == "comparison.csv")
    kept = pd.read_csv(io.BytesIO(base64.b64decode(link.attributes["href"].split(",")[1])))
    expected = compare_conditions(results.table, reference="WT")
    assert kept["effect_low"].to_numpy() == pytest.approx(expected["effect_low"].to_numpy())
    # The report says the true effect within its interval.
    said = re.search(r"Total force\. KO against WT: \S+ % \(95 % interval (\S+) to (\S+) %\)", section.text)
    low, high = (float(number.replace("\N{MINUS SIGN}", "-")) for number in said.groups())
    assert low < 100 * (EFFECT - 1) < high < 0
    groups = [heading.text for heading in page.all("h3") if heading.attributes.get("class") == "group"]
    assert set(groups) <= {"In doubt", "KO", "WT"}
    assert {"KO", "WT"} <= set(groups)


def test_one_replicate_is_refused_with_a_reason(results, tmp_path):
    folder = results.folder.parent
    one = settings(folder)
    one["input"]["displacement"] = "{condition}/dish1/cell_{position}.npy"
    found = run(one, results=tmp_path / "one")
    write_report(found.folder, tmp_path / "one.html", n_full=0)
    assert "no column" in Page(tmp_path / "one.html").by_id("conditions").text
    labelled = found.table.assign(replicate="dish1")
    labelled.to_parquet(found.folder / "table.parquet", index=False)
    write_report(found.folder, tmp_path / "one.html", n_full=0)
    text = Page(tmp_path / "one.html").by_id("conditions").text
    assert "No test: 1 and 1 replicates" in text
    assert "p =" not in text


def test_labels_with_the_name_of_a_column_stay_in_the_position(tmp_path):
    write_experiment(tmp_path, n_replicates=1, n_cells=1)
    config = settings(tmp_path)
    config["input"]["displacement"] = "{condition}/dish1/cell_{cell}.npy"
    table = run(config, results=tmp_path / "results").table
    assert set(table["cell"]) == {"field"}
    assert sorted(table["position"]) == ["KO/0", "WT/0"]
