"""Nikon's `.nd2`, through the optional package nd2."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfmkit.io.images.scale import Scale
from tfmkit.io.images.series import Planes, ZChoice, arrange, choose_position

_MILLISECOND = 1e-3


def open_nd2(path: Path, z: ZChoice, position: int | None) -> tuple[Planes, Scale]:
    """Open an `.nd2` file.

    Parameters
    ----------
    path : Path
        The file.
    z : int, "time" or None
        Plane of a Z stack, or that its planes are points in time.
    position : int or None
        Which of several stage positions.

    Returns
    -------
    planes : Planes
        Its images.
    scale : Scale
        Size of a pixel, period of the time loop and names of the channels.

    Raises
    ------
    ValueError
        If the file is damaged or the package is missing.
    """
    try:
        import nd2
    except ImportError as error:
        raise ValueError("reading .nd2 needs the package nd2: pip install tfmkit[nd2]") from error
    file = nd2.ND2File(path)
    try:
        return _open(file, z, position)
    except BaseException:
        file.close()
        raise


def _open(file: Any, z: ZChoice, position: int | None) -> tuple[Planes, Scale]:
    sizes = dict(file.sizes)
    loops = {axis: size for axis, size in sizes.items() if axis not in "CYXS"}
    samples = {axis: sizes.get(axis, 1) for axis in "CS"}
    place = choose_position(position, loops.get("P", 1))
    # A frame of the file holds all channels; its number runs over the loops, the slowest first.
    inner = {axis: size for axis, size in loops.items() if axis != "P"}
    arrangement = arrange("".join([*inner, *samples]), (*inner.values(), *samples.values()), z)
    height, width = sizes["Y"], sizes["X"]
    per_frame = samples["C"] * samples["S"]

    def read(number: int) -> NDArray[Any]:
        step, channel = divmod(number, per_frame)
        at = dict(zip(inner, np.unravel_index(step, tuple(inner.values())) if inner else (), strict=True))
        frame = 0
        for axis, size in loops.items():
            frame = frame * size + (place if axis == "P" else int(at[axis]))
        c, s = divmod(channel, samples["S"])
        return np.array(file.read_frame(frame).reshape(samples["C"], height, width, samples["S"])[c, :, :, s])

    return Planes(arrangement, (height, width), np.dtype(file.dtype), read, file.close), _scale(file)


def _scale(file: Any) -> Scale:
    voxel = file.voxel_size()
    size = (float(voxel.x), float(voxel.y))
    periods = [loop.parameters.periodMs for loop in file.experiment if loop.type == "TimeLoop"]
    interval = periods[0] * _MILLISECOND if len(periods) == 1 and periods[0] > 0 else None
    names = tuple(channel.channel.name for channel in file.metadata.channels or ())
    return Scale(size if min(size) > 0 else (), interval, names)
