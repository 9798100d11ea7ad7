"""Traction with error bars."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from tfmkit._validation import (
    FloatArray,
    check_count,
    check_field,
    check_mask,
    check_number,
    check_random_state,
    check_result,
)
from tfmkit.base import TractionEstimator, cut
from tfmkit.bayes.posterior import evidence_lam, posterior_samples, posterior_std, unseen_samples
from tfmkit.fttc.closed_form import fourier_inverse
from tfmkit.fttc.penalty import Penalty
from tfmkit.gel.gel import Gel
from tfmkit.noise.measure import effective_noise, noise_level


class BayesianFTTC(TractionEstimator):
    """Fourier-transform traction cytometry with lambda by evidence and error bars.

    Parameters
    ----------
    noise : float, optional
        Standard deviation of white noise per component, > 0, in the unit of `spacing`. By default the noise is measured
        in every field, as for `FTTCCV`, whether neighbouring vectors share it or not.
    order : float, default=1.0
        Order of the prior: traction has the power ``alpha |k|^(-2 order)``.
    young : float, default=10670.0
        Young's modulus; traction comes out in its unit.
    poisson : float, default=0.45
        Poisson ratio in [0, 0.5].
    spacing : float, default=1.0
        Distance between grid points in the unit of the displacement.
    thickness : float, optional
        Thickness of a gel that is bonded to a rigid base, in the unit of `spacing`; by default, and where infinite,
        the half-space.
    depth : float, default=0.0
        Depth of the beads below the surface in the unit of `spacing`, in [0, thickness).

    Attributes
    ----------
    gel_ : Gel
        The gel, as `fit` saw it.

    Warns
    -----
    ConvergenceWarning
        If the evidence of a field is largest at an end of the path of lambdas, 1e-6 to 1e6, which has then grown by
        three decades.

    Notes
    -----
    The noise is pinned by a robust estimate; only the strength of the prior is left to the evidence, which then has
    one maximum within a bounded range. See `tfmkit.bayes.posterior`. The Gaussian prior is the same at every
    pixel, cell or not: its samples fill the background with traction. `intervals` counts the forces that stand out of
    it only.

    Examples
    --------
    >>> import numpy as np
    >>> from tfmkit.gel.operator import ForwardOperator
    >>> traction = np.zeros((1, 2, 32, 32))
    >>> traction[0, 0, 8:12, 8:12], traction[0, 0, 20:24, 20:24] = 1_000.0, -1_000.0
    >>> displacement = ForwardOperator(32).apply(traction)
    >>> noisy = displacement + np.random.default_rng(0).normal(scale=0.01, size=displacement.shape)
    >>> mean, std = BayesianFTTC().fit(noisy).predict(noisy, return_std=True)
    >>> bool((std > 0).all())
    True
    """

    gives_std: ClassVar[bool] = True
    __metadata_request__predict: ClassVar[dict[str, bool]] = {"noise": True}
    takes_noise: ClassVar[bool] = True

    def __init__(
        self,
        *,
        noise: float | None = None,
        order: float = 1.0,
        young: float = 10_670.0,
        poisson: float = 0.45,
        spacing: float = 1.0,
        thickness: float | None = None,
        depth: float = 0.0,
    ) -> None:
        self.noise = noise
        self.order = order
        self.young = young
        self.poisson = poisson
        self.spacing = spacing
        self.thickness = thickness
        self.depth = depth

    def _check_parameters(self) -> None:
        if self.noise is not None:
            check_number(self.noise, "noise", low=0, include_low=False)
        check_number(self.order, "order", low=0)

    def predict(
        self,
        X: ArrayLike,
        mask: ArrayLike | None = None,
        *,
        noise: ArrayLike | None = None,
        return_std: bool = False,
    ) -> Any:
        """Return the posterior mean of the traction, and its standard deviation.

        Parameters
        ----------
        X : array-like of shape (n_fields, 2, height, width)
            Displacement in the unit of `spacing`; any grid of at least 8 pixels a side.
        mask : array-like of shape (n_fields, height, width) or (height, width), optional
            Where traction is expected, from 0 (none) to 1. It multiplies the mean.
        noise : array-like of shape (n_fields, 2, height, width), optional
            Standard deviation of each component of the displacement, in its unit; NaN where it is not known. The root
            of their mean square is the noise level, in the place of the parameter `noise`.
        return_std : bool, default=False
            Whether to return the standard deviation too.

        Returns
        -------
        mean : ndarray of shape (n_fields, 2, height, width)
            Traction in the unit of `young`, in the precision of `X`.
        std : ndarray of shape (n_fields, 2, height, width)
            Posterior standard deviation, the same at every pixel of a field. Only if `return_std`.

        Raises
        ------
        ValueError
            If `X` is not a batch of finite fields, or the mask or the noise does not fit.
        """
        if not return_std:
            return super().predict(X, mask, noise=noise)
        check_is_fitted(self)
        displacement = check_field(X)
        fields, levels, lams = self._evidence(displacement, self._check_told(noise, displacement))
        shape = (fields.shape[-2], fields.shape[-1])
        with np.errstate(over="ignore", invalid="ignore"):
            mean = self._mean(fields, lams)
            if mask is not None:
                mean = cut(mean, check_mask(mask, fields.shape, soft=True))
            modes = [posterior_std(shape, *pair) for pair in self._modes(levels, lams)]
            std = np.stack(modes) * self.gel_.young
            std = np.broadcast_to(std[:, :, None, None], mean.shape).astype(mean.dtype)
        return check_result(mean, "traction"), check_result(std, "standard deviation of the traction")

    def sample_y(
        self, X: ArrayLike, n_samples: int = 32, random_state: Any = None, *, noise: ArrayLike | None = None
    ) -> NDArray[Any]:
        """Draw tractions from the posterior.

        Parameters
        ----------
        X : array-like of shape (n_fields, 2, height, width)
            Displacement in the unit of `spacing`.
        n_samples : int, default=32
            Number of draws per field.
        random_state : None, int, numpy Generator or RandomState, optional
            Seed of the draws.
        noise : array-like of shape (n_fields, 2, height, width), optional
            Standard deviation of the displacement, as for `predict`.

        Returns
        -------
        ndarray of shape (n_samples, n_fields, 2, height, width)
            Tractions in the unit of `young`, scattered about `predict` with its standard deviation and with the
            correlation between pixels that errors of integrals depend on.

        Raises
        ------
        ValueError
            If `X` is not a batch of finite fields or there are no draws.
        """
        check_is_fitted(self)
        check_count(n_samples, "n_samples")
        displacement = check_field(X)
        fields, levels, lams = self._evidence(displacement, self._check_told(noise, displacement))
        shape, rng = (fields.shape[-2], fields.shape[-1]), check_random_state(random_state)
        with np.errstate(over="ignore", invalid="ignore"):
            mean, modes = self._mean(fields, lams), self._modes(levels, lams)
            draws = np.stack([posterior_samples(shape, *pair, n_samples=n_samples, rng=rng) for pair in modes], axis=1)
            return check_result((mean + self.gel_.young * draws).astype(mean.dtype), "draws of the traction")

    def _recover(
        self,
        displacement: FloatArray,
        mask: NDArray[Any] | None,  # noqa: ARG002
        noise: FloatArray | None = None,
    ) -> FloatArray:
        fields, _, lams = self._evidence(displacement, noise)
        return self._mean(fields, lams)

    def _draw_field(
        self, displacement: FloatArray, predicted: Any, errors: FloatArray, rng: Any, noise: FloatArray | None
    ) -> FloatArray:
        """Return the mean with the errors of the displacement and with what the prior smooths away.

        Under white noise this is a draw of the posterior. The errors may be shared by neighbours, and then make sums
        vary more than the posterior knows.
        """
        gel, mean = self.gel_, np.asarray(predicted if isinstance(predicted, np.ndarray) else predicted[0])
        _, levels, lams = self._evidence(displacement[None], None if noise is None else noise[None])
        ((level, dimensionless, prior),) = self._modes(levels, lams)
        if self.noise is not None and noise is None:
            errors = errors * (self.noise / max(float(errors.std()), float(np.finfo(np.float32).tiny)))
        shape = (mean.shape[-2], mean.shape[-1])
        unseen = unseen_samples(shape, level, dimensionless, prior, n_samples=len(errors), rng=rng)
        seen = fourier_inverse(gel.in_pixels(errors), gel, prior, scale=gel.young)
        return (mean + seen + gel.young * unseen).astype(mean.dtype)

    def _told(self) -> float | None:
        """Noise level in pixels, where the user knows it."""
        return None if self.noise is None else self.noise / self.gel_.spacing

    def _evidence(
        self, displacement: FloatArray, noise: FloatArray | None
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return the fields in pixels, their noise and their lambda."""
        fields = self.gel_.in_pixels(displacement)
        levels = noise_level(fields, self.gel_, self._told() if noise is None else self.gel_.in_pixels(noise))
        effective = np.array([effective_noise(*pair) for pair in zip(fields, levels.tolist(), strict=True)])
        return fields, effective, evidence_lam(fields, effective, self.gel_, order=self.order)

    def _modes(self, noise: FloatArray, lams: FloatArray) -> list[tuple[float, Gel, Penalty]]:
        """Noise, gel and prior of every field."""
        pairs = zip(noise.tolist(), lams.tolist(), strict=True)
        return [(level, self.gel_, Penalty(lam, float(self.order))) for level, lam in pairs]

    def _mean(self, fields: FloatArray, lams: FloatArray) -> FloatArray:
        """Return the mean of the posterior of fields in pixels, each with its lambda."""
        gel, order = self.gel_, float(self.order)
        means = [
            fourier_inverse(field[None], gel, Penalty(lam, order), boundary="extended", scale=gel.young)
            for field, lam in zip(fields, lams.tolist(), strict=True)
        ]
        return np.concatenate(means)
