"""The path of lambdas grows where the best candidate is at its end, against lambdas that are known beforehand.

White traction of variance ``s^2`` under white noise of variance ``n^2`` has the best lambda ``n^2 / s^2``. With a
penalty of order m, so has traction of the power ``s^2 |k|^(-2 m)`` (Rasmussen and Williams, Gaussian Processes for
Machine Learning, 2006, section 2.2: the posterior mean under the true prior has the least expected error).
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.ndimage import gaussian_filter
from sklearn.exceptions import ConvergenceWarning

from tfmkit.bayes import BayesianFTTC
from tfmkit.bayes.posterior import evidence_lam
from tfmkit.fttc import FTTCCV
from tfmkit.fttc.search import longer, search
from tfmkit.gel import Gel
from tfmkit.io import read_displacement
from tfmkit.simulate import CellSimulator

NU = 0.3
PERIODIC: dict[str, Any] = {"criterion": "evidence", "boundary": "periodic", "poisson": NU}


def drawn(lam: float, order: float, noise: float = 1e-3, n: int = 2, side: int = 32) -> np.ndarray:
    """Displacement of traction that is drawn from the prior of a lambda, with its noise. Tensor: Butler et al. 2002."""
    rng = np.random.default_rng(0)
    ky, kx = np.meshgrid(*2 * [2 * np.pi * np.fft.fftfreq(side)], indexing="ij")
    k = np.hypot(ky, kx)
    k[0, 0] = np.inf
    tx, ty = (np.fft.fft2(rng.normal(size=(n, side, side))) * noise / np.sqrt(lam) / k**order for _ in "xy")
    along = (kx * tx + ky * ty) / k**2 * NU
    spectra = [2 * (1 + NU) / k * (part - along * side) for part, side in ((tx, kx), (ty, ky))]
    moved = np.stack([np.fft.ifft2(spectrum).real for spectrum in spectra], axis=1)
    return moved + noise * rng.normal(size=moved.shape)


@pytest.mark.parametrize(("lam", "order"), [(2e-5, 0.0), (3e4, 2.0)])
def test_lambda_of_the_prior_is_found_far_outside_of_the_default_path(lam: float, order: float) -> None:
    # Few waves tell of a steep prior, and rings of wave vectors join lengths that differ by half of their spacing.
    u = drawn(lam, order, n=6, side=64)
    model = FTTCCV(orders=[order], noise=1e-3, **PERIODIC).fit(u)
    assert_allclose(np.log10(model.lam_), np.log10(lam), atol=0.5)
    assert_allclose(np.log10(model.lam_).mean(), np.log10(lam), atol=0.3)
    # Each field has the path that it has alone, and `predict` searches as `fit` does.
    alone = FTTCCV(orders=[order], noise=1e-3, **PERIODIC).fit(u[1:])
    assert alone.lam_[0] == model.lam_[1]
    assert_allclose(alone.predict(u), model.predict(u))
    shared = FTTCCV(orders=[order], noise=1e-3, per_field=False, **PERIODIC).fit(u)
    assert_allclose(np.log10(shared.lam_), np.log10(lam), atol=0.3)


def test_a_path_that_is_given_does_not_grow() -> None:
    u = drawn(2e-5, 0.0)
    model = FTTCCV(lams=[1e-3, 1e-2, 1e-1], orders=[0.0], noise=1e-3, **PERIODIC)
    with pytest.warns(ConvergenceWarning, match=r"2 of 2 fields .* from 0.001 to 0.1, .* wider range"):
        model.fit(u)
    assert_array_equal(model.lams_, [1e-3, 1e-2, 1e-1])
    assert_array_equal(model.lam_, [1e-3, 1e-3])


def test_bayesian_path_grows_below_1e_6() -> None:
    u = drawn(1e-8, 0.0)
    assert_allclose(np.log10(evidence_lam(u, np.full(2, 1e-3), Gel(poisson=NU), order=0.0)), -8, atol=0.1)


def test_field_without_signal_has_no_best_lambda_and_a_field_at_rest_none_to_warn_of() -> None:
    # Short waves alone: the gel passes on so little of them that no traction is more likely than noise.
    u = np.random.default_rng(5).normal(size=(1, 2, 32, 32))
    u -= gaussian_filter(u, (0, 0, 2, 2), mode="wrap")
    with pytest.warns(ConvergenceWarning, match=r"1 of 1 fields .* to 1e\+06, .* another criterion"):
        model = FTTCCV(criterion="profiled_evidence", orders=[0.0]).fit(u)
    assert model.lam_ == 1e6
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        FTTCCV(criterion="evidence").fit(0 * u)
        BayesianFTTC().fit(0 * u).predict(0 * u)


@pytest.mark.parametrize("model", [FTTCCV(), FTTCCV(criterion="evidence"), BayesianFTTC()])
def test_a_field_at_rest_among_others_needs_no_warning(model) -> None:
    fields = CellSimulator("adhesion", shape=32, noise=0.05, random_state=0).sample(2).displacement
    fields[1] = 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        traction = model.fit(fields).predict(fields)
    assert traction[0].any()
    assert not traction[1].any()


def test_cross_validation_without_noise_asks_for_no_regularisation() -> None:
    u = drawn(1e-12, 0.0, noise=1e-9)
    truth = FTTCCV([1e-12], orders=[0.0], **PERIODIC).fit(u).predict(u)
    with pytest.warns(ConvergenceWarning, match="2 of 2 fields .* from 1e-06 .* cross-validation"):
        model = FTTCCV(orders=[0.0], boundary="periodic", poisson=NU, cv=2).fit(u, truth)
    assert model.lam_ == pytest.approx(1e-6)
    assert len(model.cv_results_["params"]) == 50 + 3 * 8


def test_paths_grow_by_decades_up_to_three_at_each_end() -> None:
    lams = np.geomspace(1e-3, 1e3, 50)
    assert_array_equal(longer(lams, 0, 0), lams)
    assert_allclose(longer(lams, 1, 2)[[0, 4, 8, -1]], [1e-4, 10**-3.5, 1e-3, 1e5])
    best = np.array([-5.2, 0.0, 5.8, 8.0, -1.0])

    def score(path: np.ndarray, fields: np.ndarray) -> np.ndarray:
        return np.square(np.log10(path)[:, None] - best[fields])[None]

    found = search(score, lams, 5, grow=True)
    assert_allclose(found.lams[[0, -1]], [1e-6, 1e6])
    assert_allclose(np.log10(found.lams[found.table[0].argmin(axis=0)]), np.clip(best, -6, 6), atol=0.07)
    assert found.at_end.tolist() == [False, False, False, True, False]
    # A field sees no more of the path than it needs.
    tried = [found.lams[np.isfinite(found.table[0, :, field])] for field in range(5)]
    assert_allclose(
        [path[[0, -1]] for path in tried], [[1e-6, 1e3], [1e-3, 1e3], [1e-3, 1e6], [1e-3, 1e6], [1e-3, 1e3]]
    )


def test_criteria_on_the_cells_of_easy_to_use_tfm(measured_data: Any) -> None:
    data = read_displacement(measured_data / "easy_to_use_tfm" / "input_data.mat")
    gel: dict[str, Any] = {"poisson": 0.3, "spacing": data.spacing}
    blocked = FTTCCV(criterion="blocked_cv", orders=[0.0], **gel).fit(data.displacement)
    assert ((blocked.lam_ > 1e-5) & (blocked.lam_ < 1e-3)).all()
    # At order 0 the curve has no corner on these cells.
    with pytest.warns(ConvergenceWarning, match="2 of 2 fields .* from 1e-06 to 1e\\+03"):
        FTTCCV(criterion="l_curve", orders=[0.0], **gel).fit(data.displacement)
