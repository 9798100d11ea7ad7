"""All settings of the window, from the images to the traction, in the order of the work."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QVBoxLayout, QWidget

from tfmkit.methods import DISPLACEMENT, TRACTION
from tfmkit.napari.frame import Frame, Sections
from tfmkit.napari.knobs import Knob, LayerBox, MethodBox, NumberBox, Rows, listen, make_box
from tfmkit.napari.picking import pixel_size_of, take_frame
from tfmkit.napari.reading import METADATA

# A gel that nobody has set would make a wrong force without a sign.
_NOT_SET = "not set"
_SAMPLES = Knob("Draws for error bars", "Fields of noise behind the error bars; 0 for none.", 0, 1000, 8)


class SettingsForm(QWidget):
    """The settings of one frame.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer with the layers to choose from.
    """

    changed = Signal()

    def __init__(self, viewer: Any) -> None:
        from napari.layers import Image, Labels, Shapes

        super().__init__()
        self._viewer = viewer
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self.relaxed = LayerBox(viewer, (Image,), ("relaxed", "ref", "after", "trypsin"))
        self.deformed = LayerBox(viewer, (Image,), ("deformed", "cells", "before", "stressed"))
        self.mask = LayerBox(viewer, (Labels, Shapes), (), optional=True)
        self.pixel_size = NumberBox(0, 0, 1000, 0.01, "unknown")
        self.drift = QCheckBox("Undo the &drift")
        self.drift.setChecked(True)
        self.rotation = QCheckBox("Undo a &rotation")
        self.young = NumberBox(0, 0, 1e8, special=_NOT_SET)
        self.poisson = NumberBox(-0.01, -0.01, 0.5, 0.01, _NOT_SET)
        self.thickness = NumberBox(0, 0, 1e5, 5, "half-space")
        self.samples = make_box(_SAMPLES, 32)
        self._arrange()
        self._listen()
        self._take_facts()

    @property
    def layers(self) -> tuple[Any, Any, Any]:
        """Return the layers that are chosen.

        Returns
        -------
        tuple of napari.layers.Layer or None
            Relaxed, deformed and mask.
        """
        return self.relaxed.layer, self.deformed.layer, self.mask.layer

    def frame(self) -> Frame:
        """Return the frame that the viewer shows.

        Returns
        -------
        Frame
            Its images and mask.

        Raises
        ------
        ValueError
            If images are missing or do not fit.
        """
        relaxed, deformed, mask = self.layers
        if relaxed is None or deformed is None:
            raise ValueError("Open a relaxed and a deformed image of the beads, or File > Open Sample > tfmkit.")
        return take_frame(relaxed, deformed, mask, tuple(self._viewer.dims.point))

    def sections(self) -> Sections:
        """Return the settings without the files.

        Returns
        -------
        dict of str to dict
            Sections as `tfmkit.batch.read_config` takes them.

        Raises
        ------
        ValueError
            If the gel is not set.
        """
        if not self.young.value() or self.poisson.value() < 0:
            raise ValueError("Set Young's modulus and the Poisson ratio of your gel.")
        return {
            "input": {"pixel_size": self.pixel_size.value() or None},
            "gel": {
                "young": self.young.value(),
                "poisson": self.poisson.value(),
                "thickness": self.thickness.value() or None,
            },
            "drift": {"enabled": self.drift.isChecked(), "rotation": self.rotation.isChecked()},
            "displacement": self.displacement.settings("method"),
            "traction": self.traction.settings("estimator"),
            "run": {"samples": self.samples.value()},
        }

    def update_layers(self) -> None:
        """List the layers of the viewer anew."""
        before = self.layers
        for box in (self.relaxed, self.deformed, self.mask):
            box.update_layers()
        if self.layers != before:
            self._take_facts()
            self.changed.emit()

    def _arrange(self) -> None:
        """Lay the controls out. The Tab key goes through them in the same order."""
        images = Rows("Images", self._column)
        images.add("Rela&xed", self.relaxed)
        images.add("D&eformed", self.deformed)
        images.add("M&ask", self.mask)
        images.add("Pixel si&ze (µm)", self.pixel_size)
        displacement = Rows("Displacement", self._column)
        displacement.add("", self.drift)
        displacement.add("", self.rotation)
        self.displacement = MethodBox(DISPLACEMENT, "piv", displacement)
        gel = Rows("Gel", self._column)
        gel.add("&Young's modulus (Pa)", self.young)
        gel.add("&Poisson ratio", self.poisson)
        gel.add("&Thickness (µm)", self.thickness)
        traction = Rows("Traction", self._column)
        self.traction = MethodBox(TRACTION, "FTTCCV", traction)
        traction.add(_SAMPLES.title, self.samples)

    def _listen(self) -> None:
        boxes = (self.relaxed, self.deformed, self.mask, self.pixel_size, self.drift, self.rotation, self.young)
        for box in (*boxes, self.poisson, self.thickness, self.samples):
            listen(box, self.changed)
        self.deformed.currentIndexChanged.connect(self._take_facts)
        for method in (self.displacement, self.traction):
            method.changed.connect(self.changed)

    def _take_facts(self) -> None:
        """Take the size of a pixel, and the gel where it is known, from the deformed image."""
        layer = self.deformed.layer
        if layer is not None:
            self.pixel_size.setValue(pixel_size_of(layer) or 0.0)
            gel = layer.metadata.get(METADATA, {}).get("gel", {})
            for name, value in gel.items():
                getattr(self, name).setValue(value)
