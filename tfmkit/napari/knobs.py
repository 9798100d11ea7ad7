"""The controls of the window: numbers, choices, layers, and methods with their parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from qtpy.QtCore import QLocale, QObject, QSignalBlocker, Signal
from qtpy.QtGui import QValidator
from qtpy.QtWidgets import (
    QAbstractSpinBox,
    QComboBox,
    QDoubleSpinBox,
    QGridLayout,
    QGroupBox,
    QLabel,
    QLayout,
    QSpinBox,
    QWidget,
)

from tfmkit.fttc.criteria import CRITERIA
from tfmkit.fttc.inverse import BOUNDARIES
from tfmkit.methods import Method

NO_LAYER = "none"


@dataclass(frozen=True)
class Knob:
    """A parameter of a method that the window shows.

    Attributes
    ----------
    title : str
        Name for readers, with its unit.
    meaning : str
        A sentence about it.
    low, high : float
        Limits of a number.
    step : float or None
        Step of a number; None for steps that grow with it.
    choices : tuple of str
        Values of a parameter that is not a number.
    """

    title: str
    meaning: str
    low: float = 0.0
    high: float = 0.0
    step: float | None = None
    choices: tuple[str, ...] = ()


# Parameters that are worth a turn. All others keep their defaults; they can be set in the file.
KNOBS = {
    "window": Knob("Window (px)", "Width of the windows in which the images are compared.", 4, 512, 4),
    "radius": Knob("Radius (px)", "Radius of the windows in which the images are compared.", 1, 128, 1),
    "spacing": Knob("Spacing (px)", "Pixels between vectors.", 1, 64, 1),
    "smoothing": Knob("Smoothing", "More averages more noise and blurs more.", 1e-3, 1e4),
    "lam": Knob("Lambda", "More regularisation makes a smoother and smaller traction.", 1e-9, 1e9),
    "lam1": Knob("Lambda 1", "More makes fewer places with traction.", 1e-3, 1e4),
    "criterion": Knob("Criterion", "Rule that chooses lambda.", choices=CRITERIA),
    "boundary": Knob("Boundary", "The traction beyond the border of the field.", choices=BOUNDARIES),
    "order": Knob("Order", "Order of the penalty: 0 for large tractions, 1 for steep ones.", 0, 4, 0.5),
}


class NumberBox(QDoubleSpinBox):
    """A box for a number, written with as few digits as it has.

    Parameters
    ----------
    value : float
        Number at the start.
    low, high : float
        Limits.
    step : float, optional
        Step of the arrow keys; by default a tenth of the number's power of ten.
    special : str, default=""
        Text in place of the lowest number.
    """

    def __init__(self, value: float, low: float, high: float, step: float | None = None, special: str = "") -> None:
        super().__init__()
        self.setLocale(QLocale.c())
        self.setDecimals(12)
        self.setRange(low, high)
        if step is None:
            self.setStepType(QAbstractSpinBox.StepType.AdaptiveDecimalStepType)
        else:
            self.setSingleStep(step)
        self.setSpecialValueText(special)
        self.setValue(value)

    def textFromValue(self, value: float) -> str:  # noqa: N802 - the name is Qt's
        """Return the text of a number; Qt calls this.

        Parameters
        ----------
        value : float
            The number.

        Returns
        -------
        str
            The number with as few digits as it has.
        """
        return f"{value:.10g}"

    def valueFromText(self, text: str) -> float:  # noqa: N802 - the name is Qt's
        """Return the number of a text; Qt calls this.

        Parameters
        ----------
        text : str
            A number, or the text for the lowest one.

        Returns
        -------
        float
            The number.
        """
        return self.minimum() if text == self.specialValueText() else float(text)

    def validate(self, text: str, place: int) -> tuple[Any, str, int]:
        """Return whether a text is a number; Qt calls this while one types.

        Parameters
        ----------
        text : str
            The text.
        place : int
            Place of the cursor.

        Returns
        -------
        tuple of QValidator.State, str and int
            The answer, and both arguments.
        """
        try:
            self.valueFromText(text)
        except ValueError:
            return QValidator.State.Intermediate, text, place
        return QValidator.State.Acceptable, text, place


class LayerBox(QComboBox):
    """A choice among the layers of a viewer, kept up to date.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer.
    types : tuple of type
        Types of layers to choose from.
    words : tuple of str
        The first layer whose name has one of these words is chosen at first.
    optional : bool, default=False
        Whether no layer is a choice, too.
    """

    def __init__(self, viewer: Any, types: tuple[type, ...], words: tuple[str, ...], *, optional: bool = False) -> None:
        super().__init__()
        self._viewer, self._types, self._words, self._optional = viewer, types, words, optional
        self._touched = False
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(12)
        self.activated.connect(self._touch)
        self.update_layers()

    @property
    def layer(self) -> Any | None:
        """Return the layer that is chosen.

        Returns
        -------
        napari.layers.Layer or None
            None if there is no such layer, or none is chosen.
        """
        return self.currentData()

    def update_layers(self) -> None:
        """List the layers of the viewer. The choice stays; before the first one, names decide."""
        layers = [layer for layer in self._viewer.layers if self._fits(layer)]
        wanted = self.layer if self._touched else self._guess(layers)
        with QSignalBlocker(self):
            self.clear()
            if self._optional:
                self.addItem(NO_LAYER, None)
            for layer in layers:
                self.addItem(layer.name, layer)
            place = layers.index(wanted) + self._optional if wanted in layers else 0
            self.setCurrentIndex(place if self.count() else -1)

    def _fits(self, layer: Any) -> bool:
        # Results that the window shows itself are not images of beads.
        shows_result = layer.metadata.get("result") or getattr(layer, "rgb", False)
        return isinstance(layer, self._types) and not shows_result

    def _guess(self, layers: list[Any]) -> Any | None:
        named = (layer for layer in layers if any(word in layer.name.lower() for word in self._words))
        return next(named, None)

    def _touch(self) -> None:
        self._touched = True


class Rows:
    """A group of controls with their names before them.

    Parameters
    ----------
    title : str
        Title of the group.
    column : QLayout
        Layout that gets the group.
    """

    def __init__(self, title: str, column: QLayout) -> None:
        group = QGroupBox(title)
        column.addWidget(group)
        self._grid = QGridLayout(group)
        self._grid.setColumnStretch(1, 1)
        self._labels: dict[QWidget, QLabel] = {}

    def add(self, title: str, box: QWidget) -> None:
        """Add a control.

        Parameters
        ----------
        title : str
            Its name; an ampersand stands before the letter that reaches it together with Alt. Empty for a control
            that has its name on itself.
        box : QWidget
            The control.
        """
        row = self._grid.rowCount()
        if not title:
            self._grid.addWidget(box, row, 0, 1, 2)
            return
        label = self._labels[box] = QLabel(title)
        label.setBuddy(box)
        box.setAccessibleName(title.replace("&", ""))
        self._grid.addWidget(label, row, 0)
        self._grid.addWidget(box, row, 1)

    def show_row(self, box: QWidget, *, shown: bool) -> None:
        """Show or hide a control with its name.

        Parameters
        ----------
        box : QWidget
            The control.
        shown : bool
            Whether it is shown.
        """
        box.setVisible(shown)
        self._labels[box].setVisible(shown)


class MethodBox(QObject):
    """The choice of a method, and the parameters of the chosen one below it.

    Parameters
    ----------
    methods : mapping of str to Method
        The table of methods.
    chosen : str
        Method at the start.
    rows : Rows
        The rows to add to.
    """

    changed = Signal()

    def __init__(self, methods: Mapping[str, Method], chosen: str, rows: Rows) -> None:
        super().__init__()
        self.names = QComboBox()
        self.names.addItems(list(methods))
        self.names.setCurrentText(chosen)
        rows.add("Method", self.names)
        self._rows = rows
        self.boxes = {name: self._add_rows(method) for name, method in methods.items()}
        self.names.currentTextChanged.connect(self._turn)
        self._turn(chosen)

    def settings(self, key: str) -> dict[str, Any]:
        """Return the method and the parameters that are shown.

        Parameters
        ----------
        key : str
            Key of the name of the method in its section.

        Returns
        -------
        dict of str to object
            The section.
        """
        name = self.names.currentText()
        return {key: name} | {each: value_of(box) for each, box in self.boxes[name].items()}

    def _add_rows(self, method: Method) -> dict[str, Any]:
        boxes = {}
        for name, default in method.parameters().items():
            if name in KNOBS:
                boxes[name] = make_box(KNOBS[name], default)
                listen(boxes[name], self.changed)
                self._rows.add(KNOBS[name].title, boxes[name])
        return boxes

    def _turn(self, chosen: str) -> None:
        for name, boxes in self.boxes.items():
            for box in boxes.values():
                self._rows.show_row(box, shown=name == chosen)
        self.changed.emit()


def make_box(knob: Knob, value: Any) -> QWidget:
    """Return the control of a parameter.

    Parameters
    ----------
    knob : Knob
        The parameter.
    value : object
        Value at the start. Its type is that of the parameter.

    Returns
    -------
    QWidget
        A box.
    """
    box: Any
    if knob.choices:
        box = QComboBox()
        box.addItems(list(knob.choices))
        box.setCurrentText(value)
    elif isinstance(value, int):
        box = QSpinBox()
        box.setRange(int(knob.low), int(knob.high))
        box.setSingleStep(int(knob.step or 1))
        box.setValue(value)
    else:
        box = NumberBox(value, knob.low, knob.high, knob.step)
    box.setToolTip(knob.meaning)
    return box


def value_of(box: Any) -> Any:
    """Return the value of a control.

    Parameters
    ----------
    box : QWidget
        The control.

    Returns
    -------
    bool, int, float or str
        Its value.
    """
    if isinstance(box, QComboBox):
        return box.currentText()
    return box.isChecked() if hasattr(box, "isChecked") else box.value()


def listen(box: Any, slot: Any) -> None:
    """Call a slot whenever a control is turned.

    Parameters
    ----------
    box : QWidget
        The control.
    slot : callable or signal
        The slot.
    """
    for name in ("currentIndexChanged", "toggled", "valueChanged"):
        if hasattr(box, name):
            getattr(box, name).connect(slot)
