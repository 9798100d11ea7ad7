"""One interface to images of every format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from tfmkit._validation import check_count

# A plane of a Z stack, or "time" where a time series was stored as one; None where there must not be a Z stack.
ZChoice = int | Literal["time"] | None
# Axes that a file has without saying which they are; a lone one is taken for time.
_UNNAMED = "IQ"


@dataclass(frozen=True, eq=False)
class ImageSeries:
    """Images of one file by frame and channel, read one at a time; a context manager that closes the file.

    It is not for several threads at once; let each open the file.

    Attributes
    ----------
    path : Path
        The file.
    n_frames : int
        Points in time.
    channels : tuple of str
        Name of each channel: the file's own where it has them, else ``"0"``, ``"1"``...
    shape : (int, int)
        Height and width of an image in pixels.
    dtype : dtype
        Type of the pixels.
    pixel_size : float or None
        Side of a pixel in micrometres; None where nobody said.
    interval : float or None
        Seconds from frame to frame; None where nobody said.
    """

    path: Path
    n_frames: int
    channels: tuple[str, ...]
    shape: tuple[int, int]
    dtype: np.dtype[Any]
    pixel_size: float | None
    interval: float | None
    _read: Callable[[int, int], NDArray[Any]]
    _close: Callable[[], None]

    @property
    def n_channels(self) -> int:
        """Return the number of channels.

        Returns
        -------
        int
            At least 1.
        """
        return len(self.channels)

    def read(self, frame: int, channel: int = 0) -> NDArray[Any]:
        """Return one image; no other is loaded.

        Parameters
        ----------
        frame : int
            Number of the point in time, from 0.
        channel : int, default=0
            Number of the channel, from 0.

        Returns
        -------
        ndarray of shape (height, width)
            A copy in the file's type.

        Raises
        ------
        ValueError
            If there is no such image, it is damaged or not finite, or the file is closed.
        """
        for number, count, name in ((frame, self.n_frames, "frame"), (channel, self.n_channels, "channel")):
            if check_count(number, name, low=0) >= count:
                raise ValueError(f"Expected a {name} from 0 to {count - 1} of {self.path}, got {number}.")
        try:
            image = self._read(frame, channel)
        except Exception as error:
            # Decoders raise whatever they stumble over on damaged bytes.
            raise ValueError(f"Expected image {frame} of {self.path}, got what cannot be read: {error}.") from error
        if image.shape != self.shape:
            raise ValueError(f"Expected image {frame} of {self.path} as {self.shape} pixels, got {image.shape}.")
        if image.dtype.kind == "f" and not np.isfinite(image).all():
            n_bad = (~np.isfinite(image)).sum()
            raise ValueError(f"Expected finite pixels in image {frame} of {self.path}, got {n_bad} that are not.")
        return image

    def close(self) -> None:
        """Close the file."""
        self._close()

    def __enter__(self) -> Self:
        """Return the series itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the file."""
        self.close()


@dataclass(frozen=True)
class Arrangement:
    """How planes that follow each other in a file make frames and channels.

    Attributes
    ----------
    sizes : dict of str to int
        Length of each axis by its letter, the slowest first: T time, C channel, Z depth, S sample (red, green...).
    z : int
        The plane of the Z stack that is read.
    """

    sizes: dict[str, int]
    z: int = 0

    @property
    def n_frames(self) -> int:
        """Return the number of points in time.

        Returns
        -------
        int
            At least 1.
        """
        return self.sizes.get("T", 1)

    @property
    def n_channels(self) -> int:
        """Return the number of channels, samples of a pixel counted as channels.

        Returns
        -------
        int
            At least 1.
        """
        return self.sizes.get("C", 1) * self.sizes.get("S", 1)

    def plane(self, frame: int, channel: int) -> int:
        """Return the place of an image among the planes of the file.

        Parameters
        ----------
        frame : int
            Number of the point in time, from 0.
        channel : int
            Number of the channel, from 0.

        Returns
        -------
        int
            Number of the plane, from 0.
        """
        c, s = divmod(channel, self.sizes.get("S", 1))
        at = {"T": frame, "C": c, "Z": self.z, "S": s}
        number = 0
        for axis, size in self.sizes.items():
            number = number * size + at[axis]
        return number


def arrange(axes: str, shape: tuple[int, ...], z: ZChoice) -> Arrangement:
    """Say what each axis of a stack is.

    Parameters
    ----------
    axes : str
        A letter per axis, the slowest first.
    shape : tuple of int
        Their lengths.
    z : int, "time" or None
        Plane of a Z stack, or that its planes are points in time.

    Returns
    -------
    Arrangement
        The axes, without those of length 1 that nothing is known about.

    Raises
    ------
    ValueError
        If an axis is neither time, channel, depth nor sample, two are time, or there is a Z stack and no choice.
    """
    sizes: dict[str, int] = {}
    for letter, size in zip(axes, shape, strict=True):
        axis = "T" if letter in _UNNAMED or (letter == "Z" and z == "time") else letter
        if size == 1:
            continue
        if axis not in "TCZS" or axis in sizes:
            raise ValueError(f"its axes {_describe(axes, shape)} are not one each of time, channel and depth")
        sizes[axis] = size
    depth = sizes.get("Z", 1)
    if depth > 1 and z is None:
        raise ValueError(
            f"it holds {depth} planes along Z: give z, the number of a plane from 0, or z='time' if they are frames"
        )
    plane = 0 if z is None or z == "time" else check_count(z, "z", low=0)
    if plane >= depth:
        raise ValueError(f"it holds {depth} plane(s) along Z, and z={plane} is asked for")
    return Arrangement(sizes, plane)


def choose_position(position: int | None, count: int) -> int:
    """Return which of several image series of a file is meant.

    Parameters
    ----------
    position : int or None
        The user's choice, from 0.
    count : int
        How many there are.

    Returns
    -------
    int
        The choice; 0 where there is only one.

    Raises
    ------
    ValueError
        If there are several and no choice, or the choice does not exist.
    """
    if position is None and count > 1:
        raise ValueError(f"it holds {count} positions (or images of different size): give position, from 0")
    chosen = 0 if position is None else check_count(position, "position", low=0)
    if chosen >= count:
        raise ValueError(f"it holds {count} position(s), and position={chosen} is asked for")
    return chosen


def _describe(axes: str, shape: tuple[int, ...]) -> str:
    return ", ".join(f"{axis} ({size})" for axis, size in zip(axes, shape, strict=True))


@dataclass(frozen=True, eq=False)
class Planes:
    """Images of an open file, before anything is said about their scale.

    Attributes
    ----------
    arrangement : Arrangement
        Frames and channels.
    shape : (int, int)
        Height and width in pixels.
    dtype : dtype
        Type of the pixels.
    read : callable
        From the number of a plane in the file to an ndarray of shape (height, width).
    close : callable
        Closes the file.
    """

    arrangement: Arrangement
    shape: tuple[int, int]
    dtype: np.dtype[Any]
    read: Callable[[int], NDArray[Any]]
    close: Callable[[], None]


def channel_names(names: tuple[str, ...], arrangement: Arrangement) -> tuple[str, ...]:
    """Return a name for each channel.

    Parameters
    ----------
    names : tuple of str
        What the file calls them; used if there is one each.
    arrangement : Arrangement
        Channels and samples.

    Returns
    -------
    tuple of str
        The file's names, those of colours where a pixel has three or four samples, or numbers.
    """
    if len(names) == arrangement.n_channels:
        return names
    if arrangement.sizes.get("S") in (3, 4) and arrangement.sizes.get("C", 1) == 1:
        return ("red", "green", "blue", "alpha")[: arrangement.sizes["S"]]
    return tuple(map(str, range(arrangement.n_channels)))
