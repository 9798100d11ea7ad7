"""Sheets with known stress on a grid, for the tests of the monolayer room."""

from __future__ import annotations

import numpy as np

from tfmkit.monolayer.closed_forms import airy_stress

# Border polynomials in coordinates from -1 to 1, [power of x, power of y].
ELLIPSE = np.array([[0.7, 0, -1.4], [0, 0.3, 0], [-0.9, 0, 0]])
# A Cassini oval: two lobes with a waist.
PEANUT = np.zeros((5, 5))
PEANUT[0, 0], PEANUT[2, 0], PEANUT[0, 2] = 0.17 - 0.4**4, 2 * 0.4**2, -2 * 0.4**2
PEANUT[4, 0], PEANUT[2, 2], PEANUT[0, 4] = -1, -2, -1
# Between two circles: a hole in the middle.
RING = np.zeros((5, 5))
RING[0, 0], RING[2, 0], RING[0, 2] = -(0.9**2) * 0.25**2, 0.9**2 + 0.25**2, 0.9**2 + 0.25**2
RING[4, 0], RING[2, 2], RING[0, 4] = -1, -2, -1
LEVELS = {"ellipse": ELLIPSE, "peanut": PEANUT, "ring": RING}


def airy_sheet(name, side, poisson, *, width=None):
    """Return stress, traction and mask of one of the sheets, the largest stress being 1."""
    width = side if width is None else width
    y, x = (np.mgrid[:side, :width] - (side - 1) / 2) * 2 / side
    level = LEVELS[name]
    inside = np.polynomial.polynomial.polyval2d(x, y, level) > 0
    stress, traction = airy_stress(level, x, y, poisson)
    largest = np.abs(stress[:, inside]).max()
    # Places are in units of half a field: so is the length in the stress.
    return stress / largest, traction / largest * 2 / side * inside, inside


def relative_errors(found, true, mask):
    """Return the root mean square and the largest error, over the largest stress."""
    error, largest = (found - true)[:, mask], np.abs(true[:, mask]).max()
    return np.sqrt((error**2).mean()) / largest, np.abs(error).max() / largest
