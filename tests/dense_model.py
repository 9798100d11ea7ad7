"""Fourier inversion by dense matrices, for tests: plane waves are summed one by one, nothing is transformed.

Boussinesq and Cerruti's tensor stands here as it is printed by Butler et al., Am. J. Physiol. Cell Physiol. 282, C595
(2002).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tfmkit.fttc.criteria import Statistics
from tfmkit.gel import Gel
from tfmkit.noise.measure import Rings

SHAPE, NU = (7, 9), 0.3
N = SHAPE[0] * SHAPE[1]
FREEDOM = 2 * (N - 1)
VECTORS = [(y, x) for y in range(SHAPE[0]) for x in range(SHAPE[1])][1:]
K = np.array([[2 * np.pi * ((y + 3) % 7 - 3) / 7, 2 * np.pi * ((x + 4) % 9 - 4) / 9] for y, x in VECTORS])
PLACES = np.array([(y, x) for y in range(SHAPE[0]) for x in range(SHAPE[1])])
PIXEL = np.sinc(K / (2 * np.pi)).prod(axis=1)


class Dense(NamedTuple):
    """Matrices between fields, as vectors of all x components and then all y components."""

    green: np.ndarray
    penalty: np.ndarray
    average: np.ndarray
    basis: np.ndarray


def matrix(tensors: Any) -> np.ndarray:
    """Sum the plane waves of tensors (xx, xy, yy), one for each wave vector, into a matrix of all pairs of pixels."""
    waves = np.cos((PLACES[:, None] - PLACES) @ K.T) / N
    xx, xy, yy = (waves @ np.array(part) for part in zip(*tensors, strict=True))
    return np.block([[xx, xy], [xy, yy]])


def dense(order: float) -> Dense:
    """Boussinesq and Cerruti's tensor as it is printed (Butler et al. 2002), Young's modulus 1."""
    y, x = K.T
    k = np.hypot(y, x)
    scale = 2 * (1 + NU) / k**3
    green = zip(
        scale * ((1 - NU) * k**2 + NU * y**2), -scale * NU * x * y, scale * ((1 - NU) * k**2 + NU * x**2), strict=True
    )
    weight, zero = k ** (2 * order), 0 * k
    basis = np.linalg.svd(np.eye(N) - 1 / N)[0][:, : N - 1]
    parts = (green, zip(weight, zero, weight, strict=True), zip(PIXEL, zero, PIXEL, strict=True))
    return Dense(*map(matrix, parts), np.kron(np.eye(2), basis))


def fields() -> np.ndarray:
    """Three fields of one loaded pixel pair and noise, without a mean."""
    traction = np.zeros((3, 2, *SHAPE))
    traction[:, 0, 3, 2], traction[:, 0, 3, 6] = 0.7, -0.7
    moved = traction.reshape(3, -1) @ dense(0.0).green
    moved += np.random.default_rng(1).normal(scale=[[0.05], [0.2], [0.6]], size=moved.shape)
    return moved @ dense(0.0).basis @ dense(0.0).basis.T


def spectra(moved: np.ndarray, noise: float) -> Statistics:
    """Power along and across every wave vector, each of which is a ring by itself."""
    waves = np.exp(-1j * PLACES @ K.T) / np.sqrt(N)
    x, y = moved[:, :N] @ waves, moved[:, N:] @ waves
    direction = K / np.linalg.norm(K, axis=1, keepdims=True)
    along, across = x * direction[:, 1] + y * direction[:, 0], x * direction[:, 0] - y * direction[:, 1]
    ones, unused = np.ones(N - 1), np.empty(0)
    rings = Rings(np.hypot(*K.T), ones, PIXEL, PIXEL**2, unused, unused.astype("f4"), unused.astype("f4"), None)
    power = np.abs(np.stack([along, across], axis=1)) ** 2
    flat = np.full((len(moved), N - 1), noise**2)
    return Statistics(SHAPE, Gel(1.0, NU), rings, power, flat, np.zeros(len(moved)))


def fit(parts: Dense, lam: float) -> np.ndarray:
    """Traction per displacement at one lambda, on fields without a mean."""
    normal = parts.green.T @ parts.green + lam * parts.penalty
    return parts.basis @ np.linalg.solve(parts.basis.T @ normal @ parts.basis, parts.basis.T @ parts.green.T)
