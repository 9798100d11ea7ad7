"""Units of length and of time, against their definitions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tfmkit.io.fields.data import DisplacementData
from tfmkit.io.fields.lengths import Lengths
from tfmkit.io.images.scale import imagej_scale, length, seconds, square_pixel
from tfmkit.io.units import is_pixel, micrometres

# Micrometres by definition: an inch is 25.4 mm.
MICROMETRES = {
    "m": 1e6, "cm": 1e4, "mm": 1e3, "um": 1.0, "µm": 1.0, "μm": 1.0, "micron": 1.0, "microns": 1.0, "nm": 1e-3,
    "pm": 1e-6, "å": 1e-4, "in": 25_400.0, "inch": 25_400.0, "metre": 1e6, "meters": 1e6, "centimetre": 1e4,
    "millimeter": 1e3, "Micrometers": 1.0, "nanometres": 1e-3, " UM ": 1.0,
}  # fmt: skip
SECONDS = {"s": 1.0, "sec": 1.0, "seconds": 1.0, "ms": 1e-3, "us": 1e-6, "min": 60.0, "minutes": 60.0, "h": 3600.0}


@pytest.mark.parametrize(("unit", "factor"), MICROMETRES.items())
def test_lengths(unit, factor):
    assert micrometres(unit) == factor
    assert length(3.0, unit) == pytest.approx(3 * factor)


@pytest.mark.parametrize(("unit", "factor"), SECONDS.items())
def test_times(unit, factor):
    assert seconds(3.0, unit) == pytest.approx(3 * factor)


@pytest.mark.parametrize("unit", ["px", "Pixel", "pixels", "pix"])
def test_pixels_are_no_length(unit):
    assert is_pixel(unit)
    assert micrometres(unit) is None


@pytest.mark.parametrize("unit", ["", "parsec", "%"])
def test_other_words_are_no_unit(unit):
    assert micrometres(unit) is None
    assert length(1.0, unit) is None
    assert seconds(1.0, unit) is None


def test_a_pixel_that_is_nearly_square_has_its_mean_side():
    assert square_pixel((1.0, 1.004)) == pytest.approx(1.002)
    with pytest.raises(ValueError, match="wide"):
        square_pixel((1.0, 1.1))


def test_frames_per_second_are_the_inverse_of_the_interval():
    assert imagej_scale({"fps": 4.0}, ()).interval == 0.25
    assert imagej_scale({"fps": 4.0, "finterval": 2.0, "tunit": "min"}, ()).interval == 120


@pytest.mark.parametrize(("positions", "spacing"), [(True, 20.0), (False, 10.0)])
def test_all_lengths_of_a_file_are_converted(positions, spacing):
    field = np.random.default_rng(0).normal(size=(1, 2, 9, 8))
    errors = {"noise": np.array([0.3]), "std": np.abs(field) / 8}
    data = DisplacementData(
        field, 10.0, 10.0 * np.arange(8), 20 + 10.0 * np.arange(9), (Path("a.mat"),), "plain", **errors
    )
    found = Lengths(unit="um", pixel_size=0.5).convert(data, positions=positions)
    np.testing.assert_allclose(found.displacement, 2 * field)
    np.testing.assert_allclose(found.noise, [0.6])
    np.testing.assert_allclose(found.std, np.abs(field) / 4)
    np.testing.assert_allclose(found.x, spacing * np.arange(8))
    np.testing.assert_allclose(found.y, 2 * spacing + spacing * np.arange(9))
    assert found.spacing == spacing
