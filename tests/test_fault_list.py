"""The list of faults by hand: each one can still be made, and its tests are there to find it."""

from __future__ import annotations

import ast
import sys
import tomllib
from collections import Counter
from pathlib import Path

# The benchmarks are no part of the installed package.
sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.command import ROOT
from benchmarks.faults import LIST, faults_by_hand

LISTED = tomllib.loads(LIST.read_text(encoding="utf-8"))


def test_each_old_text_stands_once_in_its_file():
    counts = {}
    for entry in LISTED["fault"]:
        text = (ROOT / entry["file"]).read_text(encoding="utf-8")
        counts[f"{entry['file']}: {entry['old']}"] = text.count(entry["old"])
    assert {key: count for key, count in counts.items() if count != 1} == {}


def test_each_fault_is_another_program_and_is_listed_once():
    faults = list(faults_by_hand(ROOT, LISTED["fault"]))
    for fault in faults:
        text = (ROOT / fault.file).read_text(encoding="utf-8")
        changed = text[: fault.start] + fault.new + text[fault.start + len(fault.old) :]
        assert ast.dump(ast.parse(changed)) != ast.dump(ast.parse(text)), fault.key
    assert [key for key, count in Counter(fault.key for fault in faults).items() if count > 1] == []


def test_each_faulty_file_has_tests_that_exist():
    assert {entry["file"] for entry in LISTED["fault"]} <= LISTED["tests"].keys()
    tests = {test for tests in LISTED["tests"].values() for test in tests} | set(LISTED["tests_of_survivors"])
    files = {*LISTED["tests"], *(test.partition("::")[0] for test in tests)}
    assert sorted(file for file in files if not (ROOT / file).is_file()) == []


def test_each_test_that_is_named_stands_in_its_file():
    named = {entry["by"] for entry in LISTED["fault"] if "by" in entry}
    missing = []
    for test in named:
        file, _, function = test.partition("::")
        if not (ROOT / file).is_file() or f"def {function.partition('[')[0]}(" not in (ROOT / file).read_text("utf-8"):
            missing.append(test)
    assert missing == []


def test_each_verdict_is_about_a_text_that_is_still_there():
    gone = []
    for key in LISTED["verdict"]:
        file, _, change = key.partition(": ")
        if change.partition(" -> ")[0] not in (ROOT / file).read_text(encoding="utf-8"):
            gone.append(key)
    assert gone == []
