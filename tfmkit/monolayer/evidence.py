"""The weight of the noise in the Bayesian inversion: the noise is measured, the weight has the largest evidence."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from tfmkit.monolayer.prior import NoisyEquilibrium
from tfmkit.monolayer.sheet import Sheet, make_sheet

Array = NDArray[np.floating[Any]]

# The weights that are tried: a factor of two is far less than the evidence can tell apart.
_LAMS = 2.0 ** np.arange(-30, 11)
_FIRST = 18
# Pixels of the sheet on which the evidence is evaluated; a larger one is averaged over blocks.
_MOST_PIXELS = 1500
# Sides of the blocks whose means show the noise, and distance of the blocks from the sheet, in pixels.
_BLOCK, _DISTANCE = 4, 2
_FEWEST_BLOCKS = 8
# Standard deviation of a Gaussian over the median of its size: other cells in the field do not count.
_STD_PER_MEDIAN = 1.4826
# Noise below this share of the traction is not worth resolving: the grid itself errs by as much.
_FLOOR = 1e-3


def outside_noise(fields: Array, mask: NDArray[np.bool_]) -> Array:
    """Measure the noise level of the traction where there are no cells.

    Parameters
    ----------
    fields : ndarray of shape (n_fields, 2, height, width)
        Traction.
    mask : ndarray of shape (height, width)
        True inside the sheet.

    Returns
    -------
    ndarray of shape (n_fields,)
        Noise level per component and pixel of white noise that has as much power as the traction in blocks of 4 x 4
        pixels outside of the sheet: noise of shorter wavelength hardly changes the stress.

    Raises
    ------
    ValueError
        If there is hardly any field outside of the sheet.
    """
    far = distance_transform_edt(~mask) > _DISTANCE if mask.any() else ~mask
    blocks = _block_means(far.astype(float), _BLOCK) == 1
    if blocks.sum() < _FEWEST_BLOCKS:
        raise ValueError(
            f"Expected noise, the noise level of the traction, for a sheet that leaves {blocks.sum()} blocks of "
            f"{_BLOCK} x {_BLOCK} pixels of the field free (at least {_FEWEST_BLOCKS} are needed to measure it)."
        )
    means = _block_means(fields, _BLOCK)[..., blocks]
    return np.asarray(_BLOCK * _STD_PER_MEDIAN * np.median(np.abs(means), axis=(1, 2)))


def chosen_lams(sheet: Sheet, fields: Array, noise: Array, *, poisson: float, boundary: str) -> Array:
    """Choose the weight of the noise of each field.

    Parameters
    ----------
    sheet : Sheet
        The mesh.
    fields : ndarray of shape (n_fields, 2, height, width)
        Traction.
    noise : ndarray of shape (n_fields,)
        Noise level of the traction, per component.
    poisson : float
        Poisson ratio of the elasticity C.
    boundary : {"sliding", "fixed", "free"}
        Condition where the sheet leaves the field.

    Returns
    -------
    ndarray of shape (n_fields,)
        Weights, powers of two.
    """
    mask = np.zeros(sheet.shape, dtype=bool)
    mask[sheet.rows[sheet.inside], sheet.columns[sheet.inside]] = True
    side = int(np.ceil(np.sqrt(mask.sum() / _MOST_PIXELS))) or 1
    coarse = make_sheet(_block_means(mask.astype(float), side) >= 0.5) if side > 1 else sheet
    traction = coarse.values(_block_means(fields * mask, side))
    squared = (traction[..., coarse.inside] ** 2).mean(axis=(1, 2)) if coarse.inside.any() else np.zeros(len(fields))
    level = np.maximum(noise / side, _FLOOR * np.sqrt(squared))

    @cache
    def _evidence(index: int) -> Array:
        # In coarse pixels the same weight is larger by the area of a block.
        system = NoisyEquilibrium(coarse, poisson, boundary, _LAMS[index] * side**2)
        return system.log_evidence(system.loads(traction), level)

    return np.array([_LAMS[_climb(_evidence, field) if squared[field] else _FIRST] for field in range(len(fields))])


def _climb(evidence: Any, field: int) -> int:
    """Walk from the middle of the weights to the nearest largest evidence."""
    index = _FIRST
    for step in (-1, 1):
        while 0 <= index + step < len(_LAMS) and evidence(index + step)[field] > evidence(index)[field]:
            index += step
    return index


def _block_means(fields: Array, side: int) -> Array:
    """Return the means over blocks; rows and columns that fill no block are left out."""
    height, width = fields.shape[-2] // side, fields.shape[-1] // side
    cut = fields[..., : height * side, : width * side]
    return np.asarray(cut.reshape(*fields.shape[:-2], height, side, width, side).mean(axis=(-3, -1)))
