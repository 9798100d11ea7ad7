"""The forward operator, from traction to displacement, for numpy and torch.

One code path serves both libraries. An operator looks at the array that it is given, fetches the symbol (the operator's
discrete Fourier transform) in that library, precision and device from a cache, and multiplies in Fourier space.
Symbols are computed once per grid, in float64. They are real, because the kernel is real and even.
"""

from __future__ import annotations

from dataclasses import asdict
from functools import lru_cache
from typing import Any

import numpy as np
import scipy.fft
from array_api_compat import array_namespace, is_torch_array
from array_api_compat import device as device_of

from tfmkit._validation import check_choice, check_shape
from tfmkit.gel.gel import Gel
from tfmkit.gel.half_space import combine, pixel_basis
from tfmkit.gel.layer import fourier_factors
from tfmkit.gel.layer_pixel import layer_kernel
from tfmkit.gel.symbol import Array, Shape, Symbol, at_nyquist, padded_grid, wavenumber, wavenumbers

BOUNDARIES = ("open", "periodic")
# Reciprocal lattice vectors on either side that are folded into the band; the next ones change a symbol by under 1 %.
_FOLDS = 3


class ForwardOperator:
    """The elastic gel, a half-space or a layer, as a linear map from traction to displacement.

    Parameters
    ----------
    shape : (int, int) or int
        Height and width of the grid in pixels, at least 8 a side.
    young : float, default=10670.0
        Young's modulus; traction has its unit.
    poisson : float, default=0.45
        Poisson ratio in [0, 0.5].
    spacing : float, default=1.0
        Distance between grid points; displacement has its unit.
    boundary : {"open", "periodic"}, default="open"
        ``"open"``: no traction outside the field, on a gel without end (zero-padded convolution with the
        pixel-integrated tensor: exact for tractions that are constant on each pixel). ``"periodic"``: field and
        gel repeat (product with the analytic Fourier tensor; the mean traction moves nothing on a half-space and
        shears a layer uniformly).
    thickness : float, optional
        Thickness of a gel that is bonded to a rigid base, in the unit of `spacing`; by default, and where infinite,
        the half-space.
    depth : float, default=0.0
        Depth of the beads below the surface in the unit of `spacing`, in [0, thickness).

    Raises
    ------
    ValueError
        If a parameter is out of its range.

    Notes
    -----
    Displacement is the convolution of traction with Green's tensor ``G``::

        u = spacing / young * (G * t)

    The tensor is even and symmetric, so the operator is its own adjoint under both boundaries. `tfmkit.gel.half_space`
    has the tensor of a half-space, `tfmkit.gel.layer` that of a gel with a base at ``h`` below the surface [1]_ and of
    beads at a depth ``d`` [2]_. At ``k = 0`` the latter is the uniform shear ``2 (1 + nu) (h - d)``. On a periodic gel
    the displacement of an unbalanced force therefore grows with ``h``. That of a balanced force tends to the
    displacement of the half-space.

    References
    ----------
    .. [1] R. Merkel, N. Kirchgessner, C. M. Cesa and B. Hoffmann, Biophys. J. 93, 3314 (2007).
    .. [2] J. C. del Alamo et al., Proc. Natl. Acad. Sci. USA 104, 13343 (2007).

    Examples
    --------
    >>> import numpy as np
    >>> traction = np.zeros((1, 2, 16, 16))
    >>> traction[0, 0, 8, 8] = 1_000.0
    >>> displacement = ForwardOperator(16, young=1_000.0, poisson=0.5).apply(traction)
    >>> bool(np.isclose(displacement[0, 0, 8, 8], 1.5 / np.pi * 3 * np.arcsinh(1)))
    True
    """

    def __init__(
        self,
        shape: Any,
        *,
        young: float = 10_670.0,
        poisson: float = 0.45,
        spacing: float = 1.0,
        boundary: str = "open",
        thickness: float | None = None,
        depth: float = 0.0,
    ) -> None:
        self.shape = check_shape(shape)
        self.boundary = check_choice(boundary, "boundary", BOUNDARIES)
        self.gel = Gel(young, poisson, spacing, thickness, depth)

    @classmethod
    def of_gel(cls, shape: Any, gel: Gel, boundary: str = "open") -> ForwardOperator:
        """Make the operator of a gel.

        Parameters
        ----------
        shape : (int, int) or int
            Height and width of the grid in pixels, at least 8 a side.
        gel : Gel
            The gel.
        boundary : {"open", "periodic"}, default="open"
            As in the constructor.

        Returns
        -------
        ForwardOperator
            The operator.
        """
        return cls(shape, boundary=boundary, **asdict(gel))

    def apply(self, traction: Any) -> Any:
        """Compute the displacement of a traction field.

        Parameters
        ----------
        traction : array of shape (..., 2, height, width)
            Traction in the unit of `young` (numpy or torch, float32 or float64).

        Returns
        -------
        array of shape (..., 2, height, width)
            Displacement in the unit of `spacing`, same library and precision.

        Raises
        ------
        ValueError
            If the grid is not the operator's.
        """
        if tuple(traction.shape[-3:]) != (2, *self.shape):
            raise ValueError(f"Expected fields of shape (..., 2, {self.shape}), got {tuple(traction.shape)}.")
        displacement = convolve(traction, self.gel, boundary=self.boundary)
        return displacement * (self.gel.spacing / self.gel.young)


def convolve(tau: Any, gel: Gel, *, boundary: str = "open") -> Any:
    """Convolve dimensionless traction with Green's tensor.

    Parameters
    ----------
    tau : array of shape (..., 2, height, width)
        Traction over Young's modulus (numpy or torch).
    gel : Gel
        The gel.
    boundary : {"open", "periodic"}, default="open"
        See `ForwardOperator`.

    Returns
    -------
    array of shape (..., 2, height, width)
        Displacement in pixels.
    """
    shape = (tau.shape[-2], tau.shape[-1])
    grid = padded_grid(shape) if boundary == "open" else shape
    return green_symbol(shape, gel, boundary=boundary, like=tau).convolve(tau, grid)


def pixel_sources(means: Any) -> Any:
    """Correct traction that varies inside the pixels for the operator, which takes it as constant there.

    Parameters
    ----------
    means : array of shape (..., 2, height, width)
        Mean traction over each pixel (numpy or torch).

    Returns
    -------
    array of shape (..., 2, height, width)
        Traction that is constant on each pixel and displaces the gel in the same way, to fourth order in the pixel.

    Notes
    -----
    Taking the mean over a pixel of width h and spreading it over the pixel again are each a smoothing
    ``1 + h^2 nabla^2 / 24``. Both are undone to that order, ``t - h^2 nabla^2 t / 12``, edge values continued outside.
    For Hertz patches three pixels in radius the displacement is then within 0.4 % of the closed form (1.1 % before).
    """
    concat = array_namespace(means).concat
    rows = concat([means[..., :1, :], means, means[..., -1:, :]], axis=-2)
    columns = concat([means[..., :1], means, means[..., -1:]], axis=-1)
    neighbours = rows[..., 2:, :] + rows[..., :-2, :] + columns[..., 2:] + columns[..., :-2]
    return means - (neighbours - 4 * means) / 12


def green_symbol(shape: Shape, gel: Gel, *, boundary: str, like: Any) -> Symbol:
    """Return the symbol of Green's tensor on the half plane of `tfmkit.gel.symbol.rfft2`.

    Parameters
    ----------
    shape : (int, int)
        Height and width of the field.
    gel : Gel
        The gel.
    boundary : {"open", "periodic"}
        ``"open"`` gives the transform of the pixel-integrated tensor on a grid of at least twice the size,
        ``"periodic"`` the analytic Fourier tensor on the field's own grid.
    like : array
        Library, precision and device of the result.

    Returns
    -------
    Symbol
        Displacement in pixels per traction over Young's modulus.
    """
    return _symbol_like(tuple(shape), gel.dimensionless, boundary, *_kind_of(like))


@lru_cache(maxsize=4)
def bandlimited_symbol(shape: Shape, gel: Gel) -> Symbol:
    """Return the symbol of the open operator for band-limited traction.

    Parameters
    ----------
    shape : (int, int)
        Height and width of the field.
    gel : Gel
        The gel.

    Returns
    -------
    Symbol
        Entries on the grid of `tfmkit.gel.symbol.padded_grid`, float64.

    Notes
    -----
    The pixel-integrated tensor takes the traction as constant on every pixel, and so sharpens a traction that is fitted
    with it. This symbol differs from it by a short-ranged kernel: the analytic symbol less that of the pixel tensor on
    an endless lattice::

        K~(k) - sum_m sinc((k + 2 pi m) / 2) K~(k + 2 pi m)
    """
    pixel = green_symbol(shape, gel, boundary="open", like=np.empty(0))
    correction = _correction(padded_grid(shape), gel.dimensionless)
    return Symbol(*(a + b for a, b in zip(pixel, correction, strict=True)))


def _correction(grid: Shape, gel: Gel) -> Symbol:
    def analytic(ky: Array, kx: Array) -> Array:
        return np.stack(Symbol.at(ky, kx, *fourier_factors(np.hypot(ky, kx), gel)))

    ky, kx = wavenumbers(grid)
    total = analytic(ky, kx)
    for fold_y in range(-_FOLDS, _FOLDS + 1):
        for fold_x in range(-_FOLDS, _FOLDS + 1):
            y, x = ky + 2 * np.pi * fold_y, kx + 2 * np.pi * fold_x
            total -= analytic(y, x) * np.sinc(y / (2 * np.pi)) * np.sinc(x / (2 * np.pi))
    total[2, at_nyquist(grid)] = 0
    return Symbol(*total)


@lru_cache(maxsize=64)
def _symbol_like(shape: Shape, gel: Gel, boundary: str, dtype: Any, device: Any) -> Symbol:
    if boundary == "open" and gel.is_half_space:
        return Symbol(*combine(_basis_like(shape, dtype, device), gel.poisson))
    return Symbol(*(_convert(entry, dtype, device) for entry in _symbol(shape, gel, boundary)))


@lru_cache(maxsize=16)
def _symbol(shape: Shape, gel: Gel, boundary: str) -> Symbol:
    """Symbol in float64."""
    if boundary == "periodic":
        return Symbol.from_along_across(*fourier_factors(wavenumber(shape), gel), shape)
    (lag_y, lag_x), mirrored = _lags(padded_grid(shape))
    row, column = abs(lag_y).astype(int), abs(lag_x).astype(int)
    y, x = np.ogrid[: row.max() + 1, : column.max() + 1]
    kernel = np.stack(layer_kernel(y, x, gel))[:, row, column]
    kernel[2] *= np.sign(lag_y) * np.sign(lag_x) * mirrored
    return Symbol(*np.ascontiguousarray(scipy.fft.rfft2(kernel).real))


@lru_cache(maxsize=64)
def _basis_like(shape: Shape, dtype: Any, device: Any) -> Any:
    return _convert(_basis(shape), dtype, device)


@lru_cache(maxsize=32)
def _basis(shape: Shape) -> Array:
    """Symbols of the three functions of `pixel_basis`, float64."""
    lags, mirrored = _lags(padded_grid(shape))
    kernel = pixel_basis(*lags)
    kernel[2] *= mirrored
    return np.ascontiguousarray(scipy.fft.rfft2(kernel).real)


def _lags(grid: tuple[int, int]) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
    """Lags along y and x, and where they have a mirror image."""
    lag_y, lag_x = (scipy.fft.fftfreq(n, 1 / n) for n in grid)
    # On an even grid the lag n / 2 is its own mirror image: an odd function must vanish there.
    mirrored = (2 * lag_y[:, None] != -grid[0]) & (2 * lag_x[None, :] != -grid[1])
    return (lag_y[:, None], lag_x[None, :]), mirrored


def _kind_of(like: Any) -> tuple[Any, Any]:
    """Precision and device of an array; no device stands for numpy."""
    return (like.dtype, device_of(like)) if is_torch_array(like) else (like.dtype.name, None)


def _convert(symbol: Array, dtype: Any, device: Any) -> Any:
    if device is None:
        return symbol.astype(dtype)
    import torch

    return torch.as_tensor(symbol, dtype=dtype, device=device)
