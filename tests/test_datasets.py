"""Data sets: fetched from a server on this machine, checked by hash, and listed."""

from __future__ import annotations

import hashlib
import re
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import PurePosixPath

import pytest

from tfmkit import datasets

CONTENT = {"01u.npy": b"first", "01v.npy": b"second"}


class QuietHandler(SimpleHTTPRequestHandler):
    """Serve a folder and count requests without printing them."""

    requests = 0

    def log_request(self, *_):
        """Count instead of printing."""
        QuietHandler.requests += 1


@pytest.fixture
def server(tmp_path, monkeypatch):
    """Serve a data set of two files under the name ``local``."""
    home = tmp_path / "home"
    home.mkdir()
    for name, content in CONTENT.items():
        (home / name).write_bytes(content)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(home))) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        address = f"http://127.0.0.1:{http.server_port}"
        files = {f"{address}/{name}": hashlib.sha256(content).hexdigest() for name, content in CONTENT.items()}
        dataset = datasets.Dataset("two files", files, 1e4, 0.5, 0.1, 8.0, "here", "BSD-3-Clause")
        monkeypatch.setitem(datasets.DATASETS, "local", dataset)
        yield home
        http.shutdown()
        thread.join()


def test_fetches_once_and_returns_the_first_file(server, tmp_path):
    path = datasets.fetch("local", folder=tmp_path / "cache")
    assert path.read_bytes() == b"first"
    assert path.with_name("01v.npy").read_bytes() == b"second"
    so_far = QuietHandler.requests
    assert datasets.fetch("local", folder=tmp_path / "cache") == path
    assert QuietHandler.requests == so_far


def test_refuses_other_content(server, tmp_path):
    (server / "01u.npy").write_bytes(b"changed")
    with pytest.raises(ValueError, match="hash"):
        datasets.fetch("local", folder=tmp_path / "cache")
    assert not (tmp_path / "cache" / "local" / "01u.npy").exists()


def test_refuses_unknown_names():
    with pytest.raises(ValueError, match="easy-to-use-tfm"):
        datasets.fetch("nothing")


def test_without_a_connection_the_error_says_where_to_put_the_file(tmp_path, monkeypatch):
    # Nobody listens on a port that was free a moment ago.
    with ThreadingHTTPServer(("127.0.0.1", 0), QuietHandler) as http:
        url = f"http://127.0.0.1:{http.server_port}/01u.npy"
    dataset = datasets.Dataset("gone", {url: hashlib.sha256(b"first").hexdigest()}, 1e4, 0.5, 0.1, 8.0, "here", "none")
    monkeypatch.setitem(datasets.DATASETS, "local", dataset)
    path = tmp_path / "local" / "01u.npy"
    with pytest.raises(ConnectionError, match=re.escape(f"save it as {path}.")) as caught:
        datasets.fetch("local", folder=tmp_path)
    assert len(str(caught.value)) < 400
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"first")
    assert datasets.fetch("local", folder=tmp_path) == path


def test_the_list_names_every_data_set():
    table = datasets.list_datasets()
    assert list(table.index) == list(datasets.DATASETS)
    assert table.loc["mdck-movie", "young"] == 15_000.0
    assert not table.isna().any(axis=None)


@pytest.mark.parametrize("name", sorted(datasets.DATASETS))
def test_entries_are_complete(name):
    dataset = datasets.DATASETS[name]
    assert all(PurePosixPath(url).suffix in (".mat", ".npy", ".tif") for url in dataset.files)
    assert all(re.search("/[0-9a-f]{40}/", url) for url in dataset.files)
    assert all(len(digest) == 64 for digest in dataset.files.values())
    assert dataset.home.removeprefix("https://github.com/") in next(iter(dataset.files))


@pytest.mark.parametrize(
    ("name", "copies"),
    [
        ("easy-to-use-tfm", ["easy_to_use_tfm/input_data.mat"]),
        ("pytfm-ko", ["pytfm/KO_04u.npy", "pytfm/KO_04v.npy"]),
        ("mdck-movie", ["mdck/WithCells.tif", "mdck/Ref.tif"]),
    ],
)
def test_hashes_are_those_of_the_measured_data(measured_data, name, copies):
    digests = [hashlib.sha256((measured_data / copy).read_bytes()).hexdigest() for copy in copies]
    assert digests == list(datasets.DATASETS[name].files.values())
