"""Tractions of the sweep of napariTFM: pairs of poles, and cells of stress fibres in real outlines.

All are drawn on the pixels of an image. No part of tfmkit trains on them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage
from skimage.io import imread

from benchmarks.images import outline
from tfmkit._validation import FloatArray
from tfmkit.gel.operator import ForwardOperator
from tfmkit.simulate.patches import Patches, rasterise

SIDE, PIXEL_UM, YOUNG, POISSON = 512, 0.1612, 1_000.0, 0.5
SEPARATION_UM = 40.0
# Pixel of the real pairs in um, and the largest share of the image that a cell may take along one side.
OUTLINE_PIXEL_UM, LARGEST = 0.3263, 0.8
# Semi-axes of adhesions along and across their fibre, width of the rim that they lie in, and shortest fibre, in px.
ALONG, ACROSS, RIM, SHORTEST = (5.0, 14.0), (2.5, 5.0), 8.0, 40.0
_SUBSAMPLES, _PROPOSALS, _ROUNDS, _ON_CHORD = 4, 64, 100, 50


def dipole(footprint: float) -> FloatArray:
    """Return the traction of two Gaussian poles, (2, side, side), whose standard deviation is a footprint in um."""
    shift = np.rint(SEPARATION_UM / PIXEL_UM / 2 * np.sqrt(0.5))
    position = SIDE // 2 + shift * np.array([[-1.0, -1.0], [1.0, 1.0]])
    return _draw(
        position, np.full((2, 2), footprint / PIXEL_UM), np.zeros(2), np.array([[1.0, 1], [-1, -1]]), "gaussian"
    )


def fibre_cell(inside: Any, n_fibres: int, rng: np.random.Generator, *, size: float = 1.0) -> FloatArray:
    """Return the traction of stress fibres in a cell.

    Parameters
    ----------
    inside : ndarray of bool, shape (side, side)
        True inside the cell.
    n_fibres : int
        Number of fibres.
    rng : numpy Generator
        Random stream.
    size : float, default=1.0
        Factor of both semi-axes of the adhesions. At 1 these are 0.8 to 2.3 um along and 0.4 to 0.8 um across a fibre.

    Returns
    -------
    ndarray of shape (2, side, side)
        Traction in any unit. A fibre is a chord of the cell. At its ends lie two ellipses of one size near the border,
        with the profile of a Hertz patch, that pull towards each other with equal forces. The strengths of the fibres
        are gamma-distributed (shape 2).
    """
    depth = ndimage.distance_transform_edt(inside)
    reach = size * rng.uniform(*ALONG, n_fibres)
    ends = np.stack([_chord(inside, depth, each, rng) for each in reach])
    along = (ends[:, 1] - ends[:, 0]) / np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1, keepdims=True)
    pull = rng.gamma(2.0, 1.0, (n_fibres, 1)) * along
    axes = np.stack([reach, size * rng.uniform(*ACROSS, n_fibres)], axis=1)
    angle = np.arctan2(along[:, 1], along[:, 0])
    return _draw(
        ends.swapaxes(0, 1).reshape(-1, 2),
        np.tile(axes, (2, 1)),
        np.tile(angle, 2),
        np.concatenate([pull, -pull]),
        "hertz",
    )


def _chord(inside: Any, depth: FloatArray, reach: float, rng: np.random.Generator) -> FloatArray:
    """Return two pixels (x, y) near the border, but `reach` from it, whose connection lies inside."""
    rows, columns = np.nonzero((depth > reach + 1) & (depth < reach + 1 + RIM))
    for _ in range(_ROUNDS):
        first, second = np.stack([columns, rows], axis=1)[rng.integers(len(rows), size=(2, _PROPOSALS))]
        line = first + (second - first) * np.linspace(0, 1, _ON_CHORD)[:, None, None]
        whole = inside[tuple(np.rint(line).astype(int).transpose(2, 0, 1)[::-1])].all(axis=0)
        good = np.flatnonzero(whole & (np.linalg.norm(second - first, axis=1) > SHORTEST))
        if len(good):
            return np.stack([first[good[0]], second[good[0]]]).astype(float)
    raise ValueError(f"Expected a cell with room for fibres of {SHORTEST:g} px between adhesions, found no such fibre.")


def _draw(position: FloatArray, axes: FloatArray, angle: FloatArray, pull: FloatArray, profile: str) -> FloatArray:
    """Return the traction of patches. Patches of one size in the middles of pixels have exactly the same shape."""
    patches = Patches(np.zeros(len(position), dtype=np.intp), position, axes, angle, pull)
    return rasterise(patches, profile, 1, (SIDE, SIDE), _SUBSAMPLES)[0][0].astype(float)


def cell_outline(folder: Path) -> Any:
    """Return the inside of a real cell in the middle of the image, at its true size where that fits into it."""
    inside = outline(folder, imread(folder / "relaxed.tif").shape)
    extent = [np.flatnonzero(inside.any(axis=axis)) for axis in (1, 0)]
    longest = max(part[-1] - part[0] + 1 for part in extent)
    scale = min(OUTLINE_PIXEL_UM / PIXEL_UM, LARGEST * SIDE / longest)
    middle = np.array([(part[0] + part[-1]) / 2 for part in extent])
    offset = middle - (SIDE - 1) / 2 / scale
    return ndimage.affine_transform(inside.astype(float), np.full(2, 1 / scale), offset, (SIDE, SIDE), order=1) > 0.5


def with_peak(traction: FloatArray, peak: float) -> FloatArray:
    """Return the traction, scaled so that the longest displacement is `peak` pixels."""
    return traction * (peak / np.hypot(*ForwardOperator(SIDE, young=YOUNG, poisson=POISSON).apply(traction)).max())
