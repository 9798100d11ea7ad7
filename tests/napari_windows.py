"""Windows of napari for tests: `make test-napari` runs them in an X server without a screen."""

from __future__ import annotations

import os
from importlib.util import find_spec

import numpy as np
import pytest

if find_spec("napari") is None or find_spec("pytestqt") is None:
    pytest.skip("needs napari and pytest-qt: make test-napari", allow_module_level=True)
if os.name == "posix" and not os.environ.get("DISPLAY"):
    pytest.skip("needs a display: make test-napari", allow_module_level=True)

from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QWidget

from tfmkit.napari.window import PreviewWindow
from tfmkit.simulate import BeadSimulator

# Longest wait in milliseconds, on a machine that does much else.
PATIENCE = 120_000
SIDE = 128


def open_window(viewer, qtbot) -> PreviewWindow:
    """Return the window in a viewer."""
    viewer.window._qt_window.resize(1500, 950)
    made = PreviewWindow(viewer)
    viewer.window.add_dock_widget(made, name="Traction of one frame")
    viewer.window._qt_window.activateWindow()
    qtbot.waitUntil(made.isActiveWindow, timeout=PATIENCE)
    return made


def window_on_pair(viewer, qtbot) -> PreviewWindow:
    """Return the window on a small pair of images, after its first preview."""
    pair = BeadSimulator(SIDE, peak=3.0, random_state=0).sample().pairs[0].round().astype(np.uint16)
    for image, name in zip(pair, ("relaxed", "deformed"), strict=True):
        viewer.add_image(image, name=name, scale=(0.2, 0.2), units=("um", "um"))
    made = open_window(viewer, qtbot)
    with qtbot.waitSignal(made.previewed, timeout=PATIENCE):
        made.form.young.setValue(8000)
        made.form.poisson.setValue(0.45)
    return made


def click(qtbot, widget: QWidget, place: QPoint | None = None) -> None:
    """Click into a control as a mouse does."""
    qtbot.mouseClick(widget, Qt.MouseButton.LeftButton, pos=place or QPoint(8, widget.height() // 2))
