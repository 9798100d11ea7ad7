"""Symbols: convolutions of vector fields in Fourier space, one symmetric 2 x 2 matrix for every wave vector.

With them come the transforms of real fields and their wave vectors, for numpy and torch.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import scipy.fft
from array_api_compat import is_torch_array
from numpy.typing import NDArray

Array = NDArray[np.float64]
Shape = tuple[int, int]


class Symbol(NamedTuple):
    """A symmetric 2 x 2 matrix for every wave vector of a half plane, real, in numpy or torch.

    All symbols of this package depend on the direction of the wave vector in one way: they have an eigenvalue along it
    and one across it. Two of them therefore commute, and their product is symmetric again.

    Attributes
    ----------
    xx, yy, xy : array of shape (..., height, width // 2 + 1)
        Entries of the matrix.
    """

    xx: Any
    yy: Any
    xy: Any

    @classmethod
    def from_along_across(cls, along: Any, across: Any, grid: Shape) -> Symbol:
        """Make a symbol from its eigenvalues along and across the wave vector.

        Parameters
        ----------
        along, across : ndarray of shape (..., height, width // 2 + 1)
            Eigenvalues.
        grid : (int, int)
            Height and width of the field.

        Returns
        -------
        Symbol
            ``along k k' / k^2 + across (I - k k' / k^2)``, without a cross term at the Nyquist row and column
            (`tfmkit.gel.symbol.at_nyquist`).
        """
        symbol = cls.at(*wavenumbers(grid), along, across)
        return symbol._replace(xy=np.where(at_nyquist(grid), 0, symbol.xy))

    @classmethod
    def at(cls, ky: Any, kx: Any, along: Any, across: Any) -> Symbol:
        """Make a symbol from its eigenvalues at given wave vectors.

        Parameters
        ----------
        ky, kx : ndarray
            Wave vectors in rad per pixel. They broadcast.
        along, across : ndarray
            Eigenvalues along the wave vector and across it.

        Returns
        -------
        Symbol
            ``along k k' / k^2 + across (I - k k' / k^2)``; at ``k = 0``, ``across I``.
        """
        squared = kx * kx + ky * ky
        extra = (along - across) / np.where(squared > 0, squared, 1.0)
        return cls(across + extra * kx * kx, across + extra * ky * ky, extra * kx * ky)

    def multiply(self, spectrum: Any) -> Any:
        """Multiply the spectra of vector fields by the symbol.

        Parameters
        ----------
        spectrum : array of shape (..., 2, height, width // 2 + 1)
            Complex spectra.

        Returns
        -------
        array of shape (..., 2, height, width // 2 + 1)
            The products.
        """
        x, y = spectrum[..., 0, :, :], spectrum[..., 1, :, :]
        return _stack([self.xx * x + self.xy * y, self.xy * x + self.yy * y], spectrum)

    def convolve(self, field: Any, grid: Shape) -> Any:
        """Convolve fields, zero-padded to a grid, and keep the part on the field.

        Parameters
        ----------
        field : array of shape (..., 2, height, width)
            Real vector fields (numpy or torch).
        grid : (int, int)
            Grid of the symbol, at least as large as the field.

        Returns
        -------
        array of shape (..., 2, height, width)
            The convolved fields.
        """
        height, width = field.shape[-2:]
        return irfft2(self.multiply(rfft2(field, grid)), grid)[..., :height, :width]

    def product(self, other: Symbol) -> Symbol:
        """Return the product of two symbols.

        Parameters
        ----------
        other : Symbol
            The other one.

        Returns
        -------
        Symbol
            Product of the matrices at every wave vector.
        """
        return Symbol(
            self.xx * other.xx + self.xy * other.xy,
            self.yy * other.yy + self.xy * other.xy,
            self.xx * other.xy + self.xy * other.yy,
        )

    def scaled(self, factor: Any) -> Symbol:
        """Return a multiple of the symbol.

        Parameters
        ----------
        factor : float or array
            Factor on all entries.

        Returns
        -------
        Symbol
            The multiple.
        """
        return Symbol(self.xx * factor, self.yy * factor, self.xy * factor)

    def plus(self, diagonal: Any) -> Symbol:
        """Add a multiple of the unit matrix.

        Parameters
        ----------
        diagonal : float or array of shape (..., height, width // 2 + 1)
            The multiple at each wave vector.

        Returns
        -------
        Symbol
            The sum.
        """
        return Symbol(self.xx + diagonal, self.yy + diagonal, self.xy)

    def inverse(self) -> Symbol:
        """Return the inverse of a positive symbol.

        Returns
        -------
        Symbol
            Inverse of the matrix at every wave vector; 0 where its determinant is 0.
        """
        determinant = self.xx * self.yy - self.xy * self.xy
        # Adding 1 only where the determinant is 0 keeps one expression for numpy and torch, and no division by zero.
        scale = (determinant > 0) / (determinant + (determinant <= 0))
        return Symbol(self.yy * scale, self.xx * scale, -self.xy * scale)

    def regularised_inverse(self, penalty: Any) -> Symbol:
        """Return the inverse under a quadratic penalty.

        Parameters
        ----------
        penalty : float or array of shape (..., height, width // 2 + 1)
            Weight of ``|t|^2`` at each wave vector, >= 0: ``lam |k|^(2 order)`` for a penalty of some order.

        Returns
        -------
        Symbol
            ``(G'G + penalty)^-1 G'`` at every wave vector. It is 0 where neither the gel nor the penalty says anything:
            the least-squares solution of least norm.
        """
        return self.product(self).plus(penalty).inverse().product(self)

    def interleaved(self, dtype: str, scale: float = 1.0) -> Interleaved:
        """Return the symbol in the form that multiplies spectra in place.

        Parameters
        ----------
        dtype : {"float32", "float64"}
            Precision of the result.
        scale : float, default=1.0
            Factor on the result.

        Returns
        -------
        Interleaved
            The symbol with every entry twice in a row.
        """
        return Interleaved(*(np.repeat(part * scale, 2, axis=-1).astype(dtype) for part in self))


class Interleaved(NamedTuple):
    """A symbol with every entry twice in a row, for the real and the imaginary part of a spectrum.

    Attributes
    ----------
    xx, yy, xy : ndarray of shape (height, 2 * (width // 2 + 1))
        Entries of the matrix.
    """

    xx: NDArray[Any]
    yy: NDArray[Any]
    xy: NDArray[Any]

    def multiply_in_place(self, spectrum: NDArray[Any]) -> None:
        """Multiply the spectra of vector fields by the symbol, in place.

        Parameters
        ----------
        spectrum : ndarray of shape (n_fields, 2, height, width // 2 + 1)
            Complex spectra, overwritten.
        """
        # Seen as pairs of reals, a complex number times a real one is two multiplications instead of four.
        parts = spectrum.view(spectrum.real.dtype)
        x, y = parts[:, 0], parts[:, 1]
        into_x, into_y = self.xy * y, self.xy * x
        x *= self.xx
        x += into_x
        y *= self.yy
        y += into_y


def _stack(parts: list[Any], like: Any) -> Any:
    if not is_torch_array(like):
        return np.stack(parts, -3)
    import torch

    return torch.stack(parts, -3)


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
