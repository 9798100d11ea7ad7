"""One interface to the images of every file format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from tfmkit._validation import check_choice, check_count

# The choice of the user for planes of a stack that are not known to be frames.
ZChoice = int | Literal["time", "channel", "max"] | None
_WORDS = ("time", "channel", "max")
# Axes that a file has without a name. The slowest one is time, a second one is channels.
_UNNAMED = "IQ"
# The letter for planes that are either frames or the colours of one image.
OPEN_AXIS = "O"
_ALPHA = "alpha"
# Distances between the pixels of cameras in micrometres.
_CAMERA = (3.0, 7.5)
_COLOURS = ("red", "green", "blue", _ALPHA)


@dataclass(frozen=True, eq=False)
class ImageSeries:
    """Images of one file by frame and channel, read one at a time; a context manager that closes the file.

    Several threads must not share one series; let each thread open the file.

    Attributes
    ----------
    path : Path
        The file.
    n_frames : int
        Points in time.
    channels : tuple of str
        Name of each channel: the name in the file if there is one, else ``"0"``, ``"1"``...
    shape : (int, int)
        Height and width of an image in pixels.
    dtype : dtype
        Type of the pixels.
    pixel_size : float or None
        Side of a pixel in micrometres; None if unknown.
    interval : float or None
        Seconds from frame to frame; None if unknown.
    stated_pixel_size : float or None
        The pixel size that the file itself gives; None if it gives none, or different sizes along x and y.
    """

    path: Path
    n_frames: int
    channels: tuple[str, ...]
    shape: tuple[int, int]
    dtype: np.dtype[Any]
    pixel_size: float | None
    interval: float | None
    stated_pixel_size: float | None
    _read: Callable[[int, int], NDArray[Any]]
    _close: Callable[[], None]

    @property
    def doubts(self) -> tuple[str, ...]:
        """Return reasons to doubt the metadata of the file.

        Returns
        -------
        tuple of str
            The result of `doubt_pixel_size`, unless the user has given another pixel size.
        """
        if self.pixel_size != self.stated_pixel_size:
            return ()
        return tuple(f"{self.path}: {doubt}" for doubt in doubt_pixel_size(self.pixel_size))

    @property
    def n_channels(self) -> int:
        """Return the number of channels.

        Returns
        -------
        int
            At least 1.
        """
        return len(self.channels)

    def read(self, frame: int, channel: int | None = None, *, holes: bool = False) -> NDArray[Any]:
        """Return one image; no other image stays in memory.

        Parameters
        ----------
        frame : int
            Number of the point in time, from 0.
        channel : int, optional
            Number of the channel, from 0. It may be left out if there is one channel, or if all channels are equal
            (a grey image that was saved in colour); transparency does not count.
        holes : bool, default=False
            Whether some pixels may be NaN or infinite, as in the margins of images that were aligned elsewhere.

        Returns
        -------
        ndarray of shape (height, width)
            A copy in the type of the file.

        Raises
        ------
        ValueError
            If there is no such image, it is damaged or not finite, the file is closed, or channels differ and
            `channel` is left out.
        """
        if channel is None:
            return self._read_only_channel(frame, holes)
        for number, count, name in ((frame, self.n_frames, "frame"), (channel, self.n_channels, "channel")):
            if check_count(number, name, low=0) >= count:
                raise ValueError(f"Expected a {name} from 0 to {count - 1} of {self.path}, got {number}.")
        try:
            image = self._read(frame, channel)
        except Exception as error:
            # Decoders raise errors of any kind on damaged bytes.
            raise ValueError(f"Expected image {frame} of {self.path}, got damaged data: {error}.") from error
        if image.shape != self.shape:
            raise ValueError(f"Expected image {frame} of {self.path} as {self.shape} pixels, got {image.shape}.")
        n_bad = int((~np.isfinite(image)).sum()) if image.dtype.kind == "f" else 0
        if n_bad and not (holes and n_bad < image.size):
            raise ValueError(f"Expected finite pixels in image {frame} of {self.path}, got {n_bad} that are not.")
        return image

    def _read_only_channel(self, frame: int, holes: bool) -> NDArray[Any]:
        image = self.read(frame, 0, holes=holes)
        others = (number for number, name in enumerate(self.channels) if number and name != _ALPHA)
        if any(not np.array_equal(image, self.read(frame, number, holes=holes), equal_nan=holes) for number in others):
            frames = "" if self.n_frames > 1 else ", or z='time' if they are frames of a movie"
            raise ValueError(
                f"Expected a choice of channel for {self.path}, which holds {self.n_channels} channels that differ "
                f"({', '.join(self.channels)}): give channel, a number from 0{frames}."
            )
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


def doubt_pixel_size(pixel_size: float | None) -> tuple[str, ...]:
    """Return a reason to doubt the pixel size in a file.

    Parameters
    ----------
    pixel_size : float or None
        Micrometres.

    Returns
    -------
    tuple of str
        A sentence if it is the distance between the pixels of a camera, without the magnification; else nothing.
    """
    low, high = _CAMERA
    if pixel_size is None or not low <= pixel_size <= high:
        return ()
    doubt = f"a pixel of {pixel_size:g} um is as large as that of a camera, before magnification."
    return (f"{doubt} Give pixel_size if it is smaller.",)


@dataclass(frozen=True)
class Arrangement:
    """How planes that follow each other in a file make frames and channels.

    Attributes
    ----------
    sizes : dict of str to int
        Length of each axis by its letter, the slowest first: T time, C channel, Z depth, S sample (red, green...).
    z : tuple of int
        The planes of the Z stack that make one image.
    """

    sizes: dict[str, int]
    z: tuple[int, ...] = (0,)

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

    def planes(self, frame: int, channel: int) -> list[int]:
        """Return the places of an image among the planes of the file.

        Parameters
        ----------
        frame : int
            Number of the point in time, from 0.
        channel : int
            Number of the channel, from 0.

        Returns
        -------
        list of int
            Numbers of the planes, from 0: one, or all planes of a Z stack that are projected.
        """
        c, s = divmod(channel, self.sizes.get("S", 1))
        numbers = []
        for z in self.z:
            at, number = {"T": frame, "C": c, "Z": z, "S": s}, 0
            for axis, size in self.sizes.items():
                number = number * size + at[axis]
            numbers.append(number)
        return numbers


def arrange(axes: str, shape: tuple[int, ...], z: ZChoice) -> Arrangement:
    """Say which axis of a stack is time, channel, depth and sample.

    Parameters
    ----------
    axes : str
        A letter per axis, the slowest first. I and Q have no name, O is either frames or colours.
    shape : tuple of int
        Their lengths.
    z : int, "time", "channel", "max" or None
        Plane of a Z stack; or that its planes are frames, channels, or projected to their maximum.

    Returns
    -------
    Arrangement
        The axes, without those of length 1.

    Raises
    ------
    ValueError
        If an axis is neither time, channel, depth nor sample, two are of one kind, or there is a Z stack and no choice.
    """
    check_z(z, "z")
    long = [(letter, size) for letter, size in zip(axes, shape, strict=True) if size > 1]
    letters = _name_axes("".join(letter for letter, _ in long), z)
    if len(set(letters)) < len(letters) or not set(letters) <= set(f"TCZS{OPEN_AXIS}"):
        raise ValueError(f"its axes {_describe(axes, shape)} are not one each of time, channel and depth")
    sizes = dict(zip(letters, (size for _, size in long), strict=True))
    if OPEN_AXIS in sizes:
        raise ValueError(
            f"it holds {sizes[OPEN_AXIS]} planes that are either frames or colours of one image: give z='time' if "
            "they are frames, or z='channel' if they are colours"
        )
    depth = sizes.get("Z", 1)
    if depth > 1 and z is None:
        raise ValueError(
            f"it holds {depth} planes along Z: give z, the number of a plane from 0, or z='max' for their maximum, "
            "or z='time' if they are frames"
        )
    if z == "max":
        return Arrangement(sizes, tuple(range(depth)))
    plane = 0 if depth == 1 or not isinstance(z, int) else z
    if plane >= depth:
        raise ValueError(f"it holds {depth} planes along Z, and z={plane} is asked for")
    return Arrangement(sizes, (plane,))


def check_z(z: Any, name: str) -> ZChoice:
    """Return a choice for the planes of a stack.

    Parameters
    ----------
    z : int, "time", "channel", "max" or None
        The choice of the user.
    name : str
        Its name in an error message.

    Returns
    -------
    int, str or None
        The choice.

    Raises
    ------
    ValueError
        If it is neither a number from 0 nor one of the words.
    """
    if z is None or isinstance(z, str):
        return None if z is None else check_choice(z, name, _WORDS)  # type: ignore[return-value]
    return check_count(z, name, low=0)


def _name_axes(letters: str, z: ZChoice) -> str:
    """Return the letters of axes with a name for those that have none, and with the choice of the user."""
    for name in "TC":
        if name not in letters and (unnamed := next((letter for letter in letters if letter in _UNNAMED), "")):
            letters = letters.replace(unnamed, name, 1)
    wanted = {"time": "T", "channel": "C"}.get(str(z))
    if wanted is None:
        return letters
    if OPEN_AXIS in letters:
        return letters.replace(OPEN_AXIS, "T" if wanted == "T" else "S")
    # Programs that are not told which axis is time call it depth or channel.
    for letter in "ZC":
        if letter in letters:
            return letters.replace(letter, wanted)
    return letters


def choose_position(position: int | None, count: int) -> int:
    """Return the number of the image series that is meant.

    Parameters
    ----------
    position : int or None
        The choice of the user, from 0.
    count : int
        Number of series in the file.

    Returns
    -------
    int
        The choice; 0 if there is only one.

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

    def image(self, frame: int, channel: int) -> NDArray[Any]:
        """Return an image: a plane, or the maximum of those that are projected.

        Parameters
        ----------
        frame : int
            Number of the point in time, from 0.
        channel : int
            Number of the channel, from 0.

        Returns
        -------
        ndarray of shape (height, width)
            A copy.
        """
        first, *others = self.arrangement.planes(frame, channel)
        image = self.read(first)
        for number in others:
            image = np.maximum(image, self.read(number))
        return image


def channel_names(names: tuple[str, ...], arrangement: Arrangement) -> tuple[str, ...]:
    """Return a name for each channel.

    Parameters
    ----------
    names : tuple of str
        The names in the file; used if there is one for each channel.
    arrangement : Arrangement
        Channels and samples.

    Returns
    -------
    tuple of str
        The names in the file, or the colours of a pixel of three or four samples, or numbers.
    """
    if len(names) == arrangement.n_channels:
        return names
    if arrangement.sizes.get("S") in (3, 4) and arrangement.sizes.get("C", 1) == 1:
        return _COLOURS[: arrangement.sizes["S"]]
    return tuple(map(str, range(arrangement.n_channels)))
