"""Fields and images as layers of napari: data, place and unit, colours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tfmkit._validation import FloatArray

# Data, arguments and type of a layer, as napari's readers return them.
LayerData = tuple[Any, dict[str, Any], str]
MICRON, PIXEL = "µm", "pixel"
# Most arrows along a side, and the number of their distances that the longest arrow takes.
_MOST_ARROWS, _REACH = 40, 4.0
_LOOKS = {"displacement (px)": "viridis", "traction (Pa)": "inferno"}


@dataclass(frozen=True, eq=False)
class Place:
    """The place of an image in the world of the viewer.

    Attributes
    ----------
    scale, translate : ndarray of shape (2,)
        Size of a pixel, and position of the middle of the first one, along y and x.
    unit : str
        Unit of both.
    """

    scale: FloatArray
    translate: FloatArray
    unit: str = PIXEL

    @classmethod
    def of_pixels(cls, pixel_size: float | None) -> Place:
        """Return the place of an image whose first pixel lies at the origin.

        Parameters
        ----------
        pixel_size : float or None
            Micrometres per pixel.

        Returns
        -------
        Place
            In micrometres, or in pixels if their size is not known.
        """
        unit = PIXEL if pixel_size is None else MICRON
        return cls(np.full(2, pixel_size or 1.0), np.zeros(2), unit)

    def on_grid(self, x: float, y: float, spacing: float) -> Place:
        """Return the place of a grid on the image.

        Parameters
        ----------
        x, y : float
            Position of the first node in pixels.
        spacing : float
            Pixels between nodes.

        Returns
        -------
        Place
            The place of the grid.
        """
        return Place(self.scale * spacing, self.translate + self.scale * (y, x), self.unit)

    def options(self, n_axes: int = 2) -> dict[str, Any]:
        """Return the arguments of a layer.

        Parameters
        ----------
        n_axes : int, default=2
            Number of axes of the layer. Those before y and x count frames.

        Returns
        -------
        dict of str to object
            ``scale``, ``translate``, ``units`` and ``axis_labels``.
        """
        before = n_axes - 2
        return {
            "scale": (*[1.0] * before, *self.scale),
            "translate": (*[0.0] * before, *self.translate),
            "units": (*[PIXEL] * before, self.unit, self.unit),
            "axis_labels": (*["frame"] * before, "y", "x"),
        }


def image_layer(image: Any, name: str, place: Place, **options: Any) -> LayerData:
    """Return the layer of an image or a movie.

    Parameters
    ----------
    image : array-like of shape (..., height, width)
        The image, or one for each frame.
    name : str
        Name of the layer.
    place : Place
        Its place.
    **options : object
        Further arguments of the layer.

    Returns
    -------
    LayerData
        The layer.
    """
    return image, {"name": name, **place.options(image.ndim), **options}, "image"


def magnitude_layer(fields: ArrayLike, name: str, place: Place) -> LayerData:
    """Return the magnitude of vectors as an image.

    Parameters
    ----------
    fields : array-like of shape (..., 2, height, width)
        Component 0 along x, component 1 along y.
    name : str
        Name of the layer, with the unit of the field.
    place : Place
        Place of the grid.

    Returns
    -------
    LayerData
        The layer; dark where the field is zero, so that images shine through.
    """
    vectors = np.asarray(fields, dtype=np.float32)
    length = np.hypot(vectors[..., 0, :, :], vectors[..., 1, :, :])
    top = float(length.max()) or 1.0
    look = {"colormap": _LOOKS.get(name, "inferno"), "blending": "additive", "contrast_limits": (0.0, top)}
    return image_layer(length, name, place, interpolation2d="linear", **look)


def vector_layer(fields: ArrayLike, name: str, place: Place) -> LayerData:
    """Return vectors as arrows at the nodes of their grid.

    Parameters
    ----------
    fields : array-like of shape (..., 2, height, width)
        Component 0 along x, component 1 along y.
    name : str
        Name of the layer, with the unit of the field.
    place : Place
        Place of the grid.

    Returns
    -------
    LayerData
        The layer. On fine grids every second or later node has an arrow. The feature ``magnitude`` is in the unit of
        the field, and gives the colour. All arrows are stretched alike, so that the longest reaches over some nodes.
    """
    vectors = np.asarray(fields, dtype=np.float32)
    step = -(-max(vectors.shape[-2:]) // _MOST_ARROWS)
    thin = np.moveaxis(vectors[..., ::step, ::step], -3, -1)[..., ::-1]
    nodes = np.moveaxis(np.indices(thin.shape[:-1], dtype=np.float32), 0, -1).copy()
    nodes[..., -2:] *= step
    n_axes = nodes.shape[-1]
    arrows = np.zeros((*thin.shape[:-1], 2, n_axes), dtype=np.float32)
    arrows[..., 0, :], arrows[..., 1, -2:] = nodes, thin
    length = np.hypot(thin[..., 0], thin[..., 1]).ravel()
    longest = float(length.max()) or 1.0
    options = {
        "name": name,
        **place.options(n_axes),
        "features": {"magnitude": length},
        "edge_color": "magnitude",
        "edge_colormap": _LOOKS.get(name, "inferno"),
        "edge_width": 0.15 * step,
        "length": _REACH * step / longest,
        "vector_style": "arrow",
    }
    return arrows.reshape(-1, 2, n_axes), options, "vectors"


def grid_layers(maps: Mapping[str, NDArray[Any]], place: Place) -> list[LayerData]:
    """Return the layers of displacement, traction and cells on one grid.

    Parameters
    ----------
    maps : mapping of str to ndarray of shape (..., height, width)
        Maps by the names that a batch gives them: ``ux_px``, ``uy_px``, ``tx_Pa``, ``ty_Pa`` and ``cell``.
    place : Place
        Place of the grid.

    Returns
    -------
    list of LayerData
        Magnitude of the traction, both fields as arrows, and the cells, as far as their maps are there.
    """
    layers: list[LayerData] = []
    if {"tx_Pa", "ty_Pa"} <= maps.keys():
        traction = np.stack([maps["tx_Pa"], maps["ty_Pa"]], axis=-3)
        layers += [magnitude_layer(traction, "traction (Pa)", place)]
        layers += [vector_layer(traction, "traction vectors (Pa)", place)]
    if {"ux_px", "uy_px"} <= maps.keys():
        displacement = np.stack([maps["ux_px"], maps["uy_px"]], axis=-3)
        layers += [vector_layer(displacement, "displacement (px)", place)]
    if "cell" in maps and np.any(maps["cell"]):
        cells = np.asarray(maps["cell"]).astype(np.uint16)
        layers += [(cells, {"name": "cells", "opacity": 0.3, **place.options(cells.ndim)}, "labels")]
    return layers
