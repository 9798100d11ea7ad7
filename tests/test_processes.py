"""Commands that are ended by signals: one line, the right code, no process and no unfinished file behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from batch_images import contents, settings, write_position
from test_batch_resume import toml

from tfmkit.batch import run
from tfmkit.cli import main
from tfmkit.processes import Stop, stopping

LINE = "tfmkit: stopped. Finished results are kept.\n"
# Far more than a process needs to end on a busy machine.
_PATIENCE = 60


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Two positions of four frames."""
    folder = tmp_path_factory.mktemp("images")
    for number in (1, 2):
        write_position(folder / f"p{number}", n_frames=4, seed=number)
    return folder


@pytest.fixture(scope="module")
def whole(images, tmp_path_factory):
    """Results of a run that nobody ended."""
    results = tmp_path_factory.mktemp("whole") / "results"
    run(settings(images), results=results)
    return contents(results)


def group_of(leader):
    """Return the numbers of the processes that a session still has."""
    listed = subprocess.run(["/bin/ps", "-eo", "pid,pgid,stat"], capture_output=True, text=True, check=True)
    rows = [line.split() for line in listed.stdout.splitlines()[1:]]
    return [int(pid) for pid, group, state in rows if int(group) == leader and not state.startswith("Z")]


def all_gone(leader):
    """Wait until a session has no process."""
    end = time.monotonic() + _PATIENCE
    while group_of(leader) and time.monotonic() < end:
        time.sleep(0.1)
    return not group_of(leader)


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize(
    ("number", "to_all", "code"),
    [(signal.SIGINT, True, 130), (signal.SIGTERM, False, 143), (signal.SIGKILL, False, -9)],
)
def test_an_ended_batch_leaves_no_process_and_goes_on_to_the_same_bytes(images, whole, tmp_path, number, to_all, code):
    (tmp_path / "c.toml").write_text(toml(settings(images)))
    results = tmp_path / "results"
    command = [sys.executable, "-m", "tfmkit.cli", "batch", str(tmp_path / "c.toml"), "--jobs", "2", "-o", str(results)]
    started = subprocess.Popen(command, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while started.poll() is None and not list((results / "displacement").glob("p*")):
        time.sleep(0.01)
    # A terminal sends Ctrl-C to all processes, and kill to one.
    (os.killpg if to_all else os.kill)(started.pid, number)
    _, printed = started.communicate()
    assert started.returncode == code
    if number != signal.SIGKILL:
        assert printed.decode() == LINE
        assert [path.name for path in results.rglob(".*")] == [".lock"]
    assert all_gone(started.pid)
    assert (results / "unfinished.txt").exists()
    run(settings(images), results=results)
    assert contents(results) == whole


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_children_start_deaf_although_a_helper_of_python_starts_with_them():
    # The helper that multiprocessing starts once lets Ctrl-C through again.
    code = (
        "import signal\nfrom multiprocessing import resource_tracker\nfrom tfmkit.processes import deaf_children\n"
        "with deaf_children():\n    resource_tracker.ensure_running()\n"
        "    print(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []))\n"
        "print(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []))\n"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.split() == ["True", "False"]


def test_a_signal_becomes_a_code(monkeypatch, capsys):
    before = signal.getsignal(signal.SIGTERM)

    def interrupted(*arguments):
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr("tfmkit.cli.batch.run", interrupted)
    assert main(["batch", "c.toml"]) == 143
    assert capsys.readouterr().err == LINE
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_second_signal_ends_at_once():
    with stopping():
        with pytest.raises(Stop):
            signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL
    assert signal.getsignal(signal.SIGINT) is not signal.SIG_DFL


def test_other_threads_leave_signals_alone():
    before, seen = signal.getsignal(signal.SIGINT), []

    def work():
        with stopping():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]
