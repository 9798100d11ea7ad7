"""Error bars: do they tell how far estimates scatter, and how far they are from the truth?"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from tfmkit.batch._invert import invert
from tfmkit.batch._uncertainty import noise_draws
from tfmkit.methods import TRACTION
from tfmkit.quantities import force_quantities
from tfmkit.simulate import CellSimulator

SIDE = 64
GEL = {"young": 10_670.0, "poisson": 0.45, "spacing": 1.0}


@pytest.fixture(scope="module")
def cells():
    """Cells with known traction."""
    return CellSimulator("adhesion", shape=SIDE, random_state=3).sample(6)


def noise(rng, shape, std, width):
    """Noise whose neighbours are alike over a width in pixels."""
    field = gaussian_filter(rng.standard_normal(shape), (0, width, width)) if width else rng.standard_normal(shape)
    return std * field / field.std()


@pytest.mark.parametrize("width", [0.0, 1.0])
def test_draws_are_like_the_noise_of_the_field(cells, width):
    rng = np.random.default_rng(0)
    displacement = cells.displacement[0]
    std = 0.05 * np.abs(displacement).max()
    added = noise(rng, displacement.shape, std, width)
    draws, level = noise_draws(displacement + added, 0.45, 64, rng)
    assert draws.shape == (64, *displacement.shape)
    assert level == pytest.approx(std, rel=0.3)
    assert draws.std() == pytest.approx(level, rel=0.05)

    def likeness(field):
        """Correlation of neighbours."""
        return (field[..., 1:] * field[..., :-1]).mean() / (field**2).mean()

    assert likeness(draws) == pytest.approx(likeness(added), abs=0.12)


@pytest.mark.parametrize("width", [0.0, 1.0])
def test_error_bars_are_the_scatter_of_estimates(cells, width):
    """One cell measured again and again: what the error bars say of a single field is how results scatter."""
    rng = np.random.default_rng(1)
    displacement, inside = cells.displacement[0], cells.mask[0]
    std = 0.05 * np.abs(displacement).max()
    estimates, bars = [], []
    for _ in range(24):
        field = displacement + noise(rng, displacement.shape, std, width)
        found = invert(field, TRACTION["FTTC"].make(lam=0.3, **GEL), n_samples=24, rng=rng)
        options = {"spacing": 1.0, "mask": inside}
        estimates.append(force_quantities(field[None], found.traction[None], **options))
        drawn = force_quantities(found.moved, found.draws, **options)
        bars.append({name: values.std(ddof=1) for name, values in drawn.items()})
    # Sums of lengths and products grow with the noise that is in the field already: their bars err on the wide side.
    widest = {"contractile_moment": 1.35, "torque": 1.35, "total_force": 1.9, "strain_energy": 1.9}
    for name, limit in widest.items():
        scatter = np.std([estimate[name][0] for estimate in estimates], ddof=1)
        promised = np.sqrt(np.mean([bar[name] ** 2 for bar in bars]))
        assert 0.7 < promised / scatter < limit, name


@pytest.mark.parametrize(("name", "most"), [("FTTC", 1.6), ("BayesianFTTC", 1.6), ("DeepTFM", 2.0)])
def test_true_moments_lie_within_their_error_bars(cells, name, most):
    rng = np.random.default_rng(2)
    params = {"FTTC": {"lam": 0.3}, "DeepTFM": {"weights": "small"}}.get(name, {})
    scores = []
    for displacement, traction, inside in zip(cells.displacement, cells.traction, cells.mask, strict=True):
        field = displacement + noise(rng, displacement.shape, 0.05 * np.abs(displacement).max(), 0.0)
        found = invert(field, TRACTION[name].make(**params, **GEL), n_samples=32, rng=rng)
        options = {"spacing": 1.0, "mask": inside}
        drawn = force_quantities(found.moved, found.draws, **options)
        estimate = force_quantities(field[None], found.traction[None], **options)
        truth = force_quantities(displacement[None], traction[None], **options)
        scores += [
            (estimate[moment][0] - truth[moment][0]) / drawn[moment].std(ddof=1)
            for moment in ("contractile_moment", "torque")
        ]
    assert 0.4 < np.sqrt(np.mean(np.square(scores))) < most


def test_estimators_that_know_their_error_are_asked(cells):
    found = invert(
        cells.displacement[0], TRACTION["BayesianFTTC"].make(**GEL), n_samples=3, rng=np.random.default_rng(0)
    )
    estimator = TRACTION["BayesianFTTC"].make(**GEL).fit(cells.displacement[:1])
    np.testing.assert_allclose(found.std, estimator.predict(cells.displacement[:1], return_std=True)[1][0])


def test_without_draws_there_are_no_error_bars(cells):
    found = invert(cells.displacement[0], TRACTION["FTTCCV"].make(**GEL), n_samples=0, rng=np.random.default_rng(0))
    assert found.std is None
    assert len(found.draws) == 0
    assert found.noise >= 0
