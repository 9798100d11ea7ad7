"""Pixels of bead images that are not a measurement: fill values, overlays and defects of the camera.

Images that were aligned elsewhere have margins of a constant or of NaN, margins that repeat or mirror the lines beside
them, or margins that show the other side of the image. Scale bars and time stamps are burned in. A camera has hot and
dead pixels. None of them moves with the gel, and most have strong edges. They are found here by six signs, and left out
as an `exclude` mask is.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tfmkit._validation import FloatArray, unmasked

Mask = NDArray[np.bool_]

# Side of the smallest square of one value that is not an accident of a dark background.
_FLAT = 7
# Share of the rest of an image that has the value of a margin, above which the value is that of a clipped background.
_CLIPPED = 0.05
# Values of flat areas that are looked at.
_MOST_VALUES = 16
# Share of equal pixels above which two images are taken for copies of each other.
_COPIES = 0.5
# An overlay, or a defect, is this share brighter than the ring of pixels around it, as a share of its own contrast.
# The ring around a saturated bead is nearly as bright as the bead.
_SHARP = 0.6
# Noise levels above its brightest neighbour from which on a single pixel can be a defect.
_DEFECT = 6.0
# Largest share of single pixels that are defects; more of them are a texture.
_MOST_DEFECTS = 1e-3
# Smallest number of defects that is worth a remark.
_NOTABLE = 20
# Where an image was shifted in a circle, one line differs from the next as no other pair of lines does, at most this
# share of the image away from its border: by so much more than any other pair, beside the pairs around.
_WRAPPED, _SEAM = 0.25, 1.4
# Neighbouring pairs of lines that a pair is compared with; those next to it share its lines.
_AROUND = (-3, -2, 2, 3)
# The brightest beads and the darkest pixels count no more than these quantiles.
_BRIGHTEST = (0.05, 0.95)
# Noise level over the median length of the difference of neighbours.
_NOISE_OF_DIFFERENCES = 1.0484


class Unmeasured(NamedTuple):
    """Pixels that are not a measurement, by the sign that shows them.

    Attributes
    ----------
    values : ndarray of shape (height, width)
        True where a value of either image is not finite.
    margin : ndarray of shape (height, width)
        True in areas of one value that touch the border.
    copied : ndarray of shape (height, width)
        True on lines at the border that repeat the next line, or mirror the lines beside them.
    wrapped : ndarray of shape (height, width)
        True between the border and a seam, where the image shows its other side.
    overlay : ndarray of shape (height, width)
        True on sharp saturated areas, and on areas inside that have one value in both images.
    defect : ndarray of shape (height, width)
        True on single pixels that stand out in both images at one place.
    """

    values: Mask
    margin: Mask
    copied: Mask
    wrapped: Mask
    overlay: Mask
    defect: Mask

    @property
    def anywhere(self) -> Mask:
        """Pixels to leave out. Defects are not among them: their values are replaced.

        Returns
        -------
        ndarray of shape (height, width)
            True on margins, overlays and values that are not finite.
        """
        return self.values | self.margin | self.copied | self.wrapped | self.overlay

    def remarks(self) -> tuple[str, ...]:
        """Say in sentences how much of the images is left out or replaced, and why.

        Returns
        -------
        tuple of str
            One sentence for each sign that was found.
        """
        names = {
            "values": "values that are not finite",
            "margin": "a margin of one value (images aligned elsewhere have one)",
            "copied": "a margin that repeats or mirrors its surroundings (images aligned elsewhere have one)",
            "wrapped": "a margin behind a seam (that of images shifted in a circle elsewhere shows their other side)",
            "overlay": "a burned-in scale bar, time stamp or other overlay",
        }
        shares = {name: float(getattr(self, name).mean()) for name in names}
        left_out = [
            f"{100 * share:.2g} % of the image is left out: {names[name]}." for name, share in shares.items() if share
        ]
        n_defects = int(self.defect.sum())
        replaced = [f"{n_defects} hot or dead pixels of the camera are replaced."] if n_defects >= _NOTABLE else []
        return (*left_out, *replaced)


def find_unmeasured(pair: Any) -> tuple[FloatArray, Unmeasured]:
    """Find the pixels of a pair of bead images that are not a measurement.

    Parameters
    ----------
    pair : array-like of shape (2, height, width)
        Relaxed and deformed image, before any shift or interpolation. Values may be NaN or infinite.

    Returns
    -------
    pair : ndarray of shape (2, height, width)
        The images. The median of the image stands in the place of values that are not finite, the median of the
        neighbours in the place of defects.
    unmeasured : Unmeasured
        The pixels, by their signs.

    Notes
    -----
    A dark background that the camera clips to one value is a measurement. A value that is frequent beside a flat area
    is taken for such a background. Of it, only whole lines at the border are a margin. Two images that are copies of
    each other have no overlay.
    """
    images = np.asarray(unmasked(pair))
    images = images if images.dtype.kind == "f" else images.astype(np.float32)
    finite = np.isfinite(images)
    values = ~finite.all(axis=0)
    if values.any():
        filled = np.where(finite, images, np.nan)
        middle = np.nanmedian(filled, axis=(1, 2), keepdims=True) if finite.any(axis=(1, 2)).all() else 0.0
        images = np.where(finite, images, middle).astype(images.dtype)
    flat = [_flat_areas(image, ~ok) for image, ok in zip(images, finite, strict=True)]
    margin = flat[0][0] | flat[1][0]
    copied = np.any([_copied_margin(image) for image in images], axis=0) & ~margin
    wrapped = np.any([_wrapped_margin(image) for image in images], axis=0) & ~margin & ~copied & ~values
    copies = np.mean(images[0] == images[1]) > _COPIES
    overlay = np.zeros_like(margin)
    if not copies:
        overlay = flat[0][1] & flat[1][1]
        for image in images:
            overlay |= _sharp_saturation(image, margin)
        overlay = ndimage.binary_dilation(overlay, iterations=1) if overlay.any() else overlay
    defect = _defects(images[0]) & _defects(images[1]) & ~overlay
    if defect.mean() > _MOST_DEFECTS or copies:
        defect = np.zeros_like(defect)
    if defect.any():
        images = images.copy()
        images[:, defect] = [np.median(_neighbours(image)[:, defect], axis=0) for image in images]
    margin = margin & ~values
    copied = copied & ~values
    return images, Unmeasured(values, margin, copied, wrapped, overlay & ~margin & ~copied & ~values, defect)


def _flat_areas(image: FloatArray, holes: Mask) -> tuple[Mask, Mask]:
    """Areas of one value: those that touch the border, and those inside."""
    constant = (ndimage.maximum_filter(image, _FLAT) == ndimage.minimum_filter(image, _FLAT)) & ~holes
    areas = ndimage.binary_dilation(constant, np.ones((_FLAT, _FLAT), dtype=bool))
    touching, inside = np.zeros_like(areas), np.zeros_like(areas)
    for value in np.unique(image[constant])[:_MOST_VALUES]:
        same = image == value
        labels, _ = ndimage.label(same & areas)
        at_border = np.setdiff1d(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]), 0)
        found = np.isin(labels, at_border)
        if (same & ~found).sum() > _CLIPPED * (~found).sum():
            # A dark background that the camera clips: only whole lines of it are a margin.
            found = _whole_lines(same)
        else:
            inside |= (labels > 0) & ~found
        touching |= found
    return touching, inside


def _whole_lines(same: Mask) -> Mask:
    """Rows and columns at the border that are True from end to end, two of them on a side at least."""
    margin = np.zeros_like(same)
    for turned, out in zip(_sides(same), _sides(margin), strict=True):
        n_lines = int(np.argmin(np.append(turned.all(axis=1), False)))
        if n_lines > 1:
            out[:n_lines] = True
    return margin


def _sides(image: NDArray[Any]) -> tuple[NDArray[Any], ...]:
    """Views of an image in which each of its four borders is the first line."""
    return image, image[::-1], image.T, image[:, ::-1].T


def _copied_margin(image: FloatArray) -> Mask:
    """Lines at the border that repeat the first line behind them, or mirror the lines behind them."""
    margin = np.zeros(image.shape, dtype=bool)
    for view, out in zip(_sides(image), _sides(margin), strict=True):
        out[: max(_repeated(view), _mirrored(view))] = True
    return margin


def _repeated(view: NDArray[Any]) -> int:
    """Number of the first lines that equal the next one; a single one can be an accident of a dark background."""
    n_lines = int(np.argmin(np.append((view[1:] == view[:-1]).all(axis=1), False)))
    return n_lines if n_lines > 1 and np.ptp(view[0]) > 0 else 0


def _mirrored(view: NDArray[Any]) -> int:
    """Number of the first lines that mirror those behind them, with the line of the mirror or without it."""
    first = view[0]
    if np.ptp(first) == 0:
        return 0
    for far in 1 + np.flatnonzero((view[1:] == first).all(axis=1)):
        # Lines 0 and `far` are images of each other.
        half = (far + 1) // 2
        if half > 1 and (view[:half] == view[far : far - half : -1]).all():
            return int(half)
    return 0


def _wrapped_margin(image: FloatArray) -> Mask:
    """Lines between the border and a seam nearby."""
    margin = np.zeros(image.shape, dtype=bool)
    even = np.clip(image, *np.quantile(image, _BRIGHTEST))
    for view, out in ((even, margin), (even.T, margin.T)):
        seam = _seam(view)
        if 0 < seam <= _WRAPPED * len(view):
            out[:seam] = True
        elif seam >= (1 - _WRAPPED) * len(view):
            out[seam:] = True
    return margin


def _seam(view: NDArray[Any]) -> int:
    """Return the line that differs from the one before it as no other does; 0 if there is none."""
    step = np.square(np.diff(view, axis=0)).mean(axis=1, dtype=float)
    far = max(_AROUND)
    if len(step) < 4 * far:
        return 0
    around = np.mean([np.roll(step, shift) for shift in _AROUND], axis=0)
    excess = np.divide(step, around, out=np.zeros_like(step), where=around > 0)[far:-far]
    seam = int(excess.argmax())
    others = np.delete(excess, slice(max(seam - 1, 0), seam + 2))
    return seam + far + 1 if excess[seam] > _SEAM * others.max() else 0


def _sharp_saturation(image: FloatArray, margin: Mask) -> Mask:
    """Areas of the largest value whose surroundings are much darker, besides the margin."""
    if margin.all():
        return np.zeros_like(margin)
    top = image[~margin].max()
    saturated = (image == top) & ~margin
    n_top = int(saturated.sum())
    if n_top < 2:
        return np.zeros_like(saturated)
    labels, n_areas = ndimage.label(saturated, np.ones((3, 3)))
    if n_areas > image.size // 64:
        return np.zeros_like(saturated)
    ring = np.asarray(ndimage.maximum_filter(labels, 3))
    ring[saturated] = 0
    numbers = np.arange(1, n_areas + 1)
    around = np.asarray(ndimage.median(image, ring, numbers))
    area = np.bincount(labels.ravel(), minlength=n_areas + 1)[1:]
    sharp = (top - around > _SHARP * (top - np.median(image))) & (area > 1)
    return np.isin(labels, numbers[sharp])


def _neighbours(image: FloatArray) -> FloatArray:
    """The eight neighbours of every pixel, shape (8, height, width); the image is mirrored at its border."""
    height, width = image.shape
    padded = np.pad(image, 1, mode="reflect")
    offsets = [(y, x) for y in range(3) for x in range(3) if (y, x) != (1, 1)]
    return np.stack([padded[y : y + height, x : x + width] for y, x in offsets])


def _defects(image: FloatArray) -> Mask:
    """Single pixels that stand out of their neighbours, which themselves do not."""
    around = _neighbours(image)
    brightest, darkest = around.max(axis=0), around.min(axis=0)
    noise = _NOISE_OF_DIFFERENCES * float(np.median(np.abs(np.diff(image)))) + 1e-6 * float(np.ptp(image))
    hot = image - brightest > np.maximum(_SHARP * (image - darkest), _DEFECT * noise)
    dead = darkest - image > np.maximum(_SHARP * (brightest - image), _DEFECT * noise)
    return np.asarray(hot | dead)
