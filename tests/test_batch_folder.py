"""The folder of a batch: one run at a time, no mixture of runs, no damaged file that counts as done."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys

import pytest
from batch_images import contents, settings, write_position

from tfmkit.batch import process, read_config, read_results, run
from tfmkit.batch.folder import remove_gone, running
from tfmkit.batch.items import list_items
from tfmkit.batch.run import _on_cores

HOLD = """
import sys, time
from pathlib import Path
from tfmkit.batch.folder import running
with running(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Two positions of one frame."""
    folder = tmp_path_factory.mktemp("images")
    for number in (1, 2):
        write_position(folder / f"p{number}", n_frames=1, seed=number)
    return folder


@pytest.fixture(scope="module")
def whole(images, tmp_path_factory):
    """Results of the images."""
    results = tmp_path_factory.mktemp("whole") / "results"
    run(settings(images), results=results)
    return results


@pytest.fixture
def results(whole, tmp_path):
    """A copy of the results."""
    return shutil.copytree(whole, tmp_path / "results")


def test_a_run_that_is_cut_off_leaves_nothing_to_read(images, results, monkeypatch):
    def cut(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(process.Store, "save_record", cut)
        with pytest.raises(KeyboardInterrupt):
            run(settings(images, traction={"lam": 0.5}), results=results)
    with pytest.raises(ValueError, match="goes on or was cut off"):
        read_results(results)
    run(settings(images, traction={"lam": 0.5}), results=results)
    assert read_results(results).settings["config"]["traction"]["params"]["lam"] == 0.5


def test_two_runs_at_once_are_refused_and_a_killed_one_is_not_in_the_way(images, results, whole):
    other = subprocess.Popen([sys.executable, "-c", HOLD, str(results)], stdout=subprocess.PIPE, text=True)
    assert other.stdout.readline() == "held\n"
    with pytest.raises(ValueError, match="Expected one run at a time"):
        run(settings(images), results=results)
    other.kill()
    other.communicate()
    run(settings(images), results=results)
    assert contents(results) == contents(whole)


@pytest.mark.parametrize("name", ["fields/p1_0001.ome.tif", "previews/p1_0001.tif"])
@pytest.mark.parametrize("damage", [lambda data: data[:-10], lambda data: data[:-10] + bytes(10), lambda data: b""])
def test_damaged_files_are_made_again(images, results, whole, name, damage):
    (results / name).write_bytes(damage((results / name).read_bytes()))
    run(settings(images), results=results)
    assert contents(results) == contents(whole)


@pytest.mark.parametrize(
    "name", ["table.parquet", "items/p1_0001.json", "fields/p1_0001.ome.tif", "previews/p1_0001.tif"]
)
def test_files_of_two_runs_are_refused(images, results, whole, name):
    # Another window changes all that follows the displacement, the images of the beads included.
    run(settings(images, displacement={"window": 9.0}, drift={"enabled": False}), results=results)
    list(read_results(results).items())
    shutil.copy(whole / name, results / name)
    with pytest.raises(ValueError, match="Run the batch again"):
        [(item.fields(), item.previews()) for item in read_results(results).items()]
    run(settings(images), results=results)
    assert contents(results) == contents(whole)
    for item in read_results(results).items():
        assert item.fields().keys() > {"tx_Pa"}


def test_results_of_positions_that_are_gone_leave(results):
    (results / "fields" / "notes.txt").write_text("kept")
    remove_gone(results, ["p2_0001"])
    assert not [name for name in contents(results) if "p1" in name]
    assert {"fields/notes.txt", "items/p2_0001.json"} <= contents(results).keys()


def test_an_error_frees_the_folder(tmp_path):
    with pytest.raises(RuntimeError, match="disk full"), running(tmp_path):
        raise RuntimeError("disk full")
    with running(tmp_path):
        pass
    assert not (tmp_path / "unfinished.txt").exists()


def test_a_killed_worker_costs_its_own_item_only(images):
    config = read_config(settings(images))
    items, _ = list_items(config)

    def task(item):
        if item.key == "p1_0001":
            os.kill(os.getpid(), signal.SIGKILL)
        return process.Outcome(item.key, [])

    outcomes = {outcome.key: outcome for outcome in _on_cores(task, items, 2)}
    assert outcomes.keys() == {"p1_0001", "p2_0001"}
    assert "ended from outside" in outcomes["p1_0001"].failure.error
    assert outcomes["p2_0001"].failure is None
