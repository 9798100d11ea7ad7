"""Young's modulus and the size of a pixel as people write them, and numbers that are likely in another unit."""

from __future__ import annotations

import numpy as np
import pytest

from tfmkit.batch import read_config
from tfmkit.cli import main
from tfmkit.gel import Gel
from tfmkit.io import read_displacement
from tfmkit.io.units import check_pixel_size
from tfmkit.quantities import QUANTITIES, gel_in_pixels, read_young, with_units


@pytest.mark.parametrize(
    ("text", "young"),
    [
        ("10kPa", 1e4), ("10 kPa", 1e4), ("10_670", 10670), ("10670Pa", 10670), ("1.5e3", 1500), ("0.3 kpa", 300),
        ("2MPa", 2e6), ("50Pa", 50), (8000, 8000), (100.0, 100),
    ],
)  # fmt: skip
def test_young_with_and_without_a_unit(text, young):
    assert read_young(text) == pytest.approx(young)


@pytest.mark.parametrize("text", ["10", 10, 0.5, "99.9"])
def test_a_bare_small_number_is_likely_in_kilopascals(text):
    with pytest.raises(ValueError, match=f"write {float(text):g}kPa, or {float(text):g}Pa"):
        read_young(text)


@pytest.mark.parametrize("text", ["", "soft", "10 kN", "-8000", "nan", "1e999", np.inf])
def test_young_that_is_refused(text):
    with pytest.raises(ValueError, match="young"):
        read_young(text)


@pytest.mark.parametrize(("size", "unit", "right"), [(1e-7, "m", "0.1"), (2e-4, "mm", "0.2"), (65, "nm", "0.065")])
def test_a_pixel_size_in_another_unit_is_named(size, unit, right):
    with pytest.raises(ValueError, match=f"likely in {unit}: write {right}"):
        check_pixel_size(size)


def test_pixels_of_microscopes_pass():
    assert [check_pixel_size(size) for size in (0.05, 0.1, 6.5)] == [0.05, 0.1, 6.5]


@pytest.fixture
def field(tmp_path):
    """A file of displacements."""
    np.save(tmp_path / "u.npy", np.random.default_rng(0).normal(size=(1, 2, 16, 16)))
    return tmp_path / "u.npy"


def test_spacing_under_a_pixel_is_refused(field):
    with pytest.raises(ValueError, match="likely in micrometres"):
        read_displacement(field, spacing=0.8)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--young", "10"], "write 10kPa"),
        (["--young", "10kPa", "--pixel-size", "1e-7"], "likely in m: write 0.1"),
        (["--young", "10kPa", "--spacing", "0.8"], "likely in micrometres"),
    ],
)
def test_the_command_names_the_likely_unit(field, capsys, arguments, message):
    assert main(["traction", str(field), "--poisson", "0.5", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_the_command_takes_young_with_its_unit(field, tmp_path):
    tables = []
    for young in ("10kPa", "10_000", "10000Pa"):
        command = ["traction", str(field), "--poisson", "0.5", "--lam", "0.1", "--young", young]
        assert main([*command, "-o", str(tmp_path / "a")]) == 0
        tables.append((tmp_path / "a" / "summary.csv").read_text())
    assert tables[0] == tables[1] == tables[2]


def test_batches_take_young_with_its_unit_and_name_likely_units(tmp_path):
    config = {"input": {"folder": str(tmp_path), "displacement": "u.npy"}, "gel": {"young": "10kPa", "poisson": 0.5}}
    assert read_config(config).gel.young == 1e4
    with pytest.raises(ValueError, match=r"\[gel\]: .* write 10kPa"):
        read_config(config | {"gel": {"young": 10, "poisson": 0.5}})
    with pytest.raises(ValueError, match=r"\[input\]: .*likely in m: write 0.1"):
        read_config(config | {"input": config["input"] | {"pixel_size": 1e-7}})


def test_all_lengths_of_a_gel_come_in_pixels():
    # 50 and 1 micrometre at 0.2 micrometres a pixel; the spacing of the grid is in pixels already.
    assert gel_in_pixels(1e4, 0.5, 4.0, thickness=50.0, depth=1.0, pixel_size=0.2) == Gel(1e4, 0.5, 4.0, 250.0, 5.0)
    assert gel_in_pixels(1e4, 0.5, 4.0, depth=1.0, pixel_size=0.2) == Gel(1e4, 0.5, 4.0, None, 5.0)
    with pytest.raises(ValueError, match="pixel size"):
        gel_in_pixels(1e4, 0.5, 4.0, depth=1.0)


def test_columns_hold_powers_of_the_pixel():
    # A pixel of 2 micrometres: forces go with its square, energies and moments with its cube.
    columns = with_units(dict.fromkeys(QUANTITIES, 3.0), 2.0)
    powers = {"N": 2, "J": 3, "Nm": 3, "Pa": 0, "fraction": 0, "ratio": 0, "rad": 0}
    for name, value in columns.items():
        assert value == pytest.approx(3.0 * 2e-6 ** powers[name.rpartition("_")[2]]), name
    assert len(columns) == len(QUANTITIES)
    assert set(with_units(dict.fromkeys(QUANTITIES, 3.0), None)) == {
        name for name in columns if powers[name.rpartition("_")[2]] == 0
    }
