"""Rules for the package as a whole: light imports, public names, pins, short files and functions, plain words."""

from __future__ import annotations

import ast
import io
import re
import statistics
import subprocess
import sys
import tokenize
from pathlib import Path

import pytest

import tfmkit

ROOT = Path(__file__).parents[1]
SOURCES = sorted(
    path for folder in ("tfmkit", "benchmarks", "examples", "tests") for path in (ROOT / folder).rglob("*.py")
)
PACKAGE = sorted((ROOT / "tfmkit").rglob("*.py"))
HEAVY = ("torch", "skorch", "matplotlib", "pandas", "pydantic", "sklearn", "scipy", "h5py")


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


def test_dir_shows_public_names_only():
    assert dir(tfmkit) == sorted(tfmkit.__all__)
    assert not [name for name in dir(tfmkit) if name.startswith("_")]


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = tfmkit.no_such_name


def test_makefile_and_constraints_pin_one_torch():
    pins = [re.search(r"torch==(\S+)", (ROOT / name).read_text()) for name in ("Makefile", "constraints.txt")]
    assert pins[0] is not None
    assert pins[1] is not None
    assert pins[0][1] == pins[1][1]


def functions_of(text: str) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    """All functions and methods of a source text."""
    return [node for node in ast.walk(ast.parse(text)) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Number of lines from the first to the last statement after the docstring."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


def complexity(function: ast.AST) -> int:
    """McCabe's cyclomatic complexity: one more than the number of branches."""
    branches = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler, ast.comprehension, ast.match_case)
    return 1 + sum(isinstance(node, branches) for node in ast.walk(function))


def docstrings_of(text: str) -> list[str]:
    """Docstrings of the module and of its classes and functions."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, documented)]
    return [docstring for node in nodes if (docstring := ast.get_docstring(node))]


def lines_of_code(text: str) -> int:
    """Number of lines that hold code: neither blank, nor a comment, nor part of a string that is a statement."""
    strings = {
        line
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for line in range(node.lineno, node.end_lineno + 1)
    }
    layout = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
    tokens = [token for token in tokenize.generate_tokens(io.StringIO(text).readline) if token.type not in layout]
    lines = {line for token in tokens for line in range(token.start[0], token.end[0] + 1)}
    return len(lines - strings)


def test_lines_of_code_leave_docstrings_comments_and_blank_lines_out():
    text = '"""Module.\n\nMore.\n"""\n\nx = (  # two\n    1\n)\n\n\ndef f():\n    """Doc."""\n    # why\n    return x\n'
    assert lines_of_code(text) == 5


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_are_short(path):
    text = path.read_text()
    assert lines_of_code(text) <= 250
    for function in functions_of(text):
        lines = body_lines(function)
        assert lines <= 40, f"{path.name}:{function.lineno} {function.name} has a body of {lines} lines"


def test_functions_of_the_package_are_short_and_simple_in_general():
    functions = [function for path in PACKAGE for function in functions_of(path.read_text())]
    assert statistics.median(map(body_lines, functions)) < 8
    assert sum(complexity(function) > 10 for function in functions) < 0.01 * len(functions)


def test_docstrings_name_the_noun():
    words = [
        word
        for path in PACKAGE
        for docstring in docstrings_of(path.read_text())
        for word in re.findall(r"[a-z]+", docstring.lower())
    ]
    assert 1000 * words.count("what") <= 0.5 * len(words)
