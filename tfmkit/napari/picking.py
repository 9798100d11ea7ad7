"""From the layers that are chosen in napari to one frame."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmkit.napari.frame import Frame, Origin
from tfmkit.napari.layers import MICRON, Place
from tfmkit.napari.reading import METADATA

_MOST_LABELS = np.iinfo(np.uint16).max


def take_frame(relaxed: Any, deformed: Any, mask: Any | None, point: tuple[float, ...]) -> Frame:
    """Take the frame that the viewer shows.

    Parameters
    ----------
    relaxed, deformed : napari.layers.Image
        Layers of bead images. The same layer twice stands for a movie whose first frame is the relaxed gel.
    mask : napari.layers.Labels, napari.layers.Shapes or None
        Layer with the cells.
    point : tuple of float
        Position of the sliders in the world of the viewer.

    Returns
    -------
    Frame
        The images at the position of the sliders.

    Raises
    ------
    ValueError
        If the images or the mask do not fit to each other.
    """
    image, number = _image_at(deformed, point)
    count = 1 if deformed.ndim == 2 else deformed.data.shape[0]
    before: NDArray[Any]
    before_number: int | str
    if relaxed is deformed:
        if count == 1 or number == 1:
            raise ValueError("Expected a deformed image beside the relaxed one: move the slider, or choose two layers.")
        before, before_number = np.asarray(deformed.data[0]), 1
    else:
        before, before_number = _image_at(relaxed, point)
        if relaxed.ndim == 3 and relaxed.data.shape[0] == count:
            before_number = "each"
    if before.shape != image.shape:
        raise ValueError(f"Expected two images of one size, got {before.shape} and {image.shape} pixels.")
    about = deformed.metadata.get(METADATA, {})
    return Frame(
        before,
        image,
        number,
        before_number,
        None if mask is None else _labels(mask, deformed, image.shape, point),
        (_origin(relaxed), _origin(deformed)),
        about.get("pixel_size"),
        about.get("interval"),
    )


def place_of(layer: Any) -> Place:
    """Return the place of an image in the world of the viewer.

    Parameters
    ----------
    layer : napari.layers.Image
        The layer.

    Returns
    -------
    Place
        Its last two axes.
    """
    unit = MICRON if pixel_size_of(layer) else str(layer.units[-1])
    return Place(np.asarray(layer.scale[-2:]), np.asarray(layer.translate[-2:]), unit)


def pixel_size_of(layer: Any) -> float | None:
    """Return the size of a pixel as the layer says it.

    Parameters
    ----------
    layer : napari.layers.Image
        The layer.

    Returns
    -------
    float or None
        Micrometres; None if the unit of the layer is not a length.
    """
    unit = layer.units[-1]
    if not unit.is_compatible_with("meter"):
        return None
    # The scale is a number of the layer's units, and the digits of a micrometre stay as they are.
    return float(layer.scale[-1]) if str(unit) == "micrometer" else float((layer.scale[-1] * unit).to("um").magnitude)


def _image_at(layer: Any, point: tuple[float, ...]) -> tuple[NDArray[Any], int]:
    """Return the image of a layer at the sliders, and its number from 1."""
    if layer.ndim == 2:
        return np.asarray(layer.data), 1
    if layer.ndim > 3:
        raise ValueError(f"Expected a layer of images or of a movie, got {layer.name} with {layer.ndim} axes.")
    place = layer.world_to_data(point[-layer.ndim :])[0] if len(point) >= layer.ndim else 0
    number = int(np.clip(round(float(place)), 0, layer.data.shape[0] - 1))
    return np.asarray(layer.data[number]), number + 1


def _origin(layer: Any) -> Origin | None:
    origin = layer.metadata.get(METADATA, {}).get("origin")
    return origin if isinstance(origin, Origin) else None


def _labels(mask: Any, image: Any, shape: tuple[int, ...], point: tuple[float, ...]) -> NDArray[np.uint16]:
    """Return the numbers of the cells on the pixels of an image."""
    labels = _draw_shapes(mask, image, shape) if hasattr(mask, "to_labels") else _image_at(mask, point)[0]
    if labels.shape != shape:
        raise ValueError(f"Expected a mask of {shape} pixels as the images have, got {labels.shape} in {mask.name}.")
    if labels.max(initial=0) > _MOST_LABELS:
        raise ValueError(f"Expected labels up to {_MOST_LABELS} in {mask.name}, got {labels.max()}.")
    if not labels.any():
        raise ValueError(f"Expected a cell in {mask.name}, got none: draw one, or choose no mask.")
    return labels.astype(np.uint16)


def _draw_shapes(shapes: Any, image: Any, shape: tuple[int, ...]) -> NDArray[Any]:
    """Return the shapes of a layer as labels on the pixels of an image."""
    from napari.layers import Shapes

    moved = [
        np.array([image.world_to_data(shapes.data_to_world(corner))[-2:] for corner in corners])
        for corners in shapes.data
    ]
    return np.asarray(Shapes(moved, shape_type=list(shapes.shape_type)).to_labels(labels_shape=shape))
