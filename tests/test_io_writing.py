"""Tables, images and settings out."""

from __future__ import annotations

import csv
import json
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import tifffile

from tfmkit.cli import main
from tfmkit.io import printable, remove_unfinished, write_csv, write_json, write_tiff, writing, writing_folder


def test_nothing_appears_until_the_block_is_done(tmp_path):
    target = tmp_path / "deep" / "a.txt"
    with writing(target) as temporary:
        temporary.write_text("new")
        assert not target.exists()
    assert [path.name for path in target.parent.iterdir()] == ["a.txt"]


def test_a_failed_block_keeps_what_was_there(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")

    def fail():
        with writing(target) as temporary:
            temporary.write_text("ne")
            raise RuntimeError("disk full")

    with pytest.raises(RuntimeError, match="disk full"):
        fail()
    assert target.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


def test_threads_do_not_collide(tmp_path):
    names, barrier = [], threading.Barrier(4)

    def write(number):
        with writing(tmp_path / "a.txt") as temporary:
            barrier.wait()
            names.append(temporary.name)
            temporary.write_text(str(number))
            barrier.wait()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(names)) == 4
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() in "0123"


def test_a_link_that_has_the_temporary_name_is_not_followed(tmp_path, monkeypatch):
    victim = tmp_path / "victim"
    victim.write_text("kept")
    monkeypatch.setattr(sys.modules["tfmkit.io.writing"], "token_hex", lambda n: "0" * 2 * n)
    (tmp_path / f".{'0' * 16}-a.txt").symlink_to(victim)
    with pytest.raises(FileExistsError), writing(tmp_path / "a.txt") as temporary:
        temporary.write_text("wrong")
    assert victim.read_text() == "kept"


def test_files_have_the_usual_mode_of_the_user(tmp_path):
    (tmp_path / "usual").touch()
    with writing(tmp_path / "a") as temporary:
        temporary.unlink()
        os.close(os.open(temporary, os.O_CREAT | os.O_WRONLY, 0o600))
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == stat.S_IMODE((tmp_path / "usual").stat().st_mode)


def test_only_unfinished_files_are_removed(tmp_path):
    unfinished = [f".{'0' * 16}-a.txt", f".{'1a' * 8}-b.txt"]
    for name in (*unfinished, "a.txt", ".hidden", ".1234-a.txt"):
        (tmp_path / name).touch()
    remove_unfinished(tmp_path, "a.txt")
    assert not (tmp_path / unfinished[0]).exists()
    remove_unfinished(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".1234-a.txt", ".hidden", "a.txt"]


def test_folders_fill_at_once(tmp_path):
    target = tmp_path / "new" / "results"
    with writing_folder(target) as folder:
        (folder / "a.txt").write_text("a")
        (folder / "b.txt").write_text("b")
        assert not target.exists()
    assert [path.name for path in sorted(target.iterdir())] == ["a.txt", "b.txt"]
    assert list(tmp_path.iterdir()) == [target.parent]


def test_a_failed_block_leaves_no_folder(tmp_path):
    def fail():
        with writing_folder(tmp_path / "results") as folder:
            (folder / "a.txt").write_text("a")
            raise RuntimeError("no figure")

    with pytest.raises(RuntimeError, match="no figure"):
        fail()
    assert not list(tmp_path.iterdir())


HOLD = """
import sys, time
from tfmkit.io import writing_folder
with writing_folder(sys.argv[1]) as folder:
    (folder / "a.txt").write_text("half")
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize("exists", [False, True])
def test_folders_of_killed_processes_are_removed_and_those_of_others_stay(tmp_path, exists):
    target, other = tmp_path / "out[1]", tmp_path / "other"
    if exists:
        target.mkdir()
    command = [sys.executable, "-c", HOLD, str(target)]
    lives, dies = (subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2))
    assert [process.stdout.readline() for process in (lives, dies)] == ["held\n", "held\n"]
    place = target if exists else tmp_path
    assert len(list(place.glob(".*"))) == 2
    dies.kill()
    dies.communicate()
    with writing_folder(other):
        pass
    assert len(list(place.glob(".*"))) == 2
    with writing_folder(target) as folder:
        (folder / "a.txt").write_text("whole")
    assert len(list(place.glob(".*"))) == 1
    lives.kill()
    lives.communicate()
    with writing_folder(target):
        pass
    assert [path.name for path in target.iterdir()] == ["a.txt"]
    assert sorted(tmp_path.iterdir()) == [other, target]


def test_settings_make_a_folder_complete(tmp_path, monkeypatch):
    def write(text):
        with writing_folder(tmp_path / "out") as folder:
            for name in ("settings.json", "a.txt", "z.txt"):
                (folder / name).write_text(text)

    write("old")
    replace = Path.replace

    def cut(path, target):
        if path.name == "z.txt":
            raise KeyboardInterrupt
        return replace(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", cut)
        with pytest.raises(KeyboardInterrupt):
            write("new")
    found = {path.name: path.read_text() for path in (tmp_path / "out").iterdir()}
    assert found == {"a.txt": "new", "z.txt": "old"}


def test_csv_reads_back_exactly(tmp_path):
    values = np.random.default_rng(0).normal(size=5)
    write_csv(tmp_path / "a.csv", {"frame": np.arange(5), "t (Pa)": values, "name": ["a,b"] * 5})
    with (tmp_path / "a.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["t (Pa)"]) for row in rows] == values.tolist()
    assert rows[4]["frame"] == "4"
    assert rows[0]["name"] == "a,b"


def test_csv_refuses_columns_of_different_length(tmp_path):
    with pytest.raises(ValueError, match="one length"):
        write_csv(tmp_path / "a.csv", {"a": [1, 2], "b": [1]})
    assert not list(tmp_path.iterdir())


def test_tiff_is_32_bit_with_its_scale(tmp_path):
    images = np.random.default_rng(0).normal(size=(4, 3, 9, 12))
    write_tiff(tmp_path / "a.tif", images, pixel_size=0.5, labels=("|t|", "tx", "ty"))
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert file.series[0].axes == "TCYX"
        np.testing.assert_array_equal(file.asarray(), images.astype(np.float32))
        assert file.imagej_metadata["unit"] == "um"
        assert file.imagej_metadata["Labels"][:3] == ["|t|", "tx", "ty"]
        numerator, denominator = file.pages[0].tags["XResolution"].value
        assert numerator / denominator == pytest.approx(2.0)


def test_tiff_refuses(tmp_path):
    with pytest.raises(ValueError, match="n_channels"):
        write_tiff(tmp_path / "a.tif", np.zeros((9, 12)))
    with pytest.raises(ValueError, match="pixel_size"):
        write_tiff(tmp_path / "a.tif", np.zeros((1, 1, 9, 12)), pixel_size=0.0)
    assert not list(tmp_path.iterdir())


def test_json(tmp_path):
    write_json(tmp_path / "a.json", {"young": 1e4, "names": ["µ"]})
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == {"young": 1e4, "names": ["µ"]}
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "b.json", {"lam": float("nan")})
    assert not (tmp_path / "b.json").exists()


@pytest.mark.parametrize("text", ["=HYPERLINK(1)", "+cmd|' /C calc'!A0", "-2+3", "@SUM(1)", " =1", "\t=1"])
def test_texts_are_not_computed_by_spreadsheets(tmp_path, text):
    write_csv(tmp_path / "a.csv", {"cell": [text, "-3", "cell 1"], "x": [-1.0, 2.0, -np.inf]})
    with (tmp_path / "a.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[1][0][0] == ("'" if text[0] != "\t" else "?")
    assert [row[1] for row in rows[1:]] == ["-1.0", "2.0", "-inf"]
    assert [row[0] for row in rows[2:]] == ["-3", "cell 1"]


@pytest.mark.parametrize("name", ["a\x1b]0;title\x07", "a\x9b31m", "a\r", "a\udcff", "a\u202e"])
def test_no_text_steers_a_terminal(tmp_path, name, capsys):
    assert printable(f"{name}\nµ") == "".join(c if c.isprintable() else "?" for c in name) + "\nµ"
    assert main(["traction", str(tmp_path / f"{name}.csv"), "--young", "1", "--poisson", "0.5"]) == 2
    shown = capsys.readouterr().err
    assert shown.rstrip("\n").isprintable()
    write_csv(tmp_path / "a.csv", {"cell": [name]})
    text = (tmp_path / "a.csv").read_bytes().decode().replace("\r\n", "")
    # The direction of writing steers no terminal; a name that turns it has to be found again.
    assert text.replace("\u202e", "").isprintable()
    assert ("\u202e" in text) == ("\u202e" in name)
