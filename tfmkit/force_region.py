"""The part of a traction field that stands out of the noise, and its forces without the noise in their lengths.

Noise has a length but no direction. A sum of lengths therefore counts it as force, and so it counts the ringing around
a sharp patch. Both lose most of their weight where each vector counts by its part along the mean direction of its
neighbourhood. The background, where there is nothing but noise, is left out. The skirts of a patch, where smoothed
traction is no longer than noise, count along the direction of the patch beside them: their noise then cancels.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from tfmkit._validation import FloatArray

# Standard deviation in grid points of the Gaussian whose mean gives the direction of a neighbourhood.
_NEIGHBOURHOOD = 1.1
# Grid points by which the region is wider for sums of vectors, in which noise cancels.
_WIDER = 2
# Thresholds over the length that noise alone reaches once in a field: a patch begins where the length is above the
# higher one, and goes on to the lower one.
_BEGIN, _GO_ON = 1.25, 0.7
# The region counts only if it holds this share of the sum of squares in excess of the noise, and if the excess is this
# many times its standard deviation under white noise alone. Noise that neighbours share varies more. Patches of single
# cells held all of the excess at a noise of 20 %, those of a measured sheet, which pulls everywhere, at most 60 %.
_SHARE, _SURE = 0.8, 7.0
# The region must hold this share of the whole sum of squares, too. Cells held 0.37 or more at a noise of 20 %, however
# neighbours shared it, and the sheet at most 0.12.
_PART = 0.3
# The median of the length of a vector of two Gaussian components over their standard deviation.
_RAYLEIGH_MEDIAN = np.sqrt(2 * np.log(2))
_NEIGHBOURS = np.ones((3, 3))


class Forces(NamedTuple):
    """The forces of fields that stand out of the noise.

    Attributes
    ----------
    along : ndarray of shape (n_fields, height, width)
        Part of each traction vector along the mean direction of its neighbourhood; outside the core, of the core beside
        it. 0 outside the wide region.
    core : ndarray of bool, shape (n_fields, height, width)
        True where the traction is more than noise: the region of sums of products.
    wide : ndarray of bool, shape (n_fields, height, width)
        The core and two grid points more: the region of sums of vectors and of their parts along.
    """

    along: FloatArray
    core: NDArray[np.bool_]
    wide: NDArray[np.bool_]


def find_forces(traction: FloatArray, estimate: Forces | None = None) -> Forces:
    r"""Find the forces that stand out of the noise.

    Parameters
    ----------
    traction : ndarray of shape (n_fields, 2, height, width)
        Traction of the whole field, in any unit.
    estimate : Forces, optional
        Forces of the one field that `traction` are draws of. They decide for all draws whether something stands out.

    Returns
    -------
    Forces
        Forces and regions.

    Notes
    -----
    With the traction :math:`t` and its mean :math:`\bar t` under a Gaussian of 1.1 grid points, the part along is
    :math:`t \cdot \bar t / |\bar t|`. Its integral over a patch whose vectors point in one direction is the exact force
    of the patch, however the patch was smoothed or however it rings. The core is the `force_region` of
    :math:`|\bar t|`. Outside of it, :math:`\bar t` has the direction of noise: the part of noise along it is positive
    everywhere. There, the mean of :math:`\bar t` over the core, under the same Gaussian, takes its place.
    """
    mean = _mean(traction)
    lengths = np.hypot(mean[:, 0], mean[:, 1])
    if estimate is None:
        core = force_region(lengths)
    elif estimate.core.all():
        core = np.ones(lengths.shape, dtype=bool)
    else:
        core = np.stack([_patches(field, _noise(field)) for field in lengths])
    wide = np.stack([scipy.ndimage.binary_dilation(each, iterations=_WIDER) for each in core])
    inside = core[:, None]
    direction = np.where(inside, mean, _mean(mean * inside)) * wide[:, None]
    return Forces(_along(traction, direction), core, wide)


def force_region(lengths: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
    """Return the grid points whose traction is more than noise.

    Parameters
    ----------
    lengths : ndarray of shape (n_fields, height, width)
        Lengths of the traction vectors over the whole field, in any unit.

    Returns
    -------
    ndarray of bool, shape (n_fields, height, width)
        True in the region. It is True everywhere in a field where nothing stands out.

    Notes
    -----
    The median length of the field gives the noise level. This holds where fewer than about half of the grid points
    carry traction. Noise of Gaussian components is longer than ``c = sqrt(2 log n)`` noise levels once in a field of n
    points. The region is made of connected patches of lengths above ``0.7 c`` that reach ``1.25 c`` somewhere. It
    counts if the sum of squared lengths exceeds that of noise, and if the patches hold at least four fifths of the
    excess and three tenths of the whole sum. Otherwise the traction is spread over the field, or is hidden in the
    noise. The region is then the whole field.
    """
    return np.stack([_region(field) for field in lengths])


def _mean(traction: FloatArray) -> FloatArray:
    widths = (0, 0, _NEIGHBOURHOOD, _NEIGHBOURHOOD)
    return np.asarray(scipy.ndimage.gaussian_filter(traction, widths, mode="nearest"))


def _along(traction: FloatArray, direction: FloatArray) -> FloatArray:
    """Return the parts of vectors along directions of any length, 0 where there is no direction."""
    lengths = np.hypot(direction[:, 0], direction[:, 1])
    product = np.einsum("nchw,nchw->nhw", traction, direction)
    return np.asarray(np.divide(product, lengths, out=np.zeros_like(lengths), where=lengths > 0))


def _region(lengths: NDArray[Any]) -> NDArray[np.bool_]:
    noise = _noise(lengths)
    region = _patches(lengths, noise)
    expected = 2 * lengths.size * noise**2
    excess = np.square(lengths).sum() - expected
    # In simulated noise, the excess has a standard deviation of 1.04 / sqrt(n) of the expected sum.
    sure = excess > _SURE * 1.04 * expected / np.sqrt(lengths.size)
    held = np.square(lengths[region]).sum()
    enough = sure and held >= max(_SHARE * excess, _PART * np.square(lengths).sum())
    return region if enough else np.ones_like(region)


def _noise(lengths: NDArray[Any]) -> float:
    return float(np.median(lengths) / _RAYLEIGH_MEDIAN)


def _patches(lengths: NDArray[Any], noise: float) -> NDArray[np.bool_]:
    highest = np.sqrt(2 * np.log(lengths.size)) * noise
    patches, _ = scipy.ndimage.label(lengths > _GO_ON * highest, _NEIGHBOURS)
    strong = np.unique(patches[lengths > _BEGIN * highest])
    return np.asarray(np.isin(patches, strong[strong > 0]))
