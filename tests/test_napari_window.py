"""The window on one frame: it shows the numbers of a batch, and answers while it works."""

from __future__ import annotations

from pathlib import Path
from pkgutil import resolve_name

import numpy as np
import pytest
from batch_images import contents
from napari_windows import PATIENCE, SIDE, click, open_window
from npe2 import PluginManager
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QFileDialog

from tfmkit.batch import run
from tfmkit.napari.knobs import NO_LAYER
from tfmkit.napari.sample_data import simulated_cell
from tfmkit.napari.window import PreviewWindow
from tfmkit.simulate import BeadSimulator


def texts_of(window: PreviewWindow) -> dict[str, list[str]]:
    """Return the table of results: value and unit by quantity."""
    table = window.results.table
    rows = [
        [table.item(row, column).text() for column in range(table.columnCount())] for row in range(table.rowCount())
    ]
    return {row[0]: row[1:] for row in rows}


def test_napari_finds_the_plugin():
    manager = PluginManager()
    manager.discover()
    offered = manager.get_manifest("tfmkit").contributions
    assert [each.display_name for each in offered.widgets] == ["Traction of one frame"]
    assert {each.key for each in offered.sample_data} == {"simulated", "measured"}
    for command in offered.commands:
        assert callable(resolve_name(command.python_name))


def test_window_shows_the_batch_of_its_experiment_to_the_byte(window, viewer, tmp_path, monkeypatch, qtbot):
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "experiment.toml"), ""))
    click(qtbot, window.write_button)
    assert "tfmkit batch" in window.status.text()
    results = run(tmp_path / "experiment.toml")
    found, shown = contents(results.folder), contents(window.preview.folder)
    for name in ("table.csv", "fields/all_0001.ome.tif", "previews/all_0001.tif"):
        assert shown[name] == found[name], name
    maps = next(results.items()).fields()
    traction = viewer.layers["traction (Pa)"]
    assert np.array_equal(traction.data, np.hypot(maps["tx_Pa"], maps["ty_Pa"]))
    assert traction.scale.tolist() == pytest.approx([0.8, 0.8])
    arrows = viewer.layers["displacement (px)"]
    assert np.array_equal(arrows.data[:, 1, ::-1], np.stack([maps["ux_px"], maps["uy_px"]], -1).reshape(-1, 2))
    table = texts_of(window)
    assert table["total force"][-1].endswith("N")
    assert "\N{PLUS-MINUS SIGN}" in table["total force"][0]
    assert window.results.remarks.text()


def test_many_turns_make_one_preview(window, qtbot):
    previews = []
    window.previewed.connect(lambda: previews.append(window.preview))
    with qtbot.waitSignal(window.previewed, timeout=PATIENCE):
        for young in range(5000, 6000, 100):
            window.form.young.setValue(young)
            qtbot.wait(10)
    qtbot.wait(500)
    assert len(previews) == 1
    assert "young = 5900.0" in (window.session.folder / "preview.toml").read_text(encoding="utf-8")


def test_a_turn_during_the_work_is_shown_last(window, qtbot):
    with qtbot.waitSignal(window.previewed, timeout=PATIENCE):
        window.form.young.setValue(4000)
        window.run()
        window.form.young.setValue(3000)
        window.run()
    assert "young = 3000.0" in (window.session.folder / "preview.toml").read_text(encoding="utf-8")


def test_window_answers_while_it_works_and_cancel_ends_the_work(window, qtbot):
    ticks = []
    clock = QTimer()
    clock.timeout.connect(lambda: ticks.append(1))
    clock.start(10)
    window.form.traction.names.setCurrentText("ElasticNetTFM")
    window.form.samples.setValue(1000)
    qtbot.waitUntil(lambda: window.status.text() == "error bars...", timeout=PATIENCE)
    assert window.cancel_button.isEnabled()
    assert len(ticks) > 5
    before = window.preview
    with qtbot.waitSignal(window.previewed, timeout=PATIENCE):
        click(qtbot, window.cancel_button)
    assert window.status.text() == "Cancelled."
    assert window.preview is before
    assert not window.cancel_button.isEnabled()
    window.form.traction.names.setCurrentText("FTTC")
    with qtbot.waitSignal(window.previewed, timeout=PATIENCE):
        window.form.samples.setValue(2)
    assert window.preview.record["estimator"] == "FTTC"


def test_viewer_may_close_during_the_work(window, viewer, qtbot):
    window.form.traction.names.setCurrentText("ElasticNetTFM")
    window.form.samples.setValue(1000)
    qtbot.waitUntil(lambda: window.status.text() == "error bars...", timeout=PATIENCE)
    folder = window.session.folder
    viewer.close()
    qtbot.waitUntil(lambda: not folder.exists(), timeout=PATIENCE)


def test_missing_gel_is_asked_for(viewer, qtbot):
    for name in ("relaxed", "deformed"):
        viewer.add_image(np.zeros((SIDE, SIDE), np.uint8), name=name)
    window = open_window(viewer, qtbot)
    qtbot.waitUntil(lambda: "Young's modulus" in window.status.text(), timeout=PATIENCE)
    window.session.close()


def test_bad_images_are_named(window, viewer, qtbot):
    viewer.layers["deformed"].data = np.zeros((SIDE, SIDE - 2), np.uint16)
    window.run()
    assert "Expected two images of one size" in window.status.text()


def test_mask_from_labels_and_shapes(window, viewer, qtbot):
    labels = np.zeros((SIDE, SIDE), np.uint8)
    labels[30:60, 30:60], labels[70:100, 60:100] = 1, 2
    viewer.add_labels(labels, name="drawn", scale=(0.2, 0.2))
    window.form.mask.setCurrentText("drawn")
    with qtbot.waitSignal(window.previewed, timeout=PATIENCE):
        window.run()
    assert window.preview.table["cell"].tolist() == ["1", "2"]
    corners = 0.2 * np.array([[30, 30], [30, 90], [90, 90], [90, 30]])
    viewer.add_shapes([corners], shape_type="polygon", name="polygon")
    window.form.mask.setCurrentText("polygon")
    with qtbot.waitSignal(window.previewed, timeout=PATIENCE):
        window.run()
    assert window.preview.table["cell"].tolist() == ["cell"]
    assert window.preview.table["area_um2"].item() == pytest.approx(12.0**2, rel=0.04)
    window.form.mask.setCurrentText(NO_LAYER)
    with qtbot.waitSignal(window.previewed, timeout=PATIENCE):
        window.run()
    assert window.preview.table["cell"].tolist() == ["field"]


def test_frames_of_a_movie_follow_the_slider(viewer, qtbot):
    relaxed, deformed = BeadSimulator(SIDE, peak=3.0, random_state=0).sample().pairs[0]
    viewer.add_image(relaxed, name="relaxed")
    viewer.add_image(np.stack([relaxed, deformed]), name="deformed")
    window = open_window(viewer, qtbot)
    window.form.young.setValue(8000)
    window.form.poisson.setValue(0.45)
    viewer.dims.set_current_step(0, 0)
    with qtbot.waitSignal(window.previewed, timeout=PATIENCE):
        window.run()
    assert window.preview.record["frame"] == 1
    viewer.dims.set_current_step(0, 1)
    # The first step may have asked for a second preview of the first frame, which can end in between.
    qtbot.waitUntil(lambda: window.preview.record["frame"] == 2, timeout=PATIENCE)
    assert float(window.preview.table["max_traction_Pa"].iloc[0]) > 10
    window.session.close()


def test_screenshot(viewer, qtbot):
    for data, options, kind in simulated_cell():
        getattr(viewer, f"add_{kind}")(data, **options)
    window = open_window(viewer, qtbot)
    qtbot.waitUntil(lambda: window.preview is not None, timeout=PATIENCE)
    viewer.scale_bar.visible = True
    viewer.reset_view()
    qtbot.wait(500)
    file = Path(__file__).parents[1] / "out" / "napari_window.png"
    file.parent.mkdir(exist_ok=True)
    picture = viewer.screenshot(str(file), canvas_only=False)
    assert len(np.unique(picture.reshape(-1, 4), axis=0)) > 1000
    window.session.close()
