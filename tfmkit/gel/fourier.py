"""Discrete Fourier transforms of real fields, for numpy and torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.fft
from array_api_compat import is_torch_array
from numpy.typing import NDArray

Array = NDArray[np.float64]
Shape = tuple[int, int]


def rfft2(field: Any, grid: Shape) -> Any:
    """Transform real fields, zero-padded to a grid.

    Parameters
    ----------
    field : array of shape (..., height, width)
        Real field (numpy or torch).
    grid : (int, int)
        Size of the transform.

    Returns
    -------
    array of shape (..., grid[0], grid[1] // 2 + 1)
        Half spectrum in the field's precision.
    """
    return _library(field).rfft2(field, s=grid)


def irfft2(spectrum: Any, grid: Shape) -> Any:
    """Transform half spectra back to real fields.

    Parameters
    ----------
    spectrum : array of shape (..., grid[0], grid[1] // 2 + 1)
        Half spectrum (numpy or torch).
    grid : (int, int)
        Size of the field.

    Returns
    -------
    array of shape (..., grid[0], grid[1])
        Real field.
    """
    return _library(spectrum).irfft2(spectrum, s=grid)


def padded_grid(shape: Shape) -> Shape:
    """Return the grid on which the open boundary convolves without wrapping.

    Parameters
    ----------
    shape : (int, int)
        Height and width of the field.

    Returns
    -------
    (int, int)
        At least twice the height and width less one, sizes that are quick to transform.
    """
    height, width = (scipy.fft.next_fast_len(2 * n - 1, real=True) for n in shape)
    return height, width


def wavenumbers(grid: Shape) -> tuple[Array, Array]:
    """Return the angular wavenumbers of `rfft2` on a grid.

    Parameters
    ----------
    grid : (int, int)
        Height and width.

    Returns
    -------
    ky : ndarray of shape (height, 1)
        Along y, in rad per pixel.
    kx : ndarray of shape (1, width // 2 + 1)
        Along x.
    """
    ky = 2 * np.pi * scipy.fft.fftfreq(grid[0])[:, None]
    kx = 2 * np.pi * scipy.fft.rfftfreq(grid[1])[None, :]
    return ky, kx


def wavenumber(grid: Shape) -> Array:
    """Return the lengths of the wave vectors of `rfft2` on a grid.

    Parameters
    ----------
    grid : (int, int)
        Height and width.

    Returns
    -------
    ndarray of shape (height, width // 2 + 1)
        Lengths in rad per pixel.
    """
    return np.hypot(*wavenumbers(grid))


def at_nyquist(grid: Shape) -> NDArray[np.bool_]:
    """Find the wave vectors that equal their own negative in y or in x.

    Parameters
    ----------
    grid : (int, int)
        Height and width.

    Returns
    -------
    ndarray of shape (height, width // 2 + 1)
        True on the Nyquist row of a grid of even height, and on the Nyquist column of a grid of even width.

    Notes
    -----
    There ``+k`` and ``-k`` are one frequency. A real field cannot carry anything there that is odd in ``kx`` or ``ky``:
    the cross term of a tensor must vanish.
    """
    ky, kx = wavenumbers(grid)
    return np.isclose(np.abs(ky), np.pi) | np.isclose(kx, np.pi)


def _library(array: Any) -> Any:
    if not is_torch_array(array):
        return scipy.fft
    import torch

    return torch.fft
