"""Fields and small images of an item as TIFF files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.transform import downscale_local_mean

from tfmkit._validation import FloatArray
from tfmkit.io import open_images, write_ome_tiff

_PREVIEW_NAMES = ("relaxed", "deformed", "cell")
_PREVIEW_SIDE = 512
# Percentiles of an image that become black and white.
_BLACK, _WHITE = 1.0, 99.8


def write_fields(path: Path, fields: dict[str, FloatArray], pixel_size: float | None) -> None:
    """Write maps on one grid as the channels of an OME-TIFF.

    Parameters
    ----------
    path : Path
        The file.
    fields : dict of str to ndarray of shape (height, width)
        Name and values of each channel.
    pixel_size : float or None
        Micrometres between grid points.
    """
    images = np.stack(list(fields.values())).astype(np.float32)
    write_ome_tiff(path, images[None], channels=tuple(fields), pixel_size=pixel_size)


def read_channels(path: Path) -> dict[str, NDArray[Any]]:
    """Read what `write_fields` or `write_preview` wrote.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    dict of str to ndarray of shape (height, width)
        The channels by their names.
    """
    with open_images(path) as series:
        return {name: series.read(0, number) for number, name in enumerate(series.channels)}


def write_preview(path: Path, images: list[NDArray[np.generic]]) -> None:
    """Write images of one size as 8-bit channels, small enough to look at.

    Parameters
    ----------
    path : Path
        The file.
    images : list of ndarray of shape (height, width)
        Relaxed, deformed and perhaps cell image; the first two share their greys.
    """
    factor = -(-max(images[0].shape) // _PREVIEW_SIDE)
    small = [_shrink(np.asarray(image, dtype=np.float32), factor) for image in images]
    beads = np.percentile(small[:2], (_BLACK, _WHITE))
    limits = [beads, beads, *(np.percentile(image, (_BLACK, _WHITE)) for image in small[2:])]
    grey = [_to_bytes(image, *limit) for image, limit in zip(small, limits, strict=True)]
    write_ome_tiff(path, np.stack(grey)[None], channels=_PREVIEW_NAMES[: len(grey)])


def _shrink(image: FloatArray, factor: int) -> FloatArray:
    height, width = (side // factor * factor for side in image.shape)
    return np.asarray(downscale_local_mean(image[:height, :width], (factor, factor)))


def _to_bytes(image: FloatArray, low: float, high: float) -> NDArray[np.uint8]:
    span = high - low or 1.0
    return np.rint(255 * np.clip((image - low) / span, 0, 1)).astype(np.uint8)
