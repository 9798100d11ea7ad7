"""Commands that are ended at random moments: they leave no process and no half-written file, and go on to equal bytes.

    python -m benchmarks.kills --rounds 200

Each round starts a command, ends it by SIGINT, SIGTERM or SIGKILL after a random part of its usual time, waits for its
processes to end, and runs it again. Results are compared with those of a run that nobody ended.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from benchmarks.command import ROOT, study_parser
from benchmarks.saving import save_table
from tfmkit.io import write_fiji_displacement, write_tiff
from tfmkit.simulate import BeadSimulator

SIGNALS = ("SIGINT", "SIGTERM", "SIGKILL")
CODES = {"SIGINT": 130, "SIGTERM": 143, "SIGKILL": -9}
# Seconds after which a process counts as left behind.
PATIENCE = 5.0
# A command may be faster than the signal so many times.
_MOST_TRIES = 20
# A network that is trained in seconds, and a file that is there while the command answers signals. The command itself
# imports the slow packages, so that it answers signals from its start.
COMMAND = """
import contextlib, pathlib, sys
from tfmkit.cli import main, train
command = sys.modules["tfmkit.cli.main"]
answering, stopping = pathlib.Path(sys.argv.pop(1)), command.stopping
@contextlib.contextmanager
def marked():
    with stopping():
        answering.touch()
        yield
        answering.unlink()
command.stopping = marked
train_network = train._train_fourier_unet
def train_small(*arguments):
    from tfmkit.deep.pretraining.fourier_unet import RECIPES, Recipe
    RECIPES["small"] = Recipe(widths=(4, 6), blocks=1, n_updates=12, steps=1, pixels=2048, chunk=2)
    train_network(*arguments)
train._train_fourier_unet = train_small
sys.exit(main(sys.argv[1:]))
"""
# These say when, where and by which files a result was made.
_DIFFERING = ("settings.json", ".lock")


class End(NamedTuple):
    """The end of one command: its code, whether it answered signals, the processes left, and its lines of errors."""

    code: int
    answering: bool
    orphans: int
    lines: int


def make_input(folder: Path) -> None:
    """Write bead images, displacement files and settings for all commands."""
    for seed in range(2):
        position = folder / "images" / f"p{seed}"
        position.mkdir(parents=True)
        relaxed, deformed = BeadSimulator(96, peak=2.0, spacing=8, random_state=seed).sample().pairs[0]
        write_tiff(position / "relaxed.tif", relaxed[None, None])
        frames = [np.roll(deformed, (frame, -frame), axis=(0, 1)) for frame in range(2)]
        write_tiff(position / "deformed.tif", np.stack(frames)[:, None])
    field = np.random.default_rng(0).normal(size=(2, 16, 18))
    write_fiji_displacement(folder / "field.txt", field, 8.0 * np.arange(18), 8.0 * np.arange(16))
    (folder / "batch.toml").write_text(
        '[input]\nfolder = "images"\nrelaxed = "{p}/relaxed.tif"\ndeformed = "{p}/deformed.tif"\n'
        "[gel]\nyoung = 8000.0\npoisson = 0.4\n[displacement]\nspacing = 8\n"
        '[traction]\nestimator = "FTTC"\nlam = 0.1\n[run]\nsamples = 8\n'
    )


def commands(folder: Path) -> dict[str, list[str]]:
    """Return the arguments of every command, without its output."""
    images = folder / "images" / "p0"
    batch = ["batch", str(folder / "batch.toml"), "--jobs"]
    training = ["train", "small", "--cells", "100", "--device", "cpu"]
    return {
        "batch, jobs 1": [*batch, "1"],
        "batch, jobs 2": [*batch, "2"],
        "displacement": ["displacement", str(images / "relaxed.tif"), str(images / "deformed.tif"), "--spacing", "8"],
        "traction": ["traction", str(folder / "field.txt"), "--young", "8000", "--poisson", "0.4"],
        "train": training,
    }


def finish(arguments: list[str], output: Path) -> float:
    """Run a command to its end, and return its seconds."""
    began = time.monotonic()
    subprocess.run(_line(arguments, output), cwd=ROOT, capture_output=True, check=True, start_new_session=True)
    return time.monotonic() - began


def _line(arguments: list[str], output: Path) -> list[str]:
    return [sys.executable, "-c", COMMAND, str(_mark(output)), *arguments, "-o", str(output)]


def _mark(output: Path) -> Path:
    return output.parent.with_suffix(".answering")


def end(arguments: list[str], output: Path, name: str, seconds: float) -> End | None:
    """Start a command and end it after so many seconds; None if it was faster."""
    with tempfile.TemporaryFile() as told:
        options: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": told, "start_new_session": True}
        started = subprocess.Popen(_line(arguments, output), cwd=ROOT, **options)
        try:
            started.wait(seconds)
        except subprocess.TimeoutExpired:
            # A terminal sends Ctrl-C to all processes, and kill to one.
            (os.killpg if name == "SIGINT" else os.kill)(started.pid, getattr(signal, name))
        if started.wait() == 0:
            return None
        deadline = time.monotonic() + PATIENCE
        while (left := len(session(started.pid))) and time.monotonic() < deadline:
            time.sleep(0.1)
        told.seek(0)
        # A bar of progress begins with a return to the start of its line.
        lines = [line for line in told.read().split(b"\n") if line and b"\r" not in line]
        return End(started.returncode, _mark(output).exists(), left, len(lines))


def session(leader: int) -> list[int]:
    """Return the numbers of the processes that a session still has."""
    listed = subprocess.run(["/bin/ps", "-eo", "pid,pgid,stat"], capture_output=True, text=True, check=True)
    rows = [line.split() for line in listed.stdout.splitlines()[1:]]
    return [int(pid) for pid, group, state in rows if int(group) == leader and not state.startswith("Z")]


def contents(folder: Path) -> dict[str, bytes]:
    """Return the bytes of all results but those that name the run."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name not in _DIFFERING]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def one_round(
    folder: Path, arguments: list[str], name: str, usual: float, wanted: dict[str, bytes], rng: np.random.Generator
) -> dict[str, Any]:
    """End a command once, in a folder of its own, and run it again."""
    output = folder / "results"
    for _ in range(_MOST_TRIES):
        subprocess.run(["/bin/rm", "-rf", str(folder), str(_mark(output))], check=True)
        ended = end(arguments, output, name, float(rng.uniform(0.1, 1.0)) * usual)
        if ended is not None:
            break
    else:
        raise RuntimeError(f"Expected {name} to end {arguments[0]}, but it went on {_MOST_TRIES} times.")
    if ended.answering:
        code, lines = ended.code == CODES[name], ended.lines <= 1
    else:
        whole = contents(output) == wanted or not any(folder.rglob("*"))
        code, lines = whole and ended.code in (CODES[name], -getattr(signal, name)), True
    finish(arguments, output)
    row = {
        "answering": ended.answering,
        "code as documented": code,
        "no orphan": ended.orphans == 0,
        "one line": lines or name == "SIGKILL",
        "equal bytes": contents(output) == wanted,
        "nothing left": not [path for path in folder.rglob(".*") if path.name != ".lock"],
    }
    subprocess.run(["/bin/rm", "-r", str(folder)], check=True)
    return row


def main() -> None:
    """Run the rounds."""
    parser = study_parser("kills", __doc__, seed=0, jobs=1)
    parser.add_argument("--rounds", type=int, default=200, help="commands that are ended")
    options = parser.parse_args()
    # A command that is started in the background ignores Ctrl-C, and so would all that it starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(options.jobs) as pool:
        folder = Path(scratch)
        make_input(folder)
        lines = commands(folder)
        usual = {name: finish(line, folder / "whole" / name) for name, line in lines.items()}
        wanted = {name: contents(folder / "whole" / name) for name in lines}

        def run(number: int) -> dict[str, Any]:
            name, by = list(lines)[number % len(lines)], SIGNALS[number // len(lines) % len(SIGNALS)]
            rng = np.random.default_rng([options.seed, number])
            row = one_round(folder / f"out-{number}", lines[name], by, usual[name], wanted[name], rng)
            return {"command": name, "signal": by, **row}

        done = pool.map(run, range(options.rounds))
        for number, row in enumerate(tqdm(done, total=options.rounds, disable=None)):
            rows.append(row)
            faults = [each for each, good in row.items() if good is False and each != "answering"]
            if faults:
                print(f"round {number}, {row['command']}, {row['signal']}: not {', '.join(faults)}", file=sys.stderr)
            # A campaign that is cut off leaves the table of its rounds so far.
            table = pd.DataFrame(rows).groupby(["command", "signal"], sort=False)
            save_table(
                table.sum().assign(rounds=table.size()).reset_index(), "kills", options.output, _settings(options)
            )


def _settings(options: argparse.Namespace) -> dict[str, Any]:
    return {key: value for key, value in vars(options).items() if not isinstance(value, Path)}


if __name__ == "__main__":
    main()
