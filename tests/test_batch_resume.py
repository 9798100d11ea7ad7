"""Batches that fail in part, are killed, or run again with other settings or files."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tifffile
from batch_images import SIDE, contents, settings, write_position

from tfmkit.batch import process, run
from tfmkit.cli import main


@pytest.fixture
def images(tmp_path):
    """One position of two frames."""
    write_position(tmp_path / "images" / "p1")
    return tmp_path / "images"


@pytest.fixture
def steps(monkeypatch):
    """Steps that were done since the list was last cleared."""
    done = []

    def recording(name):
        step = getattr(process, name)

        def wrapper(*arguments):
            done.append(name)
            return step(*arguments)

        return wrapper

    for name in ("measure_item", "preview_item", "invert_item", "write_fields"):
        monkeypatch.setattr(process, name, recording(name))
    return done


def toml(config):
    """Return settings as the text of a TOML file."""
    lines = []
    for section, values in config.items():
        lines.append(f"[{section}]")
        # JSON's texts, numbers and switches are TOML's too.
        lines += [f"{key} = {json.dumps(value)}" for key, value in values.items()]
    return "\n".join(lines)


def test_nothing_is_done_twice(images, tmp_path, steps):
    config = settings(images)
    first = run(config, results=tmp_path / "results")
    assert steps == ["measure_item", "preview_item", "invert_item", "write_fields"] * 2
    before = contents(tmp_path / "results")
    steps.clear()
    again = run(config, results=tmp_path / "results")
    assert steps == []
    assert contents(tmp_path / "results") == before
    assert again.table.equals(first.table)


@pytest.mark.parametrize(
    ("change", "repeated"),
    [
        ({"traction": {"lam": 0.5}}, ["invert_item", "write_fields"]),
        ({"gel": {"young": 9000.0}}, ["invert_item", "write_fields"]),
        ({"run": {"seed": 1}}, ["invert_item", "write_fields"]),
        ({"input": {"mask": "{position}/mask.tif"}, "drift": {"enabled": False}}, None),
        ({"input": {"pixel_size": 0.3}}, ["write_fields"]),
        ({"input": {"interval": 7.0}}, ["write_fields"]),
        ({"input": {"cell": "{position}/cell.tif"}}, ["preview_item"]),
        ({"displacement": {"window": 9.0}}, None),
        ({"input": {"exclude": "{position}/mask.tif"}}, None),
        ({"drift": {"rotation": True}}, None),
        ({"run": {"jobs": 2}}, []),
    ],
)
def test_change_repeats_what_depends_on_it_and_no_more(images, tmp_path, steps, change, repeated):
    run(settings(images), results=tmp_path / "changed")
    steps.clear()
    changed = {**change, "run": {**change.get("run", {}), "jobs": 1}}
    run(settings(images, **changed), results=tmp_path / "changed")
    every = ["measure_item", "preview_item", "invert_item", "write_fields"]
    assert steps == (every if repeated is None else repeated) * 2
    run(settings(images, **changed), results=tmp_path / "fresh")
    assert contents(tmp_path / "changed") == contents(tmp_path / "fresh")


def test_pixel_size_scales_the_table(images, tmp_path):
    small, large = (
        run(settings(images, input={"pixel_size": size}), results=tmp_path / "results").table for size in (0.2, 0.4)
    )
    np.testing.assert_allclose(large["total_force_N"], 4 * small["total_force_N"])
    np.testing.assert_allclose(large["strain_energy_J_std"], 8 * small["strain_energy_J_std"])
    np.testing.assert_array_equal(large["mean_traction_Pa"], small["mean_traction_Pa"])


def test_changed_image_is_measured_again(images, tmp_path, steps):
    write_position(images / "p2", seed=3)
    run(settings(images), results=tmp_path / "results")
    steps.clear()
    write_position(images / "p3", seed=4)
    (images / "p3" / "deformed.tif").replace(images / "p2" / "deformed.tif")
    (images / "p3" / "relaxed.tif").replace(images / "p2" / "relaxed.tif")
    for path in (images / "p3").iterdir():
        path.unlink()
    run(settings(images), results=tmp_path / "results")
    assert steps.count("measure_item") == 2
    run(settings(images), results=tmp_path / "fresh")
    assert contents(tmp_path / "results") == contents(tmp_path / "fresh")


@pytest.mark.parametrize("lost", ["fields/p1_0001.ome.tif", "previews/p1_0001.tif", "displacement/p1_0001.npz"])
@pytest.mark.parametrize("damage", [None, b"", b"damaged"])
def test_lost_results_are_made_again(images, tmp_path, lost, damage):
    config, results = settings(images), tmp_path / "results"
    run(config, results=results)
    before = contents(results)
    (results / lost).unlink()
    if damage is not None and lost.endswith("npz"):
        (results / lost).write_bytes(damage)
    run(config, results=results)
    assert contents(results) == before


@pytest.mark.parametrize("record", ["", "[]", "{}", '{"fingerprints": {}}', '{"fingerprints": 3}', '{"rows": [1'])
def test_damaged_records_are_made_again(images, tmp_path, record):
    config, results = settings(images), tmp_path / "results"
    run(config, results=results)
    before = contents(results)
    (results / "items" / "p1_0001.json").write_text(record)
    run(config, results=results)
    assert contents(results) == before


@pytest.mark.parametrize("lost", ["rows", "pixel_size_um", "fingerprints", "files", "digest", "cells"])
def test_records_without_a_part_are_made_again(images, tmp_path, lost):
    config, results = settings(images), tmp_path / "results"
    run(config, results=results)
    before = contents(results)
    file = results / "items" / "p1_0001.json"
    record = json.loads(file.read_text())
    del record[lost]
    file.write_text(json.dumps(record))
    run(config, results=results)
    assert contents(results) == before


def test_bad_files_are_named_and_the_rest_completes(images, tmp_path, capsys):
    for name in ("truncated", "constant", "size", "none"):
        write_position(images / name)
    good = (images / "p1" / "deformed.tif").read_bytes()
    (images / "truncated" / "deformed.tif").write_bytes(good[: len(good) // 2])
    tifffile.imwrite(images / "constant" / "relaxed.tif", np.ones((SIDE, SIDE), dtype=np.uint8))
    tifffile.imwrite(images / "size" / "relaxed.tif", np.eye(50, dtype=np.uint8))
    (images / "none" / "relaxed.tif").unlink()
    (tmp_path / "c.toml").write_text(toml(settings(images)))
    assert main(["batch", str(tmp_path / "c.toml"), "-o", str(tmp_path / "results")]) == 1
    printed = capsys.readouterr()
    failures = (tmp_path / "results" / "failures.csv").read_text()
    for name in ("truncated/deformed.tif", "size/relaxed.tif", "none/deformed.tif", "constant/deformed.tif"):
        assert name in failures
        assert name in printed.err
    table = (tmp_path / "results" / "table.csv").read_text()
    assert "p1_0001" in table
    assert "size" not in table
    assert "2 item(s), 2 row(s)" in printed.out


def test_result_of_a_file_that_fails_later_does_not_stay(images, tmp_path):
    config, results = settings(images), tmp_path / "results"
    run(config, results=results)
    (images / "p1" / "relaxed.tif").write_bytes(b"no image")
    failed = run(config, results=results)
    assert len(failed) == 0
    assert len(failed.failures) == 2
    assert not [path for path in contents(results) if "p1" in path]


@pytest.mark.parametrize("change", [{"traction": {"lam": 0.5}}, {"input": {"pixel_size": 0.3}}])
def test_settings_that_were_changed_and_changed_back(images, tmp_path, monkeypatch, change):
    results = tmp_path / "results"
    run(settings(images), results=results)
    before = contents(results)

    def killed(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(process.Store, "save_record", killed)
        with pytest.raises(KeyboardInterrupt):
            run(settings(images, **change), results=results)
    run(settings(images), results=results)
    assert contents(results) == before


def test_killed_run_goes_on_to_the_same_bytes(images, tmp_path):
    for number in range(2, 5):
        write_position(images / f"p{number}", n_frames=4, seed=number)
    config = tmp_path / "c.toml"
    config.write_text(toml(settings(images, run={"jobs": 2})))
    command = [sys.executable, "-m", "tfmkit.cli", "batch", str(config), "-o", str(tmp_path / "killed")]
    started = subprocess.Popen(command, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    items = tmp_path / "killed" / "items"
    while started.poll() is None and len(list(items.glob("p*.json"))) < 3:
        time.sleep(0.01)
    # The process and its workers, as a power cut would.
    os.killpg(started.pid, signal.SIGKILL)
    started.communicate()
    finished = {path.name: path.stat().st_mtime_ns for path in items.glob("p*.json")}
    assert 3 <= len(finished) < 14
    assert not (tmp_path / "killed" / "table.csv").exists()
    # Left over from a write that was cut off.
    (tmp_path / "killed" / "fields" / f".{'0' * 16}-p1_0001.ome.tif").write_bytes(b"half")

    run(settings(images), results=tmp_path / "killed")
    run(settings(images), results=tmp_path / "whole")
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")
    assert {name: (items / name).stat().st_mtime_ns for name in finished} == finished
