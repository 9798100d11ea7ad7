"""Damaged files of every kind: each is read or refused, without another error, a warning or a lost process."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest.importorskip("resource", reason="the memory of a process is counted on POSIX only")
# The benchmarks are no part of the installed package.
sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.damaged_results import all_subjects
from benchmarks.damaged_vendors import lacking
from benchmarks.mutations import attack, mutations_of

SEED = 16


@pytest.mark.parametrize("name", all_subjects(Path()))
def test_damaged_files_are_read_or_refused(tmp_path, name, pytestconfig):
    if package := lacking(name):
        pytest.skip(f"optional extra: {package} is not installed")
    count = mutations_of(name, pytestconfig.getoption("mutations"))
    found = attack(name, count, SEED, tmp_path)
    assert found["faults"] == []
    assert found["read"] + found["refused"] == count
    assert found["mib"] < 1024


def test_most_damage_is_found(tmp_path):
    """Files with a checksum are refused whatever is damaged: otherwise the damage itself would be none."""
    found = attack("checkpoint", 50, SEED, tmp_path)
    assert found["refused"] > 40
