"""From two bead images to displacement: drift, then whatever method is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tfmkit._validation import FloatArray
from tfmkit.displacement import DisplacementTransformer, estimate_drift, undo_drift


@dataclass(frozen=True, eq=False)
class Measurement:
    """Displacement of one pair of images, or read from a file.

    Attributes
    ----------
    displacement : ndarray of shape (2, height, width)
        Displacement in pixels; x to the right, y down.
    flags : ndarray of shape (height, width)
        A :class:`tfmkit.displacement.Flag` each.
    quality : ndarray of shape (height, width)
        Correlation of the images around each node; 1 for displacement files.
    x, y : ndarray of shape (width,) and (height,)
        Positions of the nodes in pixels.
    spacing : float
        Pixels between nodes.
    drift : ndarray of shape (3,)
        Shift along x and y in pixels, and rotation in radians, that was undone; zero if none was looked for.
    image_shape : ndarray of shape (2,)
        Height and width of the images in pixels.
    inside : ndarray of shape (height, width)
        False where a displacement file says that there is no cell; True everywhere else.
    pixel_size, interval : float or None
        Micrometres per pixel and seconds per frame that the file gives.
    """

    displacement: FloatArray
    flags: NDArray[np.uint8]
    quality: FloatArray
    x: FloatArray
    y: FloatArray
    spacing: float
    drift: FloatArray
    image_shape: NDArray[np.int64]
    inside: NDArray[np.bool_]
    pixel_size: float | None = None
    interval: float | None = None


def measure_pair(
    pair: FloatArray,
    transformer: DisplacementTransformer,
    *,
    drift: bool = True,
    rotation: bool = False,
    cells: NDArray[np.bool_] | None = None,
    exclude: NDArray[np.bool_] | None = None,
    **metadata: float | None,
) -> Measurement:
    """Undo the drift of a pair of images and measure its displacement.

    Parameters
    ----------
    pair : ndarray of shape (2, height, width)
        Relaxed and deformed image; they stay as they are.
    transformer : DisplacementTransformer
        How to measure.
    drift : bool, default=True
        Whether drift is looked for.
    rotation : bool, default=False
        Whether a rotation is looked for too.
    cells : ndarray of shape (height, width), optional
        True where a cell may move the gel, which does not count for drift.
    exclude : ndarray of shape (height, width), optional
        True where the images show nothing that counts, neither for drift nor for displacement.
    **metadata : float or None
        ``pixel_size`` and ``interval`` of the result.

    Returns
    -------
    Measurement
        What was found.

    Raises
    ------
    ValueError
        If the images are no pair of bead images, or the mask does not fit.
    """
    pairs, motion = np.asarray(pair)[None], np.zeros(3)
    nowhere = np.zeros(pairs.shape[2:], dtype=bool)
    hidden = nowhere if exclude is None else exclude
    if drift:
        motion = estimate_drift(pairs, mask=hidden | (nowhere if cells is None else cells), rotation=rotation)[0]
        pairs = undo_drift(pairs, motion[None])
        hidden = hidden | _outside(motion, (pairs.shape[2], pairs.shape[3]))
    result = transformer.measure(pairs, exclude=hidden)
    return Measurement(
        result.displacement[0].astype(np.float32),
        result.flags[0],
        result.quality[0].astype(np.float32),
        result.grid_x,
        result.grid_y,
        float(transformer.spacing),
        motion,
        np.array(pairs.shape[2:]),
        np.ones(result.flags[0].shape, dtype=bool),
        **metadata,
    )


def widen(mask: NDArray[np.bool_], margin: float) -> NDArray[np.bool_]:
    """Return a mask with everything within `margin` pixels of it.

    Parameters
    ----------
    mask : ndarray of shape (height, width)
        The mask.
    margin : float
        Distance in pixels.

    Returns
    -------
    ndarray of shape (height, width)
        The wider mask.
    """
    if margin == 0 or not mask.any():
        return mask
    return np.asarray(ndimage.distance_transform_edt(~mask) <= margin)


def _outside(motion: FloatArray, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return the pixels whose piece of gel has drifted out of the second image."""
    # A rotation moves corners most; a margin for it along every border keeps this simple.
    turned = abs(motion[2]) * max(shape) / 2
    mask = np.ones(shape, dtype=bool)
    rows, columns = (
        slice(_pixels(turned - shift), size - _pixels(turned + shift))
        for shift, size in zip((motion[1], motion[0]), shape, strict=True)
    )
    mask[rows, columns] = False
    return mask


def _pixels(length: Any) -> int:
    # Less than half a pixel is interpolated as well as anything inside.
    return max(int(np.rint(length)), 0)
