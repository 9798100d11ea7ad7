"""Faults around a command: full disks, places where nothing can be written, lost inputs and workers."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from batch_images import settings, write_position
from test_batch_resume import toml

from tfmkit.batch import process, read_config, read_results, run
from tfmkit.batch.folder import running
from tfmkit.batch.items import list_items
from tfmkit.batch.run import _connect, _on_cluster
from tfmkit.cli import main
from tfmkit.io import write_fiji_displacement

GRID = (9, 11)


@pytest.fixture
def config(tmp_path):
    """The configuration of three displacement files."""
    (tmp_path / "images").mkdir()
    axes = 10.0 * np.arange(GRID[1]), 10.0 * np.arange(GRID[0])
    for number in range(1, 4):
        field = np.random.default_rng(number).normal(size=(2, *GRID))
        write_fiji_displacement(tmp_path / "images" / f"d_{number}.txt", field, *axes)
    sections = settings(tmp_path / "images", input={"displacement": "d_{frame}.txt"})
    for name in ("relaxed", "deformed"):
        del sections["input"][name]
    del sections["drift"], sections["displacement"]
    (tmp_path / "c.toml").write_text(toml(sections))
    return tmp_path / "c.toml"


def batch(config, **changes):
    return main(["batch", str(config), "-o", str(config.parent / "results")])


def is_one_line(text):
    return text.startswith("tfmkit: ") and text.count("\n") == 1


def full(*arguments, **options):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_costs_the_items_that_it_meets(config, monkeypatch, capsys):
    write = process.write_fields
    monkeypatch.setattr(process, "write_fields", lambda path, *rest: full() if "2" in path.name else write(path, *rest))
    assert batch(config) == 1
    assert "No space left" in capsys.readouterr().err
    results = read_results(config.parent / "results")
    assert results.failures["item"].tolist() == ["all_0002"]
    assert results.table["frame"].tolist() == [1, 3]
    monkeypatch.undo()
    assert batch(config) == 0


def test_a_disk_that_is_full_at_the_tables_leaves_nothing_to_read(config, monkeypatch, capsys):
    monkeypatch.setattr(sys.modules["tfmkit.batch.run"], "write_table", full)
    assert batch(config) == 2
    assert is_one_line(capsys.readouterr().err)
    with pytest.raises(ValueError, match="was cut off"):
        read_results(config.parent / "results")
    monkeypatch.undo()
    assert batch(config) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="limits of Linux")
@pytest.mark.parametrize("command", ["batch", "traction"])
def test_files_that_reach_the_limit_of_the_disk(config, command):
    output = config.parent / "results"
    given = [str(config)] if command == "batch" else [str(config.parent / "images" / "d_1.txt")]
    given += ["--young", "1000", "--poisson", "0.5"] if command == "traction" else []
    program = "import resource, sys\nresource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))\n"
    program += "from tfmkit.cli import main\nsys.exit(main(sys.argv[1:]))"
    arguments = [sys.executable, "-c", program, command, *given, "-o", str(output)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    # Matplotlib may tell that it cannot keep its list of fonts.
    assert is_one_line(done.stderr.splitlines(keepends=True)[-1])
    assert "too large" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(config.parent.rglob(".[0-9a-f]*"))
    assert command == "batch" or not output.exists()


def test_a_place_where_nothing_can_be_written(config, capsys):
    (config.parent / "results").write_text("a file, no folder")
    assert batch(config) == 2
    assert is_one_line(capsys.readouterr().err)


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_is_read_only(config, capsys):
    (config.parent / "results").mkdir(mode=0o500)
    assert batch(config) == 2
    assert is_one_line(capsys.readouterr().err)


def test_an_input_that_vanishes_costs_its_item(config, monkeypatch, capsys):
    module = sys.modules["tfmkit.batch.run"]

    def list_and_lose(settings):
        found = list_items(settings)
        (config.parent / "images" / "d_2.txt").unlink()
        return found

    monkeypatch.setattr(module, "list_items", list_and_lose)
    assert batch(config) == 1
    assert "d_2.txt" in capsys.readouterr().err
    assert read_results(config.parent / "results").table["frame"].tolist() == [1, 3]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_names_that_no_table_holds_fail_before_any_work(tmp_path):
    folder = tmp_path / "images"
    write_position(folder / "p1", n_frames=1, seed=1)
    shutil.copytree(folder / "p1", folder / os.fsdecode(b"p\xff"))
    failed = run(settings(folder), results=tmp_path / "results")
    assert list(failed.table["item"]) == ["p1_0001"]
    assert list(failed.failures["item"]) == ["p?"]
    assert "Expected a position in UTF-8" in failed.failures["error"][0]
    for frame in ("1", "9" * 20, "x"):
        shutil.copy(folder / "p1" / "plain.tif", folder / f"frame_{frame}.tif")
    config = settings(folder, input={"deformed": "frame_{frame}.tif", "relaxed": "p1/relaxed.tif"})
    failed = run(config, results=tmp_path / "frames")
    assert list(failed.table["frame"]) == [1]
    assert failed.failures["error"].str.contains("Expected a number up to").tolist() == [True, True]


def test_a_second_run_is_refused(config, capsys):
    with running(config.parent / "results"):
        assert batch(config) == 2
    assert "one run at a time" in capsys.readouterr().err


def test_of_two_runs_at_once_one_is_refused_and_the_other_whole(config):
    output = config.parent / "results"
    program = "import sys\nfrom tfmkit.cli import main\nsys.stdin.readline()\nsys.exit(main(sys.argv[1:]))"
    arguments = [sys.executable, "-c", program, "batch", str(config), "-o", str(output)]
    streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    # Something takes the place of the first run, so that both commands meet it or each other.
    with running(output):
        first = subprocess.run(arguments, input="\n", capture_output=True, text=True, check=False)
    assert first.returncode == 2
    assert is_one_line(first.stderr.splitlines(keepends=True)[-1])
    both = [subprocess.Popen(arguments, **streams) for _ in range(2)]
    for started in both:
        started.stdin.write("\n")
        started.stdin.flush()
    told = [started.communicate()[1] for started in both]
    codes = [started.returncode for started in both]
    # A run that begins after the end of the other one finds all of its results.
    assert 0 in codes
    assert set(codes) <= {0, 2}
    assert all("one run at a time" in text for text, code in zip(told, codes, strict=True) if code == 2)
    assert read_results(output).table["frame"].tolist() == [1, 2, 3]


def test_lost_workers_of_a_cluster(config):
    dask, distributed = pytest.importorskip("dask"), pytest.importorskip("distributed")
    items, _ = list_items(read_config(config))
    mark = config.parent / "mark"

    def ends_once(item):
        if item.key == "all_0001" and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return process.Outcome(item.key, [])

    def ends_always(item):
        os.kill(os.getpid(), signal.SIGKILL)

    patience = {"distributed.comm.timeouts.connect": "300s", "distributed.scheduler.allowed-failures": 1}
    options = {"n_workers": 1, "threads_per_worker": 1, "processes": True, "dashboard_address": ":0"}
    with dask.config.set(patience), distributed.LocalCluster(**options, silence_logs=50) as cluster:
        address = cluster.scheduler_address
        outcomes = {each.key: each.failure for each in _on_cluster(ends_once, items, _connect(address))}
        (lost,) = _on_cluster(ends_always, items[:1], _connect(address))
    assert outcomes == dict.fromkeys(("all_0001", "all_0002", "all_0003"))
    assert mark.exists()
    assert lost.key == "all_0001"
    assert "worker was lost" in lost.failure.error


def test_a_worker_that_is_lost_in_the_middle_of_a_run_costs_nothing(config, tmp_path):
    dask, distributed = pytest.importorskip("dask"), pytest.importorskip("distributed")
    axes = 10.0 * np.arange(GRID[1]), 10.0 * np.arange(GRID[0])
    for number in range(4, 21):
        field = np.random.default_rng(number).normal(size=(2, *GRID))
        write_fiji_displacement(config.parent / "images" / f"d_{number}.txt", field, *axes)
    output = tmp_path / "on_cluster"
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": ":0"}
    patience = dask.config.set({"distributed.comm.timeouts.connect": "300s"})
    with patience, distributed.LocalCluster(**options, silence_logs=50) as cluster, ThreadPoolExecutor(1) as pool:
        (victim, *_) = [worker.pid for worker in cluster.workers.values()]
        done = pool.submit(run, read_config(config), results=output, dask=cluster.scheduler_address)
        while not list(output.glob("items/*.json")) and not done.done():
            time.sleep(0.01)
        os.kill(victim, signal.SIGKILL)
        results = done.result()
    assert results.failures.empty
    run(read_config(config), results=tmp_path / "alone")
    assert contents(output) == contents(tmp_path / "alone")


def contents(folder):
    """Return the bytes of all results but those that name the run."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name not in ("settings.json", ".lock")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}
