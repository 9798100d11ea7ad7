"""Every function that the table of equations names exists, and no equation is listed twice."""

from __future__ import annotations

import re
from pathlib import Path
from pkgutil import resolve_name

import pytest

TEXT = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text(encoding="utf-8")
TABLE = TEXT.partition("| equation | function |")[2].partition("\n\n")[0]
ROWS = [line.strip("| ").rpartition(" | ") for line in TABLE.splitlines()[2:]]
NAMES = [name for *_, cell in ROWS for name in re.findall(r"`(tfmkit\.[\w.]+)`", cell)]


@pytest.mark.parametrize("name", NAMES)
def test_function_exists(name):
    assert callable(resolve_name(name))
    assert resolve_name(name).__doc__


def test_every_row_names_a_function():
    assert len(ROWS) > 30
    assert all(re.search(r"`tfmkit\.[\w.]+`", cell) for *_, cell in ROWS)


def test_every_equation_and_function_is_listed_once():
    equations = [equation for equation, *_ in ROWS]
    assert len(set(equations)) == len(equations)
    assert len(set(NAMES)) == len(NAMES)


def test_layers_are_those_of_the_contract():
    contract = (Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8")
    layers = contract.partition("\nlayers = [\n")[2].partition("\n]")[0]
    table = TEXT.partition("| layer | rooms | content |")[2].partition("\n\n")[0]
    expected = [re.findall(r"\w+", line) for line in layers.splitlines()]
    listed = [re.findall(r"`(\w+)`", line.split("|")[2]) for line in table.splitlines()[2:]]
    assert listed == expected
