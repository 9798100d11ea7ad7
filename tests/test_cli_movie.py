"""``tfmkit figure`` and ``tfmkit movie``: figures and movies of a batch."""

from __future__ import annotations

import pytest
from batch_images import settings, write_position
from PIL import Image
from report_pages import Page

from tfmkit.batch import run
from tfmkit.cli import main
from tfmkit.report import write_report


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Results of two positions of two frames, with images of the cells."""
    folder = tmp_path_factory.mktemp("images")
    for seed, name in enumerate(("a/1", "b")):
        write_position(folder / name.replace("/", "-"), seed=seed)
    files = {"mask": "{position}/mask.tif", "cell": "{position}/cell.tif"}
    return run(settings(folder, input=files, run={"samples": 0}), results=folder / "results")


def test_figures_of_all_frames_have_one_scale(results, tmp_path):
    for kind in ("traction", "map", "displacement"):
        arguments = ["figure", str(results.folder), "--kind", kind, "--format", "svg", "-o", str(tmp_path / kind)]
        assert main(arguments) == 0
        files = sorted((tmp_path / kind).iterdir())
        assert [path.name for path in files] == [f"{key}_{kind}.svg" for key in results.table["item"].unique()]
        texts = [path.read_text() for path in files]
        assert ">30 s<" in texts[1]
        if kind != "map":
            keys = {text.split(f">{kind} ")[1].split("<")[0] for text in texts}
            assert len(keys) == 1
            assert all("<image" in text for text in texts)


def test_one_item_can_be_asked_for(results, tmp_path, capsys):
    key = results.table["item"].iloc[-1]
    assert main(["figure", str(results.folder), "--item", key, "-o", str(tmp_path)]) == 0
    assert [path.name for path in tmp_path.iterdir()] == [f"{key}_traction.pdf"]
    assert main(["figure", str(results.folder), "--item", "none", "-o", str(tmp_path)]) == 2
    assert "none" in capsys.readouterr().err


def test_movies_of_all_positions(results, tmp_path, capsys):
    arguments = ["movie", str(results.folder), "--format", "gif", "--width", "300", "-o", str(tmp_path)]
    assert main(arguments) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a-1_traction.gif", "b_traction.gif"]
    with Image.open(tmp_path / "b_traction.gif") as movie:
        assert movie.n_frames == 2
        assert movie.width == 300
    assert "MB" in capsys.readouterr().out
    assert main([*arguments, "--position", "c"]) == 2
    assert "more than one frame (a-1, b), got c" in capsys.readouterr().err


def test_report_links_to_the_movies_beside_it(results, tmp_path):
    assert main(["movie", str(results.folder), "--format", "gif", "--width", "200"]) == 0
    (results.folder / "movies" / "a b.gif").write_bytes(b"")
    for folder, expected in ((results.folder, ["movies/a-1_traction.gif", "movies/b_traction.gif"]), (tmp_path, [])):
        write_report(results.folder, folder / "report.html", n_full=0)
        links = [link.attributes["href"] for link in Page(folder / "report.html").all("a")]
        # The others lead to places of the page, to files in it, and to papers.
        assert [link for link in links if not link.startswith(("#", "data:", "https://doi.org/"))] == expected
