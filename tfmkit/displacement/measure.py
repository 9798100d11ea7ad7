"""From a pair of bead images to displacement: the drift is undone, then a transformer measures."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tfmkit._validation import FloatArray
from tfmkit.displacement import DisplacementTransformer, Flag, estimate_drift, undo_drift
from tfmkit.displacement.unmeasured import find_unmeasured
from tfmkit.io import ImageSeries, open_images

# Word for "frame k of the relaxed images belongs to frame k of the deformed ones".
EACH = "each"


@dataclass(frozen=True, eq=False)
class Measurement:
    """Displacement of one pair of images, or read from a file.

    Attributes
    ----------
    displacement : ndarray of shape (2, height, width)
        Displacement in pixels; x to the right, y down.
    flags : ndarray of shape (height, width)
        Fate of every vector, a :class:`tfmkit.displacement.Flag` each.
    quality : ndarray of shape (height, width)
        Correlation of the images around each node; 1 for displacement files.
    x, y : ndarray of shape (width,) and (height,)
        Positions of the nodes in pixels.
    spacing : float
        Pixels between nodes.
    drift : ndarray of shape (3,)
        Shift along x and y in pixels, and rotation in radians, that was undone; zero if it was not measured.
    image_shape : ndarray of shape (2,)
        Height and width of the images in pixels.
    inside : ndarray of shape (height, width)
        False where a displacement file says that there is no cell, else True.
    std : ndarray of shape (2, height, width) or None
        Standard deviation of the displacement in pixels, NaN for vectors that are not good; None for displacement
        files, which do not tell it.
    pixel_size, interval : float or None
        Micrometres per pixel and seconds per frame, as the file says.
    remarks : ndarray of str of shape (n_remarks,)
        A sentence for each kind of pixels that are not a measurement (`tfmkit.displacement.unmeasured`).
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
    std: FloatArray | None = None
    pixel_size: float | None = None
    interval: float | None = None
    remarks: NDArray[np.str_] = field(default_factory=lambda: np.array([], dtype=str))

    @property
    def signs(self) -> dict[str, float]:
        """Return the numbers that tell of a doubtful measurement, as `tfmkit.doubts.find_doubts` takes them.

        Returns
        -------
        dict of str to float
            Share of excluded vectors, share of replaced ones and median quality among the others, share of replaced
            ones among those at least half as long as the longest, and largest displacement and drift as shares of the
            longer side of the image.
        """
        counted = self.flags != Flag.EXCLUDED
        length = np.hypot(*self.displacement)
        side = float(self.image_shape.max())
        shares = {
            "excluded_fraction": 1 - float(counted.mean()),
            "displacement_fraction": float(length.max()) / side,
            "drift_fraction": float(np.hypot(*self.drift[:2])) / side,
        }
        if counted.any():
            shares["replaced_fraction"] = float((self.flags[counted] != Flag.GOOD).mean())
            most = counted & (length >= length[counted].max() / 2)
            shares["peak_replaced_fraction"] = float((self.flags[most] != Flag.GOOD).mean())
            shares["quality_median"] = float(np.median(self.quality[counted]))
        return shares


def finite_std(std: FloatArray) -> FloatArray:
    """Return standard deviations for images, which hold no NaN.

    Parameters
    ----------
    std : ndarray of shape (2, height, width)
        Standard deviation of a displacement, NaN for vectors that are not good.

    Returns
    -------
    ndarray of shape (2, height, width)
        The same with -1 in the place of NaN.
    """
    return np.nan_to_num(std, nan=-1.0)


def is_blank(image: FloatArray) -> bool:
    """Tell whether an image shows nothing.

    Parameters
    ----------
    image : ndarray of shape (height, width)
        The image.

    Returns
    -------
    bool
        True if all values that are finite are equal, or none is finite.
    """
    values = image[np.isfinite(image)]
    return values.size == 0 or bool(values.min() == values.max())


def relaxed_page(
    relaxed: ImageSeries,
    frame: int | str | None,
    moment: int,
    *,
    in_movie: bool = False,
    n_deformed: int | None = None,
) -> int:
    """Return the frame of the relaxed gel that belongs to a deformed image.

    Parameters
    ----------
    relaxed : ImageSeries
        File of the relaxed images.
    frame : int, "each" or None
        Number of the frame for all deformed images, from 1; or ``"each"``, by which frame k belongs to deformed frame
        k. None stands for the only frame, or for the first one of a file that holds the deformed images, too.
    moment : int
        Frame of the deformed image, from 0.
    in_movie : bool, default=False
        Whether the file holds the deformed images, too.
    n_deformed : int, optional
        Number of frames of the deformed images, which must be that of the relaxed ones if `frame` is ``"each"``.

    Returns
    -------
    int
        The frame, from 0.

    Raises
    ------
    ValueError
        If `frame` is None and the file has several frames, or there is no such frame, or it is ``"each"`` and the file
        holds the deformed images, or another number of frames.
    """
    if frame == EACH and in_movie:
        raise ValueError(
            f"Expected the number of the relaxed frame in {relaxed.path}, which holds all images, got each."
        )
    if frame is None and relaxed.n_frames > 1 and not in_movie:
        raise ValueError(
            f"Expected one relaxed image in {relaxed.path}, got {relaxed.n_frames} frames: say which one is meant by "
            "--relaxed-frame N (relaxed_frame = N in [input]) if one serves all deformed images, or by --relaxed-frame "
            'each (relaxed_frame = "each") if frame k belongs to deformed frame k.'
        )
    if frame == EACH:
        if relaxed.n_frames <= moment or n_deformed not in (None, relaxed.n_frames):
            raise ValueError(
                f"Expected a relaxed frame for each deformed one, got {relaxed.n_frames} in {relaxed.path} for "
                f"{n_deformed or f'frame {moment + 1}'}: save as many, or give the number of one that serves all, "
                "--relaxed-frame N (relaxed_frame = N in [input])."
            )
        return moment
    page = int(frame or 1) - 1
    if page >= relaxed.n_frames:
        raise ValueError(
            f"Expected a relaxed frame from 1 to {relaxed.n_frames} of {relaxed.path}, got {page + 1}: change "
            "--relaxed-frame (relaxed_frame in [input])."
        )
    return page


def read_relaxed(
    path: Path,
    frame: int | str | None,
    moment: int,
    *,
    in_movie: bool = False,
    channel: int | None,
    own_channel: int | None,
    n_deformed: int | None = None,
    **opening: Any,
) -> FloatArray:
    """Read the image of the relaxed gel that belongs to a deformed image.

    Parameters
    ----------
    path : Path
        Its file.
    frame : int, "each" or None
        Number of the frame, as `relaxed_page` takes it.
    moment : int
        Frame of the deformed image, from 0.
    in_movie : bool, default=False
        Whether the file holds the deformed images, too.
    channel : int or None
        Channel of the beads in the deformed images, from 0. It holds for this file too if that has several.
    own_channel : int or None
        Channel of the beads in this file, if it is another one.
    n_deformed : int, optional
        Number of frames of the deformed images, as `relaxed_page` takes it.
    **opening : object
        Arguments of `tfmkit.io.open_images`.

    Returns
    -------
    ndarray of shape (height, width)
        The image.

    Raises
    ------
    ValueError
        If the file is damaged, has no such frame or channel, or has several frames and `frame` is None.
    """
    with open_images(path, **opening) as series:
        shared = channel if series.n_channels > 1 else None
        page = relaxed_page(series, frame, moment, in_movie=in_movie, n_deformed=n_deformed)
        return series.read(page, shared if own_channel is None else own_channel, holes=True)


def measure_pair(
    pair: FloatArray,
    transformer: DisplacementTransformer,
    *,
    drift: bool = True,
    rotation: bool = False,
    cells: NDArray[np.bool_] | None = None,
    margin: float = 0.0,
    exclude: NDArray[np.bool_] | None = None,
    pixel_size: float | None = None,
    interval: float | None = None,
) -> Measurement:
    """Undo the drift of a pair of images and measure its displacement.

    Parameters
    ----------
    pair : ndarray of shape (2, height, width)
        Relaxed and deformed image; they stay as they are. Fill values, overlays and defects of the camera are found and
        left out (`tfmkit.displacement.unmeasured`).
    transformer : DisplacementTransformer
        Method that measures the displacement.
    drift : bool, default=True
        Whether the drift is measured and undone.
    rotation : bool, default=False
        Whether a rotation is measured and undone too.
    cells : ndarray of shape (height, width), optional
        True where a cell may move the gel. The drift is measured elsewhere.
    margin : float, default=0.0
        Pixels around `cells` where the drift is not measured either.
    exclude : ndarray of shape (height, width), optional
        True where the images show no beads of the gel. Neither drift nor displacement is measured there.
    pixel_size, interval : float, optional
        Micrometres per pixel and seconds per frame, kept in the result.

    Returns
    -------
    Measurement
        Displacement with flags, quality and drift.

    Raises
    ------
    ValueError
        If the images are not a pair of bead images, or a mask does not fit.
    """
    images, unmeasured = find_unmeasured(pair)
    pairs, motion = images[None], np.zeros(3)
    nowhere = np.zeros(pairs.shape[2:], dtype=bool)
    hidden = unmeasured.anywhere if exclude is None else unmeasured.anywhere | exclude
    if drift:
        moving = nowhere if cells is None else _widen(cells, margin)
        motion = estimate_drift(pairs, mask=hidden | moving, rotation=rotation)[0]
        pairs = undo_drift(pairs, motion[None])
        hidden = hidden | _shifted(unmeasured.anywhere, motion) | _outside(motion, (pairs.shape[2], pairs.shape[3]))
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
        result.std[0].astype(np.float32),
        pixel_size,
        interval,
        np.array([*unmeasured.remarks(), *_equal(images)], dtype=str),
    )


def _equal(images: FloatArray) -> tuple[str, ...]:
    """Return a remark on two images that are one."""
    if not np.array_equal(images[0], images[1]):
        return ()
    return ("Both images are equal: the relaxed image is compared with itself.",)


def _widen(mask: NDArray[np.bool_], margin: float) -> NDArray[np.bool_]:
    """Return a mask with all pixels within `margin` pixels of it."""
    if margin == 0 or not mask.any():
        return mask
    return np.asarray(ndimage.distance_transform_edt(~mask) <= margin)


def _shifted(mask: NDArray[np.bool_], motion: FloatArray) -> NDArray[np.bool_]:
    """Return a mask of pixels of the deformed image as it lies after the drift is undone."""
    return np.asarray(ndimage.shift(mask, -np.rint(motion[1::-1]), order=0, cval=False))


def _outside(motion: FloatArray, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return the pixels whose piece of gel has drifted out of the second image."""
    # A rotation moves the corners most; the same margin along every border is simple and never too small.
    turned = abs(motion[2]) * max(shape) / 2
    mask = np.ones(shape, dtype=bool)
    rows, columns = (
        slice(_pixels(turned - shift), size - _pixels(turned + shift))
        for shift, size in zip((motion[1], motion[0]), shape, strict=True)
    )
    mask[rows, columns] = False
    return mask


def _pixels(length: Any) -> int:
    # Within half a pixel of the border, interpolation is as exact as inside.
    return max(int(np.rint(length)), 0)
