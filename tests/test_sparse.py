"""ElasticNetTFM as an estimator."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.exceptions import ConvergenceWarning

from tfmkit.fttc import FTTC
from tfmkit.gel import ForwardOperator
from tfmkit.metrics import relative_rmse
from tfmkit.simulate import CellSimulator, PatchSimulator, add_noise
from tfmkit.sparse import ElasticNetTFM


@pytest.fixture(scope="module")
def patches() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Noisy displacement, traction and mask of two fields with three patches each."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:40, :40]
    traction = np.zeros((2, 2, 40, 40))
    for index, (cx, cy) in enumerate(rng.uniform(10, 30, (6, 2))):
        blob = np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / 4)
        traction[index // 3] += rng.normal(scale=1_500, size=2)[:, None, None] * blob
    displacement = ForwardOperator(40).apply(traction)
    displacement += rng.normal(scale=0.1 * displacement.std(), size=displacement.shape)
    return displacement.astype(np.float32), traction, np.hypot(x - 19.5, y - 19.5) < 16


def test_error_is_well_below_that_of_the_best_fttc(patches: Any) -> None:
    displacement, traction, _ = patches
    fttc = min(
        relative_rmse(traction, FTTC(lam).fit(displacement).predict(displacement)) for lam in np.logspace(-3, 1, 20)
    )
    sparse = relative_rmse(traction, ElasticNetTFM().fit(displacement).predict(displacement))
    assert sparse < 0.73 * fttc


@pytest.mark.parametrize("support", ["cut", "fit"])
def test_mask_confines_traction_and_does_not_hurt_inside(patches: Any, support: str) -> None:
    displacement, traction, mask = patches
    estimator = ElasticNetTFM(support=support).fit(displacement)
    free, masked = estimator.predict(displacement), estimator.predict(displacement, mask=mask)
    assert not masked[:, :, ~mask].any()
    inside = np.broadcast_to(mask, (2, 40, 40))
    # Fitting inside is allowed a little; cutting changes nothing there.
    allowed = 1.02 if support == "fit" else 1.0
    assert relative_rmse(traction, masked, mask=inside) <= allowed * relative_rmse(traction, free, mask=inside)


@pytest.mark.parametrize("family", ["adhesion", "disc"])
def test_mask_leaves_the_error_inside_as_it_is(family: str) -> None:
    # Adhesion cells pull a little outside their masks, which a fit confined to the mask pays for.
    simulate: Any = CellSimulator if family == "adhesion" else PatchSimulator
    fields = simulate(family, shape=48, random_state=0).sample(2)
    displacement = add_noise(fields.displacement, 0.1, unit="rms", correlation=1.5, random_state=0)
    estimator = ElasticNetTFM(tol=0.2).fit(displacement)
    free, masked = estimator.predict(displacement), estimator.predict(displacement, mask=fields.mask)
    errors = [
        relative_rmse(fields.traction, found, mask=fields.mask, multioutput="raw_values") for found in (free, masked)
    ]
    assert (errors[1] <= errors[0]).all()
    assert not masked[np.broadcast_to(~fields.mask[:, None], masked.shape)].any()


def test_soft_mask_lies_between_none_and_hard(patches: Any) -> None:
    displacement, _, mask = patches
    estimator = ElasticNetTFM(lam2=0.5, support="fit").fit(displacement)
    soft = estimator.predict(displacement, mask=np.where(mask, 1.0, 0.5))
    assert_allclose(soft[:, :, mask], estimator.predict(displacement)[:, :, mask], atol=200)
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        estimator.predict(displacement, mask=np.where(mask, 1.0, 2.0))


def test_one_field_alone_is_the_same_as_in_a_batch_and_in_threads(patches: Any) -> None:
    displacement, *_ = patches
    batch = ElasticNetTFM(n_jobs=2).fit(displacement).predict(displacement)
    alone = ElasticNetTFM().fit(displacement).predict(displacement[1:])
    assert_allclose(batch[1:], alone, atol=1e-2)
    assert batch.dtype == np.float32


@pytest.mark.parametrize("factor", [1e-3, 4.0])
def test_units_and_amplitude_scale_through(patches: Any, factor: float) -> None:
    displacement = patches[0].astype(float)
    base = ElasticNetTFM().fit(displacement).predict(displacement)
    scaled = ElasticNetTFM(spacing=factor).fit(displacement).predict(factor * displacement)
    assert_allclose(scaled, base, atol=1e-6)
    assert_allclose(ElasticNetTFM(young=1.0).fit(displacement).predict(displacement) * 10_670, base, atol=1e-6)
    louder = ElasticNetTFM().fit(displacement).predict(factor * displacement)
    assert_allclose(louder, factor * base, rtol=0.05, atol=factor * 100)


def test_silence_gives_no_traction() -> None:
    quiet = np.zeros((1, 2, 16, 16), np.float32)
    assert not ElasticNetTFM().fit(quiet).predict(quiet).any()


def test_too_few_iterations_warn(patches: Any) -> None:
    displacement, *_ = patches
    estimator = ElasticNetTFM(lam2=0.1, tol=1e-4, max_iter=3).fit(displacement)
    with pytest.warns(ConvergenceWarning, match="duality gap"):
        estimator.predict(displacement)


def test_quadratic_penalty_is_found_beyond_1e2_and_warns_only_at_the_end_of_its_range(patches: Any) -> None:
    displacement = patches[0][:1]
    rms = float(displacement.std())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # Its quadratic penalty is about 2000.
        smooth = ElasticNetTFM(lam1=1e-3, noise=3 * rms, tol=0.5).fit(displacement).predict(displacement)
    stopped = ElasticNetTFM(lam1=1e-3, lam2=1e2, noise=3 * rms, tol=0.5).fit(displacement).predict(displacement)
    assert np.abs(smooth).max() < 0.5 * np.abs(stopped).max()
    beyond = ElasticNetTFM(lam1=1e-3, noise=100 * rms, tol=0.99).fit(displacement)
    with pytest.warns(ConvergenceWarning, match=r"1 of 1 fields .* from 1e-06 to 1e\+05, .* State the noise or lam2"):
        beyond.predict(displacement)


@pytest.mark.parametrize(
    "bad",
    [
        {"lam1": 0.0},
        {"lam2": -1.0},
        {"noise": -1.0},
        {"order": -1.0},
        {"support": "glue"},
        {"tol": 1.0},
        {"max_iter": 0},
        {"poisson": 0.7},
    ],
)
def test_bad_parameters_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        ElasticNetTFM(**bad).fit(np.zeros((1, 2, 16, 16)))


def test_rounding_of_the_data_stays_rounding(patches: Any) -> None:
    displacement = patches[0].astype(float)
    base = ElasticNetTFM().fit(displacement).predict(displacement)
    rounding = 1 + 1e-15 * np.random.default_rng(1).standard_normal(displacement.shape)
    again = ElasticNetTFM().fit(displacement).predict(displacement * rounding)
    assert np.abs(again - base).max() < 1e-9 * np.abs(base).max()


def test_stated_noise_counts_up_to_a_quarter_of_the_displacement(patches: Any) -> None:
    displacement = patches[0][:1]
    rms = np.sqrt(np.square(displacement).mean())
    few, quarter, most = (
        ElasticNetTFM().fit(displacement).predict(displacement, noise=np.full_like(displacement, share * rms))
        for share in (0.15, 0.25, 0.9)
    )
    assert_allclose(most, quarter, rtol=1e-4, atol=1e-3 * np.abs(quarter).max())
    assert not np.array_equal(few, quarter)
