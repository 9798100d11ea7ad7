"""Waves too short for the grid: their power by drawn traction, and the choice of lambda that knows of them."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.fft
from numpy.testing import assert_allclose

from tfmkit.fttc import FTTC, FTTCCV
from tfmkit.fttc.aliases import measure_aliases
from tfmkit.gel import ForwardOperator, Gel
from tfmkit.gel.layer import fourier_factors
from tfmkit.gel.symbol import Symbol
from tfmkit.metrics import relative_rmse
from tfmkit.noise.measure import rings_of
from tfmkit.simulate import CellSimulator, add_noise

SHAPE, FINER = (30, 36), 3


def drawn_fields(gel: Gel, fall: float, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Traction of random waves up to the next folds, in its pixels' means, and displacement with and without folds."""
    fine = (FINER * SHAPE[0], FINER * SHAPE[1])
    ky, kx = (2 * np.pi * FINER * each for each in (scipy.fft.fftfreq(fine[0])[:, None], scipy.fft.rfftfreq(fine[1])))
    k = np.hypot(ky, kx)
    size = np.where(k > 0, k, 1.0) ** (-fall / 2) * (k > 0)
    tau = scipy.fft.rfft2(np.random.default_rng(0).normal(size=(n, 2, *fine)), norm="ortho") * size
    moved = Symbol.at(ky, kx, *fourier_factors(k, gel)).multiply(tau)
    mean = tau * np.sinc(ky / (2 * np.pi)) * np.sinc(kx / (2 * np.pi))
    # The middles of all pixels; the transform of the samples adds all folds.
    traction, displacement = (
        scipy.fft.irfft2(each, s=fine, norm="ortho")[..., ::FINER, ::FINER] for each in (mean, moved)
    )
    return traction, displacement


@pytest.mark.parametrize(("depth", "fall"), [(0.25, 0.5), (0.5, 0.5), (1.0, 0.5)])
def test_aliases_are_the_folds_of_drawn_traction(depth: float, fall: float) -> None:
    gel, rings = Gel(1.0, 0.45, 1.0, None, depth), rings_of(SHAPE)
    traction, moved = drawn_fields(gel, fall, 60)
    spectra = [scipy.fft.rfft2(each, norm="ortho") for each in (traction, moved)]
    # <tu> = (|t + u|^2 - |t - u|^2) / 4, ring by ring.
    power = rings.power(spectra[1]).mean(axis=0)
    cross = (rings.power(spectra[0] + spectra[1]) - rings.power(spectra[0] - spectra[1])).mean(axis=0) / 4
    found = measure_aliases(power[None], np.zeros((1, len(rings.n_vectors))), gel, SHAPE)
    # White traction of the fine grid has unit power there, and 1 / 9 of it in the sums over the coarse grid.
    single = rings.wavenumber**-fall * np.stack(fourier_factors(rings.wavenumber, gel)) / FINER**2
    gain = np.stack(fourier_factors(rings.wavenumber, gel))
    some = (rings.wavenumber > 1.5) & (rings.n_vectors > 8)
    expected = power / rings.n_vectors
    assert_allclose(
        (single * gain + found.power[0])[:, some], expected[:, some], rtol=0.2, atol=0.03 * expected[:, some].max()
    )
    expected = cross / rings.n_vectors
    assert_allclose(
        (single * rings.pixel + found.overlap[0])[:, some],
        expected[:, some],
        rtol=0.2,
        atol=0.05 * expected[:, some].max(),
    )


def test_aliases_are_none_where_noise_hides_the_short_waves() -> None:
    gel, rings = Gel(1.0, 0.45, 1.0, None, 0.5), rings_of(SHAPE)
    power = np.broadcast_to(rings.n_vectors, (2, 2, len(rings.n_vectors)))
    found = measure_aliases(
        power * np.array([1.0, 100.0])[:, None, None], np.ones((2, len(rings.n_vectors))), gel, SHAPE
    )
    assert not found.power[0].any()
    assert not found.overlap[0].any()
    assert found.power[1].any()
    assert_allclose(found.of(np.array([1])).power, found.power[1:])


@pytest.mark.parametrize("family", ["adhesion", "generic"])
@pytest.mark.parametrize(("depth", "level"), [(0.25, 0.04), (0.5, 0.04), (1.0, 0.1)])
def test_lambda_for_beads_below_the_surface_is_close_to_the_best(family: str, depth: float, level: float) -> None:
    # Correlated noise leaves the short waves free: nothing but the aliases keeps lambda up there. At a depth of 1, the
    # noise must not be taken for waves of the cell, which are everywhere in so small a field.
    traction = CellSimulator(family, shape=144, cell_size=0.5, random_state=11).sample(2).traction.astype(float)
    moved = ForwardOperator(144, depth=3 * depth).apply(traction)[..., 1::3, 1::3] / 3
    coarse = traction.reshape(2, 2, 48, 3, 48, 3).mean(axis=(3, 5))
    noisy = add_noise(moved, level, unit="rms", correlation=1.5, random_state=0)

    def errors(model: FTTC | FTTCCV) -> np.ndarray:
        return np.asarray(relative_rmse(coarse, model.fit(noisy).predict(noisy), multioutput="raw_values"))

    best = np.min(
        [errors(FTTC(lam, order=m, depth=depth)) for lam in np.geomspace(1e-5, 1, 11) for m in (0, 1, 2)], axis=0
    )
    assert (errors(FTTCCV(depth=depth)) < 1.35 * best).all()
