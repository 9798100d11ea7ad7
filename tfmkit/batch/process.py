"""One item from its files to its results: displacement, small images, traction, numbers of every cell.

Steps that were done before, with the same files and settings, are not done again.
"""

from __future__ import annotations

import hashlib
import logging
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.transform import downscale_local_mean
from sklearn.utils import get_tags
from threadpoolctl import threadpool_limits

from tfmkit._validation import FloatArray
from tfmkit.base import noise_for
from tfmkit.batch.config import Config
from tfmkit.batch.items import Failure, Item
from tfmkit.batch.sheets import sheet_results
from tfmkit.batch.store import ItemFiles, Store, read_channels, write_fields
from tfmkit.batch.table import FIELD, cell_record, complete_record
from tfmkit.displacement import Flag, undo_drift
from tfmkit.displacement.measure import Measurement, finite_std, measure_pair, read_relaxed
from tfmkit.error_bars import Recovery, Samples
from tfmkit.gel import Gel
from tfmkit.io import Cells, open_images, read_cells, read_displacement, write_ome_tiff
from tfmkit.io.images.series import doubt_pixel_size
from tfmkit.methods import DISPLACEMENT, TRACTION
from tfmkit.noise.measure import noise_level
from tfmkit.quantities import gel_in_pixels

# Tells of every step that is done, for those who wait.
_LOG = logging.getLogger("tfmkit.batch")
# Name of the only cell where a displacement file has an outline.
_CELL = "cell"
_FRAME = re.compile(r"\{frame(:d)?\}")
_PREVIEW_NAMES = ("relaxed", "deformed", "cell")
_PREVIEW_SIDE = 512
# Percentiles of an image that become black and white.
_BLACK, _WHITE = 1.0, 99.8


@dataclass(frozen=True)
class Plan:
    """Settings that all items of a run share.

    Attributes
    ----------
    config : Config
        The settings.
    results : Path
        Folder of the results.
    weights : str
        Fingerprint of the network's weights; empty without a network.
    """

    config: Config
    results: Path
    weights: str = ""


@dataclass(frozen=True)
class Outcome:
    """The end of an item.

    Attributes
    ----------
    key : str
        Key of the item.
    rows : list of dict
        Its rows of the table.
    failure : Failure or None
        The reason why there are none.
    remarks : list of str
        A sentence for each region that is left out, and for each doubt about the cells.
    sheet : dict of str to list of dict
        Rows of the tables of the sheet; empty if its stress was not asked for.
    """

    key: str
    rows: list[dict[str, Any]]
    failure: Failure | None = None
    remarks: list[str] = field(default_factory=list)
    sheet: dict[str, list[dict[str, Any]]] = field(default_factory=dict)


def process(item: Item, plan: Plan) -> Outcome:
    """Make the results of an item, or tell why there are none.

    Parameters
    ----------
    item : Item
        The item.
    plan : Plan
        The settings.

    Returns
    -------
    Outcome
        Rows of the table, or a failure; the results of an item that fails are removed.
    """
    files = ItemFiles(plan.results, item.key)
    try:
        # Threads of several processes fight over the cores, and their number shows in the last digits.
        with threadpool_limits(1):
            record = _make(item, plan.config, Store(files, item, plan.config, plan.weights))
            doubts = () if plan.config.input.pixel_size else doubt_pixel_size(record["pixel_size_um"])
            remarks = [*record.get("remarks", []), *doubts]
            return Outcome(item.key, list(record["rows"]), remarks=remarks, sheet=record.get("sheet", {}))
    except Exception as error:  # noqa: BLE001 - one bad file must not end the run
        files.remove()
        message = str(error) or type(error).__name__
        about = next((path for path in item.files if str(path) in message), item.source)
        return Outcome(item.key, [], Failure(item.key, str(about), message))


def _make(item: Item, config: Config, store: Store) -> dict[str, Any]:
    """Do the steps of an item whose results do not hold, and return its record."""
    measurement = store.measurement(lambda: measure_item(item, config))
    pixel_size = config.input.pixel_size or measurement.pixel_size
    gel = gel_in_pixels(**config.gel.model_dump(), spacing=measurement.spacing, pixel_size=pixel_size)
    record, stale = store.load_record(gel, pixel_size)
    if not stale:
        return record
    if item.has_images and "preview" in stale:
        preview_item(item, config, measurement, store.files.preview)
    grid_step = None if pixel_size is None else pixel_size * measurement.spacing
    if "traction" in stale:
        maps, record = invert_item(item, config, measurement, gel, grid_step)
        write_fields(store.files.fields, maps, grid_step)
    elif "scale" in stale:
        write_fields(store.files.fields, read_channels(store.files.fields), grid_step)
    interval = config.input.interval or measurement.interval
    record = complete_record(record, item, measurement, pixel_size, interval)
    store.save_record(record, gel, pixel_size)
    return record


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
    _LOG.info("displacement")
    if not item.has_images:
        return _read_measurement(item, config)
    pair, metadata = read_pair(item, config)
    shape = (pair.shape[1], pair.shape[2])
    masks = {
        name: read_cells(path, shape, _moment(item, pattern), config.input.channel).inside
        for name, path, pattern in (
            ("cells", item.mask, config.input.mask),
            ("exclude", item.exclude, config.input.exclude),
        )
        if path is not None
    }
    transformer = DISPLACEMENT[config.displacement.name].make(**config.displacement.params)
    drift = config.drift
    settings: dict[str, Any] = {"drift": drift.enabled, "rotation": drift.rotation, "margin": drift.margin}
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
        ``pixel_size`` and ``interval``, as the file of the deformed image says.

    Raises
    ------
    ValueError
        If a file is damaged, or the images differ in size.
    """
    assert item.relaxed is not None  # noqa: S101 - an item of images has both
    files = config.input
    with open_images(item.source, **files.opening) as series:
        relaxed = read_relaxed(
            item.relaxed,
            files.relaxed_frame,
            item.moment,
            in_movie=item.relaxed == item.source,
            channel=files.channel,
            own_channel=files.relaxed_channel,
            # Files of one frame each make a movie together.
            n_deformed=series.n_frames if series.n_frames > 1 else None,
            **files.opening,
        )
        deformed = series.read(item.page, files.channel, holes=True)
        metadata = {"pixel_size": series.stated_pixel_size, "interval": series.interval}
    if relaxed.shape != deformed.shape:
        raise ValueError(
            f"Expected two images of one size, got {relaxed.shape} in {item.relaxed} and {deformed.shape} in "
            f"{item.source}."
        )
    return np.stack([relaxed, deformed]), metadata


def preview_item(item: Item, config: Config, measurement: Measurement, path: Path) -> None:
    """Write the images of an item as 8-bit channels, small enough to look at, the deformed one without its drift.

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
    _LOG.info("images")
    pair, _ = read_pair(item, config)
    # Pixels that are not finite would spread, and are left out of the displacement.
    middle = np.nanmedian(np.where(np.isfinite(pair), pair, np.nan), axis=(1, 2), keepdims=True)
    shown = np.where(np.isfinite(pair), pair, middle)
    images: list[NDArray[Any]] = list(undo_drift(shown[None], measurement.drift[None])[0])
    if item.cell is not None:
        with open_images(item.cell, **config.input.opening) as series:
            cell = series.read(item.moment if series.n_frames > 1 else 0, config.input.cell_channel)
        if cell.shape != images[0].shape:
            raise ValueError(f"Expected an image of {images[0].shape} px, got {cell.shape} in {item.cell}.")
        images.append(cell)
    small = [_shrink(image) for image in images]
    # The bead images share their greys.
    grey = [*_to_bytes(np.stack(small[:2])), *(_to_bytes(image) for image in small[2:])]
    write_ome_tiff(path, np.stack(grey)[None], channels=_PREVIEW_NAMES[: len(grey)])


def invert_item(
    item: Item, config: Config, measurement: Measurement, gel: Gel, grid_step: float | None = None
) -> tuple[dict[str, FloatArray], dict[str, Any]]:
    """Recover the traction of an item, and the stress of its sheet if that is asked for.

    Parameters
    ----------
    item : Item
        The item.
    config : Config
        The settings.
    measurement : Measurement
        Its displacement.
    gel : Gel
        The gel with all lengths in pixels.
    grid_step : float, optional
        Micrometres between grid points.

    Returns
    -------
    maps : dict of str to ndarray of shape (height, width)
        Displacement and traction with their standard deviations, flags, quality, cells and stress.
    record : dict
        Choices of the estimator and numbers of the cells, with the pixel as the unit of length.
    """
    _LOG.info("traction")
    estimator = TRACTION[config.traction.name].on_gel(gel, **config.traction.params)
    fields = measurement.displacement[None]
    known = None if measurement.std is None else measurement.std[None]
    told = noise_for(estimator, known)
    if not get_tags(estimator).target_tags.required:
        estimator.fit(fields, **told)
    settings: dict[str, Any] = {"return_std": True} if estimator.gives_std else {}
    predicted = estimator.predict(fields, **told, **settings)
    traction, std = predicted if estimator.gives_std else (predicted, None)
    estimate = Recovery.of(fields, traction)
    draws, n_draws, samples = None, config.run.samples, None
    if n_draws:
        _LOG.info("error bars")
        stream = _stream(config.run.seed, item.key)
        draws = estimator.draw(fields, n_draws, stream, predicted=predicted, **told)
        if n_draws > 1:
            again = estimator.recover_again(fields, random_state=stream, predicted=traction, **told)
            samples = Samples.of(estimate, draws, again)
            std = draws.traction.std(axis=0, ddof=1) if std is None else std
    cells = _cells(item, config, measurement)
    maps = dict(zip(("ux_px", "uy_px", "tx_Pa", "ty_Pa"), (*fields[0], *traction[0]), strict=True))
    maps |= {} if measurement.std is None else dict(zip(("sx_px", "sy_px"), finite_std(measurement.std), strict=True))
    maps |= {} if std is None else dict(zip(("sx_Pa", "sy_Pa"), std[0], strict=True))
    maps |= {"flag": measurement.flags.astype(np.float32), "quality": measurement.quality, "cell": cells.labels}
    found = estimator.choices_ | estimator.doubts(fields, traction, **told)
    record = {
        "estimator": config.traction.name,
        "choice": {name: float(values[0]) for name, values in found.items()},
        "lambda_path": estimator.path(),
        "noise_px": float(noise_level(fields, gel, known)[0]),
        "cells": [cell_record(cell, measurement, estimate, gel, config.traction.name, samples) for cell in cells],
        "remarks": [*measurement.remarks.tolist(), *cells.remarks],
    }
    if config.monolayer is not None:
        stream = _stream(config.run.seed + 1, item.key)
        stress, tables = sheet_results(item, config.monolayer, cells, traction, draws, grid_step=grid_step, rng=stream)
        maps, record = maps | stress, record | {"sheet": tables}
    return maps, record


def _read_measurement(item: Item, config: Config) -> Measurement:
    data = read_displacement(item.source, **config.input.reading)
    displacement = data.displacement[item.page].astype(np.float32)
    flags = np.full(displacement.shape[1:], Flag.GOOD, dtype=np.uint8)
    if data.measured is not None:
        flags[~data.measured[item.page]] = Flag.OUTLIER
    # A mask that belongs to the file was drawn on images whose borders are as far away on both sides.
    image_shape = np.array([round(float(axis[0] + axis[-1])) + 1 for axis in (data.y, data.x)])
    inside = np.ones(flags.shape, dtype=bool) if data.mask is None else data.mask[item.page]
    quality = np.ones(flags.shape, dtype=np.float32)
    std = None if data.std is None else data.std[item.page].astype(np.float32)
    drift = np.zeros(3)
    return Measurement(displacement, flags, quality, data.x, data.y, data.spacing, drift, image_shape, inside, std)


def _moment(item: Item, pattern: str | None) -> int | None:
    """Return the frame of a file of masks that belongs to an item; None if its name says the frame already."""
    return None if _FRAME.search(pattern or "") else item.moment


def _cells(item: Item, config: Config, measurement: Measurement) -> Cells:
    """Return the cells of an item on the grid; without a mask the outline of the file, or the whole field."""
    if item.mask is not None:
        height, width = measurement.image_shape
        shape, frame = (int(height), int(width)), _moment(item, config.input.mask)
        return read_cells(item.mask, shape, frame, config.input.channel).on_grid(measurement.x, measurement.y)
    inside = measurement.inside
    name = FIELD if inside.all() else _CELL
    return Cells([name], inside[None], [float(inside.sum() * measurement.spacing**2)])


def _stream(seed: int, key: str) -> np.random.Generator:
    """Return the random numbers of an item, which do not depend on the items before it."""
    return np.random.default_rng([seed, *hashlib.sha256(key.encode()).digest()])


def _shrink(image: NDArray[Any]) -> FloatArray:
    factor = -(-max(image.shape) // _PREVIEW_SIDE)
    height, width = (side // factor * factor for side in image.shape)
    grey = np.asarray(image, dtype=np.float32)
    return np.asarray(downscale_local_mean(grey[:height, :width], (factor, factor)))


def _to_bytes(images: FloatArray) -> NDArray[np.uint8]:
    """Stretch the greys of images between their darkest and brightest percentiles."""
    black, white = np.percentile(images, (_BLACK, _WHITE))
    return np.rint(255 * np.clip((images - black) / (white - black or 1.0), 0, 1)).astype(np.uint8)
