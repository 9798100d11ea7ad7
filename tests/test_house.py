"""What holds for the package as a whole: what an import loads, public names, pins, sizes."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import tfmkit

ROOT = Path(__file__).parents[1]
SOURCES = sorted(
    path for folder in ("tfmkit", "benchmarks", "examples", "tests") for path in (ROOT / folder).rglob("*.py")
)
HEAVY = ("torch", "skorch", "matplotlib", "pandas", "sklearn", "scipy", "h5py")


def loaded_after(statement: str) -> set[str]:
    """Top-level packages that a fresh interpreter holds after `statement`."""
    program = f"{statement}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_import_is_light():
    assert loaded_after("import tfmkit").isdisjoint(HEAVY)


@pytest.mark.parametrize("name", tfmkit.__all__)
def test_public_names_exist(name):
    assert getattr(tfmkit, name) is not None
    assert name in dir(tfmkit)


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = tfmkit.no_such_name


def test_makefile_and_constraints_pin_one_torch():
    pins = [re.search(r"torch==(\S+)", (ROOT / name).read_text()) for name in ("Makefile", "constraints.txt")]
    assert pins[0] is not None
    assert pins[1] is not None
    assert pins[0][1] == pins[1][1]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_are_short(path):
    text = path.read_text()
    assert text.count("\n") <= 400
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            lines = body[-1].end_lineno - body[0].lineno + 1 if body else 0
            assert lines <= 40, f"{path.name}:{node.lineno} {node.name} has a body of {lines} lines"
