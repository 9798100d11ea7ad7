"""Traction of a network that learnt with white noise, where the standard deviation of every vector is stated.

A displacement with such a statement was measured in images. Its errors are not white: the measurement blurs, here
more, there less. The packaged weights ``"images"`` know these errors. Real cells can be unlike the cells of their
training, and then they leave most of the displacement unexplained. So the prediction is chosen field by field.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate1d

from tfmkit.deep.calibration import HALF_WIDTH
from tfmkit.deep.explain import explain
from tfmkit.deep.misfit import unexplained
from tfmkit.gel import Gel

Array = NDArray[Any]
Parts = tuple[Array, Array]

# Packaged weights that have learnt with white noise, and those that know the errors of images.
_WITH_WHITE_NOISE, _OF_IMAGES = ("default", "small"), "images"
# Finest detail of the displacement over the one that white noise of the stated size would have: that of PIV at its
# defaults is at most 0.4 in simulated images of beads, and white noise has 1.
_SMOOTH_NOISE, _WHITE_NOISE = 0.5, 0.9
# Share of the smooth displacement that a good prediction leaves unexplained at most, and that of a bad one at least:
# up to 0.2 in simulated images with peaks of 2 px or more, and 0.6 to 1.5 in 11 pairs of real cells.
_EXPLAINED, _UNEXPLAINED = 0.4, 0.6
_SECOND_DIFFERENCE = (1.0, -2.0, 1.0)
# Median of the absolute value of a normal variable of unit variance.
_MEDIAN_OF_NORMAL = 0.6745


def network_of_images(model: Any) -> Callable[[Array, Array], Parts] | None:
    """Return the prediction of the packaged network for images beside a network.

    Parameters
    ----------
    model : DeepTFM
        A fitted estimator.

    Returns
    -------
    callable or None
        From displacement and noise to traction and the half-width of its 90 % interval, with the weights ``"images"``
        and the gel of the other; None if the other has other weights than ``"default"`` or ``"small"``, or was trained
        further.
    """
    if len(model.history) or model.start_name() not in _WITH_WHITE_NOISE:
        return None
    other = _pretrained(model.from_pretrained, model.gel_, model.average_turns, model.batch_size, model.device)

    def _predict(displacement: Array, noise: Array) -> Parts:
        traction, std = other.predict(displacement, noise=noise, return_std=True)
        return traction, HALF_WIDTH * std

    return _predict


@lru_cache(maxsize=8)
def _pretrained(load: Any, gel: Gel, average_turns: bool, batch_size: int, device: Any) -> Any:
    return load(_OF_IMAGES, **asdict(gel), average_turns=average_turns, batch_size=batch_size, device=device)


def predict_with_noise(
    displacement: Array,
    noise: Array,
    gel: Gel,
    own: Callable[[Array], Any],
    of_images: Callable[[Array, Array], Parts] | None,
    calibrate: Callable[[Array, Array], Any],
) -> Parts:
    """Predict the traction of displacement whose standard deviation is stated.

    Parameters
    ----------
    displacement : ndarray of shape (n_fields, 2, height, width)
        Displacement, in the unit of the gel's spacing.
    noise : ndarray of shape (n_fields, 2, height, width)
        Its standard deviation; NaN for vectors that were replaced.
    gel : Gel
        The gel.
    own : callable
        The network: displacement to traction and the half-width of its 90 % interval.
    of_images : callable or None
        The network for images: displacement and noise to the same, calibrated.
    calibrate : callable
        Calibration of the network: traction and half-width to the same.

    Returns
    -------
    traction : ndarray of shape (n_fields, 2, height, width)
        Traction, in the unit of Young's modulus.
    half_width : ndarray of shape (n_fields, 2, height, width)
        Half-width of its 90 % interval, in the same unit.

    Notes
    -----
    Three predictions share a field, with weights that pass smoothly from 0 to 1, so that the frames of a movie do not
    jump. The network for images takes part where the stated noise is not alike everywhere and the displacement is
    smoother than white noise of this size would leave it (`smooth_noise`); otherwise the other network stays alone.
    Where the result leaves more than 0.4 to 0.6 of the smooth displacement unexplained
    (`tfmkit.deep.misfit.unexplained`), the traction of the other network takes its place, corrected until it explains
    the displacement (`tfmkit.deep.explain`). The variance is that of the mixture. The other network does not run on
    fields that the network for images explains.
    """
    share = np.zeros(len(displacement)) if of_images is None else smooth_noise(displacement, noise)
    traction, half_width = _run(of_images, share > 0, displacement, noise)
    left = share < 1
    left[~left] = _trust(displacement[~left], traction[~left], gel) < 1
    if left.any():
        second = own(displacement[left])
        calibrated = calibrate(*second)
        mixed = _mix(share[left], (traction[left], half_width[left]), calibrated)
        parts = _explained(displacement[left], noise[left], gel, mixed, second, calibrated[1])
        traction[left], half_width[left] = parts
    return traction, half_width


def _explained(displacement: Array, noise: Array, gel: Gel, mixed: Parts, own: Parts, half_width: Array) -> Parts:
    """Put the corrected traction of the own network where a prediction leaves the displacement unexplained."""
    trust = _trust(displacement, mixed[0], gel)
    some = trust < 1
    if not some.any():
        return mixed
    corrected = own[0].copy()
    corrected[some] = explain(displacement[some], own[0][some], own[1][some] / HALF_WIDTH, noise[some], gel)
    return _mix(trust, mixed, (corrected, half_width))


def smooth_noise(displacement: Array, noise: Array) -> NDArray[np.float64]:
    """Tell whether the errors of fields are those of a measurement in images.

    Parameters
    ----------
    displacement : ndarray of shape (n_fields, 2, height, width)
        Displacement.
    noise : ndarray of shape (n_fields, 2, height, width)
        Its standard deviation; NaN for vectors that were replaced.

    Returns
    -------
    ndarray of shape (n_fields,)
        1 where they are, 0 where the noise is white or one number for all vectors. In between lie fields whose finest
        detail, the median over the field of the second difference along both axes over the stated noise, is 0.5 to 0.9
        of that of white noise.
    """
    detail = np.asarray(displacement, dtype=float)
    for axis in (2, 3):
        detail = correlate1d(detail, np.array(_SECOND_DIFFERENCE) / np.sqrt(6), axis=axis, mode="nearest")
    known = np.isfinite(noise) & (noise > 0)
    ratio = np.abs(detail)[..., 1:-1, 1:-1] / np.where(known, noise, np.nan)[..., 1:-1, 1:-1]
    shares = np.zeros(len(displacement))
    for field, (stated, ratios) in enumerate(zip(noise, ratio, strict=True)):
        if _is_uneven(stated) and np.isfinite(ratios).any():
            whiteness = np.nanmedian(ratios) / _MEDIAN_OF_NORMAL
            shares[field] = _ramp(whiteness, _SMOOTH_NOISE, _WHITE_NOISE)
    return shares


def _is_uneven(noise: Array) -> bool:
    """Tell whether the noise (2, height, width) differs from vector to vector by more than rounding."""
    known = [component[np.isfinite(component)] for component in noise]
    return any(len(part) and np.ptp(part) > 1e-3 * part.max() for part in known)


def _trust(displacement: Array, traction: Array, gel: Gel) -> Any:
    return _ramp(unexplained(gel.in_pixels(displacement), traction / gel.young, gel), _EXPLAINED, _UNEXPLAINED)


def _ramp(number: Any, full: float, none: float) -> Any:
    """1 up to a number, 0 from another one on, linear in between."""
    return np.clip((none - number) / (none - full), 0.0, 1.0)


def _run(network: Callable[..., Any] | None, some: NDArray[np.bool_], *fields: Array) -> Parts:
    """Predict some fields, and zeros for the others."""
    traction, half_width = np.zeros_like(fields[0]), np.zeros_like(fields[0])
    if network is not None and some.any():
        traction[some], half_width[some] = network(*(part[some] for part in fields))
    return traction, half_width


def _mix(weight: Array, one: Parts, other: Parts) -> Parts:
    """Mean and half-width of a mixture, whose parts weigh ``weight`` and ``1 - weight``."""
    first = weight[:, None, None, None].astype(one[0].dtype)
    second = 1 - first
    apart = HALF_WIDTH * (one[0] - other[0])
    squared = first * np.square(one[1]) + second * np.square(other[1]) + first * second * np.square(apart)
    return first * one[0] + second * other[0], np.sqrt(squared)
