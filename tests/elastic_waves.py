"""One wave of shear on an elastic layer, solved as a boundary-value problem: a reference for tests of the gel."""

from __future__ import annotations

import numpy as np


def solve_wave(k: float, nu: float, h: float, z: float) -> tuple[float, float]:
    """Displacement at height z along and across a wave of unit shear on the surface of a layer, Young's modulus 1.

    ``u_x = U(z) exp(ikx)`` and ``u_z = i W(z) exp(ikx)`` solve Navier's equations with the four pairs (U, W) below.
    """
    mu, q = 0.5 / (1 + nu), (3 - 4 * nu) / k

    def pairs(z: float) -> np.ndarray:
        up, down = np.exp(k * (z - h)), np.exp(-k * z)
        return np.array([[up, down, z * up, z * down], [-up, down, (q - z) * up, (q + z) * down]])

    def slopes(z: float) -> np.ndarray:
        step = 1e-6 * h
        return (pairs(z + step) - pairs(z - step)) / (2 * step)

    (_, w), (du, dw) = pairs(h), slopes(h)
    # Only the last two pairs change the volume, by 2 - 4 nu; Lame's first constant is 2 mu nu / (1 - 2 nu).
    swollen = 4 * mu * nu * np.array([0, 0, 1, -np.exp(-k * h)])
    # The base stands still; the surface bears a shear of 1 and nothing normal to it.
    rows = [*pairs(0.0), mu * (du - k * w), 2 * mu * dw + swollen]
    along = pairs(z)[0] @ np.linalg.solve(rows, [0, 0, 1, 0])
    waves = [[np.exp(-k * h), 1], [mu * k, -mu * k * np.exp(-k * h)]]
    across = np.array([np.exp(k * (z - h)), np.exp(-k * z)]) @ np.linalg.solve(waves, [0, 1])
    return along, across
