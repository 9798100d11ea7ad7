"""FTTC that chooses lambda itself."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.model_selection import GridSearchCV

from tfmkit._validation import FloatArray, check_choice, check_number
from tfmkit.base import TractionEstimator
from tfmkit.fttc.criteria import CRITERIA, LIKELIHOODS, SINGLE_ORDER, Statistics, scores, statistics
from tfmkit.fttc.fttc import FTTC
from tfmkit.fttc.inverse import Solver, invert
from tfmkit.fttc.penalty import Penalty
from tfmkit.fttc.search import MOST_DECADES, longer, search, warn_of_ends
from tfmkit.gel.gel import Gel

# Parameters that FTTC has too.
_SHARED = ("young", "poisson", "spacing", "boundary", "support", "tol", "max_iter", "thickness", "depth")
# Beads that lie deeper, in grid points, get the lambdas of this depth.
_DEEPEST = 10.0


class FTTCCV(TractionEstimator):
    """Traction cytometry that chooses lambda and the order of its penalty from the data.

    Parameters
    ----------
    lams : array-like of shape (n_lams,), optional
        Ascending candidates, > 0; by default 50 from 1e-3 to 1e3, or from ``1e-3 exp(-2 d)`` for beads ``d`` grid
        points below the surface. The default path grows, decade by decade and by three decades at each end at most,
        for a field whose best candidate is the first or the last. A path that is given does not grow.
    orders : sequence of float, optional
        Candidate orders of the penalty; by default 0, 0.5, 1, 1.5 and 2, or 1 alone where `criterion` compares
        lambdas of one order only.
    criterion : {"risk", "gcv", "evidence", "profiled_evidence", "blocked_cv", "discrepancy", "l_curve"}, default="risk"
        How candidates are scored, see `tfmkit.fttc.criteria`. ``"risk"`` estimates the error of the traction itself
        against the measured spectrum of the noise. It stays close to the oracle on white and on correlated noise.
    noise : float, optional
        Standard deviation of white noise per component, in the unit of `spacing`; by default it is measured. The
        `noise` of `fit` and `predict`, a standard deviation for every vector, takes its place: the noise is measured,
        and counts at least 0.45 of the root mean square of what is stated (a tenth of that of the displacement at
        most). Errors of displacement from images are smooth, and no field shows them; to state them lowers the error
        of the traction by up to 30 %.
    noise_correlation : float, optional
        As for `FTTC`. By default, criterion ``"risk"`` takes 0 or the value measured on the field, whichever gives the
        smaller estimated error; the other criteria, and all of them on beads below the surface, take noise as white, 0.
    per_field : bool, default=True
        Whether every field gets its own choice, made in `predict` from the field itself. With False all fields share
        the choice that is best for the fields of `fit` together.
    cv : int, cross-validation generator or iterable, optional
        If given, lambda and order are chosen by cross-validation against the known traction `y`, and shared.
    scoring : str or callable, optional
        Scorer of that cross-validation; by default the estimator's own score.
    young : float, default=10670.0
        Young's modulus; traction comes out in its unit.
    poisson : float, default=0.45
        Poisson ratio in [0, 0.5].
    spacing : float, default=1.0
        Distance between grid points in the unit of the displacement.
    boundary : {"extended", "open", "periodic"}, default="extended"
        As for `FTTC`. With ``"periodic"``, the criteria ``"evidence"`` and ``"profiled_evidence"`` are the likelihood
        of the field as it stands; otherwise that of the field under a taper, see `tfmkit.fttc.criteria.evidence`.
    support : {"cut", "fit"}, default="cut"
        As for `FTTC`.
    tol : float, default=5e-3
        As for `FTTC`.
    max_iter : int, default=200
        As for `FTTC`.
    thickness : float, optional
        As for `FTTC`; lambda is chosen on the layer too. In the median over cells the choice costs at most 7 % of error
        on adhesion cells and 14 % on circuit-model cells, on layers of 1 grid point as of 20 (benchmark `gel`).
    depth : float, default=0.0
        As for `FTTC`. With beads 0.5 to 4 grid points deep the choice costs 10 % of error at most, in the median over
        cells (same table).

    Attributes
    ----------
    lam_, order_, noise_correlation_ : float or ndarray of shape (n_fields,)
        The choice for the fields of `fit`: one for all, or one per field where `per_field`.
    lams_ : ndarray of shape (n_lams,)
        The candidates: the longest path of any field.
    cv_results_ : dict
        ``"lam"`` and ``"order"`` of shape (n_candidates,), ``"noise_correlation"`` and ``"score"``, lower is better, of
        shape (n_candidates, n_fields), infinite for candidates beyond the path of a field; or that of `GridSearchCV`
        where `cv` is given.

    Warns
    -----
    ConvergenceWarning
        If the best lambda of a field is the first or the last of its path, after the path has grown.

    Notes
    -----
    A path costs one transform of the displacement and three for its noise, however many lambdas it has.

    Examples
    --------
    >>> from tfmkit.simulate import CellSimulator
    >>> cells = CellSimulator("adhesion", shape=48, noise=0.05, random_state=0).sample(2)
    >>> model = FTTCCV().fit(cells.displacement)
    >>> model.predict(cells.displacement).shape
    (2, 2, 48, 48)
    """

    __metadata_request__fit: ClassVar[dict[str, bool]] = {"noise": True}
    __metadata_request__predict: ClassVar[dict[str, bool]] = {"noise": True}
    takes_noise: ClassVar[bool] = True
    _chosen: ClassVar[tuple[str, ...]] = ("lam", "order", "noise_correlation")

    def __init__(
        self,
        lams: ArrayLike | None = None,
        *,
        orders: Any = None,
        criterion: str = "risk",
        noise: float | None = None,
        noise_correlation: float | None = None,
        per_field: bool = True,
        cv: Any = None,
        scoring: Any = None,
        young: float = 10_670.0,
        poisson: float = 0.45,
        spacing: float = 1.0,
        boundary: str = "extended",
        support: str = "cut",
        tol: float = 5e-3,
        max_iter: int = 200,
        thickness: float | None = None,
        depth: float = 0.0,
    ) -> None:
        self.lams = lams
        self.orders = orders
        self.criterion = criterion
        self.noise = noise
        self.noise_correlation = noise_correlation
        self.per_field = per_field
        self.cv = cv
        self.scoring = scoring
        self.young = young
        self.poisson = poisson
        self.spacing = spacing
        self.boundary = boundary
        self.support = support
        self.tol = tol
        self.max_iter = max_iter
        self.thickness = thickness
        self.depth = depth

    def _check_parameters(self) -> None:
        Solver.of(self)
        check_choice(self.criterion, "criterion", CRITERIA)
        for value, name in ((self.noise, "noise"), (self.noise_correlation, "noise_correlation")):
            if value is not None:
                check_number(value, name, low=0)
        if self.noise_correlation and self.criterion != "risk" and self.cv is None:
            raise ValueError(
                f"Expected noise_correlation=0 with criterion={self.criterion!r}, got {self.noise_correlation}."
            )
        _candidates(self.lams, self.orders, self.criterion, Gel.of(self).depth_in_pixels)

    def _learn(self, displacement: FloatArray, y: ArrayLike | None, noise: FloatArray | None) -> None:
        self.lams_, self.orders_ = _candidates(self.lams, self.orders, self.criterion, self.gel_.depth_in_pixels)
        if self.cv is not None:
            self._choose_against_truth(displacement, y)
            return
        self.lams_, score, correlation = self._scores(displacement, noise)
        paths = len(score) // len(self.lams_)
        lam = np.tile(self.lams_, paths)
        order = np.tile(np.repeat(self.orders_, len(self.lams_)), paths // len(self.orders_))
        best = score.argmin(axis=0) if self.per_field else score.sum(axis=1).argmin()
        self.cv_results_: dict[str, Any] = {
            "lam": lam,
            "order": order,
            "noise_correlation": correlation,
            "score": score,
        }
        self.lam_, self.order_ = lam[best], order[best]
        self.noise_correlation_ = correlation[best, np.arange(len(displacement)) if self.per_field else 0]

    def path(self, field: int = 0) -> dict[str, list[float]]:
        """Return the path of lambdas that was searched for one field of `fit`, at the order that was chosen.

        Parameters
        ----------
        field : int, default=0
            Index of the field.

        Returns
        -------
        dict of str to list of float
            ``"lams"`` and their scores, ``"criterion"``. Empty where `cv` is given.
        """
        if self.cv is not None:
            return {}
        table, chosen = self.cv_results_, {name: np.ravel(values) for name, values in self.choices_.items()}
        own = {name: values[field if len(values) > 1 else 0] for name, values in chosen.items()}
        rows = table["order"] == own["order"]
        rows &= table["noise_correlation"][:, field] == own["noise_correlation"]
        rows &= np.isfinite(table["score"][:, field])
        return {"lams": table["lam"][rows].tolist(), "criterion": table["score"][rows, field].tolist()}

    def _recover(
        self, displacement: FloatArray, mask: NDArray[Any] | None, noise: FloatArray | None = None
    ) -> FloatArray:
        traction, solver = np.empty_like(displacement), Solver.of(self)
        choices = self._penalties(displacement, noise)
        for choice in np.unique(choices, axis=0):
            fields = np.flatnonzero((choices == choice).all(axis=1))
            some = None if mask is None else mask[fields]
            traction[fields] = invert(displacement[fields], self.gel_, Penalty(*choice.tolist()), solver, some)
        return traction

    def _draw_field(
        self,
        displacement: FloatArray,
        predicted: Any,
        errors: FloatArray,
        rng: Any,  # noqa: ARG002
        noise: FloatArray | None,
    ) -> FloatArray:
        told = None if noise is None else noise[None]
        penalty = Penalty(*self._penalties(displacement[None], told)[0].tolist())
        return np.asarray(predicted + invert(errors, self.gel_, penalty, Solver.of(self)))

    def _penalties(self, displacement: FloatArray, noise: FloatArray | None) -> NDArray[np.float64]:
        """Lambda, order and noise correlation for every field; shape (n_fields, 3)."""
        if not self.per_field or self.cv is not None:
            shared = [float(self.lam_), float(self.order_), float(self.noise_correlation_)]
            return np.tile(shared, (len(displacement), 1))
        lams, score, correlation = self._scores(displacement, noise)
        best = score.argmin(axis=0)
        order, lam = np.divmod(best % (len(self.orders_) * len(lams)), len(lams))
        return np.stack([lams[lam], self.orders_[order], correlation[best, np.arange(len(best))]], axis=1)

    def _scores(
        self, displacement: FloatArray, noise: FloatArray | None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Path of lambdas, scores of all candidates and their noise correlation; the last two for every field."""
        known = self.noise if noise is None else noise
        told = None if known is None else known / self.gel_.spacing
        tapered = self.boundary != "periodic" or self.criterion not in LIKELIHOODS
        data = statistics(self.gel_.in_pixels(displacement), self.gel_, noise=told, tapered=tapered)
        correlations = self._correlations(data)
        lams, _ = _candidates(self.lams, self.orders, self.criterion, self.gel_.depth_in_pixels)

        def score(path: NDArray[np.float64], fields: NDArray[np.intp]) -> NDArray[np.float64]:
            some = data.of(fields)
            return np.concatenate([self._score_paths(some, path, each[fields]) for each in correlations])

        found = search(score, lams, len(displacement), grow=self.lams is None, shared=not self.per_field)
        # A field at rest has no lambda to choose.
        warn_of_ends(
            found.at_end & displacement.any(axis=(1, 2, 3)),
            found.lams,
            repr(self.criterion),
            self._remedy(),
            stacklevel=4,
        )
        rows = len(self.orders_) * len(found.lams)
        return found.lams, found.table.reshape(-1, len(displacement)), np.repeat(correlations, rows, axis=0)

    def _remedy(self) -> str:
        return "Use another criterion." if self.lams is None else "Give lams a wider range."

    def _correlations(self, data: Statistics) -> NDArray[np.float64]:
        """Candidates for the correlation of every field's noise; shape (n_candidates, n_fields)."""
        n_fields = len(data.power)
        if self.noise_correlation is not None:
            return np.full((1, n_fields), float(self.noise_correlation))
        # Deep beads do not see short waves. To let these pass because they hold no noise would be a mistake.
        if self.criterion != "risk" or data.gel.depth:
            return np.zeros((1, n_fields))
        measured = data.correlation
        if not self.per_field:
            measured = np.full(n_fields, np.median(measured))
        return np.stack([np.zeros(n_fields), measured])

    def _score_paths(
        self, data: Statistics, lams: NDArray[np.float64], correlations: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Scores of all orders for one noise correlation per field; shape (n_orders, n_lams, n_fields)."""
        result = np.empty((len(self.orders_), len(lams), len(data.power)))
        for correlation in np.unique(correlations):
            fields = np.flatnonzero(correlations == correlation)
            settings: dict[str, Any] = {"criterion": self.criterion, "noise_correlation": float(correlation)}
            paths = [scores(data.of(fields), lams, float(order), **settings) for order in self.orders_]
            result[:, :, fields] = np.stack(paths).swapaxes(1, 2)
        return result

    def _choose_against_truth(self, displacement: FloatArray, y: ArrayLike | None) -> None:
        if y is None:
            raise ValueError("Expected the true traction y, which cross-validation (cv) compares with, got None.")
        shared = {name: getattr(self, name) for name in _SHARED}
        self.noise_correlation_ = float(self.noise_correlation or 0)
        model, start = FTTC(noise_correlation=self.noise_correlation_, **shared), self.lams_
        decades = [0, 0]
        while True:
            self.lams_ = longer(start, *decades)
            grid = {"lam": self.lams_.tolist(), "order": self.orders_.tolist()}
            tried = GridSearchCV(model, grid, cv=self.cv, scoring=self.scoring, refit=False).fit(displacement, y)
            self.cv_results_, best = tried.cv_results_, tried.best_params_
            ends = [len(start) > 1 and best["lam"] == end for end in self.lams_[[0, -1]]]
            grown = [decade + end for decade, end in zip(decades, ends, strict=True)]
            if self.lams is not None or not any(ends) or max(grown) > MOST_DECADES:
                break
            decades = grown
        self.lam_, self.order_ = best["lam"], best["order"]
        warn_of_ends(
            np.full(len(displacement), any(ends)), self.lams_, "of the cross-validation", self._remedy(), stacklevel=4
        )


def _candidates(
    lams: Any, orders: Any, criterion: str, depth: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return lambdas and orders as arrays."""
    lowest = 1e-3 * np.exp(-2 * min(depth, _DEEPEST))
    values = np.geomspace(lowest, 1e3, 50) if lams is None else np.asarray(lams, dtype=float)
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all() or values[0] <= 0:
        raise ValueError(f"Expected lams as a list of finite numbers > 0, got {lams!r}.")
    if (np.diff(values) <= 0).any():
        raise ValueError(f"Expected lams in ascending order, got {lams!r}.")
    if orders is None:
        orders = (1.0,) if criterion in SINGLE_ORDER else (0.0, 0.5, 1.0, 1.5, 2.0)
    powers = np.array([check_number(order, "each of orders", low=0) for order in orders])
    if not len(powers) or (len(powers) > 1 and criterion in SINGLE_ORDER):
        raise ValueError(f"Expected {'one order' if len(powers) else 'an order'} for {criterion!r}, got {orders!r}.")
    return values, powers
