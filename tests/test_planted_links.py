"""Links that somebody planted under the names of results: they are replaced, and the files that they lead to stay."""

from __future__ import annotations

import numpy as np
import pytest
from batch_images import settings

from tfmkit.batch import run
from tfmkit.cli import main
from tfmkit.io import write_fiji_displacement

GRID = (9, 11)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """A folder of two displacement files."""
    folder = tmp_path_factory.mktemp("images")
    axes = 10.0 * np.arange(GRID[1]), 10.0 * np.arange(GRID[0])
    for number in (1, 2):
        field = np.random.default_rng(number).normal(size=(2, *GRID))
        write_fiji_displacement(folder / f"d_{number}.txt", field, *axes)
    return folder


@pytest.fixture(scope="module")
def results(images, tmp_path_factory):
    """Results of a batch of these files."""
    sections = settings(images, input={"displacement": "d_{frame}.txt"})
    for name in ("relaxed", "deformed"):
        del sections["input"][name]
    del sections["drift"], sections["displacement"]
    return run(sections, results=tmp_path_factory.mktemp("batch") / "results")


def arguments_of(command, images, results):
    """Return the arguments of a command that writes into the folder ``out``."""
    gel = ["--young", "1000", "--poisson", "0.5"]
    return {
        "traction": ["traction", str(images / "d_1.txt"), *gel, "-o", "out"],
        "report": ["report", str(results.folder), "-o", "out/report.html"],
        "movie": ["movie", str(results.folder), "--format", "gif", "-o", "out"],
        "simulate": ["simulate", "--family", "disc", "--shape", "24", "-n", "1", "--seed", "0", "-o", "out/cells.npz"],
    }[command]


@pytest.mark.parametrize("command", ["traction", "report", "movie", "simulate"])
def test_results_replace_links_and_follow_none(images, results, tmp_path, monkeypatch, command):
    arguments = arguments_of(command, images, results)
    (tmp_path / "first").mkdir()
    monkeypatch.chdir(tmp_path / "first")
    assert main(arguments) == 0
    written = [path.relative_to(tmp_path / "first") for path in (tmp_path / "first").rglob("*") if path.is_file()]
    victim = tmp_path / "victim"
    victim.write_text("kept")
    for path in written:
        link = tmp_path / "second" / path
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(victim)
    monkeypatch.chdir(tmp_path / "second")
    assert main(arguments) == 0
    assert victim.read_text() == "kept"
    for path in written:
        assert not (tmp_path / "second" / path).is_symlink()
        assert (tmp_path / "second" / path).stat().st_size == (tmp_path / "first" / path).stat().st_size
