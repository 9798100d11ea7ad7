"""One wave of shear on an elastic layer, solved as a boundary-value problem: a reference for tests of the gel."""

from __future__ import annotations

import numpy as np


def solve_wave(k: float, nu: float, h: float, z: float) -> tuple[float, float]:
    """Displacement at height z along and across a wave of unit shear on the surface of a layer, Young's modulus 1."""
    along, across = solve_waves(np.array([k]), nu, h, z)
    return float(along[0]), float(across[0])


def solve_waves(k: np.ndarray, nu: float, h: float, z: float) -> tuple[np.ndarray, np.ndarray]:
    """Displacement at height z along and across waves of unit shear on the surface of a layer, Young's modulus 1.

    ``u_x = U(z) exp(ikx)`` and ``u_z = i W(z) exp(ikx)`` solve Navier's equations with the four pairs (U, W) below.
    """
    mu, q = 0.5 / (1 + nu), (3 - 4 * nu) / k

    def pairs(z: float) -> tuple[np.ndarray, np.ndarray]:
        up, down = np.exp(k * (z - h)), np.exp(-k * z)
        return np.array([up, down, z * up, z * down]), np.array([-up, down, (q - z) * up, (q + z) * down])

    def slopes(z: float) -> tuple[np.ndarray, np.ndarray]:
        up, down = np.exp(k * (z - h)), np.exp(-k * z)
        sideways = [k * up, -k * down, (1 + k * z) * up, (1 - k * z) * down]
        return np.array(sideways), np.array([-k * up, -k * down, (k * (q - z) - 1) * up, (1 - k * (q + z)) * down])

    (_, w), (du, dw) = pairs(h), slopes(h)
    # Only the last two pairs change the volume, by 2 - 4 nu; Lame's first constant is 2 mu nu / (1 - 2 nu).
    swollen = 4 * mu * nu * np.array([0 * k, 0 * k, 1 + 0 * k, -np.exp(-k * h)])
    # The base stands still; the surface bears a shear of 1 and nothing normal to it.
    rows = np.moveaxis(np.array([*pairs(0.0), mu * (du - k * w), 2 * mu * dw + swollen]), -1, 0)
    weights = np.linalg.solve(rows, np.array([0.0, 0.0, 1.0, 0.0])[:, None])[..., 0]
    along = (pairs(z)[0].T * weights).sum(axis=1)
    waves = np.array([[np.exp(-k * h), 1 + 0 * k], [mu * k, -mu * k * np.exp(-k * h)]])
    parts = np.linalg.solve(np.moveaxis(waves, -1, 0), np.array([0.0, 1.0])[:, None])[..., 0]
    return along, (np.array([np.exp(k * (z - h)), np.exp(-k * z)]).T * parts).sum(axis=1)
