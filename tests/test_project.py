"""Files that repeat facts of pyproject.toml agree with it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

import tfmkit

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
# Names that conda-forge has for packages of PyPI.
CONDA = {"torch": "pytorch", "matplotlib": "matplotlib-base"}


def test_conda_recipe_has_the_dependencies():
    recipe = (ROOT / "conda" / "recipe.yaml").read_text(encoding="utf-8")
    listed = re.findall(r"^    - (\S+) (>=[\d.]+)$", recipe.partition("  run:\n")[2], re.MULTILINE)
    wanted = [re.fullmatch(r"([\w-]+)(>=[\d.]+)", text).groups() for text in PROJECT["dependencies"]]
    assert sorted(listed) == sorted((CONDA.get(name, name), bound) for name, bound in wanted)
    assert f'python_min: "{PROJECT["requires-python"].removeprefix(">=")}"' in recipe


@pytest.mark.parametrize(
    ("name", "text"), [("conda/recipe.yaml", f'version: "{tfmkit.__version__}"'), ("CITATION.cff", tfmkit.__version__)]
)
def test_versions_agree(name, text):
    assert text in (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("extra", ["dev", "docs"])
def test_what_make_installs_is_pinned(extra):
    pinned = re.findall(r"^([\w.-]+)==", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE)
    names = {re.sub(r"[-_.]+", "-", name).lower() for name in pinned}
    wanted = {re.split(r"[>=\[]", text)[0] for text in PROJECT["optional-dependencies"][extra]}
    assert {re.sub(r"[-_.]+", "-", name).lower() for name in wanted} <= names


def test_lowest_versions_are_those_of_the_project():
    listed = re.findall(
        r"^([\w-]+)==([\d.]+)$", (ROOT / "constraints-lowest.txt").read_text(encoding="utf-8"), re.MULTILINE
    )
    texts = {
        *PROJECT["dependencies"],
        *PROJECT["optional-dependencies"]["dask"],
        *PROJECT["optional-dependencies"]["movie"],
    }
    bounds = [re.fullmatch(r"([\w-]+)>=([\d.]+)", text).groups() for text in texts]
    assert sorted(listed) == sorted(bound for bound in bounds if bound[0] != "torch")
