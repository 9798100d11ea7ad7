"""The report: all of the results, in one page that needs and runs nothing."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import shutil
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from report_pages import HOSTILE, SHOWN, Page, hostile_results

from tfmkit.batch import read_results
from tfmkit.batch.store import ItemFiles, describe_file
from tfmkit.cli import main
from tfmkit.report import write_report
from tfmkit.report.names import visible


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Results of two positions of two frames and two cells, and a failure, all with hostile names."""
    return hostile_results(tmp_path_factory.mktemp("batch"))


@pytest.fixture(scope="module")
def page(results, tmp_path_factory):
    """The report of all of them."""
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(results.folder, path)
    return Page(path)


@pytest.fixture
def copied(results, tmp_path):
    """A copy of the results to damage."""
    return shutil.copytree(results.folder, tmp_path / "results")


def test_page_holds_all_it_needs(page):
    allowed = {
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "header",
        "nav",
        "main",
        "section",
        "article",
        "figure",
    }
    allowed |= {"figcaption", "img", "h1", "h2", "h3", "p", "ul", "li", "dl", "dt", "dd", "div", "span", "table"}
    allowed |= {"thead", "tbody", "tr", "th", "td", "a", "b", "bdi", "code", "h4", "pre"}
    assert {element.tag for element in page.elements} <= allowed
    for image in page.all("img"):
        kind, content = image.attributes["src"].split(",")
        assert kind == "data:image/png;base64"
        with Image.open(io.BytesIO(base64.b64decode(content))) as picture:
            picture.load()
            assert 96 <= picture.width <= 640
    for element in page.elements:
        assert {"src", "srcset", "data", "style", "background"}.isdisjoint(element.attributes) or element.tag == "img"
        assert not any(name.startswith("on") for name in element.attributes)
    assert "url(" not in page.all("style")[0].text
    assert "@import" not in page.all("style")[0].text


def test_policy_allows_this_style_and_no_more(page):
    (style,) = page.all("style")
    digest = base64.b64encode(hashlib.sha256(style.text.encode()).digest()).decode()
    (policy,) = (meta for meta in page.all("meta") if meta.attributes.get("http-equiv") == "Content-Security-Policy")
    assert policy.attributes["content"].split("; ") == [
        "default-src 'none'", "img-src data:", f"style-src 'sha256-{digest}'", "base-uri 'none'", "form-action 'none'",
    ]  # fmt: skip


def test_hostile_names_are_text(page):
    text = page.all("body")[0].text
    for name in SHOWN:
        assert name in text
    # A name is no template either.
    assert "{{ 7*7 }}" in page.by_id("failures").text
    # Nothing that a name says became a tag: pictures and scripts are those of the template.
    assert all(image.inside("figure") for image in page.all("img"))
    assert not page.all("script")
    assert any(HOSTILE[1] in image.attributes["alt"] for image in page.all("img"))
    # What is written from right to left turns nothing around it.
    rows = [element for element in page.all("h3", "th") if any(name in element.text for name in SHOWN)]
    assert all(any(element in isolated.parents for isolated in page.all("bdi")) for element in rows)


def test_failures_come_first_and_say_why(page, results):
    ids = [section.attributes.get("id") for section in page.all("section")]
    assert ids[0] == "failures"
    (failure,) = results.failures.to_dict("records")
    assert all(visible(failure[name]) in page.by_id("failures").text for name in ("item", "file", "error"))
    assert failure["item"] == HOSTILE[2]


def test_table_holds_every_cell_with_its_error_bar(page, results):
    rows = page.rows("cells")
    assert len(rows) == len(results.table) == 8
    headers = [header.text for header in page.all("th") if header.inside("thead") and "scope" in header.attributes]
    column = next(place for place, text in enumerate(headers) if text.startswith("total force"))
    factor = {"(µN)": 1e6, "(nN)": 1e9, "(pN)": 1e12}[headers[column].split()[-1]]
    # The table of failures has three headers of its own.
    for row, record in zip(rows, results.table.to_dict("records"), strict=True):
        assert row[:2] == [record["position"], str(record["frame"])]
        value, std = (float(part.replace("\N{MINUS SIGN}", "-")) for part in row[column - 3].split(" ± "))
        assert std == pytest.approx(factor * record["total_force_N_std"], rel=0.34)
        assert value == pytest.approx(factor * record["total_force_N"], abs=std)


def test_frames_show_all_maps(page, results):
    keys = list(results.table["item"].unique())
    frames = [article for article in page.all("article") if "id" in article.attributes]
    assert [article.attributes["id"] for article in frames] == keys
    titles = [
        "Beads", "Cell", "Displacement", "Error bar of the displacement", "Traction", "Traction vectors",
        "Error bar of the traction", "Residual", "Residual: far forces and drift", "Residual: the rest",
    ]  # fmt: skip
    for article in frames:
        captions = [caption.text for caption in page.all("b") if article in caption.parents]
        assert captions == [f"{title}." for title in (*titles, "Quality of vectors", "Choice of λ")]
    courses = [article for article in page.all("article") if "id" not in article.attributes]
    assert [page.all("h3")[number].text for number in range(2)] == list(results.table["position"].unique())
    assert all(sum(course in image.parents for image in page.all("img")) == 4 for course in courses)


def test_page_can_be_read_without_seeing_it(page):
    assert page.all("html")[0].attributes["lang"] == "en"
    assert page.all("title")[0].text == "Traction report: batch"
    assert all(image.attributes["alt"].strip() for image in page.all("img"))
    assert all(header.attributes["scope"] in ("row", "col") for header in page.all("th"))
    levels = [int(heading.tag[1]) for heading in page.all("h1", "h2", "h3")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    (viewport,) = (meta for meta in page.all("meta") if meta.attributes.get("name") == "viewport")
    assert viewport.attributes["content"] == "width=device-width, initial-scale=1"
    targets = {element.attributes.get("id") for element in page.elements}
    inside = [link for link in page.all("a") if link.attributes["href"].startswith("#")]
    assert inside
    assert all(link.attributes["href"][1:] in targets for link in inside)
    # All other links hold a file, or lead to a paper when somebody clicks on them.
    others = [link.attributes for link in page.all("a") if link not in inside]
    assert all(link["href"].startswith("data:") for link in others if "download" in link)
    assert all(link["href"].startswith("https://doi.org/10.") for link in others if "download" not in link)


def saved(page, name):
    """Return the bytes of a file that the page offers."""
    (link,) = (link for link in page.all("a") if link.attributes.get("download") == name)
    return base64.b64decode(link.attributes["href"].split(",")[1])


def test_tables_can_be_saved(page, results):
    kept = pd.read_parquet(io.BytesIO(saved(page, "table.parquet")))
    pd.testing.assert_frame_equal(kept, results.table)
    assert saved(page, "table.csv") == (results.folder / "table.csv").read_bytes()


def test_papers_have_links_and_bibtex(page):
    section = page.by_id("citing")
    links = [link.text for link in page.all("a") if section in link.parents and "download" not in link.attributes]
    assert "doi:10.1152/ajpcell.00270.2001" in links
    (block,) = page.all("pre")
    assert block.text == saved(page, "references.bib").decode()
    entries = re.findall(r"@(\w+)\{(\w+),\n((?:  \w+ = \{.+\},\n)+)\}", block.text)
    assert [kind for kind, _, _ in entries] == ["software"] + ["article"] * (len(entries) - 1)
    assert {"tfmkit", "Butler2002", "Sabass2008", "Lucas1981"} <= {key for _, key, _ in entries}
    assert len({key for _, key, _ in entries}) == len(entries) == block.text.count("@")


def test_settings_and_versions_are_there(page, results):
    assert "regularisation" in page.by_id("meanings").text
    rows = page.rows("settings")
    assert ["gel", "young", "8000.0"] in rows
    assert ["version", "tfmkit", results.settings["versions"]["tfmkit"]] in rows
    assert ["fingerprint", "settings", results.settings["fingerprint"]] in rows


def test_equal_results_give_equal_bytes_and_no_more_frames_than_asked(results, copied, tmp_path):
    paths = [tmp_path / name for name in ("a.html", "b.html")]
    for folder, path in zip((results.folder, copied), paths, strict=True):
        write_report(folder, path, n_full=1)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    page = Page(paths[0])
    worst = results.table.loc[results.table["displacement_residual"].idxmax(), "item"]
    assert [article.attributes["id"] for article in page.all("article") if "id" in article.attributes] == [worst]
    assert "1 of 4 frames: the one with the largest residual" in page.by_id("frames").text
    assert "1 of 2 positions" in page.by_id("courses").text
    assert len(page.rows("cells")) == 8


def test_results_without_frames_make_a_page(copied, tmp_path):
    table = read_results(copied).table
    table.iloc[:0].to_parquet(copied / "table.parquet", index=False)
    write_report(copied, tmp_path / "none.html")
    page = Page(tmp_path / "none.html")
    assert not page.all("img")
    assert "No frame has results." in page.by_id("cells").text
    assert SHOWN[2] in page.by_id("failures").text


def test_what_is_not_known_is_left_out(copied, tmp_path):
    table = read_results(copied).table
    columns = ["lam", *(name for name in table if re.search("_(J|N|Nm|um2|s)(_std)?$", name))]
    table.assign(**dict.fromkeys(columns, np.nan)).to_parquet(copied / "table.parquet", index=False)
    settings = json.loads((copied / "settings.json").read_text())
    # Half of a surrogate pair, as in names of files that are no UTF-8, is no text that a file can hold.
    (copied / "settings.json").write_text(json.dumps({**settings, "name": "\udcff"}))
    (copied / "failures.csv").write_text("item,file,error\n")
    write_report(copied, tmp_path / "pixels.html", n_full=1)
    page = Page(tmp_path / "pixels.html")
    assert "total force" not in page.by_id("cells").text
    assert "largest traction" in page.by_id("cells").text
    assert "regularisation" not in page.by_id("meanings").text
    assert "\\udcff" in page.all("h1")[0].text
    assert not [section for section in page.all("section") if section.attributes.get("id") == "failures"]
    alts = " ".join(image.attributes["alt"] for image in page.all("img"))
    assert "px." in alts
    assert "µm" not in alts


def damage_images(folder):
    """Cut all images short."""
    for path in folder.iterdir():
        path.write_bytes(path.read_bytes()[:100])


def damage_records(folder):
    """Take the grid out of the records of all items."""
    for path in (folder / "items").iterdir():
        record = json.loads(path.read_text())
        del record["grid"]
        path.write_text(json.dumps(record))


def forge(folder):
    """Describe damaged files as if their run had written them."""
    settings = json.loads((folder / "settings.json").read_text())
    for key in settings["records"]:
        files = ItemFiles(folder, key)
        record = json.loads(files.record.read_text())
        record["files"] = {name: describe_file(getattr(files, name)) for name in ("fields", "preview")}
        files.record.write_text(json.dumps(record))
        settings["records"][key] = describe_file(files.record)
    (folder / "settings.json").write_text(json.dumps(settings))


def take_config(folder):
    """Take the configuration out of the settings."""
    settings = json.loads((folder / "settings.json").read_text())
    del settings["config"]
    (folder / "settings.json").write_text(json.dumps(settings))


def swap_key(folder):
    """Let the table lead out of the folder."""
    table = pd.read_parquet(folder / "table.parquet")
    table.assign(item="../outside").to_parquet(folder / "table.parquet", index=False)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "settings.json").unlink(), "settings.json"),
        (lambda folder: (folder / "settings.json").write_text("{}"), "settings of one run"),
        (take_config, "lack 'config'"),
        (lambda folder: (folder / "table.parquet").write_bytes(b"PAR1"), "cannot be read"),
        (lambda folder: shutil.rmtree(folder / "items"), "got no file"),
        (lambda folder: damage_images(folder / "fields"), "got one of 100 bytes"),
        (lambda folder: (damage_images(folder / "fields"), forge(folder)), "image file"),
        (lambda folder: (damage_images(folder / "previews"), forge(folder)), "image file"),
        (damage_records, "as the run of the tables wrote it"),
        (lambda folder: (damage_records(folder), forge(folder)), "lack 'grid'"),
        (swap_key, "Expected keys"),
    ],
)
def test_refuses_damaged_results(copied, tmp_path, damage, message):
    damage(copied)
    with pytest.raises(ValueError, match=message):
        write_report(copied, tmp_path / "out" / "report.html", n_full=1)
    assert not list((tmp_path / "out").glob("*"))


def test_command_writes_into_the_results(copied, capsys):
    assert main(["report", str(copied), "--full", "0"]) == 0
    assert "report.html" in capsys.readouterr().out
    page = Page(copied / "report.html")
    assert not [article for article in page.all("article") if "id" in article.attributes]
    assert len(page.rows("cells")) == 8


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["none"], "settings.json"), (["none", "-o", "report.pdf"], ".html"), (["none", "--full", "-1"], "n_full")],
)
def test_command_refuses(tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    assert main(["report", *arguments]) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
