"""The interface of the estimators of stress in a sheet, and the part that they share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from tfmkit._validation import (
    FloatArray,
    check_choice,
    check_field,
    check_number,
    check_random_state,
    check_result,
    unmasked,
)
from tfmkit.monolayer.equilibrium import Equilibrium
from tfmkit.monolayer.labels import Labels, cell_radius, check_labels
from tfmkit.monolayer.sheet import BOUNDARIES, Sheet, make_sheet
from tfmkit.monolayer.undecided import undecided_stress

Array = NDArray[np.floating[Any]]


class SheetEstimator(ABC, BaseEstimator):
    """Base class of estimators from the traction under a sheet of cells to the stress in it.

    It checks the input, makes one mesh per mask, factorises its equations once for all frames on it, and draws stress
    for error bars.
    """

    poisson: float
    boundary: str
    spacing: float
    height: float | None
    cell_size: float | None

    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> Self:
        """Check the parameters and the data; there is nothing to learn.

        Parameters
        ----------
        X : array-like of shape (n_fields, 2, height, width)
            Traction of the cells on the gel (Pa).
        y : array-like of shape (n_fields, n_components, height, width), optional
            Stress; checked and not used.

        Returns
        -------
        estimator
            The estimator.

        Raises
        ------
        ValueError
            If a parameter is out of its range or the data are not fields.
        """
        check_number(self.poisson, "poisson", low=-1, high=1, include_low=False, include_high=False)
        check_choice(self.boundary, "boundary", BOUNDARIES)
        check_number(self.spacing, "spacing", low=0, include_low=False)
        for name in ("height", "cell_size"):
            if getattr(self, name) is not None:
                check_number(getattr(self, name), name, low=0, include_low=False)
        self._check_parameters()
        traction = check_field(X, name="traction")
        if y is not None:
            _check_target(y, traction.shape)
        # The unit of stress: traction times a length, over the height of the sheet where it is known.
        self.scale_ = float(self.spacing) / (1.0 if self.height is None else float(self.height))
        return self

    def predict(self, X: ArrayLike, mask: ArrayLike | None = None) -> FloatArray:
        """Return the stress in the sheet.

        Parameters
        ----------
        X : array-like of shape (n_fields, 2, height, width)
            Traction of the cells on the gel (Pa).
        mask : array-like of shape (n_fields, height, width) or (height, width), optional
            True, or the number of a cell, inside the sheet. By default the sheet fills the field.

        Returns
        -------
        ndarray of shape (n_fields, 3, height, width)
            Stress (xx, yy, xy), NaN outside of the sheet: N/m where `spacing` is in metres, Pa where `height` is given.
            Tension is positive.

        Raises
        ------
        ValueError
            If `X` is not a batch of finite fields or the mask does not fit it.
        """
        check_is_fitted(self)
        traction = check_field(X, name="traction")
        stress = np.empty((len(traction), 3, *traction.shape[2:]), dtype=traction.dtype)
        for frames, labels in _by_mask(_labels(mask, traction.shape)):
            sheet, fields = make_sheet(labels > 0), traction[frames].astype(np.float64)
            with np.errstate(over="ignore", invalid="ignore"):
                for chosen, system in self._systems(sheet, fields):
                    found = system.solve(system.loads(sheet.values(fields[chosen])))
                    stress[frames[chosen]] = sheet.fill(self._scaled(found, stress.dtype))
        return stress

    def draw(self, tractions: ArrayLike, mask: ArrayLike | None = None, *, random_state: Any = None) -> FloatArray:
        r"""Draw stress that the data allow, for error bars.

        Parameters
        ----------
        tractions : array-like of shape (n_draws, n_fields, 2, height, width)
            Draws of the traction, at least 2, from any estimator's ``draw``: their spread is the error of the traction.
        mask : array-like of shape (n_fields, height, width) or (height, width), optional
            True, or the number of a cell, inside the sheet. By default the sheet fills the field.
        random_state : None, int, numpy Generator or RandomState, optional
            Seed.

        Returns
        -------
        ndarray of shape (n_draws, n_fields, 3, height, width)
            Stress, scattered as much as it is unknown. The functions of `tfmkit.monolayer` that make tables take it
            for error bars.

        Raises
        ------
        ValueError
            If the tractions are not such draws, the mask does not fit them, or the size of the cells is not known.

        Notes
        -----
        Two things are unknown. The traction is: each draw of it gives its own stress. And the traction shows only two
        of the three components of the stress: many stresses balance the same traction, of which an elastic sheet has
        one. So each draw gets a random stress field :math:`s` less the field that this estimator finds from the
        traction of :math:`s`. The fields have the correlation of a stress that changes from cell to cell (a Gaussian
        of half the radius of a cell), and as much of them shows in the traction as of the measured one.
        """
        check_is_fitted(self)
        batch = np.asarray(unmasked(tractions))
        if batch.ndim != 5 or len(batch) < 2:
            raise ValueError(
                "Expected draws of the traction of shape (n_draws, n_fields, 2, height, width), at least 2 of them, "
                f"got shape {batch.shape}."
            )
        flat = check_field(batch.reshape(-1, *batch.shape[2:]), name="draws of the traction")
        drawn = flat.reshape(batch.shape)
        stress = np.empty((*batch.shape[:2], 3, *batch.shape[3:]), dtype=flat.dtype)
        rng = check_random_state(random_state)
        for frames, labels in _by_mask(_labels(mask, batch.shape[1:])):
            sheet, length = make_sheet(labels > 0), self._length(labels)
            for frame in frames:
                fields = drawn[:, frame].astype(np.float64)
                with np.errstate(over="ignore", invalid="ignore"):
                    ((_, system),) = self._systems(sheet, fields.mean(axis=0, keepdims=True))
                    found = system.solve(system.loads(sheet.values(fields)))
                    found += undecided_stress(system, found, length, float(self.poisson), rng)
                    stress[:, frame] = sheet.fill(self._scaled(found, stress.dtype))
        return stress

    def _scaled(self, found: FloatArray, dtype: Any) -> FloatArray:
        """Return stress in its unit, checked: outside of the sheet, NaN has a meaning."""
        return check_result((self.scale_ * found).astype(dtype), "stress")

    def _length(self, labels: Labels) -> float:
        """Return half the radius of a cell in pixels."""
        if self.cell_size is not None:
            return self.cell_size / self.spacing / 4
        if labels.max() == 1:
            raise ValueError(
                "Expected the size of the cells for error bars, got a mask without cells: give a label image with a "
                "number for each cell, or cell_size, the diameter of a cell in the unit of spacing."
            )
        return cell_radius(labels) / 2

    def _check_parameters(self) -> None:
        """Check the parameters that only this estimator has."""

    @abstractmethod
    def _systems(self, sheet: Sheet, fields: Array) -> Iterator[tuple[NDArray[np.intp], Equilibrium]]:
        """Give the equations of a sheet, for a spacing of 1, and the fields of traction that they serve."""

    def __sklearn_tags__(self) -> Tags:
        """Return scikit-learn's tags of an estimator of 4-D fields that learns nothing.

        Returns
        -------
        Tags
            The tags.
        """
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        return tags


def _check_target(y: ArrayLike, shape: tuple[int, ...]) -> None:
    target = np.asarray(unmasked(y))
    if target.ndim != 4 or target.shape[1] < 2 or (target.shape[0], *target.shape[2:]) != (shape[0], *shape[2:]):
        raise ValueError(f"Expected stress for traction of shape {shape}, got shape {target.shape}.")
    for components in (target[:, :2], target[:, -2:]):
        check_field(components, name="stress")


def _labels(mask: ArrayLike | None, shape: tuple[int, ...]) -> Labels:
    return check_labels(np.ones(shape[-2:], dtype=bool) if mask is None else mask, shape)


def _by_mask(labels: Labels) -> Iterator[tuple[NDArray[np.intp], Labels]]:
    """Give the frames that share a label image, and the image."""
    groups: dict[bytes, list[int]] = {}
    for frame, image in enumerate(labels):
        groups.setdefault(image.tobytes(), []).append(frame)
    for frames in groups.values():
        yield np.array(frames), labels[frames[0]]
