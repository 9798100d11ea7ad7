"""Calibration by held-out cells: intervals that hold in 90 % of the pixels, and the misfit of foreign fields.

A network's intervals are too narrow in some places and too wide in others. The prediction itself tells where: by the
ratio of traction and interval, at the pixel and around it, and by the smoothness of the traction. A small function of
six such numbers corrects the half-width pixel by pixel. It is bounded and fitted to the 90 % quantile of the error
(conformalised quantile regression [1]_), has 65 parameters, sees neither position nor unit, and is kept with the
weights.

.. [1] Y. Romano, E. Patterson and E. Candes, Conformalized quantile regression, NeurIPS 2019.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter
from torch import nn

Array = NDArray[np.float64]
Rows = tuple[tuple[float, ...], ...]

COVERAGE = 0.9
# Half of the central 90 % interval of a normal distribution, in standard deviations.
HALF_WIDTH = 1.6448536269514722
# Part of the calibration fields whose misfit counts as familiar.
FAMILIAR = 0.98
# A half-width is multiplied or divided by at most this factor.
_LARGEST_FACTOR = np.e
_UNITS = 8
_STEPS = 400
_RATE = 0.03
_PIXELS_PER_FIELD = 80
_FAR = 3.0
# No number of a calibration is above this, and no spread below its inverse.
_LARGEST = 1e6
_SMALL = 1e-3


@dataclass(frozen=True, eq=False)
class Calibration:
    """The result of a calibration by held-out cells.

    Attributes
    ----------
    centre, spread : tuple of 6 floats
        Mean and standard deviation of the features.
    hidden, output : tuple of tuples
        Weights of the two layers, the offset last in each row: 8 rows of 7, 1 row of 9.
    misfit_limit : float
        Misfit above which a field is unlike those of the calibration.
    """

    centre: tuple[float, ...]
    spread: tuple[float, ...]
    hidden: Rows
    output: Rows
    misfit_limit: float

    def factor(self, traction: NDArray[Any], half_width: NDArray[Any]) -> Array:
        """Return the factors that correct half-widths.

        Parameters
        ----------
        traction : ndarray of shape (n_fields, 2, height, width)
            Predicted traction.
        half_width : ndarray of shape (n_fields, 2, height, width)
            Half-width of its interval as the network gives it.

        Returns
        -------
        ndarray of shape (n_fields, 2, height, width)
            Factors between 1/e and e.
        """
        features = interval_features(traction, half_width)
        scaled = np.clip((features - np.array(self.centre)) / np.array(self.spread), -_FAR, _FAR)
        hidden, output = np.array(self.hidden), np.array(self.output)
        units = np.tanh(scaled @ hidden[:, :-1].T + hidden[:, -1])
        limit = np.log(_LARGEST_FACTOR)
        return np.exp(limit * np.tanh((units @ output[0, :-1] + output[0, -1]) / limit))

    def correct(self, traction: NDArray[Any], half_width: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return traction with the corrected half-widths of its intervals.

        Parameters
        ----------
        traction : ndarray of shape (n_fields, 2, height, width)
            Predicted traction.
        half_width : ndarray of shape (n_fields, 2, height, width)
            Half-width of its interval as the network gives it.

        Returns
        -------
        traction : ndarray of shape (n_fields, 2, height, width)
            The traction as it was.
        half_width : ndarray of shape (n_fields, 2, height, width)
            Half-width times `factor`, in its precision.
        """
        return traction, (half_width * self.factor(traction, half_width)).astype(half_width.dtype)

    def as_dict(self) -> dict[str, Any]:
        """Return the calibration as values that JSON can hold.

        Returns
        -------
        dict
            All attributes.
        """
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Any, source: str) -> Calibration:
        """Return a calibration from the result of `as_dict`.

        Parameters
        ----------
        values : dict
            The attributes.
        source : str
            Origin of the attributes, for the error message.

        Returns
        -------
        Calibration
            The calibration.

        Raises
        ------
        ValueError
            If an attribute is missing, of another shape, or too large to be that of a calibration.
        """
        n_features = 6
        shapes = {
            "centre": (n_features,), "spread": (n_features,), "hidden": (_UNITS, n_features + 1),
            "output": (1, _UNITS + 1), "misfit_limit": (),
        }  # fmt: skip
        try:
            arrays = {name: np.array(values[name], dtype=float) for name in shapes}
        except (KeyError, OverflowError, TypeError, ValueError) as error:
            raise ValueError(f"Expected a calibration in {source}, but it lacks or garbles {error}.") from error
        for name, array in arrays.items():
            if array.shape != shapes[name]:
                raise ValueError(f"Expected {name} in {source} as {shapes[name]} numbers, got {array.shape}.")
            if not (np.abs(array) <= _LARGEST).all():
                raise ValueError(
                    f"Expected numbers of {name} in {source} up to {_LARGEST:g}, got {np.abs(array).max():g}."
                )
        if not (arrays["spread"] >= 1 / _LARGEST).all():
            raise ValueError(f"Expected a spread above {1 / _LARGEST:g} in {source}, got {arrays['spread'].min():g}.")
        lists = {name: array.tolist() for name, array in arrays.items()}
        return cls(
            tuple(lists["centre"]), tuple(lists["spread"]), tuple(map(tuple, lists["hidden"])),
            tuple(map(tuple, lists["output"])), lists["misfit_limit"],
        )  # fmt: skip


def fit_calibration(
    traction: Iterable[NDArray[Any]],
    half_width: Iterable[NDArray[Any]],
    truth: Iterable[NDArray[Any]],
    inside: Iterable[NDArray[np.bool_]],
    misfit: Iterable[float],
    seed: int = 0,
) -> Calibration:
    """Learn the correction of intervals, and the largest misfit that is familiar.

    Parameters
    ----------
    traction, half_width : n_fields ndarray of shape (2, height, width)
        Prediction of the network; fields may have different grids.
    truth : n_fields ndarray of shape (2, height, width)
        True traction.
    inside : n_fields ndarray of shape (height, width)
        True where intervals are to hold: inside the cells.
    misfit : ndarray of shape (n_fields,)
        From `tfmkit.deep.misfit.smooth_misfit`.
    seed : int, default=0
        Seed of the choice of pixels and of the start of the search.

    Returns
    -------
    Calibration
        The calibration.

    Raises
    ------
    ValueError
        If no field has both pixels inside and an interval.
    """
    rng = np.random.default_rng(seed)
    features, errors = [], []
    for field, width, true, mask in zip(traction, half_width, truth, inside, strict=True):
        rows, columns = np.nonzero(mask & (width > 0).all(axis=0))
        chosen = rng.permutation(len(rows))[:_PIXELS_PER_FIELD]
        pixels = np.s_[:, rows[chosen], columns[chosen]]
        features.append(interval_features(field[None], width[None])[0][pixels].reshape(-1, 6))
        errors.append((np.abs(field - true)[pixels] / width[pixels]).ravel())
    if not sum(map(len, errors)):
        raise ValueError("Expected pixels inside cells to calibrate on, got none with an interval.")
    values = np.concatenate(features)
    centre, spread = values.mean(axis=0), np.maximum(values.std(axis=0), _SMALL)
    scaled = np.clip((values - centre) / spread, -_FAR, _FAR)
    hidden, output = _fit_quantile(scaled, np.log(np.concatenate(errors) + _SMALL), seed)
    limit = float(np.quantile(list(misfit), FAMILIAR))
    return Calibration(tuple(centre.tolist()), tuple(spread.tolist()), hidden, output, limit)


def interval_features(traction: NDArray[Any], half_width: NDArray[Any]) -> Array:
    """Compare the traction at every pixel with its interval and with the traction around.

    Parameters
    ----------
    traction : ndarray of shape (n_fields, 2, height, width)
        Predicted traction.
    half_width : ndarray of shape (n_fields, 2, height, width)
        Half-width of its interval.

    Returns
    -------
    ndarray of shape (n_fields, 2, height, width, 6)
        Logarithms of six ratios without a unit: magnitude over half-width at the pixel, in 5 x 5 and in 15 x 15 pixels;
        difference from the mean of 3 x 3 pixels over magnitude; half-width over the largest magnitudes of the field;
        half-width of the component over that of 5 x 5 pixels.
    """
    t, w = np.asarray(traction, dtype=float), np.asarray(half_width, dtype=float)
    tiny = np.finfo(float).tiny
    squared, width_squared = np.square(t).sum(axis=1), np.maximum(np.square(w).mean(axis=1), tiny)
    width = np.sqrt(width_squared)
    near, far = (np.sqrt(np.maximum(uniform_filter(squared, (0, n, n)), 0)) for n in (5, 15))
    rough = np.sqrt(np.square(t - uniform_filter(t, (0, 0, 3, 3))).sum(axis=1))
    peak = np.maximum(np.quantile(np.sqrt(squared), 0.995, axis=(1, 2)), np.sqrt(tiny))[:, None, None]
    shared = [part / width + _SMALL for part in (np.sqrt(squared), near, far)]
    shared += [rough / np.maximum(near, np.sqrt(tiny)) + _SMALL, width / peak]
    around = np.sqrt(np.maximum(uniform_filter(width_squared, (0, 5, 5)), tiny))
    own = np.maximum(w, np.sqrt(tiny)) / around[:, None]
    return np.log(np.stack([*(np.broadcast_to(part[:, None], w.shape) for part in shared), own], axis=-1))


def _fit_quantile(features: Array, values: Array, seed: int) -> tuple[Rows, Rows]:
    """Fit the quantile of `values` by the pinball loss; returns the rows of both layers."""
    x, y = (torch.as_tensor(part, dtype=torch.float32) for part in (features, values))
    limit = float(np.log(_LARGEST_FACTOR))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        hidden, output = nn.Linear(x.shape[1], _UNITS), nn.Linear(_UNITS, 1)
    optimizer = torch.optim.Adam([*hidden.parameters(), *output.parameters()], lr=_RATE)
    for step in range(_STEPS):
        for group in optimizer.param_groups:
            group["lr"] = _RATE * (1 - step / _STEPS)
        miss = y - limit * torch.tanh(output(hidden(x).tanh())[:, 0] / limit)
        loss = torch.maximum(COVERAGE * miss, (COVERAGE - 1) * miss).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return _rows(hidden), _rows(output)


def _rows(layer: nn.Linear) -> Rows:
    table = torch.cat([layer.weight, layer.bias[:, None]], 1).detach().double()
    return tuple(tuple(round(value, 6) for value in row) for row in table.tolist())
