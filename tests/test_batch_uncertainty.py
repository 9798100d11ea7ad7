"""Error bars: do they tell how far estimates scatter, and how far they are from the truth?"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from sklearn.utils import get_tags

from tfmkit.error_bars import Recovery, Samples
from tfmkit.gel import Gel
from tfmkit.mechanics import force_summary
from tfmkit.methods import TRACTION
from tfmkit.noise.draw import draw_noise_of
from tfmkit.noise.measure import noise_level
from tfmkit.simulate import CellSimulator

SIDE = 64
GEL = Gel(young=10_670.0, poisson=0.45, spacing=1.0)


@pytest.fixture(scope="module")
def cells():
    """Cells with known traction."""
    return CellSimulator("adhesion", shape=SIDE, random_state=3).sample(6)


def noise(rng, shape, std, width):
    """Noise whose neighbours are alike over a width in pixels."""
    field = gaussian_filter(rng.standard_normal(shape), (0, width, width)) if width else rng.standard_normal(shape)
    return std * field / field.std()


def sums_of(estimator, field, mask, n, rng):
    """Sums over a cell of the traction that was recovered, and of the draws behind its error bars."""
    if not get_tags(estimator).target_tags.required:
        estimator.fit(field[None])
    estimate = Recovery.of(field[None], estimator.predict(field[None]))
    draws = estimator.draw(field[None], n, rng)
    samples = Samples.of(estimate, draws, draws)
    return estimate.summary(mask=mask), samples.draws.summary(mask=mask)


@pytest.mark.parametrize("width", [0.0, 1.0])
def test_draws_are_like_the_noise_of_the_field(cells, width):
    rng = np.random.default_rng(0)
    displacement = cells.displacement[0]
    std = 0.05 * np.abs(displacement).max()
    added = noise(rng, displacement.shape, std, width)
    draws = draw_noise_of(displacement + added, GEL, 64, rng)
    level = noise_level((displacement + added)[None], GEL)[0]
    assert draws.shape == (64, *displacement.shape)
    assert level == pytest.approx(std, rel=0.3)
    assert draws.std() == pytest.approx(level, rel=0.05)

    def likeness(field):
        """Correlation of neighbours."""
        return (field[..., 1:] * field[..., :-1]).mean() / (field**2).mean()

    assert likeness(draws) == pytest.approx(likeness(added), abs=0.12)


@pytest.mark.parametrize("width", [0.0, 1.0])
def test_error_bars_are_the_scatter_of_estimates(cells, width):
    """One cell measured again and again: the error bars of a single field are the scatter of the results."""
    rng = np.random.default_rng(1)
    displacement, inside = cells.displacement[0], cells.mask[0]
    std = 0.05 * np.abs(displacement).max()
    estimates, bars = [], []
    for _ in range(24):
        field = displacement + noise(rng, displacement.shape, std, width)
        estimate, drawn = sums_of(TRACTION["FTTC"].on_gel(GEL, lam=0.3), field, inside, 24, rng)
        estimates.append(estimate)
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
        estimate, drawn = sums_of(TRACTION[name].on_gel(GEL, **params), field, inside, 32, rng)
        truth = force_summary(displacement[None], traction[None], spacing=1.0, mask=inside)
        scores += [
            (estimate[moment][0] - truth[moment][0]) / drawn[moment].std(ddof=1)
            for moment in ("contractile_moment", "torque")
        ]
    assert 0.4 < np.sqrt(np.mean(np.square(scores))) < most
