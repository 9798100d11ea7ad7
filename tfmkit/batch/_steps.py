"""The steps of an item that cost time: displacement, small images, traction."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmkit._validation import FloatArray
from tfmkit.batch._cells import Cells, read_cells, read_masks, whole_field
from tfmkit.batch._fields import write_preview
from tfmkit.batch._invert import invert
from tfmkit.batch.config import Config
from tfmkit.batch.items import Item
from tfmkit.batch.record import cell_record
from tfmkit.displacement import Flag, undo_drift
from tfmkit.displacement.measure import Measurement, measure_pair, widen
from tfmkit.io import open_images, read_displacement
from tfmkit.methods import make_estimator, make_transformer


def measure_item(item: Item, config: Config) -> Measurement:
    """Measure the displacement of an item, or read it.

    Parameters
    ----------
    item : Item
        The item.
    config : Config
        The settings.

    Returns
    -------
    Measurement
        Displacement on its grid.

    Raises
    ------
    ValueError
        If a file is damaged or does not fit.
    """
    if not item.has_images:
        return _read_measurement(item, config)
    pair, metadata = read_pair(item, config)
    masks = {
        name: np.any(read_masks(path, (pair.shape[1], pair.shape[2]), item.page)[1], axis=0)
        for name, path in (("cells", item.mask), ("exclude", item.exclude))
        if path is not None
    }
    if "cells" in masks:
        masks["cells"] = widen(masks["cells"], config.drift.margin)
    transformer = make_transformer(config.displacement.name, config.displacement.params)
    settings: dict[str, Any] = {"drift": config.drift.enabled, "rotation": config.drift.rotation}
    return measure_pair(pair, transformer, **settings | masks | metadata)


def read_pair(item: Item, config: Config) -> tuple[FloatArray, dict[str, float | None]]:
    """Read the relaxed and the deformed image of an item.

    Parameters
    ----------
    item : Item
        An item of images.
    config : Config
        The settings.

    Returns
    -------
    pair : ndarray of shape (2, height, width)
        The images.
    metadata : dict of str to float or None
        ``pixel_size`` and ``interval`` that the deformed image's file gives.

    Raises
    ------
    ValueError
        If a file is damaged, or the images differ in size.
    """
    assert item.relaxed is not None  # noqa: S101 - an item of images has both
    files = config.input
    relaxed = read_relaxed(
        item.relaxed, files.relaxed_frame, channel=files.channel, own_channel=files.relaxed_channel, **files.opening
    )
    with open_images(item.source, **files.opening) as series:
        deformed = series.read(item.page, config.input.channel)
        metadata = {"pixel_size": series.stated_pixel_size, "interval": series.interval}
    if relaxed.shape != deformed.shape:
        raise ValueError(
            f"Expected two images of one size, got {relaxed.shape} in {item.relaxed} and {deformed.shape} in "
            f"{item.source}."
        )
    return np.stack([relaxed, deformed]), metadata


def read_relaxed(path: Path, frame: int, *, channel: int | None, own_channel: int | None, **opening: Any) -> FloatArray:
    """Read the image of the relaxed gel.

    Parameters
    ----------
    path : Path
        Its file.
    frame : int
        Number of the frame, from 1.
    channel : int or None
        Channel of the beads in the deformed images, from 0. It holds for this file too if that has several.
    own_channel : int or None
        Channel of the beads in this file, if it is another one.
    **opening : object
        Arguments of `tfmkit.io.open_images`.

    Returns
    -------
    ndarray of shape (height, width)
        The image.

    Raises
    ------
    ValueError
        If the file is damaged, or has no such frame or channel.
    """
    with open_images(path, **opening) as series:
        shared = channel if series.n_channels > 1 else None
        return series.read(frame - 1, shared if own_channel is None else own_channel)


def preview_item(item: Item, config: Config, measurement: Measurement, path: Path) -> None:
    """Write small images of an item, the deformed one without its drift.

    Parameters
    ----------
    item : Item
        An item of images.
    config : Config
        The settings.
    measurement : Measurement
        Its displacement.
    path : Path
        The file.

    Raises
    ------
    ValueError
        If a file is damaged or the cell's image differs in size.
    """
    pair, _ = read_pair(item, config)
    images: list[NDArray[Any]] = list(undo_drift(pair[None], measurement.drift[None])[0])
    if item.cell is not None:
        with open_images(item.cell, **config.input.opening) as series:
            cell = series.read(item.page if series.n_frames > 1 else 0, config.input.cell_channel)
        if cell.shape != images[0].shape:
            raise ValueError(f"Expected an image of {images[0].shape} px, got {cell.shape} in {item.cell}.")
        images.append(cell)
    write_preview(path, images)


def invert_item(
    item: Item, config: Config, measurement: Measurement, layer: dict[str, Any]
) -> tuple[dict[str, FloatArray], dict[str, Any]]:
    """Recover the traction of an item.

    Parameters
    ----------
    item : Item
        The item.
    config : Config
        The settings.
    measurement : Measurement
        Its displacement.
    layer : dict
        Thickness of the gel and depth of the beads in pixels.

    Returns
    -------
    fields : dict of str to ndarray of shape (height, width)
        Maps of displacement, traction, its standard deviation, flags, quality and cells.
    record : dict
        What was chosen and found, with the pixel as the unit of length.
    """
    gel: dict[str, Any] = {"young": config.gel.young, "poisson": config.gel.poisson}
    if any(layer.values()):
        gel |= layer
    estimator = make_estimator(config.traction.name, config.traction.params, {**gel, "spacing": measurement.spacing})
    inversion = invert(
        measurement.displacement, estimator, n_samples=config.run.samples, rng=_stream(config.run.seed, item.key)
    )
    cells = _cells(item, measurement)
    fields = dict(zip(("ux_px", "uy_px"), measurement.displacement, strict=True))
    fields |= zip(("tx_Pa", "ty_Pa"), inversion.traction, strict=True)
    if inversion.std is not None:
        fields |= zip(("sx_Pa", "sy_Pa"), inversion.std, strict=True)
    flags = measurement.flags.astype(np.float32)
    fields |= {"flag": flags, "quality": measurement.quality, "cell": cells.labels}
    record = {
        "estimator": config.traction.name,
        "choice": inversion.choice,
        "lambda_path": inversion.path,
        "noise_px": inversion.noise,
        "cells": [cell_record(*cell, measurement, inversion, gel) for cell in cells.each()],
    }
    return fields, record


def _cells(item: Item, measurement: Measurement) -> Cells:
    if item.mask is None:
        return whole_field(measurement.inside, measurement.spacing)
    height, width = measurement.image_shape
    return read_cells(item.mask, (int(height), int(width)), item.page, measurement.x, measurement.y)


def _stream(seed: int, key: str) -> np.random.Generator:
    """Return a generator of an item's own, whatever is done before it."""
    return np.random.default_rng([seed, *hashlib.sha256(key.encode()).digest()])


def _read_measurement(item: Item, config: Config) -> Measurement:
    data = read_displacement(item.source, interpolate=config.input.interpolate, spacing=config.input.spacing)
    displacement = data.displacement[item.page].astype(np.float32)
    flags = np.full(displacement.shape[1:], Flag.GOOD, dtype=np.uint8)
    if data.measured is not None:
        flags[~data.measured[item.page]] = Flag.OUTLIER
    # A mask that belongs to the file was drawn on images whose borders are as far away on both sides.
    image_shape = np.array([round(float(axis[0] + axis[-1])) + 1 for axis in (data.y, data.x)])
    inside = np.ones(flags.shape, dtype=bool) if data.mask is None else data.mask[item.page]
    quality = np.ones(flags.shape, dtype=np.float32)
    return Measurement(displacement, flags, quality, data.x, data.y, data.spacing, np.zeros(3), image_shape, inside)
