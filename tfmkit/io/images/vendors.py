"""Zeiss' `.czi` and Leica's `.lif`, through the optional packages czifile and liffile."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmkit.io.images.czi_header import check_directory
from tfmkit.io.images.scale import Scale, both, length, seconds
from tfmkit.io.images.series import Planes, ZChoice, arrange, choose_position
from tfmkit.io.limits import most_decoded
from tfmkit.io.silence import silence


def open_czi(path: Path, z: ZChoice, position: int | None) -> tuple[Planes, Scale]:
    """Open a `.czi` file.

    Parameters
    ----------
    path : Path
        The file.
    z : int, "time", "channel", "max" or None
        Plane of a Z stack, or the meaning of its planes.
    position : int or None
        Which of several scenes.

    Returns
    -------
    planes : Planes
        Its images.
    scale : Scale
        Size of a pixel, time between frames and names of the channels.

    Raises
    ------
    ValueError
        If the file is damaged or the package is missing or too old.
    """
    try:
        from czifile import CziFile
    except ImportError as error:
        raise ValueError(
            "reading .czi needs the package czifile: pip install tfmkit[czi], or save it as OME-TIFF"
        ) from error
    if not hasattr(CziFile, "scenes"):
        raise ValueError(
            "reading .czi needs czifile 2026.3 or newer and Python 3.12: pip install tfmkit[czi], or save it as "
            "OME-TIFF"
        )
    check_directory(path)
    with silence("czifile"):
        file = CziFile(path)
        try:
            scenes = list(file.scenes.values())
            image = scenes[choose_position(position, len(scenes))]
            planes = _planes(image, lambda at, _: np.asarray(image(**at).asarray()), file.close, z, path)
            return planes, _scale(image.coords, tuple(image.channels))
        except BaseException:
            file.close()
            raise


def open_lif(path: Path, z: ZChoice, position: int | None) -> tuple[Planes, Scale]:
    """Open a `.lif` file.

    Parameters
    ----------
    path : Path
        The file.
    z : int, "time", "channel", "max" or None
        Plane of a Z stack, or the meaning of its planes.
    position : int or None
        Which of several images.

    Returns
    -------
    planes : Planes
        Its images.
    scale : Scale
        Size of a pixel and time between frames.

    Raises
    ------
    ValueError
        If the file is damaged or the package is missing.
    """
    try:
        from liffile import LifFile
    except ImportError as error:
        raise ValueError(
            "reading .lif needs the package liffile: pip install tfmkit[lif], or save it as OME-TIFF"
        ) from error
    with silence("liffile"):
        file = LifFile(path)
        try:
            images = list(file.images)
            image = images[choose_position(position, len(images))]
            planes = _planes(image, lambda _, number: np.asarray(image.frames[number]), file.close, z, path)
            return planes, _scale(image.coords, ())
        except BaseException:
            file.close()
            raise


def _planes(
    image: Any,
    read_frame: Callable[[dict[str, int], int], NDArray[Any]],
    close: Callable[[], None],
    z: ZChoice,
    path: Path,
) -> Planes:
    """Return the planes of an image whose axes have names; samples of a pixel are the last axis."""
    sizes = dict(image.sizes)
    if not {"Y", "X"} <= sizes.keys() or max(map(len, sizes)) > 1:
        raise ValueError(f"its axes are {', '.join(sizes)}, not one each of rows, columns, time, channel and depth")
    loops = {axis: size for axis, size in sizes.items() if axis not in "YXS"}
    height, width, samples = sizes["Y"], sizes["X"], sizes.get("S", 1)
    _check_sizes(tuple(loops.values()), height * width * samples * np.dtype(image.dtype).itemsize, path)
    arrangement = arrange("".join([*loops, "S"]), (*loops.values(), samples), z)

    def read(number: int) -> NDArray[Any]:
        frame, sample = divmod(number, samples)
        at = dict(zip(loops, map(int, np.unravel_index(frame, tuple(loops.values()))), strict=True)) if loops else {}
        return np.array(read_frame(at, frame).reshape(height, width, samples)[:, :, sample])

    return Planes(arrangement, (height, width), np.dtype(image.dtype), read, close)


def _check_sizes(loops: tuple[int, ...], n_bytes: int, path: Path) -> None:
    """Refuse sizes that the file cannot hold, before the packages make arrays of them."""
    size, n_images = path.stat().st_size, math.prod(loops)
    if n_bytes > most_decoded(size):
        raise ValueError(f"its header tells of images of {n_bytes} bytes, which the file is too small for")
    if n_images > size:
        raise ValueError(f"its header tells of {n_images} images, which the file is too small for")


def _scale(coords: Mapping[str, NDArray[Any]], channels: tuple[str, ...]) -> Scale:
    """Return the scale from positions in metres and seconds."""
    steps = {axis: _step(coords.get(axis)) for axis in "XYT"}
    return Scale(both((length(steps["X"], "m"), length(steps["Y"], "m"))), seconds(steps["T"], "s"), channels)


def _step(positions: NDArray[Any] | None) -> float | None:
    """Return the median step of positions, without their rounding errors, unless they are equal or none."""
    if positions is None or len(positions) < 2 or np.asarray(positions).dtype.kind not in "fiu":
        return None
    step = float(f"{np.median(np.diff(np.asarray(positions, dtype=float))):.9g}")
    return step if math.isfinite(step) and step > 0 else None
