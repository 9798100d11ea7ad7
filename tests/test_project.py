"""Files that repeat facts of pyproject.toml agree with it."""

from __future__ import annotations

import re
import tomllib
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, requires
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


@pytest.mark.parametrize("extra", ["dev", "docs", "napari"])
def test_what_make_installs_is_pinned(extra):
    pinned = re.findall(r"^([\w.-]+)==", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE)
    names = {re.sub(r"[-_.]+", "-", name).lower() for name in pinned}
    wanted = {re.split(r"[>=\[]", text)[0] for text in PROJECT["optional-dependencies"][extra]}
    assert {re.sub(r"[-_.]+", "-", name).lower() for name in wanted} <= names


QT = re.compile(r"(pyqt|pyside|qtpy|napari|superqt|vispy)", re.IGNORECASE)


def test_installation_alone_brings_no_qt():
    # Everything that `pip install tfmkit` brings, as the installed packages say themselves.
    found, waiting = set(), list(PROJECT["dependencies"])
    while waiting:
        name = re.match(r"[\w.-]+", waiting.pop())[0].lower().replace("_", "-")
        if name not in found:
            found.add(name)
            with suppress(PackageNotFoundError):
                waiting += [text for text in requires(name) or () if "extra ==" not in text]
    assert {"numpy", "torch", "tifffile"} <= found
    assert not [name for name in found if QT.match(name)]


def test_extra_of_napari_leaves_the_binding_of_qt_open():
    extras = PROJECT["optional-dependencies"]
    assert [text for text in extras["napari"] if QT.match(text)] == ["napari>=0.9"]
    others = [text for name, texts in extras.items() if name != "napari" for text in texts]
    assert not [text for text in others if QT.match(text)]


def test_manifest_of_the_plugin_is_found():
    assert PROJECT["entry-points"]["napari.manifest"] == {"tfmkit": "tfmkit.napari:napari.yaml"}
    assert (ROOT / "tfmkit" / "napari" / "napari.yaml").is_file()


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
