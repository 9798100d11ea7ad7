"""Patches of traction (discs, Hertz profiles, elongated Gaussians) and their averages over pixels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.floating[Any]]

# Samples evaluated at a time, so that they stay in a processor's cache.
_SAMPLES_PER_BLOCK = 200_000


def _uniform(q: Array) -> Array:
    return (q <= 1).astype(q.dtype)


def _hertz(q: Array) -> Array:
    return np.sqrt(np.maximum(1 - q, 0))


def _gaussian(q: Array) -> Array:
    return np.where(q <= _GAUSSIAN_REACH**2, np.exp(-q / 2), 0)


_GAUSSIAN_REACH = 4.0
# Name -> (value as a function of the squared distance in semi-axes, reach in semi-axes).
PROFILES: dict[str, tuple[Callable[[Array], Array], float]] = {
    "uniform": (_uniform, 1.0),
    "hertz": (_hertz, 1.0),
    "gaussian": (_gaussian, _GAUSSIAN_REACH),
}


class Discs(NamedTuple):
    """Round patches of one field.

    Attributes
    ----------
    position : array-like of shape (n_discs, 2)
        Centres (x, y) in pixels; the middle of pixel (0, 0) is at (0, 0).
    radius : array-like of shape (n_discs,)
        Radii in pixels.
    traction : array-like of shape (n_discs, 2)
        Traction (x, y) at the centre, over Young's modulus.
    profile : {"uniform", "hertz"}, default="uniform"
        Decrease of the traction from the centre.
    """

    position: ArrayLike
    radius: ArrayLike
    traction: ArrayLike
    profile: str = "uniform"


@dataclass(frozen=True)
class Patches:
    """Patches of traction in a batch of fields, all of one profile.

    Attributes
    ----------
    field : ndarray of int, shape (n_patches,)
        Index of the field of each patch.
    position : ndarray of shape (n_patches, 2)
        Centres (x, y) in pixels; the middle of pixel (0, 0) is at (0, 0).
    semi_axes : ndarray of shape (n_patches, 2)
        Radii along and across the patch (standard deviations for a Gaussian), in pixels.
    angle : ndarray of shape (n_patches,)
        Direction of the first axis, in radians from x towards y.
    traction : ndarray of shape (n_patches, 2)
        Traction (x, y) at the centre.
    """

    field: NDArray[np.intp]
    position: Array
    semi_axes: Array
    angle: Array
    traction: Array

    def finer(self, factor: int) -> Patches:
        """Express the patches on a grid that is `factor` times finer.

        Parameters
        ----------
        factor : int
            Fine pixels per pixel, in each direction.

        Returns
        -------
        Patches
            The same patches in fine pixels.
        """
        position = self.position * factor + (factor - 1) / 2
        return Patches(self.field, position, self.semi_axes * factor, self.angle, self.traction)


def collect(parts: Sequence[tuple[Array, Array, Array, Array]]) -> Patches:
    """Put the patches of single fields into one batch.

    Parameters
    ----------
    parts : sequence of (position, semi_axes, angle, traction)
        Patches of each field, as in `Patches`.

    Returns
    -------
    Patches
        Patches of the batch.
    """
    field = np.repeat(np.arange(len(parts)), [len(part[0]) for part in parts])
    return Patches(field, *(np.concatenate(column) for column in zip(*parts, strict=True)))


def rasterise(
    patches: Patches, profile: str, n_fields: int, shape: tuple[int, int], subsamples: int
) -> tuple[Array, NDArray[np.intp]]:
    """Average patches over the pixels of a grid.

    Parameters
    ----------
    patches : Patches
        The patches to draw.
    profile : {"uniform", "hertz", "gaussian"}
        Decrease of the traction from the centre; Gaussians end at four standard deviations.
    n_fields : int
        Number of fields.
    shape : (int, int)
        Height and width of the grid.
    subsamples : int
        The value of a pixel is the mean of ``subsamples**2`` samples on a regular grid inside the pixel.

    Returns
    -------
    traction : ndarray of shape (n_fields, 2, height, width), float32
        Pixel averages of the summed patches.
    owners : ndarray of int, shape (n_fields, height, width)
        Index of the strongest patch in the pixel plus 1; 0 outside all patches.
    """
    index, owner, weight = _pixels(patches, profile, shape, subsamples)
    size = n_fields * shape[0] * shape[1]
    planes = [np.bincount(index, weight * patches.traction[owner, axis], minlength=size) for axis in range(2)]
    traction = np.stack([plane.astype(np.float32).reshape(n_fields, *shape) for plane in planes], axis=1)
    strength = weight * np.hypot(*patches.traction.T)[owner]
    # A Gaussian patch ends at a tenth of its strength.
    shown = np.flatnonzero(weight > 0.1 if profile == "gaussian" else weight > 0)
    weakest_first = shown[np.argsort(strength[shown], kind="stable")]
    owners = np.zeros(size, dtype=np.intp)
    owners[index[weakest_first]] = owner[weakest_first] + 1
    return traction, owners.reshape(n_fields, *shape)


def number_patches(owners: NDArray[np.intp], field: NDArray[np.intp]) -> NDArray[np.int32]:
    """Number the visible patches of each field without gaps.

    Parameters
    ----------
    owners : ndarray of int, shape (n_fields, height, width)
        Index of the patch of each pixel plus 1, 0 outside all patches. A patch under other patches does not appear.
    field : ndarray of int, shape (n_patches,)
        Index of the field of each patch, in rising order.

    Returns
    -------
    ndarray of int32, shape (n_fields, height, width)
        Labels from 1 in each field, 0 elsewhere.
    """
    seen = np.unique(owners[owners > 0])
    fields_seen = field[seen - 1]
    numbers = np.zeros(len(field) + 1, dtype=np.int32)
    numbers[seen] = np.arange(len(seen)) - np.searchsorted(fields_seen, fields_seen) + 1
    return numbers[owners]


def _pixels(
    patches: Patches, profile: str, shape: tuple[int, int], subsamples: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], Array]:
    """Return (pixel of the batch, patch, mean of the profile over the pixel) for all pixels on patches."""
    _, reach = PROFILES[profile]
    half = int(np.ceil(reach * patches.semi_axes.max(initial=0.0) + 0.5))
    per_patch = ((2 * half + 1) * subsamples) ** 2
    step = max(1, _SAMPLES_PER_BLOCK // per_patch)
    parts = [np.arange(start, min(start + step, len(patches.field))) for start in range(0, len(patches.field), step)]
    columns = [_pixels_of(patches, part, profile, shape, subsamples, half=half) for part in parts]
    index, owner, weight = (np.concatenate(column) for column in zip(*columns, strict=True))
    return index, owner, weight


def _pixels_of(
    patches: Patches, part: NDArray[np.intp], profile: str, shape: tuple[int, int], subsamples: int, *, half: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], Array]:
    value, _ = PROFILES[profile]
    side = 2 * half + 1
    nearest = np.rint(patches.position[part]).astype(np.intp)
    inner = (np.arange(side * subsamples) + 0.5) / subsamples - 0.5 - half
    dx, dy = ((inner + (nearest - patches.position[part])[:, axis, None]).astype(np.float32) for axis in range(2))
    cosine, sine = (f(patches.angle[part]).astype(np.float32)[:, None] for f in (np.cos, np.sin))
    along, across = (patches.semi_axes[part, axis, None].astype(np.float32) for axis in range(2))
    q = ((dx * cosine / along)[:, None] + (dy * sine / along)[:, :, None]) ** 2
    q += ((dy * cosine / across)[:, :, None] - (dx * sine / across)[:, None]) ** 2
    mean = value(q).reshape(len(part), side, subsamples, side, subsamples).mean(axis=(2, 4))
    offsets = np.arange(-half, half + 1)
    rows, columns = nearest[:, 1, None, None] + offsets[:, None], nearest[:, 0, None, None] + offsets
    kept = (mean > 0) & (rows >= 0) & (rows < shape[0]) & (columns >= 0) & (columns < shape[1])
    index = (patches.field[part][:, None, None] * shape[0] + rows) * shape[1] + columns
    owner = np.broadcast_to(part[:, None, None], kept.shape)
    return index[kept], owner[kept], mean[kept].astype(np.float64)
