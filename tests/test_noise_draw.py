"""Noise: its size, its correlation, wrong vectors."""

from __future__ import annotations

import numpy as np
import pytest

from tfmkit.simulate import add_noise, add_outliers

FIELDS = np.random.default_rng(0).normal(size=(4, 2, 64, 48)) * np.array([1, 2, 3, 4])[:, None, None, None]


@pytest.mark.parametrize("correlation", [0.0, 1.5])
@pytest.mark.parametrize("spacing", [1.0, 0.25])
def test_level_in_pixels_is_the_length_of_the_noise_vector(correlation, spacing):
    noise = add_noise(FIELDS, 0.3, correlation=correlation, spacing=spacing, random_state=0) - FIELDS
    length = np.sqrt((noise**2).sum(axis=1).mean()) / spacing
    assert length == pytest.approx(0.3, rel=0.05)
    assert noise.std() / spacing == pytest.approx(0.3 / np.sqrt(2), rel=0.05)


def test_level_by_rms_follows_each_field():
    noise = add_noise(FIELDS, 0.1, unit="rms", random_state=0) - FIELDS
    ratio = noise.std(axis=(1, 2, 3)) / np.sqrt((FIELDS**2).mean(axis=(1, 2, 3)))
    np.testing.assert_allclose(ratio, 0.1, rtol=0.05)


def test_neighbours_of_correlated_noise_agree_and_of_white_noise_do_not():
    zero = np.zeros((20, 2, 64, 64))

    def neighbours(correlation):
        noise = add_noise(zero, 1.0, correlation=correlation, random_state=1)
        return (noise[..., 1:] * noise[..., :-1]).mean() / noise.var()

    assert abs(neighbours(0.0)) < 0.02
    # Smoothing white noise by a Gaussian of sd s leaves the correlation exp(-d^2 / 4 s^2).
    assert neighbours(2.0) == pytest.approx(np.exp(-1 / 16), abs=0.02)


def test_noise_keeps_precision_shape_and_input():
    fields = FIELDS.astype(np.float32)
    before = fields.copy()
    noisy = add_noise(fields, 0.1, random_state=0)
    assert noisy.dtype == np.float32
    np.testing.assert_array_equal(fields, before)
    np.testing.assert_array_equal(add_noise(fields, 0.0, random_state=0), fields)
    np.testing.assert_array_equal(add_noise(fields[:2], 0.1, random_state=0), noisy[:2])


def test_outliers_replace_their_share_of_whole_vectors():
    wrong = add_outliers(FIELDS, 0.2, random_state=0)
    changed = wrong != FIELDS
    np.testing.assert_array_equal(changed[:, 0], changed[:, 1])
    assert changed.mean() == pytest.approx(0.2, abs=0.02)
    assert (np.abs(wrong).max(axis=(1, 2, 3)) <= 2 * np.abs(FIELDS).max(axis=(1, 2, 3))).all()
    np.testing.assert_array_equal(add_outliers(FIELDS, 0.0), FIELDS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"level": -1}, "noise"),
        ({"level": np.nan}, "noise"),
        ({"level": 1, "unit": "um"}, "noise_unit"),
        ({"level": 1, "correlation": -1}, "noise_correlation"),
        ({"level": 1, "spacing": 0}, "spacing"),
        ({"level": 1, "random_state": "x"}, "random_state"),
    ],
)
def test_bad_noise_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        add_noise(FIELDS, **arguments)


def test_bad_fields_and_fractions_are_refused():
    with pytest.raises(ValueError, match="shape"):
        add_noise(FIELDS[0], 0.1)
    with pytest.raises(ValueError, match="fraction"):
        add_outliers(FIELDS, 1.5)
