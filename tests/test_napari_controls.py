"""The window on one frame works with the mouse alone, and with the keyboard alone."""

from __future__ import annotations

from pathlib import Path

from napari_windows import PATIENCE, click
from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QComboBox, QWidget


def test_mouse_alone(window, viewer, qtbot, tmp_path, monkeypatch):
    opened = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toLocalFile()))
    area = window.findChild(QWidget, "qt_scrollarea_viewport").parent()
    for box in (window.form.drift, window.form.rotation):
        area.ensureWidgetVisible(box)
        before = box.isChecked()
        with qtbot.waitSignal(window.previewed, timeout=PATIENCE):
            click(qtbot, box)
        assert box.isChecked() != before
    young = window.form.young
    area.ensureWidgetVisible(young)
    before = young.value()
    with qtbot.waitSignal(window.previewed, timeout=PATIENCE):
        click(qtbot, young, QPoint(young.width() - 6, 5))
    assert young.value() != before
    names = window.form.traction.names
    area.ensureWidgetVisible(names)
    choose_by_mouse(qtbot, names, "FTTC")
    with qtbot.waitSignal(window.previewed, timeout=PATIENCE):
        area.ensureWidgetVisible(window.run_button)
        click(qtbot, window.run_button)
    assert window.preview.record["estimator"] == "FTTC"
    area.ensureWidgetVisible(window.report_button)
    with qtbot.waitSignal(window.previewed, timeout=PATIENCE):
        click(qtbot, window.report_button)
    assert Path(opened[0]).read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def choose_by_mouse(qtbot, box: QComboBox, text: str) -> None:
    click(qtbot, box)
    view = box.view()
    qtbot.waitUntil(view.isVisible, timeout=PATIENCE)
    place = view.visualRect(view.model().index(box.findText(text), 0)).center()
    qtbot.mouseMove(view.viewport(), place)
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert box.currentText() == text


def test_keyboard_alone(window, viewer, qtbot):
    form = window.form
    form.relaxed.setFocus()
    reached = []
    for _ in range(60):
        focus = window.focusWidget()
        if focus in reached:
            break
        reached.append(focus)
        qtbot.keyClick(focus, Qt.Key.Key_Tab)
    wanted = [
        form.relaxed, form.deformed, form.mask, form.pixel_size, form.drift, form.rotation, form.displacement.names,
        *form.displacement.boxes["piv"].values(), form.young, form.poisson, form.thickness, form.traction.names,
        *form.traction.boxes["FTTCCV"].values(), form.samples, window.live, window.run_button, window.results.table,
        window.write_button, window.report_button,
    ]  # fmt: skip
    assert [widget for widget in reached if widget in wanted] == wanted
    window.live.setFocus()
    qtbot.keyClick(window.live, Qt.Key.Key_Space)
    assert not window.live.isChecked()
    form.young.setFocus()
    form.young.selectAll()
    qtbot.keyClicks(form.young, "12500")
    qtbot.keyClick(form.young, Qt.Key.Key_Up)
    assert form.young.value() == 13500
    form.traction.names.setFocus()
    qtbot.keyClick(form.traction.names, Qt.Key.Key_Up)
    assert form.traction.names.currentText() == "FTTC"
    lam = form.traction.boxes["FTTC"]["lam"]
    lam.setFocus()
    lam.selectAll()
    qtbot.keyClicks(lam, "1e-5")
    assert lam.value() == 1e-5
    with qtbot.waitSignal(window.previewed, timeout=PATIENCE):
        qtbot.keyClick(lam, Qt.Key.Key_Return)
    assert window.preview.record["estimator"] == "FTTC"
    assert "lam = 1e-05" in (window.session.folder / "preview.toml").read_text(encoding="utf-8")
