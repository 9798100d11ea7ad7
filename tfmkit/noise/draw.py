"""Noise to draw: white, correlated as image velocimetry makes it, of a measured spectrum, and wrong vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import gaussian_filter1d

from tfmkit._validation import FloatArray, check_choice, check_field, check_number, root_stream
from tfmkit.gel.gel import Gel
from tfmkit.noise.measure import noise_spectrum, rings_of

Array = NDArray[np.floating[Any]]

UNITS = ("px", "rms")


def add_noise(
    displacement: ArrayLike,
    level: float,
    *,
    unit: str = "px",
    correlation: float = 0.0,
    spacing: float = 1.0,
    random_state: Any = None,
) -> FloatArray:
    """Add Gaussian noise to displacement fields.

    Parameters
    ----------
    displacement : array-like of shape (n_fields, 2, height, width)
        Displacement, in the unit of `spacing`.
    level : float
        How much noise, >= 0; see `unit`.
    unit : {"px", "rms"}, default="px"
        With ``"px"``, `level` is the root mean square length of the noise vector in grid pixels, as in the literature:
        each component gets the standard deviation ``level / sqrt(2)``. With ``"rms"``, each component gets
        `level` times the root mean square of the components of its field.
    correlation : float, default=0.0
        Standard deviation, in pixels, of the Gaussian that the noise is smoothed with, as velocimetry with overlapping
        windows does; its variance is restored afterwards. 0 leaves it white.
    spacing : float, default=1.0
        Grid spacing, in the unit of `displacement`.
    random_state : None, int, numpy Generator or RandomState, optional
        Seed.

    Returns
    -------
    ndarray of shape (n_fields, 2, height, width)
        The noisy displacement, in the precision of `displacement`.

    Raises
    ------
    ValueError
        If a field or a parameter is out of its range.
    """
    fields = check_field(displacement)
    check_number(spacing, "spacing", low=0, include_low=False)
    check_noise(level, unit, correlation)
    streams = root_stream(random_state).spawn(len(fields))
    return fields + make_noise(streams, fields, level, unit=unit, correlation=correlation, spacing=spacing)


def add_outliers(displacement: ArrayLike, fraction: float, *, random_state: Any = None) -> FloatArray:
    """Replace vectors by wrong ones, as failed correlations of bead images leave them.

    Parameters
    ----------
    displacement : array-like of shape (n_fields, 2, height, width)
        Displacement.
    fraction : float
        Probability in [0, 1] that a vector is wrong.
    random_state : None, int, numpy Generator or RandomState, optional
        Seed.

    Returns
    -------
    ndarray of shape (n_fields, 2, height, width)
        The displacement with wrong vectors, whose components are uniform within twice the largest of their field.

    Raises
    ------
    ValueError
        If the fields or the fraction are not valid.
    """
    fields = check_field(displacement).copy()
    check_number(fraction, "fraction", low=0, high=1)
    for field, stream in zip(fields, root_stream(random_state).spawn(len(fields)), strict=True):
        wrong = stream.random(field.shape[1:]) < fraction
        limit = 2 * np.abs(field).max()
        field[:, wrong] = stream.uniform(-limit, limit, (2, int(wrong.sum())))
    return fields


def check_noise(level: Any, unit: Any, correlation: Any) -> None:
    """Refuse noise parameters that are out of range.

    Parameters
    ----------
    level : float
        See `add_noise`.
    unit : str
        See `add_noise`.
    correlation : float
        See `add_noise`.

    Raises
    ------
    ValueError
        If one is not valid.
    """
    check_number(level, "noise", low=0)
    check_choice(unit, "noise_unit", UNITS)
    check_number(correlation, "noise_correlation", low=0)


def make_noise(
    streams: Sequence[np.random.Generator],
    fields: FloatArray,
    level: float,
    *,
    unit: str,
    correlation: float,
    spacing: float,
) -> FloatArray:
    """Draw the noise of fields, one random stream each.

    Parameters
    ----------
    streams : sequence of numpy Generator
        One random stream per field.
    fields : ndarray of shape (n_fields, 2, height, width)
        Displacement; only its size matters, and for ``unit="rms"`` its root mean square.
    level : float
        See `add_noise`.
    unit : {"px", "rms"}
        See `add_noise`.
    correlation : float
        See `add_noise`.
    spacing : float
        See `add_noise`.

    Returns
    -------
    ndarray of shape (n_fields, 2, height, width)
        The noise, in the unit and precision of `fields`.
    """
    if level == 0:
        return np.zeros_like(fields)
    normals = np.stack([stream.standard_normal(fields.shape[1:], dtype=np.float32) for stream in streams])
    if correlation > 0:
        normals = _smooth(normals, correlation)
    if unit == "px":
        return normals.astype(fields.dtype) * fields.dtype.type(level / np.sqrt(2) * spacing)
    rms = np.sqrt((fields.astype(np.float64) ** 2).mean(axis=(1, 2, 3), keepdims=True))
    return normals.astype(fields.dtype) * (level * rms).astype(fields.dtype)


def _smooth(normals: NDArray[np.float32], correlation: float) -> NDArray[np.float32]:
    """Smooth white noise around the torus, which keeps it stationary up to the edge, at unit variance."""
    for axis in (2, 3):
        impulse = np.zeros(normals.shape[axis])
        impulse[0] = 1.0
        gain = np.linalg.norm(gaussian_filter1d(impulse, correlation, mode="wrap"))
        normals = gaussian_filter1d(normals, correlation, axis=axis, mode="wrap") / np.float32(gain)
    return normals


def draw_noise(power: Array, like: Array, rng: np.random.Generator) -> Array:
    """Draw noise of a given spectrum.

    Parameters
    ----------
    power : ndarray of shape (n_rings,)
        Power of the noise per wave vector and component.
    like : ndarray of shape (2, height, width)
        Field of the shape and precision that is wanted.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    ndarray of shape (2, height, width)
        Noise, periodic on the field.
    """
    shape = (like.shape[-2], like.shape[-1])
    rings = rings_of(shape)
    amplitude = np.sqrt(np.interp(rings.k, rings.wavenumber, power))
    white = scipy.fft.rfft2(rng.standard_normal(like.shape))
    return np.asarray(scipy.fft.irfft2(amplitude * white, s=shape).astype(like.dtype))


def draw_noise_of(
    displacement: Array, gel: Gel, n: int, rng: np.random.Generator, stated: Array | None = None
) -> Array:
    """Measure the noise of a displacement field and draw more of the same spectrum.

    Parameters
    ----------
    displacement : ndarray of shape (2, height, width)
        Displacement.
    gel : Gel
        The gel.
    n : int
        Number of draws.
    rng : numpy.random.Generator
        Source of randomness.
    stated : ndarray of shape (2, height, width), optional
        Standard deviation of each component of each vector, where it is known: the noise has this size then.

    Returns
    -------
    ndarray of shape (n, 2, height, width)
        Noise in the unit and precision of `displacement`, periodic on the field.
    """
    drawn = draw_noise(
        noise_spectrum(displacement[None], gel)[0], np.broadcast_to(displacement, (n, *displacement.shape)), rng
    )
    if stated is None or not np.isfinite(stated).any() or not drawn.any():
        return drawn
    level = drawn.std(axis=(2, 3), keepdims=True)
    return drawn / np.where(level > 0, level, 1) * np.nan_to_num(stated, nan=float(np.nanmax(stated)))
