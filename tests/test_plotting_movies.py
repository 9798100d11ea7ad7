"""Movies: every frame is there, one figure at a time is in memory, and a killed run leaves no movie."""

from __future__ import annotations

import gc
import re
import subprocess
import sys
import time
import weakref
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tfmkit import plotting

imageio_ffmpeg = pytest.importorskip("imageio_ffmpeg")


def figures(n, side=12):
    """Give maps with one bright pixel that moves."""
    for number in range(n):
        values = np.zeros((side, side))
        values[number, number] = 1.0
        yield plotting.plot_map(values, label="quantity", vmax=1.0)


def read_mp4(path):
    """Return the frames of a movie."""
    command = [
        imageio_ffmpeg.get_ffmpeg_exe(),
        "-v",
        "info",
        "-i",
        str(path),
        "-f",
        "rawvideo",
        "-pix_fmt",
        "rgb24",
        "-",
    ]
    done = subprocess.run(command, capture_output=True, check=True)
    width, height = (int(size) for size in re.search(rb"Video: h264.*?, (\d+)x(\d+)", done.stderr).groups())
    return np.frombuffer(done.stdout, np.uint8).reshape(-1, height, width, 3)


def read_gif(path):
    """Return the frames of a movie."""
    with Image.open(path) as movie:
        found = []
        for number in range(movie.n_frames):
            movie.seek(number)
            found.append(np.asarray(movie.convert("RGB")))
        return np.stack(found)


@pytest.mark.parametrize(("name", "read"), [("a.mp4", read_mp4), ("a.gif", read_gif)])
def test_every_frame_is_in_the_movie(tmp_path, name, read):
    path = tmp_path / "new" / name
    assert plotting.save_movie(figures(5), path, fps=10, width=201) == 5
    found = read(path)
    assert found.shape[0] == 5
    assert found.shape[2] == 200
    assert found.shape[1] % 2 == 0
    differences = np.abs(np.diff(found.astype(float), axis=0)).max(axis=(1, 2, 3))
    assert (differences > 100).all()
    assert [file.name for file in path.parent.iterdir()] == [name]


def test_one_figure_at_a_time_is_in_memory(tmp_path):
    alive = weakref.WeakSet()
    most = 0

    def watched():
        nonlocal most
        for figure in figures(12):
            alive.add(figure)
            gc.collect()
            most = max(most, len(alive))
            yield figure

    plotting.save_movie(watched(), tmp_path / "a.mp4", width=200)
    assert most <= 3


def test_a_long_movie_was_measured_within_its_memory():
    table = pd.read_csv(Path(__file__).parents[1] / "benchmarks" / "results" / "movie_memory.csv")
    assert set(table["format"]) == {"mp4", "gif"}
    assert (table["frames"] >= 200).all()
    assert (table["peak_MiB"] < 500).all()


def test_a_killed_run_leaves_no_movie_and_the_next_one_cleans_up(tmp_path):
    program = (
        "import sys; sys.path[:0] = sys.argv[2:]; import numpy as np; from tfmkit import plotting\n"
        "def frames():\n"
        "    for number in range(1000):\n"
        "        print(number, flush=True)\n"
        "        yield plotting.plot_map(np.eye(9), label='a')\n"
        "plotting.save_movie(frames(), sys.argv[1])"
    )
    path = tmp_path / "a.mp4"
    running = subprocess.Popen([sys.executable, "-c", program, str(path), *sys.path], stdout=subprocess.PIPE, text=True)
    while running.stdout.readline().strip() != "3":
        assert running.poll() is None
    running.kill()
    running.wait()
    running.stdout.close()
    time.sleep(1.0)  # the encoder ends when its input does
    assert not path.exists()
    plotting.save_movie(figures(2), path)
    assert [file.name for file in tmp_path.iterdir()] == ["a.mp4"]


@pytest.mark.parametrize("name", ["a.mp4", "a.gif"])
def test_an_error_leaves_nothing(tmp_path, name):
    def failing():
        yield from figures(2)
        raise RuntimeError("damaged")

    def growing():
        yield from figures(1)
        yield plotting.plot_map(np.zeros((12, 30)), label="quantity")

    with pytest.raises(RuntimeError, match="damaged"):
        plotting.save_movie(failing(), tmp_path / name, width=200)
    with pytest.raises(ValueError, match="one size"):
        plotting.save_movie(growing(), tmp_path / name, width=200)
    assert not list(tmp_path.iterdir())


def test_refuses(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="format of a movie"):
        plotting.save_movie(figures(1), tmp_path / "a.avi")
    with pytest.raises(ValueError, match="at least one frame"):
        plotting.save_movie(iter(()), tmp_path / "a.gif")
    with pytest.raises(ValueError, match="fps"):
        plotting.save_movie(figures(1), tmp_path / "a.gif", fps=0)
    with pytest.raises(ValueError, match="width"):
        plotting.save_movie(figures(1), tmp_path / "a.gif", width=3)
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(ValueError, match="tfmkit.movie."):
        plotting.save_movie(figures(1), tmp_path / "a.mp4")
    assert not list(tmp_path.iterdir())
