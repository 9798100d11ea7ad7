"""Traction with error bars."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from tfmkit._base import TractionEstimator
from tfmkit._validation import check_count, check_field, check_gel, check_mask, check_number, check_pair
from tfmkit.inversion.fourier import fourier_inverse
from tfmkit.inversion.objective import SparseProblem
from tfmkit.inversion.posterior import evidence_lam, pivot, posterior_samples, posterior_std, resample
from tfmkit.inversion.sparsity import LENGTH_WEIGHT, adaptive_elastic_net, effective_noise, white_noise_level
from tfmkit.mechanics import contractile_moment, strain_energy, total_force
from tfmkit.operators import ForwardOperator

STATISTICS = ("total_force", "strain_energy", "contractile_moment")
_NORMAL_90 = 1.6448536269514722


class BayesianFTTC(TractionEstimator):
    """Fourier-transform traction cytometry with lambda by evidence and error bars.

    Parameters
    ----------
    noise : float, optional
        Standard deviation of the noise per component, > 0, in the unit of `spacing`. By default it is measured in
        every field; neighbouring vectors that share their noise hide it, so give it for overlapping windows.
    order : float, default=1.0
        Order of the prior: traction has the power ``alpha |k|^(-2 order)``.
    young : float, default=10670.0
        Young's modulus; traction comes out in its unit.
    poisson : float, default=0.45
        Poisson ratio in [0, 0.5].
    spacing : float, default=1.0
        Distance between grid points in the unit of the displacement.

    Attributes
    ----------
    gel_ : (float, float, float)
        Young's modulus, Poisson ratio and spacing in use.

    Notes
    -----
    The noise is pinned by a robust estimate; only the strength of the prior is left to the evidence, which then has
    one maximum within a bounded range. See `tfmkit.inversion.posterior`. The Gaussian prior is the same at every
    pixel, cell or not: its samples fill the background with traction and their summed length is far too large.
    `intervals` therefore resamples a sparse recovery of the same field.

    Examples
    --------
    >>> import numpy as np
    >>> from tfmkit.operators import ForwardOperator
    >>> traction = np.zeros((1, 2, 32, 32))
    >>> traction[0, 0, 8:12, 8:12], traction[0, 0, 20:24, 20:24] = 1_000.0, -1_000.0
    >>> displacement = ForwardOperator(32).apply(traction)
    >>> noisy = displacement + np.random.default_rng(0).normal(scale=0.01, size=displacement.shape)
    >>> mean, std = BayesianFTTC().fit(noisy).predict(noisy, return_std=True)
    >>> bool((std > 0).all())
    True
    """

    def __init__(
        self,
        *,
        noise: float | None = None,
        order: float = 1.0,
        young: float = 10_670.0,
        poisson: float = 0.45,
        spacing: float = 1.0,
    ) -> None:
        self.noise = noise
        self.order = order
        self.young = young
        self.poisson = poisson
        self.spacing = spacing

    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> BayesianFTTC:
        """Check the parameters and the data; every field finds its own lambda when it is predicted.

        Parameters
        ----------
        X : array-like of shape (n_fields, 2, height, width)
            Displacement in the unit of `spacing`.
        y : array-like of shape (n_fields, 2, height, width), optional
            Traction; checked and not used.

        Returns
        -------
        BayesianFTTC
            The estimator.

        Raises
        ------
        ValueError
            If a parameter is out of its range or the data are no fields.
        """
        gel = check_gel(self.young, self.poisson, self.spacing)
        if self.noise is not None:
            check_number(self.noise, "noise", low=0, include_low=False)
        check_number(self.order, "order", low=0)
        if y is None:
            check_field(X)
        else:
            check_pair(X, y)
        self.gel_ = gel
        return self

    def predict(self, X: ArrayLike, return_std: bool = False) -> Any:
        """Return the posterior mean of the traction, and its standard deviation.

        Parameters
        ----------
        X : array-like of shape (n_fields, 2, height, width)
            Displacement in the unit of `spacing`; any grid of at least 8 pixels a side.
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
            If `X` is no batch of finite fields.
        """
        check_is_fitted(self)
        displacement = check_field(X)
        young, poisson, _ = self.gel_
        fields, noise = self._in_pixels(displacement)
        lams = evidence_lam(fields, noise, poisson=poisson, order=self.order)
        settings: dict[str, Any] = {"poisson": poisson, "order": self.order}
        mean = np.concatenate(
            [
                fourier_inverse(field[None], lam, boundary="extended", scale=young, **settings)
                for field, lam in zip(fields, lams.tolist(), strict=True)
            ]
        )
        if not return_std:
            return mean
        shape = (fields.shape[-2], fields.shape[-1])
        pairs = zip(lams.tolist(), noise.tolist(), strict=True)
        std = np.stack([posterior_std(shape, lam, level, **settings) for lam, level in pairs]) * young
        return mean, np.broadcast_to(std[:, :, None, None], mean.shape).astype(mean.dtype)

    def sample_y(self, X: ArrayLike, n_samples: int = 32, random_state: Any = None) -> NDArray[Any]:
        """Draw tractions from the posterior.

        Parameters
        ----------
        X : array-like of shape (n_fields, 2, height, width)
            Displacement in the unit of `spacing`.
        n_samples : int, default=32
            Number of draws per field.
        random_state : None, int or numpy.random.Generator, optional
            Seed of the draws.

        Returns
        -------
        ndarray of shape (n_samples, n_fields, 2, height, width)
            Tractions in the unit of `young`, scattered about `predict` with its standard deviation and with the
            correlation between pixels that errors of integrals depend on.

        Raises
        ------
        ValueError
            If `X` is no batch of finite fields or there are no draws.
        """
        check_count(n_samples, "n_samples")
        mean = self.predict(X)
        fields, noise = self._in_pixels(check_field(X))
        young, poisson, _ = self.gel_
        settings: dict[str, Any] = {"poisson": poisson, "order": self.order}
        lams = evidence_lam(fields, noise, **settings)
        settings |= {"n_samples": n_samples, "rng": np.random.default_rng(random_state)}
        shape = (fields.shape[-2], fields.shape[-1])
        pairs = zip(lams.tolist(), noise.tolist(), strict=True)
        draws = np.stack([posterior_samples(shape, lam, level, **settings) for lam, level in pairs], axis=1)
        return (mean + young * draws).astype(mean.dtype)

    def intervals(
        self, X: ArrayLike, mask: ArrayLike | None = None, *, n_samples: int = 16, random_state: Any = None
    ) -> pd.DataFrame:
        """Return 90 % intervals of total force, strain energy and contractile moment.

        Parameters
        ----------
        X : array-like of shape (n_fields, 2, height, width)
            Displacement in the unit of `spacing`.
        mask : array-like of shape (n_fields, height, width) or (height, width), optional
            Where traction may be: True inside the cell. There is none where it is False.
        n_samples : int, default=16
            Number of resampled recoveries per field, at least 2; each takes a fraction of a second.
        random_state : None, int or numpy.random.Generator, optional
            Seed of the noise.

        Returns
        -------
        pandas.DataFrame
            One row per field and statistic: ``field``, ``statistic``, ``estimate``, ``low`` and ``high``, in powers
            of the units of `young` and `spacing`.

        Raises
        ------
        ValueError
            If `X` is no batch of finite fields, `mask` does not fit it, or there are too few samples.

        Notes
        -----
        Randomise, then optimise: the sparse recovery of `ElasticNetTFM` is recovered again from its own displacement
        under fresh noise. That shows both the bias of the recovery, which is taken off, and its spread.
        """
        check_is_fitted(self)
        check_count(n_samples, "n_samples", low=2)
        displacement = check_field(X)
        support = np.ones(displacement.shape[2:], bool) if mask is None else mask
        support = check_mask(support, displacement.shape)
        fields, noise = self._in_pixels(displacement)
        rng = np.random.default_rng(random_state)
        rows: list[dict[str, Any]] = []
        for index, (field, inside, level) in enumerate(zip(fields, support, noise.tolist(), strict=True)):
            lam1 = np.where(inside, LENGTH_WEIGHT * level, np.inf).astype(field.dtype)
            problem = SparseProblem(field, lam1, 1.0, self.gel_[1], self.order)
            problem, solution = adaptive_elastic_net(problem, level, tol=0.1, max_iter=400)
            traction = solution.traction
            samples = resample(problem, traction, level, self._statistics, n_samples=n_samples, rng=rng)
            centre, std = pivot(self._statistics(traction), samples)
            low, high = centre - _NORMAL_90 * std, centre + _NORMAL_90 * std
            table = zip(STATISTICS, centre.tolist(), low.tolist(), high.tolist(), strict=True)
            rows += [{"field": index, "statistic": s, "estimate": e, "low": a, "high": b} for s, e, a, b in table]
        return pd.DataFrame(rows)

    def _in_pixels(self, displacement: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        spacing = self.gel_[2]
        fields = displacement / displacement.dtype.type(spacing)
        measured = white_noise_level(fields) if self.noise is None else np.full(len(fields), self.noise / spacing)
        pairs = zip(fields, measured.tolist(), strict=True)
        return fields, np.array([effective_noise(field, level) for field, level in pairs])

    def _statistics(self, tau: NDArray[Any]) -> NDArray[Any]:
        young, poisson, spacing = self.gel_
        traction = tau[None].astype(float) * young
        operator = ForwardOperator(tau.shape[-2:], young=young, poisson=poisson, spacing=spacing)
        parts = (
            total_force(traction, spacing=spacing),
            strain_energy(operator.apply(traction), traction, spacing=spacing),
            contractile_moment(traction, spacing=spacing),
        )
        return np.concatenate(parts)
