"""Files and folders of tfmkit as layers of napari."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmkit.batch import ItemResult, read_results
from tfmkit.io import ImageSeries, open_images, read_displacement, read_fiji_traction
from tfmkit.napari.frame import Origin
from tfmkit.napari.layers import LayerData, Place, grid_layers, image_layer, magnitude_layer, vector_layer

# Under this name, a layer says where its images come from.
METADATA = "tfmkit"
_IMAGES = (".tif", ".tiff", ".png", ".nd2", ".lif", ".czi", ".zarr")
# Channels of the files of `tfmkit traction`, and their names in a batch.
_CHANNELS = {"tx Pa": "tx_Pa", "ty Pa": "ty_Pa"}


def get_reader(path: str | list[str]) -> Callable[[str], list[LayerData]] | None:
    """Return the function that reads a file or folder; napari calls this.

    Parameters
    ----------
    path : str or list of str
        A file or folder. Several files that belong together are left to other plugins.

    Returns
    -------
    callable or None
        Function from the path to layers; None for paths that tfmkit does not read.
    """
    if isinstance(path, list):
        return get_reader(path[0]) if len(path) == 1 else None
    place = Path(path)
    if place.suffix.lower() in _IMAGES:
        return partial(_first, read_image_file)
    if place.is_dir():
        return partial(_first, read_folder) if (place / "table.parquet").is_file() else None
    return partial(_first, read_field_file)


def read_folder(path: Path) -> list[LayerData]:
    """Read the results of a batch.

    Parameters
    ----------
    path : Path
        Folder that `tfmkit batch` wrote.

    Returns
    -------
    list of LayerData
        Small images, traction, displacement and cells. The slider goes through the items in the order of the table.
        Items whose grids differ get layers of their own.

    Raises
    ------
    ValueError
        If the folder does not hold the results of a batch that has ended.
    """
    alike: dict[str, list[ItemResult]] = defaultdict(list)
    for item in read_results(path).items():
        alike[repr((item.record["grid"], item.record["pixel_size_um"]))].append(item)
    layers: list[LayerData] = []
    for number, items in enumerate(alike.values(), start=1):
        for data, options, kind in _item_layers(items):
            name = options["name"] if len(alike) == 1 else f"{options['name']}, grid {number}"
            layers.append((data, {**options, "name": name}, kind))
    return layers


def read_image_file(path: Path) -> list[LayerData]:
    """Read bead images, or the maps of a result that are stored as an image.

    Parameters
    ----------
    path : Path
        An image file, as for `tfmkit.io.open_images`.

    Returns
    -------
    list of LayerData
        A layer for each channel, with a slider where there are several frames; their images are read when they are
        shown. For traction and displacement, the layers of the field. Of a stack along Z, the maximum is shown.
    """
    try:
        series, z = open_images(path), None
    except ValueError:
        series, z = open_images(path, z="max"), "max"
    with series:
        names = [_CHANNELS.get(name, name) for name in series.channels]
        place = Place.of_pixels(series.pixel_size)
        if {"tx_Pa", "ty_Pa"} <= set(names) or {"ux_px", "uy_px"} <= set(names):
            maps = {name: _frames(series, number) for number, name in enumerate(names)}
            return grid_layers(maps, place)
        return [_channel_layer(series, number, z, place) for number in range(series.n_channels)]


def read_field_file(path: Path) -> list[LayerData]:
    """Read a file of displacement or traction.

    Parameters
    ----------
    path : Path
        A file as for `tfmkit.io.read_displacement`, or a table of traction of Fiji's FTTC.

    Returns
    -------
    list of LayerData
        Arrows, and the magnitude of the traction.
    """
    if path.name.startswith("Traction_"):
        found = read_fiji_traction(path)
        place = Place.of_pixels(None).on_grid(found.x[0], found.y[0], found.spacing)
        fields = found.traction[0]
        return [
            magnitude_layer(fields, "traction (Pa)", place),
            vector_layer(fields, "traction vectors (Pa)", place),
        ]
    data = read_displacement(path)
    place = Place.of_pixels(data.pixel_size).on_grid(data.x[0], data.y[0], data.spacing)
    maps = _components("u{}_px", data.displacement)
    maps |= {} if data.traction is None else _components("t{}_Pa", data.traction)
    return grid_layers(maps, place)


def _first(read: Callable[[Path], list[LayerData]], path: str | list[str]) -> list[LayerData]:
    return read(Path(path if isinstance(path, str) else path[0]))


def _components(name: str, fields: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """Return the components of fields by their names; a single field has no axis of frames."""
    shown = fields[0] if len(fields) == 1 else fields
    return {name.format("x"): shown[..., 0, :, :], name.format("y"): shown[..., 1, :, :]}


def _frames(series: ImageSeries, channel: int) -> NDArray[Any]:
    images = [series.read(frame, channel) for frame in range(series.n_frames)]
    return images[0] if len(images) == 1 else np.stack(images)


def _channel_layer(series: ImageSeries, channel: int, z: str | None, place: Place) -> LayerData:
    origin = Origin(series.path, series.n_frames, channel if series.n_channels > 1 else None, z)
    name = series.path.stem if series.n_channels == 1 else f"{series.path.stem} {series.channels[channel]}"
    about = {"origin": origin, "pixel_size": series.stated_pixel_size, "interval": series.interval}
    if series.n_frames == 1:
        image = series.read(0, channel)
    else:
        # napari brings dask, which tfmkit itself does not need.
        from dask import array
        from dask.delayed import delayed

        reads = [delayed(_read)(series.path, z, frame, channel) for frame in range(series.n_frames)]
        image = array.stack([array.from_delayed(read, series.shape, series.dtype) for read in reads])
    return image_layer(image, name, place, metadata={METADATA: about})


def _read(path: Path, z: str | None, frame: int, channel: int) -> NDArray[Any]:
    # Threads must not share an open file.
    with open_images(path, z=z) as series:  # type: ignore[arg-type]
        return series.read(frame, channel)


def _item_layers(items: list[ItemResult]) -> list[LayerData]:
    """Return the layers of items on one grid."""
    grid, pixel_size = items[0].record["grid"], items[0].record["pixel_size_um"]
    place = Place.of_pixels(pixel_size)
    layers: list[LayerData] = []
    for name in ("relaxed", "deformed", "cell"):
        images = [previews[name] for item in items if name in (previews := item.previews())]
        if len(images) == len(items):
            # A pixel of a small image is the mean of a block.
            side = items[0].record["image_shape"][0] // images[0].shape[0]
            small = place.on_grid((side - 1) / 2, (side - 1) / 2, side)
            layers.append(image_layer(np.stack(images), name, small, visible=name != "relaxed"))
    fields = [item.fields() for item in items]
    shared = set.intersection(*map(set, fields))
    maps = {name: np.stack([field[name] for field in fields]) for name in shared}
    return layers + grid_layers(maps, place.on_grid(grid["x0_px"], grid["y0_px"], grid["spacing_px"]))
