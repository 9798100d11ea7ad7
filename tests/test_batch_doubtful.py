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


def _table(**columns):
    n = len(next(iter(columns.values())))
    base = {"item": [f"i{k}" for k in range(n)], "position": "p", "frame": range(1, n + 1), "replaced_fraction": 0.0}
    return pd.DataFrame(base | {"foreign": np.nan, "misfit": np.nan} | columns)


def test_nothing_speaks_against_good_frames():
    assert find_doubtful(_table(replaced_fraction=[0.0, 0.1, 0.25], foreign=[0.0, np.nan, 0.0])).empty


def test_each_reason_has_a_row_in_the_order_of_the_table():
    table = _table(
        item=["a", "b", "b", "c"], replaced_fraction=[0.0, 0.1, 0.9, 0.4], foreign=[1, 0, 0, 1], misfit=[7.0] * 4
    )
    found = find_doubtful(table)
    assert found["item"].tolist() == ["a", "b", "c", "c"]
    assert "7 times" in found["reason"][0]
    assert "90%" in found["reason"][1]


def test_beads_of_another_place_are_in_doubt(tmp_path):
    write_position(tmp_path / "images" / "good", n_frames=1)
    write_position(tmp_path / "images" / "strange", n_frames=1)
    elsewhere = BeadSimulator(96, peak=2.0, spacing=8, random_state=99).sample().pairs[0, 1]
    tifffile.imwrite(tmp_path / "images" / "strange" / "deformed.tif", elsewhere)
    results = run(settings(tmp_path / "images"), results=tmp_path / "results")
    assert find_doubtful(results.table)["position"].tolist() == ["strange"]
    assert results.failures.empty
    write_report(results.folder, tmp_path / "report.html")
    section = Page(tmp_path / "report.html").by_id("doubtful")
    assert "strange" in section.text
    assert "good" not in section.text
