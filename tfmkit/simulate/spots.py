"""Spots of fluorescent beads: Gaussian ones in focus, and rings out of focus."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import j0

from tfmkit._validation import FloatArray

Indices = NDArray[np.intp]
Stamp = Callable[[FloatArray, FloatArray, Indices], FloatArray]

# Half side of the square into which a Gaussian spot is drawn, in standard deviations of it.
BEAD_REACH = 5.0
_BEADS_PER_BLOCK = 4096
# Optical units in one standard deviation: the Gaussian exp(-v^2 / (2 * 1.35^2)) lies closest to the Airy pattern.
_OPTICAL_UNITS = 1.35
# Defocus is a phase at the pupil's edge in rad; one depth of field is a quarter of a wave.
_PHASE_PER_DEPTH = np.pi / 2
MOST_DEPTH = 8.0
# Steps of the table in phase and in optical units, and points of the integral over the pupil.
_PHASE_STEP, _RADIUS_STEP, _PUPIL = 0.25, 0.1, 256
# A defocused spot is drawn to twice its phase (its geometrical edge), and so many optical units more.
_TAIL = 6.0
# Spots whose phase is alike are drawn together.
_PHASE_BIN = 1.5


def draw_spots(
    shape: tuple[int, int], x: FloatArray, y: FloatArray, sigma: float, height: FloatArray | float = 1.0
) -> FloatArray:
    """Draw Gaussian spots.

    Parameters
    ----------
    shape : (int, int)
        Height and width of the image.
    x, y : ndarray of shape (n_spots,)
        Middles of the spots in pixels; they may lie outside the image.
    sigma : float
        Standard deviation of a spot in pixels.
    height : float or ndarray of shape (n_spots,), default=1
        Heights of the spots.

    Returns
    -------
    ndarray of shape (height, width)
        Sum of the spots, in the middle of the pixels.
    """

    def _gaussian(dy: FloatArray, dx: FloatArray, which: Indices) -> FloatArray:
        """Return separable stamps."""
        along_y, along_x = (np.exp(-(distance**2) / (2 * sigma**2)) for distance in (dy, dx))
        return (along_y * heights[which, None])[:, :, None] * along_x[:, None, :]

    heights = np.broadcast_to(height, x.shape)
    return _draw(shape, (y, x), int(np.ceil(BEAD_REACH * sigma)), np.arange(len(x)), _gaussian)


def draw_defocused(
    shape: tuple[int, int], x: FloatArray, y: FloatArray, sigma: float, depth: FloatArray, height: FloatArray
) -> FloatArray:
    """Draw spots as a microscope shows beads at different depths.

    Parameters
    ----------
    shape : (int, int)
        Height and width of the image.
    x, y : ndarray of shape (n_spots,)
        Middles of the spots in pixels; they may lie outside the image.
    sigma : float
        Standard deviation in pixels of the Gaussian that is most like a spot in focus.
    depth : ndarray of shape (n_spots,)
        Distance from the focal plane in depths of field (a quarter of a wave at the pupil's edge); at most 8.
    height : ndarray of shape (n_spots,)
        Height that the spot would have in focus.

    Returns
    -------
    ndarray of shape (height, width)
        Sum of the spots, in the middle of the pixels.

    Notes
    -----
    The spot of a round pupil without aberrations (Born & Wolf, Principles of Optics, section 8.8):
    ``|2 int_0^1 J_0(v rho) exp(i psi rho^2) rho d rho|^2``, with v the radius in optical units and psi the phase of the
    defocus. The light in a spot does not depend on its depth.
    """
    phase = _PHASE_PER_DEPTH * np.minimum(np.abs(depth), MOST_DEPTH)
    table = _spot_table()

    def _rings(dy: FloatArray, dx: FloatArray, which: Indices) -> FloatArray:
        """Look stamps up in the table, linearly between its radii."""
        radius = np.hypot(dy[:, :, None], dx[:, None, :]) * (_OPTICAL_UNITS / sigma / _RADIUS_STEP)
        cell = np.minimum(radius.astype(np.intp), table.shape[1] - 2)
        share = np.minimum(radius - cell, 1)
        row = np.rint(phase[which] / _PHASE_STEP).astype(np.intp)[:, None, None]
        profile = table[row, cell] * (1 - share) + table[row, cell + 1] * share
        return profile * height[which, None, None]

    image = np.zeros(shape)
    bins = (phase / _PHASE_BIN).astype(np.intp)
    for value in np.unique(bins):
        reach = (2 * _PHASE_BIN * (value + 1) + _TAIL) * sigma / _OPTICAL_UNITS
        image += _draw(shape, (y, x), int(np.ceil(reach)), np.flatnonzero(bins == value), _rings)
    return image


@lru_cache(maxsize=1)
def _spot_table() -> NDArray[np.float64]:
    """Return the profiles of spots: a row for each phase, a column for each radius."""
    phase = np.arange(0, _PHASE_PER_DEPTH * MOST_DEPTH + 2 * _PHASE_STEP, _PHASE_STEP)
    radius = np.arange(0, 2 * (phase[-1] + _PHASE_BIN) + _TAIL, _RADIUS_STEP)
    rho = (np.arange(_PUPIL) + 0.5) / _PUPIL
    pupil = 2 / _PUPIL * np.exp(1j * phase[:, None] * rho**2) * rho
    table = np.abs(pupil @ j0(rho[:, None] * radius)) ** 2
    table.flags.writeable = False
    return table


def _draw(
    shape: tuple[int, int], middles: tuple[FloatArray, FloatArray], reach: int, which: Indices, stamp: Stamp
) -> FloatArray:
    """Add stamps of side ``2 reach + 1`` around the middles (y, x) of some spots."""
    y, x = middles
    near = (x > -reach) & (x < shape[1] - 1 + reach) & (y > -reach) & (y < shape[0] - 1 + reach)
    which = which[near[which]]
    offsets = np.arange(-reach, reach + 1)
    # A frame around the image takes the parts that reach over its edges.
    padded = (shape[0] + 4 * reach, shape[1] + 4 * reach)
    image = np.zeros(padded[0] * padded[1])
    block = max(1, _BEADS_PER_BLOCK * 169 // len(offsets) ** 2)
    for first in range(0, len(which), block):
        some = which[first : first + block]
        rows, columns = (np.floor(middle[some, None]).astype(int) + offsets for middle in (y, x))
        index = (rows[:, :, None] + 2 * reach) * padded[1] + columns[:, None, :] + 2 * reach
        spots = stamp(rows - y[some, None], columns - x[some, None], some)
        image += np.bincount(index.ravel(), spots.ravel(), minlength=image.size)
    return image.reshape(padded)[2 * reach : 2 * reach + shape[0], 2 * reach : 2 * reach + shape[1]]
