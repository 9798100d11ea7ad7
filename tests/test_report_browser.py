"""The report in a real browser: it fits a phone, runs nothing, asks for nothing, and prints."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from functools import partial
from html import unescape
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from PIL import Image
from report_pages import SHOWN, Page, hostile_results

from tfmkit.report import write_report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
    "--window-size=1300,900",
    # No other machine can be reached: a page that tries is noted by the probe, not helped.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)  # fmt: skip
# A page of the same origin looks into the report, whose own policy forbids it to look itself. Windows of a browser
# have a least width, frames in them do not.
PROBE = """<!DOCTYPE html><link rel="icon" href="data:,">
<body style="margin:0"><iframe width="{width}" height="3000" style="border:0" src="{page}"></iframe><pre></pre>
<script>
const frame = document.querySelector("iframe");
frame.onload = () => setTimeout(() => {{
  const page = frame.contentDocument, root = page.documentElement;
  const boxed = (node) => node.closest(".scroll");
  document.querySelector("pre").textContent = JSON.stringify({{
    title: page.title,
    hacked: "hacked" in frame.contentWindow,
    scripts: page.scripts.length,
    width: root.clientWidth,
    needed: root.scrollWidth,
    wide: [...page.body.querySelectorAll("*")].filter((node) => !boxed(node)
      && node.getBoundingClientRect().right > root.clientWidth + 0.5).map((node) => node.outerHTML.slice(0, 99)),
    unloaded: [...page.images].filter((image) => !image.naturalWidth).length,
    styled: frame.contentWindow.getComputedStyle(page.body).color,
    asked: frame.contentWindow.performance.getEntriesByType("resource")
      .map((entry) => entry.name).filter((name) => !name.startsWith("data:")),
  }});
}}, 300);
</script>"""
BAD = """<!DOCTYPE html><title>bad</title><body style="color:#16191d"><div style="width:2000px">wide</div>
<img src="missing.png"><img src="http://elsewhere.invalid/image.png"><script>hacked = 1</script>"""


class Server(ThreadingHTTPServer):
    """A server of one folder that notes what it is asked for."""

    def __init__(self, folder: Path) -> None:
        self.asked: list[str] = []
        super().__init__(("127.0.0.1", 0), partial(Handler, directory=str(folder)))


class Handler(SimpleHTTPRequestHandler):
    """Note, and do not print."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the library's
        """Note the path."""
        self.server.asked.append(self.path)


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[tuple[Path, Server]]:
    """A folder with a report of hostile names and a page that does all that a report must not, and its server."""
    if CHROMIUM is None:
        pytest.skip("no chromium: install Debian's package of that name")
    folder = tmp_path_factory.mktemp("site")
    write_report(hostile_results(tmp_path_factory.mktemp("batch")).folder, folder / "report.html", n_full=2)
    (folder / "bad.html").write_text(BAD)
    with Server(folder) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield folder, server
        server.shutdown()


def browse(tmp_path: Path, url: str, *flags: str) -> str:
    """Open a page and return what the browser prints."""
    command = [CHROMIUM, *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", *flags, url]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    return done.stdout


def probe(site: tuple[Path, Server], tmp_path: Path, page: str, width: int) -> dict[str, object]:
    """Return what a page of this width looks like from outside, and what the server was asked for meanwhile."""
    folder, server = site
    (folder / "probe.html").write_text(PROBE.format(width=width, page=page))
    server.asked.clear()
    url = f"http://127.0.0.1:{server.server_port}/probe.html"
    text = browse(tmp_path, url, "--virtual-time-budget=20000", "--dump-dom")
    report = json.loads(unescape(text.split("<pre>")[1].split("</pre>")[0]))
    return {**report, "served": sorted(set(server.asked))}


@pytest.mark.parametrize("width", [360, 1280])
def test_report_fits_the_screen_and_does_nothing(site, tmp_path, width):
    seen = probe(site, tmp_path, "report.html", width)
    assert seen["title"] == "Traction report: batch"
    assert (seen["width"], seen["needed"], seen["wide"]) == (width, width, [])
    assert (seen["hacked"], seen["scripts"], seen["unloaded"]) == (False, 0, 0)
    assert (seen["asked"], seen["served"]) == ([], ["/probe.html", "/report.html"])
    # The policy lets the page's own style through.
    assert seen["styled"] == "rgb(22, 25, 29)"


def test_probe_sees_what_a_report_must_not_do(site, tmp_path):
    seen = probe(site, tmp_path, "bad.html", 360)
    assert (seen["hacked"], seen["scripts"], seen["unloaded"]) == (True, 1, 2)
    assert seen["needed"] > 1900
    assert seen["wide"][0].startswith("<div")
    assert [name.rsplit("/", 1)[1] for name in seen["asked"]] == ["missing.png", "image.png"]
    assert "/missing.png" in seen["served"]


def test_browser_reads_the_page_as_it_was_written(site, tmp_path):
    folder, _ = site
    (tmp_path / "dom.html").write_text(browse(tmp_path, (folder / "report.html").as_uri(), "--dump-dom"))
    written, read = Page(folder / "report.html"), Page(tmp_path / "dom.html")
    # A browser that has to guess moves or adds elements.
    assert [element.tag for element in read.elements] == [element.tag for element in written.elements]
    assert all(name in read.all("body")[0].text for name in SHOWN)


def test_report_is_drawn_and_printed(site, tmp_path):
    folder, _ = site
    url = (folder / "report.html").as_uri()
    browse(tmp_path, url, f"--screenshot={tmp_path / 'screen.png'}")
    with Image.open(tmp_path / "screen.png") as image:
        screen = np.asarray(image.convert("RGB"))
    assert screen.shape == (900, 1300, 3)
    # White paper, the dark text on it, and the alarm's red.
    assert (screen == 255).all(axis=2).mean() > 0.5
    assert (screen.max(axis=2) < 60).mean() > 0.005
    assert (screen == (164, 22, 26)).all(axis=2).sum() > 500
    browse(tmp_path, url, "--no-pdf-header-footer", f"--print-to-pdf={tmp_path / 'paper.pdf'}")
    paper = (tmp_path / "paper.pdf").read_bytes()
    assert paper.startswith(b"%PDF-")
    assert paper.count(b"/Type /Page\n") >= 4
