"""Frames that cannot be believed are named, by the table's reader, the command and the report."""

from __future__ import annotations

import numpy as np
import pandas as pd
import tifffile
from batch_images import settings, write_position
from report_pages import Page

from tfmkit.batch import find_doubtful, run
from tfmkit.report import write_report
from tfmkit.simulate import BeadSimulator


def test_nothing_speaks_against_good_frames():
    table = pd.DataFrame({"item": ["a", "b"], "position": "p", "frame": [1, 2], "doubts": ["", np.nan]})
    assert find_doubtful(table).empty


def test_each_reason_has_a_row_in_the_order_of_the_table():
    table = pd.DataFrame({"item": list("abbc"), "position": "p", "frame": [1, 2, 2, 3]})
    table["doubts"] = ["foreign", "", "replaced", "replaced; foreign"]
    found = find_doubtful(table)
    assert found["item"].tolist() == ["a", "b", "c", "c"]
    assert found["reason"].tolist() == ["foreign", "replaced", "replaced", "foreign"]


def test_cells_of_a_frame_do_not_repeat_its_reason():
    table = pd.DataFrame({"item": "a", "position": "p", "frame": 1, "doubts": ["replaced", "replaced"]})
    assert find_doubtful(table)["reason"].tolist() == ["replaced"]


def test_beads_of_another_place_are_in_doubt(tmp_path):
    write_position(tmp_path / "images" / "good", n_frames=1)
    write_position(tmp_path / "images" / "strange", n_frames=1)
    elsewhere = BeadSimulator(96, peak=2.0, spacing=8, random_state=99).sample().pairs[0, 1]
    tifffile.imwrite(tmp_path / "images" / "strange" / "deformed.tif", elsewhere)
    results = run(settings(tmp_path / "images"), results=tmp_path / "results")
    found = find_doubtful(results.table)
    assert found["position"].unique().tolist() == ["strange"]
    assert "another field of view" in found["reason"][0]
    assert "relaxed_frame in [input]" in found["reason"][0]
    assert results.failures.empty
    write_report(results.folder, tmp_path / "report.html")
    section = Page(tmp_path / "report.html").by_id("doubtful")
    assert "strange" in section.text
    assert "good" not in section.text


def test_exchanged_images_are_in_doubt(tmp_path):
    write_position(tmp_path / "images" / "p", n_frames=1)
    exchanged = {"relaxed": "{position}/plain.tif", "deformed": "{position}/relaxed.tif"}
    results = run(settings(tmp_path / "images", input=exchanged), results=tmp_path / "results")
    found = find_doubtful(results.table)["reason"].tolist()
    assert len(found) == 1
    assert "exchanged" in found[0]
