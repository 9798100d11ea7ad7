"""Drift of the stage between two bead images: measured where the gel does not move, and undone."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import ndimage
from skimage.registration import phase_cross_correlation
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from tfmkit._validation import FloatArray
from tfmkit.displacement._images import MIN_IMAGE_SIDE, Image, Mask, Prepared, check_excluded, check_pairs, prepare
from tfmkit.displacement._lattice import Lattice
from tfmkit.displacement._least_squares import Comparison, refine
from tfmkit.displacement._search import find_displacement

_SPACING = 8
# Windows and steps at full resolution: binned images show shifts of a fraction of a pixel to 0.015 px only.
_WINDOW_SIGMA, _STEPS = 8.0, 3
# Blur in pixels before that: pixels are too wide for the finest detail of sharp beads, which then seems to stay behind.
_BLUR = 1.0
_ITERATIONS = 30
# Robust standard deviations from which a vector counts half, and the least such deviation in pixels.
_ROBUST = 2.0
_LEAST_SCALE = 1e-3


def estimate_drift(pairs: ArrayLike, *, mask: ArrayLike | None = None, rotation: bool = False) -> FloatArray:
    """Estimate by how much the second image of each pair has shifted as a whole, and turned.

    Parameters
    ----------
    pairs : array-like of shape (n_pairs, 2, height, width)
        Relaxed and deformed image of each pair.
    mask : array-like of shape (n_pairs, height, width) or (height, width), optional
        True where a cell may move the gel, best with a wide margin: those pixels do not count. Without one, the motion
        of the majority is taken.
    rotation : bool, default=False
        Whether the image may have turned as well.

    Returns
    -------
    ndarray of shape (n_pairs, 3)
        Shift along x and y in pixels, and rotation about the middle of the image in radians (from x towards y), 0
        unless asked for.

    Raises
    ------
    ValueError
        If the pairs or the mask are not valid.

    Notes
    -----
    Phase correlation of the whole images gives the shift in whole pixels. Least squares in windows give the rest of
    it, on binned images first and then on blurred ones: pixels alone are too coarse for beads of less than a pixel,
    and shifts would lean towards whole pixels. An iteratively reweighted fit (Cauchy weights) gives the rigid motion
    of the vectors: the cell's own displacement counts as outlying even where no mask tells where it is.
    """
    images = check_pairs(pairs)
    inside = check_excluded(mask, images.shape)
    return np.stack([_rigid_motion(pair, cell, rotation) for pair, cell in zip(images, inside, strict=True)])


class DriftCorrection(TransformerMixin, BaseEstimator):
    """Shift (and turn) the second image of each pair back onto the first.

    Parameters
    ----------
    rotation : bool, default=False
        Whether to look for a rotation as well.

    Attributes
    ----------
    drift_ : ndarray of shape (n_pairs, 3)
        Drift of the fitted pairs: shift along x and y in pixels, and rotation in radians.

    Examples
    --------
    >>> from tfmkit.displacement import DriftCorrection
    >>> from tfmkit.simulate import BeadSimulator
    >>> pairs = BeadSimulator(64, peak=0.5, random_state=0).sample().pairs
    >>> DriftCorrection().fit(pairs).drift_.shape
    (1, 3)
    """

    def __init__(self, *, rotation: bool = False) -> None:
        self.rotation = rotation

    def fit(self, X: ArrayLike, y: ArrayLike | None = None, *, mask: ArrayLike | None = None) -> DriftCorrection:  # noqa: ARG002
        """Estimate the drift of image pairs.

        Parameters
        ----------
        X : array-like of shape (n_pairs, 2, height, width)
            Relaxed and deformed image of each pair.
        y : array-like, optional
            Ignored.
        mask : array-like of shape (n_pairs, height, width) or (height, width), optional
            True where a cell may move the gel.

        Returns
        -------
        DriftCorrection
            The transformer itself.

        Raises
        ------
        ValueError
            If the pairs or the mask are not valid.
        """
        self.drift_ = estimate_drift(X, mask=mask, rotation=self.rotation)
        return self

    def fit_transform(self, X: ArrayLike, y: ArrayLike | None = None, *, mask: ArrayLike | None = None) -> FloatArray:
        """Estimate the drift of image pairs and undo it.

        Parameters
        ----------
        X : array-like of shape (n_pairs, 2, height, width)
            Relaxed and deformed image of each pair.
        y : array-like, optional
            Ignored.
        mask : array-like of shape (n_pairs, height, width) or (height, width), optional
            True where a cell may move the gel.

        Returns
        -------
        ndarray of shape (n_pairs, 2, height, width)
            The pairs, the second images resampled; `X` stays as it is.

        Raises
        ------
        ValueError
            If the pairs or the mask are not valid.
        """
        return undo_drift(X, self.fit(X, y, mask=mask).drift_)

    def transform(self, X: ArrayLike, *, mask: ArrayLike | None = None) -> FloatArray:
        """Measure the drift of these pairs and undo it; the drift of the fitted pairs does not matter.

        Parameters
        ----------
        X : array-like of shape (n_pairs, 2, height, width)
            Relaxed and deformed image of each pair.
        mask : array-like of shape (n_pairs, height, width) or (height, width), optional
            True where a cell may move the gel.

        Returns
        -------
        ndarray of shape (n_pairs, 2, height, width)
            The pairs, the second images resampled; `X` stays as it is.

        Raises
        ------
        ValueError
            If the pairs or the mask are not valid.
        """
        check_is_fitted(self)
        return undo_drift(X, estimate_drift(X, mask=mask, rotation=self.rotation))

    def __sklearn_tags__(self) -> Tags:
        """Return scikit-learn's tags of a transformer of image pairs.

        Returns
        -------
        Tags
            The tags.
        """
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        return tags


def undo_drift(pairs: ArrayLike, drift: ArrayLike) -> FloatArray:
    """Resample the second image of each pair where the first has the same piece of gel.

    Parameters
    ----------
    pairs : array-like of shape (n_pairs, 2, height, width)
        Relaxed and deformed image of each pair.
    drift : array-like of shape (n_pairs, 3)
        Shift along x and y in pixels, and rotation in radians.

    Returns
    -------
    ndarray of shape (n_pairs, 2, height, width)
        New pairs, by cubic splines. Pixels that lie outside the image take the values of its edge.

    Raises
    ------
    ValueError
        If there is not one drift per pair.
    """
    images = check_pairs(pairs).copy()
    motions = np.asarray(drift, dtype=np.float64)
    if motions.shape != (len(images), 3):
        raise ValueError(f"Expected drift of shape {(len(images), 3)}, got {motions.shape}.")
    rows, columns = (np.arange(side, dtype=np.float64) for side in images.shape[2:])
    for pair, motion in zip(images, motions, strict=True):
        along_x, along_y = _motion_at(motion, rows[:, None], columns, images.shape[2:])
        pair[1] = ndimage.map_coordinates(
            pair[1], (rows[:, None] + along_y, columns + along_x), order=3, mode="nearest"
        )
    return images


def _motion_at(motion: FloatArray, rows: FloatArray, columns: FloatArray, shape: Any) -> tuple[FloatArray, FloatArray]:
    """Return the displacement (x, y) of a rigid motion about the middle of the image."""
    x, y = columns - (shape[1] - 1) / 2, rows - (shape[0] - 1) / 2
    cosine, sine = np.cos(motion[2]) - 1, np.sin(motion[2])
    return motion[0] + cosine * x - sine * y, motion[1] + sine * x + cosine * y


def _rigid_motion(pair: FloatArray, cell: Mask, rotation: bool) -> FloatArray:
    images = prepare((pair[0], pair[1]), cell)
    whole = _whole_shift(images.relaxed, images.deformed)
    kept, moved = _overlap(pair[0], whole), _overlap(pair[1], -whole)
    lattice = Lattice(kept.shape, min(_SPACING, min(kept.shape) // 8))
    hidden = _overlap(cell, whole) | _overlap(cell, -whole)
    rows, columns = lattice.positions()
    counts = ~hidden[np.ix_(np.rint(rows).astype(int), np.rint(columns).astype(int))]
    if not counts.any():
        raise ValueError("Expected pixels outside the cell in both images of every pair, got a mask that leaves none.")
    images = prepare((kept, moved), hidden)
    field = _refine_on_pixels(images, find_displacement(images, lattice), lattice)
    # Nodes are counted from the middle of the whole first image, of which the overlap is a part.
    x = columns + max(-whole[0], 0) - (pair.shape[2] - 1) / 2
    y = rows + max(-whole[1], 0) - (pair.shape[1] - 1) / 2
    points = np.stack(np.broadcast_arrays(x, y[:, None]))[:, counts]
    return _fit_motion(points, field[:, counts] + whole[:, None], rotation)


def _refine_on_pixels(images: Prepared, field: FloatArray, lattice: Lattice) -> FloatArray:
    """Improve a field that was found on binned images, by windows on the pixels themselves."""
    smooth, first, second = (ndimage.gaussian_filter(plane, _BLUR) for plane in (images.relaxed, *images.noisy))
    return refine(Comparison(smooth, first, second, images.valid), field, lattice, [_WINDOW_SIGMA] * _STEPS)


def _whole_shift(first: Image, second: Image) -> FloatArray:
    """Return the shift (x, y) of the second image in whole pixels, as long as enough of the images overlaps."""
    shift, _, _ = phase_cross_correlation(second, first, normalization=None)
    limit = [min(side // 2, side - MIN_IMAGE_SIDE) for side in first.shape]
    return np.clip(shift, [-side for side in limit], limit)[::-1].astype(int)


def _overlap(image: Any, shift: FloatArray) -> Any:
    """Return the part of an image that one shifted by `shift` (x, y) also shows."""
    height, width = image.shape
    return image[max(-shift[1], 0) : height - max(shift[1], 0), max(-shift[0], 0) : width - max(shift[0], 0)]


def _fit_motion(points: FloatArray, vectors: FloatArray, rotation: bool) -> FloatArray:
    """Fit a shift and an angle to displacements (2, n) at points (2, n), with Cauchy weights."""
    motion = np.array([*np.median(vectors, axis=1), 0.0])
    for _ in range(_ITERATIONS):
        model = np.stack(_motion_at(motion, points[1], points[0], (1, 1)))
        left = vectors - model
        length = np.hypot(*left)
        scale = max(float(np.median(length)), _LEAST_SCALE)
        weight = 1 / (1 + (length / (_ROBUST * scale)) ** 2)
        weight /= weight.sum()
        middle = (points * weight).sum(axis=1)
        step = np.array([*(left * weight).sum(axis=1), 0.0])
        if rotation:
            arm = points - middle[:, None]
            step[2] = (weight * (arm[0] * left[1] - arm[1] * left[0])).sum() / (weight * (arm**2).sum(axis=0)).sum()
            step[:2] += step[2] * np.array([middle[1], -middle[0]])
        motion += step
    return motion
