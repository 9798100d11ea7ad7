"""The dock widget: settings above, results below, and the work behind."""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

from napari.qt.threading import create_worker
from qtpy.QtCore import Qt, QTimer, QUrl, Signal
from qtpy.QtGui import QDesktopServices, QKeySequence, QShortcut
from qtpy.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QGridLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from tfmkit.napari.drawing import draw_preview
from tfmkit.napari.form import SettingsForm
from tfmkit.napari.frame import write_experiment
from tfmkit.napari.layers import Place
from tfmkit.napari.picking import place_of
from tfmkit.napari.results_view import ResultsView
from tfmkit.napari.session import STEPS, Cancelled, Preview, Session

# Milliseconds without a turn after which the work begins.
_PAUSE = 150
# Pixels, so that the table of results fits.
_WIDTH = 400


class PreviewWindow(QWidget):
    """Traction of the frame that the viewer shows, computed again whenever a setting changes.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        The viewer.
    """

    previewed = Signal()

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__()
        self._viewer = napari_viewer
        self.session = Session()
        self.preview: Preview | None = None
        self._worker: Any = None
        self._finish: Callable[[Any], None] = self._show
        self._again = False
        self._place = Place.of_pixels(None)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_PAUSE)
        self._timer.timeout.connect(self.run)
        self.form = SettingsForm(napari_viewer)
        self.results = ResultsView()
        self._make_controls()
        self._arrange()
        self._listen()
        self._touch()

    def run(self) -> None:
        """Compute the preview now. While one is computed, the next one waits for its end, with the latest settings."""
        self._timer.stop()
        if self._worker is not None:
            self._again = True
            return
        try:
            frame, sections = self.form.frame(), self.form.sections()
        except ValueError as error:
            self._say(str(error))
            return
        self._place = place_of(self.form.deformed.layer)
        self._work(self.session.preview(frame, sections), self._show)

    def cancel(self) -> None:
        """End the work at once."""
        self._timer.stop()
        self._again = False
        if self._worker is not None:
            self.session.cancel()

    def write_to(self, path: Path) -> None:
        """Write the experiment that `tfmkit batch` runs with the numbers of the window.

        Parameters
        ----------
        path : Path
            The ``.toml`` file.
        """
        try:
            said = write_experiment(path, self.form.frame(), self.form.sections())
        except (ValueError, OSError) as error:
            self._say(str(error))
        else:
            self._say(f"Written. Run it with: tfmkit batch {path}. {said}")

    def _make_controls(self) -> None:
        self.live = QCheckBox("&Live: compute after every change")
        self.live.setChecked(True)
        self.run_button = QPushButton("Run &now")
        self.cancel_button = QPushButton("&Cancel")
        self.write_button = QPushButton("&Write experiment.toml...")
        self.report_button = QPushButton("&Open report")
        self.progress = QProgressBar()
        self.progress.setRange(0, len(STEPS) + 1)
        self.progress.setFormat("")
        self.status = QLabel()
        self.status.setWordWrap(True)
        self.status.setTextFormat(Qt.TextFormat.PlainText)
        self.status.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.cancel_button.setEnabled(False)
        self.report_button.setEnabled(False)

    def _arrange(self) -> None:
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.addWidget(self.form)
        grid = QGridLayout()
        grid.addWidget(self.live, 0, 0, 1, 2)
        grid.addWidget(self.run_button, 1, 0)
        grid.addWidget(self.cancel_button, 1, 1)
        grid.addWidget(self.progress, 2, 0, 1, 2)
        grid.addWidget(self.status, 3, 0, 1, 2)
        column.addLayout(grid)
        column.addWidget(self.results)
        last = QGridLayout()
        last.addWidget(self.write_button, 0, 0)
        last.addWidget(self.report_button, 0, 1)
        column.addLayout(last)
        column.addStretch()
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setWidget(inside)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setMinimumWidth(_WIDTH)
        outside = QVBoxLayout(self)
        outside.setContentsMargins(0, 0, 0, 0)
        outside.addWidget(area)

    def _listen(self) -> None:
        self.form.changed.connect(self._touch)
        self.run_button.clicked.connect(self.run)
        self.cancel_button.clicked.connect(self.cancel)
        self.write_button.clicked.connect(self._ask_and_write)
        self.report_button.clicked.connect(self._report)
        for keys, slot in (("Return", self.run), ("Enter", self.run), ("Escape", self.cancel)):
            QShortcut(QKeySequence(keys), self, slot, context=Qt.ShortcutContext.WidgetWithChildrenShortcut)
        events = self._viewer.layers.events
        for event in (events.inserted, events.removed):
            event.connect(self._update_layers)
        self._viewer.dims.events.current_step.connect(self._move)
        # The session has no reference to the window, which is gone then.
        self.destroyed.connect(self.session.close)

    def _touch(self) -> None:
        if self.live.isChecked():
            self._timer.start()
        else:
            self._say("The settings have changed since the last preview.")

    def _update_layers(self, _event: Any = None) -> None:
        self.form.update_layers()

    def _move(self, _event: Any = None) -> None:
        """Follow the slider, if the images belong to a movie."""
        if any(layer is not None and layer.ndim > 2 for layer in self.form.layers):
            self._touch()

    def _work(self, steps: Any, finish: Callable[[Any], None]) -> None:
        """Go through steps in another thread."""
        self._worker = create_worker(_to_the_end, steps, _start_thread=False)
        self._worker.yielded.connect(self._step)
        # Methods of the window are forgotten with it; a lambda would be called after its end.
        self._finish = finish
        self._worker.returned.connect(self._take)
        self._worker.finished.connect(self._end)
        self.cancel_button.setEnabled(True)
        self.progress.setValue(0)
        self._worker.start()

    def _take(self, found: tuple[Any, Exception | None]) -> None:
        result, reason = found
        if isinstance(reason, Cancelled):
            self._say("Cancelled.")
        elif reason is not None:
            self._say(str(reason))
        else:
            self._finish(result)

    def _step(self, name: str) -> None:
        self.progress.setValue(STEPS.index(name) + 1)
        self._say(f"{name}...")

    def _show(self, preview: Preview) -> None:
        self.preview = preview
        draw_preview(self._viewer, preview, self._place)
        self.results.show_preview(preview)
        self.report_button.setEnabled(True)
        self._say("")

    def _end(self) -> None:
        self._worker = None
        self.cancel_button.setEnabled(False)
        self.progress.setValue(0)
        if self._again:
            self._again = False
            self.run()
        else:
            self.previewed.emit()

    def _ask_and_write(self) -> None:
        origin = self.form.frame().origins[1] if self.form.deformed.layer is not None else None
        start = (origin.path.parent if origin else Path.cwd()) / "experiment.toml"
        chosen, _ = QFileDialog.getSaveFileName(self, "Write experiment", str(start), "Experiments (*.toml)")
        if chosen:
            self.write_to(Path(chosen).with_suffix(".toml"))

    def _report(self) -> None:
        if self._worker is None:
            page = self.session.folder / "report.html"
            self._say("report...")
            self._work(self.session.report(page), lambda _: self._open(page))

    def _open(self, page: Path) -> None:
        self._say(f"The report is in {page}")
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(page)))

    def _say(self, text: str) -> None:
        self.status.setText(text)


def _to_the_end(steps: Generator[str, None, Any]) -> Generator[str, None, tuple[Any, Exception | None]]:
    """Give steps and return their result, or the reason why there is none. Errors of the program stay errors."""
    try:
        result = yield from steps
    except (Cancelled, ValueError, OSError) as reason:
        return None, reason
    return result, None
