"""Write images as OME-TIFF with named channels, or as an ImageJ hyperstack."""

from __future__ import annotations

from hashlib import sha256
from os import PathLike
from typing import Any
from uuid import UUID

import numpy as np
import tifffile
from numpy.typing import ArrayLike, NDArray

from tfmkit._validation import check_number, unmasked
from tfmkit.io.writing import writing


def write_ome_tiff(
    path: str | PathLike[str],
    images: ArrayLike,
    *,
    channels: tuple[str, ...],
    pixel_size: float | None = None,
    interval: float | None = None,
) -> None:
    """Write images as an OME-TIFF with named channels, compressed without loss.

    The same arguments make the same bytes. A file of that name is replaced once the new one is complete.

    Parameters
    ----------
    path : str or path-like
        The `.ome.tif` file.
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
        If `images` is not 4-D or not real numbers, there is not one name per channel, a name cannot stand in XML, or a
        number is not positive.
    """
    stack = check_stack(images, channels)
    metadata: dict[str, Any] = {"axes": "TCYX", "Channel": {"Name": list(channels)}, "Creator": "tfmkit"}
    if pixel_size is not None:
        side = check_number(pixel_size, "pixel_size", low=0, include_low=False)
        metadata |= {f"PhysicalSize{axis}": side for axis in "XY"}
        metadata |= {f"PhysicalSize{axis}Unit": "µm" for axis in "XY"}
    if interval is not None:
        step = check_number(interval, "interval", low=0, include_low=False)
        metadata |= {"TimeIncrement": step, "TimeIncrementUnit": "s"}
    digest = sha256(np.ascontiguousarray(stack).tobytes() + repr((stack.dtype.str, stack.shape, metadata)).encode())
    # Its own default is a number drawn anew for every file.
    metadata["UUID"] = str(UUID(bytes=digest.digest()[:16], version=5))
    with writing(path) as temporary:
        tifffile.imwrite(temporary, stack, ome=True, compression="zlib", photometric="minisblack", metadata=metadata)


def check_stack(images: ArrayLike, channels: tuple[str, ...]) -> NDArray[Any]:
    """Return images in a type that other programs read.

    Parameters
    ----------
    images : array-like of shape (n_frames, n_channels, height, width)
        The images.
    channels : tuple of str
        Names of the channels.

    Returns
    -------
    ndarray of shape (n_frames, n_channels, height, width)
        8 or 16 bit unsigned integers as they are, all others as 32 bit floats.

    Raises
    ------
    ValueError
        If `images` is not 4-D or not real numbers, there is not one name per channel, or a name cannot stand in XML.
    """
    stack = np.asarray(unmasked(images))
    if stack.ndim != 4 or not stack.size or stack.dtype.kind not in "uifb":
        raise ValueError(
            f"Expected images as real numbers of shape (n_frames, n_channels, height, width), got {stack.dtype} of "
            f"shape {stack.shape}."
        )
    if len(channels) != stack.shape[1] or not all(name and name.isprintable() for name in channels):
        raise ValueError(f"Expected a printable name for each of {stack.shape[1]} channels, got {channels}.")
    return stack if stack.dtype in (np.uint8, np.uint16) else stack.astype(np.float32)


def write_tiff(
    path: str | PathLike[str], images: ArrayLike, *, pixel_size: float | None = None, labels: tuple[str, ...] = ()
) -> None:
    """Write images as a 32-bit float TIFF that ImageJ opens as a hyperstack.

    Parameters
    ----------
    path : str or path-like
        The `.tif` file.
    images : array-like of shape (n_frames, n_channels, height, width)
        The images.
    pixel_size : float, optional
        Side of a pixel in micrometres, stored as the resolution.
    labels : tuple of str, default=()
        Names of the channels.

    Raises
    ------
    ValueError
        If `images` is not 4-D or `pixel_size` not positive.
    """
    stack = np.asarray(unmasked(images), dtype=np.float32)
    if stack.ndim != 4:
        raise ValueError(f"Expected images of shape (n_frames, n_channels, height, width), got {stack.shape}.")
    metadata: dict[str, Any] = {"axes": "TCYX", "Labels": list(labels) * len(stack)}
    resolution = None
    if pixel_size is not None:
        metadata["unit"] = "um"
        resolution = (1 / check_number(pixel_size, "pixel_size", low=0, include_low=False),) * 2
    with writing(path) as temporary:
        tifffile.imwrite(temporary, stack, imagej=True, resolution=resolution, metadata=metadata)
