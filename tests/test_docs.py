"""The documentation: every block of code runs, every link leads somewhere, every number is that of a table."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path
from textwrap import dedent
from types import ModuleType

import numpy as np
import pytest

from tfmkit import io
from tfmkit.batch import read_config
from tfmkit.cli import main as command_line
from tfmkit.simulate import BeadSimulator

ROOT = Path(__file__).parents[1]
FOLDERS = [ROOT / "docs", ROOT / "docs" / "datasets", ROOT / "docs" / "methods"]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md"] + [
    page for folder in FOLDERS for page in sorted(folder.glob("[a-z]*.md"))
]
BLOCK = re.compile(r"^( *)```(python|sh|toml)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
# Sphinx makes these files.
MADE = ("auto_examples/", "generated/")


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def blocks_of(page: Path) -> list[tuple[str, str]]:
    """Return language and text of every block of code; those in lists are indented."""
    return [(language, dedent(text)) for _, language, text in BLOCK.findall(page.read_text(encoding="utf-8"))]


def write_images(folder: Path) -> None:
    """Write the files that the pages speak of: one pair of bead images, and an experiment of one position."""
    relaxed, deformed = BeadSimulator(128, peak=3.0, random_state=0).sample().pairs[0].round().astype(np.uint16)
    position = folder / "images" / "position1"
    position.mkdir(parents=True)
    mask = np.zeros((128, 128), dtype=np.uint8)
    mask[32:96, 32:96] = 255
    files = {
        folder / "relaxed.tif": relaxed,
        folder / "deformed.tif": deformed,
        position / "relaxed.tif": relaxed,
        position / "deformed_1.tif": deformed,
        position / "cells.tif": mask,
    }
    for path, image in files.items():
        io.write_ome_tiff(path, image[None, None], channels=("beads",), pixel_size=0.2)


def run_commands(text: str) -> None:
    """Run the lines of a shell block that call tfmkit."""
    for line in text.splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] == ["tfmkit"] and words[1] != "--version":
            assert command_line(words[1:]) == 0, line


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_code_runs(page, tmp_path, monkeypatch, capsys):
    blocks = blocks_of(page)
    if not blocks:
        pytest.skip("this page has no code")
    monkeypatch.chdir(tmp_path)
    write_images(tmp_path)
    # A class that a page defines can be pickled only as part of a module.
    module = ModuleType("page")
    monkeypatch.setitem(sys.modules, "page", module)
    (tmp_path / "experiment.toml").write_text(EXPERIMENT)
    for language, text in blocks:
        if language == "toml":
            (tmp_path / "experiment.toml").write_text(text)
            read_config(tmp_path / "experiment.toml")
        elif language == "sh":
            run_commands(text)
        else:
            exec(compile(text, name_of(page), "exec"), vars(module))  # noqa: S102 - the blocks are our own


# The file that pages name without showing it.
EXPERIMENT = next(text for language, text in blocks_of(ROOT / "docs" / "beads_to_report.md") if language == "toml")


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page):
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        if not target.startswith(("http", "mailto")) and not any(part in target for part in MADE):
            assert (page.parent / target).exists(), target


def test_readme_shows_the_committed_numbers(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    import result_tables

    assert result_tables.markdown(result_tables.accuracy()) in (ROOT / "README.md").read_text(encoding="utf-8")


def test_tables_of_the_documentation_can_be_made(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    import result_tables

    result_tables.write_all(tmp_path)
    for path in tmp_path.glob("*.md"):
        assert len(path.read_text(encoding="utf-8").splitlines()) > 3
    included = {
        Path(found).name
        for page in PAGES
        for found in re.findall(r"generated/tables/(\w+\.md)", page.read_text(encoding="utf-8"))
    }
    assert included == {path.name for path in tmp_path.glob("*.md")}


def test_api_lists_every_public_module():
    text = (ROOT / "docs" / "api_pages.py").read_text(encoding="utf-8")
    listed = set(re.findall(r'"([a-z_]+)"', text.partition("ROOMS")[2].partition("}\n")[0]))
    import tfmkit

    assert {name for name in tfmkit.__all__ if name.islower()} <= listed


def test_every_study_is_listed():
    scripts = [
        path for path in (ROOT / "benchmarks").glob("*.py") if "study_parser(" in path.read_text(encoding="utf-8")
    ]
    listed = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    assert {path.stem for path in scripts if f"| `{path.stem}" not in listed} == {"command", "demo"}
