"""Colonies of cells that fill the plane without gaps, the tensions in them, and the stress and traction that follow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter
from scipy.spatial import Voronoi, cKDTree
from scipy.special import erf

Array = NDArray[np.floating[Any]]
Indices = NDArray[np.intp]

_ROUNDS = 3
_FINER = 3
# Harmonics of the outline, and their size over the radius.
_LOBES, _WOBBLE = np.arange(2, 6), 0.04
# Waves of the tension that is common to neighbours: their number, their length in cells, and their share of the
# logarithm of the tension.
_WAVES, _WAVE_LENGTH, _WAVE_SIZE = 6, 6.0, 0.3
# The mask ends where the smoothed tension of the outer edges does, in standard deviations.
_MARGIN = 2.5
# Farther from an edge than this many standard deviations, its stress is rounded to nothing.
_REACH = 7


@dataclass(frozen=True, eq=False)
class Colony:
    """Cells of a Voronoi diagram.

    Attributes
    ----------
    seeds : ndarray of shape (n_seeds, 2)
        Point (x, y) of each cell and of its surroundings in pixels.
    is_cell : ndarray of bool, of shape (n_seeds,)
        True for the cells; the others are the free gel around.
    ends : ndarray of shape (n_edges, 2, 2)
        Both ends (x, y) of each edge of a cell.
    """

    seeds: Array
    is_cell: NDArray[np.bool_]
    ends: Array


def draw_colony(
    rng: np.random.Generator, shape: tuple[int, int], cell_size: float, colony_size: float, width: float
) -> Colony:
    """Place cells in the middle of a field; none reaches its border.

    Parameters
    ----------
    rng : numpy Generator
        Source of randomness.
    shape : (int, int)
        Height and width of the field in pixels.
    cell_size : float
        Diameter of a cell in pixels: its mean area is the square of it.
    colony_size : float
        Diameter of the colony in pixels.
    width : float
        Standard deviation of the Gaussian that smooths the edges, in pixels.

    Returns
    -------
    Colony
        The cells, at least one.
    """
    margin = 2 * cell_size
    box = np.array([shape[1], shape[0]]) + 2 * margin
    seeds = rng.uniform(-margin, box - margin, (max(int(box.prod() / cell_size**2), 8), 2))
    step = cell_size / 8
    grid = np.stack(np.meshgrid(*(np.arange(-margin, side - margin, step) for side in box)), axis=-1).reshape(-1, 2)
    for _ in range(_ROUNDS):
        # Lloyd's rule: each seed moves to the middle of its cell, which makes the cells round.
        owner = cKDTree(seeds).query(grid)[1]
        counts = np.bincount(owner, minlength=len(seeds))
        middles = np.stack([np.bincount(owner, place, len(seeds)) for place in grid.T], axis=1)
        seeds = np.where(counts[:, None] > 0, middles / np.maximum(counts, 1)[:, None], seeds)
    x, y = (seeds - (np.array([shape[1], shape[0]]) - 1) / 2).T
    waves = _LOBES * np.arctan2(y, x)[:, None] + rng.uniform(0, 2 * np.pi, _LOBES.size)
    outline = colony_size / 2 * (1 + _WOBBLE * (rng.standard_normal(_LOBES.size) * np.cos(waves)).sum(axis=1))
    is_cell = np.hypot(x, y) < outline
    diagram = Voronoi(seeds)
    is_cell &= _within(diagram, shape, (_MARGIN + 1) * width)
    is_cell[np.argmin(np.hypot(x, y))] = True
    pairs, corners = np.array(diagram.ridge_points), np.array(diagram.ridge_vertices)
    of_cells = is_cell[pairs].any(axis=1) & (corners >= 0).all(axis=1)
    return Colony(seeds, is_cell, diagram.vertices[corners[of_cells]])


def _within(diagram: Voronoi, shape: tuple[int, int], margin: float) -> NDArray[np.bool_]:
    """Find the cells whose corners all lie inside of the field, by a margin."""
    highest = np.array([shape[1], shape[0]]) - 1 - margin
    corner_places: Array = diagram.vertices
    inside = np.all((corner_places > margin) & (corner_places < highest), axis=1)
    corners = [diagram.regions[region] for region in diagram.point_region]
    return np.array([-1 not in corner and bool(inside[corner].all()) for corner in corners])


def draw_tensions(rng: np.random.Generator, colony: Colony, cell_size: float, variation: float) -> tuple[Array, Array]:
    """Draw the tension of each edge, and that of each cell's interior.

    Parameters
    ----------
    rng : numpy Generator
        Source of randomness.
    colony : Colony
        The cells.
    cell_size : float
        Diameter of a cell in pixels.
    variation : float
        Standard deviation of the logarithm of the tension from edge to edge and from cell to cell.

    Returns
    -------
    edges : ndarray of shape (n_edges,)
        Tensions along the edges, about 1.
    interiors : ndarray of shape (n_seeds,)
        Tensions of the interiors, the same in all directions, about 1; 0 outside of the colony.
    """
    waves = rng.standard_normal((2, _WAVES)) * 2 * np.pi / (_WAVE_LENGTH * cell_size)
    phases = rng.uniform(0, 2 * np.pi, _WAVES)

    def _draw(places: Array) -> Array:
        common = _WAVE_SIZE * np.sqrt(2 / _WAVES) * np.cos(places @ waves + phases).sum(axis=1)
        return np.asarray(np.exp(common + variation * rng.standard_normal(len(places))))

    return _draw(colony.ends.mean(axis=1)), np.where(colony.is_cell, _draw(colony.seeds), 0.0)


def edge_stress(ends: Array, tensions: Array, shape: tuple[int, int], width: float) -> tuple[Array, Array]:
    r"""Return the stress of edges under tension, and the traction that balances it.

    Parameters
    ----------
    ends : ndarray of shape (n_edges, 2, 2)
        Both ends (x, y) of each edge in pixels.
    tensions : ndarray of shape (n_edges,)
        Tension along each edge.
    shape : (int, int)
        Height and width of the field.
    width : float
        Standard deviation of the Gaussian that smooths the edges, in pixels.

    Returns
    -------
    stress : ndarray of shape (3, height, width)
        Stress (xx, yy, xy): the tension along the edge, smoothed.
    traction : ndarray of shape (2, height, width)
        Its divergence: the tension of each edge pulls at both of its ends, inwards.
    """
    stress, traction = np.zeros((3, *shape)), np.zeros((2, *shape))
    for (first, last), tension in zip(ends, tensions, strict=True):
        length = np.hypot(*(last - first))
        if length == 0:
            continue
        # Far from the edge there is nothing.
        low = np.maximum(np.minimum(first, last) - _REACH * width, 0).astype(int)
        high = np.maximum(np.maximum(first, last) + _REACH * width + 1, 0).astype(int)
        window = np.s_[:, low[1] : high[1], low[0] : high[0]]
        y, x = np.arange(shape[0])[low[1] : high[1], None] - first[1], np.arange(shape[1])[low[0] : high[0]] - first[0]
        along_x, along_y = direction = (last - first) / length
        along, across = x * along_x + y * along_y, y * along_x - x * along_y
        profile = tension * _bell(across, width)
        band = profile * (erf(along / width / np.sqrt(2)) - erf((along - length) / width / np.sqrt(2))) / 2
        stress[window] += band * np.array([along_x**2, along_y**2, along_x * along_y])[:, None, None]
        traction[window] += profile * (_bell(along, width) - _bell(along - length, width)) * direction[:, None, None]
    return stress, traction


def _bell(distance: Array, width: float) -> Array:
    """Return the density of a Gaussian."""
    return np.asarray(np.exp(-((distance / width) ** 2) / 2) / (np.sqrt(2 * np.pi) * width))


def interior_stress(colony: Colony, interiors: Array, shape: tuple[int, int], width: float) -> tuple[Array, Array]:
    """Return the stress of the interiors of cells, and the traction that balances it.

    Parameters
    ----------
    colony : Colony
        The cells.
    interiors : ndarray of shape (n_seeds,)
        Tension of the interior of each cell.
    shape : (int, int)
        Height and width of the field.
    width : float
        Standard deviation of the Gaussian that smooths the borders, in pixels.

    Returns
    -------
    stress : ndarray of shape (3, height, width)
        Stress (xx, yy, xy), the same in all directions.
    traction : ndarray of shape (2, height, width)
        Its divergence, along the borders of the cells.
    """
    fine = interiors[_owners(colony.seeds, (shape[0] * _FINER, shape[1] * _FINER), 1 / _FINER)]
    at_middles = np.s_[_FINER // 2 :: _FINER, _FINER // 2 :: _FINER]
    level, slope_y, slope_x = (
        gaussian_filter(fine, width * _FINER, order=order)[at_middles] for order in ((0, 0), (1, 0), (0, 1))
    )
    return np.stack([level, level, 0 * level]), _FINER * np.stack([slope_x, slope_y])


def label_cells(colony: Colony, shape: tuple[int, int], width: float) -> NDArray[np.int32]:
    """Number the cells on the grid.

    Parameters
    ----------
    colony : Colony
        The cells.
    shape : (int, int)
        Height and width of the field.
    width : float
        Standard deviation of the Gaussian that smooths the edges, in pixels.

    Returns
    -------
    ndarray of shape (height, width)
        Number of the cell, from 1; 0 outside. The outer cells reach as far as the smoothed tension of their edges.
    """
    inside = colony.is_cell[_owners(colony.seeds, shape, 1.0)]
    near = distance_transform_edt(~inside) <= _MARGIN * width
    owner = _owners(colony.seeds[colony.is_cell], shape, 1.0)
    return np.where(near, owner + 1, 0).astype(np.int32)


def _owners(seeds: Array, shape: tuple[int, int], step: float) -> Indices:
    """Return the nearest seed at every point of a grid whose first pixel of width 1 has its middle at 0."""
    y, x = ((np.arange(side) + 0.5) * step - 0.5 for side in shape)
    places = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    return np.asarray(cKDTree(seeds).query(places)[1]).reshape(shape)
