"""Families of fields for what is calibrated and not judged: none of them is among the test families of the studies."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch

from tfmkit.simulate import CellSimulator, Discs, PatchSimulator

CALIBRATION_FAMILIES = (
    "keratocyte", "neuron", "fibroblast", "ring", "few discs", "crowded", "narrow hertz", "wide hertz",
)  # fmt: skip
_CELLS = ("keratocyte", "neuron", "fibroblast")
# The fields have this many grid points along a side; on a finer grid they are the same, and sampled more finely.
_SIDE = 64
# Micrometres per grid point: patches of 0.8 and 1.7 grid points in radius; those of the test family have 1.0.
_PIXEL_UM = {"narrow hertz": 2.6, "wide hertz": 1.2}


def calibration_fields(family: str, n_fields: int, *, seed: int, shape: int, poisson: float = 0.45) -> Bunch:
    """Simulate fields of one family without noise.

    Parameters
    ----------
    family : str
        One of `CALIBRATION_FAMILIES`.
    n_fields : int
        Number of fields.
    seed : int
        Seed.
    shape : int
        Grid points along a side.
    poisson : float, default=0.45
        Poisson ratio.

    Returns
    -------
    Bunch
        Result of the simulator's `sample`.
    """
    settings: dict[str, Any] = {"poisson": poisson, "shape": shape, "random_state": seed}
    if family in _CELLS:
        return CellSimulator(family, oversample=3, **settings).sample(n_fields)
    if family in _PIXEL_UM:
        return PatchSimulator("hertz", pixel_size=_PIXEL_UM[family] * _SIDE / shape, **settings).sample(n_fields)
    return PatchSimulator(_OWN[family], **settings).sample(n_fields)


def _ring(rng: np.random.Generator, shape: tuple[int, int], _range: Any, _pixel_size: float) -> Discs:
    """Return Hertz patches along an ellipse that pull inwards, in balance."""
    count = rng.integers(8, 25)
    angle, radius = rng.uniform(0, 2 * np.pi, count), rng.uniform(0.9, 3, count) * min(shape) / _SIDE
    axes = min(shape) * rng.uniform(0.22, 0.36) * np.array([1.0, rng.uniform(0.6, 1)])
    outwards = axes * rng.uniform(0.7, 1, count)[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    turn = np.deg2rad(rng.uniform(-20, 20, count)) + np.arctan2(-outwards[:, 1], -outwards[:, 0])
    size = rng.gamma(2.0, 1.0, count)
    pull = size[:, None] * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    pull -= size[:, None] * (radius[:, None] ** 2 * pull).sum(axis=0) / (radius**2 * size).sum()
    return Discs((np.array(shape[::-1]) - 1) / 2 + outwards, radius, 0.3 * pull / np.abs(pull).max(), "hertz")


def _few_discs(rng: np.random.Generator, shape: tuple[int, int], _range: Any, _pixel_size: float) -> Discs:
    """Return 5 to 19 discs of 1 to 4 grid points in radius, out of balance."""
    wanted = rng.integers(5, 20)
    places = _scatter(rng, wanted, (1.0, 4.0))
    return _pulling(rng, shape, places, rng.uniform(0.05, 0.5, wanted), "uniform")


def _crowded(rng: np.random.Generator, shape: tuple[int, int], _range: Any, _pixel_size: float) -> Discs:
    """Return 20 to 59 Hertz patches of 0.8 to 3 grid points in radius, out of balance, most of them weak."""
    wanted = rng.integers(20, 60)
    places = _scatter(rng, wanted, (0.8, 3.0))
    return _pulling(rng, shape, places, np.minimum(0.15 * rng.exponential(size=wanted), 0.6), "hertz")


def _scatter(rng: np.random.Generator, wanted: int, radii: tuple[float, float]) -> NDArray[np.float64]:
    """Return x, y and radius of discs without overlap, in grid points; the border of the field cuts some of them."""
    places = np.empty((0, 3))
    while len(places) < wanted:
        radius = rng.uniform(*radii)
        x, y = rng.uniform(-0.5, _SIDE - 0.5, 2)
        if (np.hypot(places[:, 0] - x, places[:, 1] - y) > places[:, 2] + radius).all():
            places = np.vstack([places, (x, y, radius)])
    return places


def _pulling(
    rng: np.random.Generator, shape: tuple[int, int], places: NDArray[Any], size: NDArray[Any], profile: str
) -> Discs:
    """Return discs that pull in random directions, on a grid of a shape."""
    angle, finer = rng.uniform(0, 2 * np.pi, len(places)), min(shape) / _SIDE
    pull = size[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return Discs((places[:, :2] + 0.5) * finer - 0.5, places[:, 2] * finer, pull, profile)


_OWN = {"ring": _ring, "few discs": _few_discs, "crowded": _crowded}
