"""OME-Zarr (NGFF), in and out, through the optional package zarr."""

from __future__ import annotations

import math
import shutil
import warnings
from collections.abc import Mapping
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tfmkit._validation import check_number
from tfmkit.io.images.scale import Scale, both, length, seconds
from tfmkit.io.images.series import Planes, ZChoice, arrange, choose_position
from tfmkit.io.images.writers import check_stack
from tfmkit.io.limits import LARGEST_IMAGE
from tfmkit.io.writing import writing_folder

# Files that make a folder a group of Zarr 2 or 3.
_GROUPS = (".zgroup", "zarr.json")
# Axes of images older than version 0.3, which do not name them.
_UNNAMED = "tczyx"
_VERSION = "0.4"
# A forged number of images would be listed until the memory is full.
_MOST_PLANES = 10**7
# Chunks that lack are filled, each in its time.
_MOST_CHUNKS = 10**4


def is_zarr(path: Path) -> bool:
    """Tell whether a path is the folder of a Zarr group.

    Parameters
    ----------
    path : Path
        A file or folder.

    Returns
    -------
    bool
        True if it holds the description of a group.
    """
    return path.is_dir() and any((path / name).is_file() for name in _GROUPS)


def open_zarr(path: Path, z: ZChoice, position: int | None) -> tuple[Planes, Scale]:
    """Open the folder of an OME-Zarr.

    Parameters
    ----------
    path : Path
        The folder: one image, or several of them as Bio-Formats writes them.
    z : int, "time", "channel", "max" or None
        Plane of a Z stack, or the meaning of its planes.
    position : int or None
        Which of several images.

    Returns
    -------
    planes : Planes
        Images of the finest level.
    scale : Scale
        Size of a pixel, time between frames and names of the channels.

    Raises
    ------
    ValueError
        If the package is missing, the folder is not an OME-Zarr, its metadata and arrays do not fit together, or its
        chunks are packed by a filter or compressor that is not read.
    """
    with warnings.catch_warnings():
        # zarr warns of its own future and of parts that it ignores.
        warnings.simplefilter("ignore")
        return _open(_zarr().open_group(str(path), mode="r"), z, position)


def _open(group: Any, z: ZChoice, position: int | None) -> tuple[Planes, Scale]:
    images = [part for part in _parts(group) if "multiscales" in _metadata(part)]
    if not images:
        raise ValueError("its metadata describe no image: give the folder of one field of a plate")
    image = images[choose_position(position, len(images))]
    described = _metadata(image)["multiscales"][0]
    level = described["datasets"][0]
    array = image[level["path"]]
    axes, units = _axes(described, array.ndim)
    if not axes.endswith("yx"):
        raise ValueError(f"its axes are {axes}, of which the last are not rows and columns")
    # The decoder of objects follows the bytes of a file as addresses, which ends the process.
    if array.dtype.kind not in "biuf":
        raise ValueError(f"its values are of the type {array.dtype}, not numbers")
    _check_sizes(array)
    # This module needs the package zarr.
    from tfmkit.io.images.zarr_chunks import checked

    array = checked(array)
    height, width = array.shape[-2:]
    loops = tuple(array.shape[:-2])
    arrangement = arrange(axes[:-2].upper(), loops, z)
    planes = Planes(arrangement, (height, width), np.dtype(array.dtype), partial(_plane, array), lambda: None)
    return planes, _scale(_metadata(image), (described, level), axes, units)


def write_ome_zarr(
    path: str | PathLike[str],
    images: ArrayLike,
    *,
    channels: tuple[str, ...],
    pixel_size: float | None = None,
    interval: float | None = None,
) -> None:
    """Write images as an OME-Zarr of version 0.4, one chunk for each image.

    It needs the extra ``tfmkit[zarr]``.

    Parameters
    ----------
    path : str or path-like
        The folder, such as ``beads.ome.zarr``; one of that name is replaced.
    images : array-like of shape (n_frames, n_channels, height, width)
        The images: 8 or 16 bit unsigned integers as they are, all others as 32 bit floats.
    channels : tuple of str
        Names of the channels.
    pixel_size : float, optional
        Side of a pixel in micrometres.
    interval : float, optional
        Seconds from frame to frame.

    Raises
    ------
    ValueError
        If the package is missing, the path is a file, a link or another folder, `images` is not 4-D or not real
        numbers, there is not one name per channel, or a number is not positive.
    """
    target, stack = Path(path), check_stack(images, channels)
    side, step = (
        None if number is None else check_number(number, name, low=0, include_low=False)
        for number, name in ((pixel_size, "pixel_size"), (interval, "interval"))
    )
    zarr = _zarr()
    if target.is_symlink():
        raise ValueError(f"Expected a folder, got the link {target}: give the folder that it points to.")
    if target.exists() and not is_zarr(target):
        raise ValueError(f"Expected a new folder or one of OME-Zarr, got {target}, which holds something else.")
    with writing_folder(target.parent) as folder:
        # The attributes are written first, so that a folder with an image has them.
        group = zarr.open_group(str(folder / target.name), mode="w", zarr_format=2)
        group.attrs.update(_describe(target.name, channels, side, step))
        chunks = (1, 1, *stack.shape[2:])
        array = group.create_array("0", shape=stack.shape, dtype=stack.dtype, chunks=chunks)
        array[:] = stack
        if target.exists():
            shutil.rmtree(target)


def _zarr() -> Any:
    try:
        import zarr
    except ImportError as error:
        raise ValueError("OME-Zarr needs the package zarr: pip install tfmkit[zarr]") from error
    return zarr


def _check_sizes(array: Any) -> None:
    """Raise ValueError if an array claims images or chunks that are too large, or too many of them."""
    shapes = {"images": array.shape[-2:], "chunks": array.chunks, "shards": array.shards or (0,)}
    for name, sides in shapes.items():
        if math.prod(sides) * array.dtype.itemsize > LARGEST_IMAGE:
            raise ValueError(
                f"its {name} of {' x '.join(map(str, sides))} pixels are larger than {LARGEST_IMAGE} bytes"
            )
    if math.prod(array.shape[:-2]) > _MOST_PLANES:
        raise ValueError(f"it says that it holds more than {_MOST_PLANES} images")
    n_chunks = math.prod(
        math.ceil(side / chunk) for side, chunk in zip(array.shape[-2:], array.chunks[-2:], strict=True)
    )
    if n_chunks > _MOST_CHUNKS:
        raise ValueError(f"its images lie in {n_chunks} chunks, more than {_MOST_CHUNKS}")


def _plane(array: Any, number: int) -> NDArray[Any]:
    loops = tuple(array.shape[:-2])
    return np.array(array[(*np.unravel_index(number, loops), slice(None), slice(None))] if loops else array[:])


def _parts(group: Any) -> list[Any]:
    """Return the group itself if it is an image, else its numbered parts, as Bio-Formats writes them."""
    if "multiscales" in _metadata(group):
        return [group]
    return [part for _, part in sorted((int(name), part) for name, part in group.groups() if name.isdigit())]


def _metadata(group: Any) -> Mapping[str, Any]:
    """Return the metadata, which stand under a name of their own from version 0.5 on."""
    attributes = dict(group.attrs)
    return dict(attributes.get("ome", attributes))


def _axes(described: Mapping[str, Any], ndim: int) -> tuple[str, dict[str, str]]:
    """Return the letters of the axes and their units."""
    axes = described.get("axes") or list(_UNNAMED)
    named = [axis if isinstance(axis, dict) else {"name": axis} for axis in axes]
    if len(named) != ndim:
        raise ValueError(f"its metadata name {len(named)} axes and its array has {ndim}")
    names = "".join(str(axis["name"])[:1].lower() for axis in named)
    return names, {name: str(axis.get("unit", "")) for name, axis in zip(names, named, strict=True)}


def _scale(
    metadata: Mapping[str, Any], described: tuple[Mapping[str, Any], ...], axes: str, units: Mapping[str, str]
) -> Scale:
    factors = np.ones(len(axes))
    given = False
    for part in described:
        for change in part.get("coordinateTransformations", ()):
            if change.get("type") == "scale" and len(change.get("scale", ())) == len(axes):
                factors, given = factors * np.array(change["scale"], dtype=float), True
    size = dict(zip(axes, factors.tolist(), strict=True)) if given else {}
    labels = tuple(str(channel.get("label", "")) for channel in metadata.get("omero", {}).get("channels", ()))
    return Scale(
        both(tuple(length(size.get(axis), units.get(axis, "")) for axis in "xy")),
        seconds(size.get("t"), units.get("t", "")),
        labels if all(labels) else (),
    )


def _describe(name: str, channels: tuple[str, ...], pixel_size: float | None, interval: float | None) -> dict[str, Any]:
    side = "micrometer" if pixel_size else ""
    units = {"t": "second" if interval else "", "y": side, "x": side}
    types = {"t": "time", "c": "channel", "y": "space", "x": "space"}
    axes = [
        {"name": axis, "type": kind} | ({"unit": units[axis]} if units.get(axis) else {})
        for axis, kind in types.items()
    ]
    scale = [interval or 1.0, 1.0, pixel_size or 1.0, pixel_size or 1.0]
    level = {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": scale}]}
    return {
        "multiscales": [{"version": _VERSION, "name": name, "axes": axes, "datasets": [level]}],
        "omero": {"version": _VERSION, "channels": [{"label": label, "color": "FFFFFF"} for label in channels]},
    }
