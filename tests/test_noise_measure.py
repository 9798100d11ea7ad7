"""Ring spectra and noise against closed forms."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.testing import assert_allclose

from tfmkit.gel import Gel
from tfmkit.noise.draw import add_noise, draw_noise, make_noise
from tfmkit.noise.measure import (
    BANDS,
    cap_levels,
    correlation_length,
    effective_noise,
    noise_level,
    noise_power,
    noise_spectrum,
    rings_of,
    signal_power,
    taper,
)

SHAPE = (24, 30)


def wave(n_y: int, n_x: int, vector: tuple[float, float]) -> np.ndarray:
    """One plane wave of a vector (x, y), with whole numbers of periods."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    phase = 2 * np.pi * (n_y * y / SHAPE[0] + n_x * x / SHAPE[1])
    return np.array(vector)[None, :, None, None] * np.cos(phase)


@pytest.mark.parametrize(("n_y", "n_x"), [(0, 3), (4, 0), (4, 5), (-4, 5), (2, -7)])
def test_power_is_split_along_and_across_the_wave_vector(n_y: int, n_x: int) -> None:
    k = np.array([n_x / SHAPE[1], n_y / SHAPE[0]])
    along = k / np.linalg.norm(k)
    across = np.array([-along[1], along[0]])
    rings = rings_of(SHAPE)
    for vector in (along, across, 0.8 * along + 0.6 * across):
        field = wave(n_y, n_x, tuple(vector)) / np.sqrt(SHAPE[0] * SHAPE[1])
        power = rings.power(np.fft.rfft2(field))[0]
        expected = np.square([vector @ along, vector @ across]) * SHAPE[0] * SHAPE[1] / 2
        assert_allclose(power.sum(axis=1), expected, atol=1e-4 * expected.max())
        ring = power.sum(axis=0).argmax()
        assert rings.wavenumber[ring] == pytest.approx(2 * np.pi * np.linalg.norm(k), rel=0.2)


def test_noise_is_worth_resolving_down_to_a_five_hundredth_of_the_field() -> None:
    field = np.random.default_rng(0).normal(size=(2, 20, 20))
    field *= 3.0 / np.sqrt(np.square(field).mean())
    assert effective_noise(field, 0.0) == pytest.approx(0.006)
    assert effective_noise(field, 0.005) == pytest.approx(0.006)
    assert effective_noise(field, 0.007) == 0.007


@pytest.mark.parametrize("width", [0.5, 1.0, 2.25])
def test_correlation_length_is_the_gaussian_of_the_same_area(width: float) -> None:
    # The autocorrelation of white noise under a Gaussian of width s has the area 4 pi s^2.
    rings = rings_of((64, 64))
    shape = np.exp(-np.square(8 * rings.wavenumber))
    shape /= shape[0]
    mean = rings.mean(shape)
    level = 1 / (1 + 4 * np.pi * width**2)
    power = level + (1 - level) * (shape - mean) / (1 - mean)
    assert correlation_length(power[None], rings)[0] == width


@pytest.mark.parametrize("slope", [0.0, 1.0])
def test_drawn_noise_has_the_power_that_was_asked_for(slope: float) -> None:
    rings = rings_of((48, 48))
    power = 0.04 / (1 + slope * rings.wavenumber**2)
    drawn = draw_noise(power, np.empty((200, 2, 48, 48)), np.random.default_rng(0))
    spectrum = np.square(np.abs(np.fft.rfft2(drawn))).mean(axis=(0, 1)) / 48**2
    wanted = 0.04 / (1 + slope * rings.k**2)
    ratio = (spectrum / wanted)[1:, 1:-1]
    assert ratio.mean() == pytest.approx(1, abs=0.01)
    assert np.abs(ratio[3:20, 3:20] - 1).max() < 0.35


@pytest.mark.parametrize("unit", ["px", "rms"])
@pytest.mark.parametrize("correlation", [0.0, 0.7, 3.0])
def test_made_noise_has_its_size_whatever_its_correlation(unit: str, correlation: float) -> None:
    fields = np.random.default_rng(1).normal(scale=2.0, size=(6, 2, 64, 64))
    streams = [np.random.default_rng(i) for i in range(6)]
    made = make_noise(streams, fields, 0.3, unit=unit, correlation=correlation, spacing=0.5)
    wanted = 0.3 / np.sqrt(2) * 0.5 if unit == "px" else 0.6
    assert np.sqrt(np.square(made).mean()) == pytest.approx(wanted, rel=0.03 + 0.03 * correlation)


def test_signal_of_deep_beads_is_no_stronger_than_that_of_the_waves_they_show() -> None:
    rings = rings_of((32, 32))
    gain = np.exp(-3.0 * rings.wavenumber) * np.ones((2, 1))
    noise = np.full((1, len(rings.n_vectors)), 1e-6)
    clean = (0.5 * gain**2 * rings.n_vectors)[None]
    found = signal_power(clean + 1e-6 * rings.n_vectors, noise, rings, gain, 3.0)
    strong = clean > 100 * noise[0] * rings.n_vectors
    assert_allclose(found[strong], clean[strong], rtol=0.1)
    assert not found[clean < 0.1 * noise[0] * rings.n_vectors].any()
    outlier = clean.copy()
    outlier[:, :, 20:] += 1.0
    assert (signal_power(outlier, noise, rings, gain, 3.0) <= 1.01 * clean)[:, :, 20:].all()


def test_told_noise_is_white() -> None:
    assert_allclose(noise_spectrum(np.zeros((2, 2, 16, 16)), Gel(), 0.5), 0.25)


def test_rings_by_brute_force() -> None:
    ky, kx = (2 * np.pi * np.fft.fftfreq(side) for side in SHAPE)
    kx, ky = np.meshgrid(kx, ky)
    pixel = np.sinc(kx / (2 * np.pi)) * np.sinc(ky / (2 * np.pi))
    # Rings are half as wide as the step between wave vectors along the longer side, 2 pi / 30.
    number = np.floor(np.hypot(kx, ky) * 30 / np.pi)
    rings = rings_of(SHAPE)
    members = [(number == each) & (kx**2 + ky**2 > 0) for each in np.unique(number[kx**2 + ky**2 > 0])]
    assert_allclose(rings.n_vectors, [np.count_nonzero(each) for each in members])
    assert_allclose(rings.wavenumber, [np.sqrt((kx**2 + ky**2)[each].mean()) for each in members], rtol=1e-6)
    assert_allclose(rings.pixel, [pixel[each].mean() for each in members], rtol=1e-6)
    assert_allclose(rings.pixel_square, [np.square(pixel[each]).mean() for each in members], rtol=1e-6)


def test_taper_rises_as_half_a_cosine_over_a_quarter_of_each_side() -> None:
    ramps = [
        0.5 - 0.5 * np.cos(np.pi * np.array([0.5, 1.5, 2.5, 3.5]) / 4),
        0.5 - 0.5 * np.cos(np.pi * np.array([0.25, 0.75])),
    ]
    rows, columns = (np.concatenate([ramp, np.ones(len(ramp) * 2), ramp[::-1]]) for ramp in ramps)
    assert_allclose(taper((16, 8)), np.outer(rows, columns))


def band_levels(power: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Mean power in each band: traction is displacement times k, so that short waves of a band count most."""
    k = np.hypot(*np.meshgrid(*2 * [2 * np.pi * np.fft.fftfreq(256)]))
    distance = np.log(np.maximum(k, 1e-9) / np.reshape(BANDS, (4, 1, 1))) / np.log(BANDS[1] / BANDS[0])
    weights = np.square(k * np.cos(np.pi / 2 * np.clip(distance, -1, 1)) ** 2)
    return (weights * power(k)).sum(axis=(1, 2)) / weights.sum(axis=(1, 2))


@pytest.mark.parametrize("width", [0.0, 0.4, 1.0])
def test_a_gaussian_spectrum_is_found_from_its_bands(width: float) -> None:
    def power(k: np.ndarray) -> np.ndarray:
        return 0.04 * np.exp(-np.square(width * k))

    levels, k = band_levels(power)[None], np.linspace(0.05, np.sqrt(2) * np.pi, 40)
    for excess in ([[1.0, 1, 1, 1]], [[2.0, 1, 1, 1]]):
        assert_allclose(noise_power(levels, np.array(excess), k)[0], power(k), rtol=0.03)
    # Waves of a cell in the longer bands are taken out; without them the levels stay as they are.
    cell = levels * np.array([30, 3, 1, 1])
    for given in (levels, cell):
        assert_allclose(cap_levels(given, np.full((1, 4), 3.0), (64, 64), most_excess=2.0), levels, rtol=0.02)
        assert_allclose(cap_levels(given, np.full((1, 4), 1.0), (64, 64), most_excess=2.0), given)
        assert_allclose(cap_levels(given, np.full((1, 4), 1.0), (64, 39)), levels, rtol=0.02)


@pytest.mark.parametrize("shape", [(48, 80), (81, 50)])
@pytest.mark.parametrize("correlation", [0.0, 1.0])
def test_measured_noise_is_the_noise_that_was_drawn(shape: tuple[int, int], correlation: float) -> None:
    noise = add_noise(np.zeros((12, 2, *shape)), 0.3, correlation=correlation, random_state=0)
    own = np.sqrt(np.square(noise).mean(axis=(1, 2, 3)))
    assert_allclose(noise_level(noise, Gel()), own, rtol=0.2)
    assert np.mean(noise_level(noise, Gel()) / own) == pytest.approx(1, abs=0.03)
