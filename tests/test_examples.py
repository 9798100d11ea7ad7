"""The examples run as they stand and leave the figures that they promise."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tfmkit.datasets import fetch

# Old versions of matplotlib call pyparsing by names of which new versions of that warn. These lines are not ours.
_OLD_NAMES = ("matplotlib._fontconfig_pattern", "matplotlib._mathtext", "pyparsing.util")
_THEIRS = [f"-Wignore::DeprecationWarning:{module}" for module in _OLD_NAMES]
# With this option, pyparsing does not look for faults in the grammars of others, as it does where warnings are errors.
WARNINGS = ["-W", "error", *_THEIRS, "-Wignore:::pyparsing"]
EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("plot_*.py"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_example(example, tmp_path):
    for name in re.findall(r'datasets\.fetch\("([\w-]+)"\)', example.read_text(encoding="utf-8")):
        try:
            fetch(name)
        except ConnectionError as error:
            pytest.skip(str(error))
    subprocess.run([sys.executable, *WARNINGS, str(example)], cwd=tmp_path, check=True)
    assert list(tmp_path.rglob("*.png"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_example_has_a_title_for_the_gallery(example):
    title, line, blank, *_ = ast.get_docstring(ast.parse(example.read_text(encoding="utf-8"))).splitlines()
    assert line == len(title) * "="
    assert not blank
