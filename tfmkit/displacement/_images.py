"""Bead images before the measurement: checks, uniform noise, no background."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy.fft
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from tfmkit._validation import FloatArray, check_field, check_mask, unmasked
from tfmkit.displacement._lattice import pixel_matrix, window_matrix

MIN_IMAGE_SIDE = 32
# Percentiles of an image that stand for its background and its beads.
_DARK, _BRIGHT = 5.0, 99.9
# Level under which the square root flattens, as a share of a bead's brightness: read noise rules there.
_FLOOR = 0.05
# Width of the high-pass filter in pixels, far wider than a bead, and the grid on which it is computed.
_BACKGROUND_SIGMA = 16.0
_BACKGROUND_SPACING = 8
# Rings of wavelengths per cycle and pixel, and the frequency above which no optics shows anything.
_RINGS = 64
_NOISE_BAND = 0.42
# Pixels around excluded ones that do not count either.
_FILTER_REACH = 4

Image = NDArray[np.float32]
Mask = NDArray[np.bool_]


def check_pairs(pairs: ArrayLike) -> FloatArray:
    """Return image pairs as a finite float batch.

    Parameters
    ----------
    pairs : array-like of shape (n_pairs, 2, height, width)
        Relaxed and deformed image; anything but float64 becomes float32, which holds 16-bit counts exactly.

    Returns
    -------
    ndarray of shape (n_pairs, 2, height, width)
        The images.

    Raises
    ------
    ValueError
        If a value is not finite, the array is not 4-D with two images each, a side is under 32 px, or an image is
        constant.
    """
    images = np.asarray(unmasked(pairs))
    kind = images.dtype
    checked = check_field(
        images, name="pairs", min_side=MIN_IMAGE_SIDE, dtype=np.float32 if kind.kind in "uib" else None
    )
    blank = np.ptp(checked, axis=(2, 3)) == 0
    if blank.any():
        raise ValueError(f"Expected images of beads, got a constant image in pair(s) {np.flatnonzero(blank.any(1))}.")
    return checked


def check_excluded(exclude: ArrayLike | None, shape: tuple[int, ...]) -> Mask:
    """Return which pixels are left out, one plane per pair.

    Parameters
    ----------
    exclude : array-like of shape (n_pairs, height, width) or (height, width), or None
        True where the images show no beads that count.
    shape : tuple of int
        Shape of the pairs.

    Returns
    -------
    ndarray of shape (n_pairs, height, width)
        Boolean mask.

    Raises
    ------
    ValueError
        If the shape does not fit or nothing is left of a pair.
    """
    if exclude is None:
        return np.broadcast_to(np.False_, (shape[0], *shape[2:]))
    excluded = check_mask(exclude, shape)
    if excluded.all(axis=(1, 2)).any():
        raise ValueError("Expected pixels to measure in every pair, got a mask that excludes all of an image.")
    return excluded


@dataclass(frozen=True)
class Prepared:
    """A pair of images that is ready to be measured.

    Attributes
    ----------
    relaxed, deformed : ndarray of shape (height, width)
        Images of uniform background. Wavelengths that hold nothing but noise are taken out.
    noisy : (ndarray, ndarray)
        The same images with all of their noise, which is equally strong everywhere.
    valid : ndarray of shape (height, width)
        True where pixels count.
    """

    relaxed: Image
    deformed: Image
    noisy: tuple[Image, Image]
    valid: Mask


def prepare(pair: tuple[FloatArray, FloatArray], excluded: Mask) -> Prepared:
    """Bring two images to uniform noise and no background, and take out wavelengths of nothing but noise.

    Parameters
    ----------
    pair : (ndarray, ndarray)
        Bead images of one shape.
    excluded : ndarray of shape (height, width)
        Pixels that count as empty.

    Returns
    -------
    Prepared
        The images, float32.

    Notes
    -----
    Both go through the same Wiener filter. It keeps of each wavelength the share of the power that stands above the
    white noise. Where beads are bright this changes little. Where they are faint, the gradients of the noise would
    outweigh those of the beads.
    """
    first, second = flatten(pair[0], excluded), flatten(pair[1], excluded)
    spectra = scipy.fft.rfft2(first), scipy.fft.rfft2(second)
    power = abs(spectra[0]) ** 2 + abs(spectra[1]) ** 2
    ring, members = _rings(first.shape)
    total = np.bincount(ring.ravel(), power.ravel())
    mean_power = total / np.maximum(members, 1)
    beyond = int(np.ceil(_NOISE_BAND * _RINGS))
    floor = total[beyond:].sum() / members[beyond:].sum()
    share = np.maximum(1 - floor / np.maximum(mean_power, floor + 1e-30), 0).astype(np.float32)[ring]
    keep = (~excluded).astype(np.float32)
    filtered = [scipy.fft.irfft2(spectrum * share, first.shape) * keep for spectrum in spectra]
    # The edges of excluded parts do not move. Filter and gradients carry them into their surroundings.
    reached = ndimage.binary_dilation(excluded, iterations=_FILTER_REACH) if excluded.any() else excluded
    return Prepared(filtered[0], filtered[1], (first, second), ~reached)


@lru_cache(maxsize=8)
def _rings(shape: tuple[int, int]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the ring of wavelengths that each frequency belongs to, and how many belong to each ring."""
    frequency = np.hypot(scipy.fft.fftfreq(shape[0])[:, None], scipy.fft.rfftfreq(shape[1]))
    ring = np.rint(frequency * _RINGS).astype(np.intp)
    ring.flags.writeable = False
    return ring, np.bincount(ring.ravel())


def flatten(image: FloatArray, excluded: Mask) -> Image:
    """Bring an image to uniform noise and no background.

    Parameters
    ----------
    image : ndarray of shape (height, width)
        Bead image.
    excluded : ndarray of shape (height, width)
        Pixels that count as empty.

    Returns
    -------
    ndarray of shape (height, width), float32
        Square root of the image above its background, minus its local mean.

    Notes
    -----
    The square root makes Poisson noise equally strong everywhere, as least squares need it (Anscombe 1948). It also
    keeps single bright beads from ruling a window. Brightness and offset of the camera drop out.
    """
    dark, bright = np.percentile(image[::2, ::2][~excluded[::2, ::2]], (_DARK, _BRIGHT))
    # An image with a few bright pixels has nothing between the two percentiles.
    scale = (bright - dark) or (image.max() - dark)
    flat = np.sqrt(np.maximum((image - dark) / scale, 0) + _FLOOR).astype(np.float32)
    keep = (~excluded).astype(np.float32)
    rows, columns = (
        (pixel_matrix(side, _BACKGROUND_SPACING), window_matrix(side, _BACKGROUND_SPACING, _BACKGROUND_SIGMA, 1))
        for side in image.shape
    )
    mean, weight = (rows[1] @ plane @ columns[1].T for plane in (flat * keep, keep))
    background = rows[0] @ (mean / np.maximum(weight, 1)) @ columns[0].T
    return (flat - background) * keep
