"""Fits without a block, against fits that drop its rows."""

from __future__ import annotations

import numpy as np
import pytest

from tfmkit.fttc.blocked_cv import gap_error, half_width
from tfmkit.gel import Gel
from tfmkit.gel.layer import gains
from tfmkit.gel.operator import convolve
from tfmkit.gel.symbol import wavenumbers
from tfmkit.noise.measure import rings_of

SHAPE, POISSON, LAM = (9, 11), 0.3, 0.5
SIZE = 2 * SHAPE[0] * SHAPE[1]


def _one_kind(kind: int) -> np.ndarray:
    """Random field with displacement along its wave vectors (0) or across them (1) alone."""
    ky, kx = np.broadcast_arrays(*wavenumbers(SHAPE))
    potential = np.fft.rfft2(np.random.default_rng(0).normal(size=SHAPE))
    planes = (kx * potential, ky * potential) if kind == 0 else (-ky * potential, kx * potential)
    return np.fft.irfft2(1j * np.stack(planes), s=SHAPE)


def _direct_error(field: np.ndarray, half: int) -> float:
    """Drop the rows of every vector's block in turn, fit the rest, and look at the middle."""
    forward = (
        convolve(np.eye(SIZE).reshape(SIZE, 2, *SHAPE), Gel(poisson=POISSON), boundary="periodic").reshape(SIZE, SIZE).T
    )
    inverse = np.linalg.pinv(forward, rcond=1e-9)
    ky, kx = wavenumbers(SHAPE)
    pixel = np.sinc(ky / (2 * np.pi)) * np.sinc(kx / (2 * np.pi))
    number = np.arange(SHAPE[0] * SHAPE[1]).reshape(SHAPE)
    error = 0.0
    for y, x in np.ndindex(*SHAPE):
        block = np.roll(number, (half - y, half - x), axis=(0, 1))[: 2 * half + 1, : 2 * half + 1].ravel()
        part = np.delete(forward, [*block, *(block + number.size)], axis=0)
        data = np.delete(field.ravel(), [*block, *(block + number.size)])
        traction = np.linalg.solve(part.T @ part + LAM * np.eye(SIZE), part.T @ data).reshape(2, *SHAPE)
        averaged = np.fft.irfft2(pixel * np.fft.rfft2(traction), s=SHAPE)
        seen = (inverse.T @ averaged.ravel()).reshape(2, *SHAPE)
        error += np.square(traction[:, y, x]).sum() - 2 * (field[:, y, x] * seen[:, y, x]).sum()
    return float(error)


@pytest.mark.parametrize("half", [0, 1])
@pytest.mark.parametrize("kind", [0, 1])
def test_gap_error_is_that_of_fits_without_the_block(half: int, kind: int) -> None:
    field = _one_kind(kind)
    k = np.hypot(*np.broadcast_arrays(*wavenumbers(SHAPE)))
    k[0, 0] = 1
    gain = gains(k, Gel(poisson=POISSON))
    share = gain**2 / (gain**2 + LAM)
    share[:, 0, 0] = 0
    power = np.square(np.abs(np.fft.rfft2(field))).sum(axis=0) / (SHAPE[0] * SHAPE[1])
    power[:, 1:] *= 2
    by_power = (gap_error(share, gain, half, SHAPE)[kind] * power).sum()
    assert by_power == pytest.approx(_direct_error(field, half), rel=1e-9)


@pytest.mark.parametrize(("deviation", "half"), [(0.0, 0), (1.5, 2), (20.0, 6)])
def test_block_holds_the_vectors_that_share_their_noise(deviation: float, half: int) -> None:
    rings = rings_of((64, 48))
    noise = np.exp(-((deviation * rings.wavenumber[None]) ** 2))
    assert half_width(noise, rings, (64, 48)) == half
    assert half_width(noise, rings, (8, 64)) == min(half, 2)


def test_silence_needs_no_block() -> None:
    rings = rings_of((16, 16))
    assert half_width(np.zeros((1, len(rings.wavenumber))), rings, (16, 16)) == 0
