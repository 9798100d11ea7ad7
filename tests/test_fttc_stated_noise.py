"""FTTCCV is told how exact each vector is: the choice of lambda for displacement from images."""

from __future__ import annotations

import numpy as np

from tfmkit.displacement import PIV
from tfmkit.fttc import FTTC, FTTCCV
from tfmkit.fttc.criteria import least_level
from tfmkit.metrics import relative_rmse
from tfmkit.simulate import BeadSimulator, CellSimulator, add_noise


def test_stated_noise_counts_by_its_share_up_to_a_tenth_of_the_displacement_and_nothing_where_unknown() -> None:
    displacement = np.ones((4, 2, 8, 8))
    stated = np.full(displacement.shape, 0.1)
    stated[1], stated[2] = 0.5, np.nan
    stated[3, :, 1:] = np.nan
    np.testing.assert_allclose(least_level(displacement, stated), [0.045, 0.1, 0.0, 0.045])


def test_noise_that_the_field_shows_is_measured_whatever_is_stated() -> None:
    cells = CellSimulator("adhesion", shape=48, random_state=0).sample(2)
    noisy = add_noise(cells.displacement, 0.1, unit="rms", random_state=1)
    stated = np.full_like(noisy, 0.1 * noisy.std())
    model = FTTCCV().fit(noisy)
    told = FTTCCV().fit(noisy, noise=stated)
    np.testing.assert_array_equal(told.lam_, model.lam_)
    np.testing.assert_array_equal(told.predict(noisy, noise=stated), model.predict(noisy))


def test_stated_noise_of_bead_images_lowers_the_error() -> None:
    cells = CellSimulator("adhesion", shape=48, oversample=3, random_state=5).sample(1)
    scale = 4.0 / np.abs(cells.displacement).max()
    beads = BeadSimulator(384, spacing=8, density=0.03, random_state=0).sample(displacement=cells.displacement * scale)
    found = PIV(spacing=8).measure(beads.pairs)
    model = FTTCCV(spacing=8.0).fit(found.displacement, noise=found.std)
    untold, told = (
        relative_rmse(cells.traction * scale / 8, model.predict(found.displacement, noise=noise))
        for noise in (None, found.std)
    )
    assert told < 0.93 * untold
    # The choice of `fit` is that of `predict`.
    chosen = FTTC(model.lam_[0], order=model.order_[0], noise_correlation=model.noise_correlation_[0], spacing=8.0)
    again = chosen.fit(found.displacement).predict(found.displacement)
    np.testing.assert_allclose(again, model.predict(found.displacement, noise=found.std), rtol=1e-5, atol=1e-3)
    assert model.lam_[0] != FTTCCV(spacing=8.0).fit(found.displacement).lam_[0]
