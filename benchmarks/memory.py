"""The largest memory of a command and of all processes that it starts."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from typing import NamedTuple

import psutil


class Peak(NamedTuple):
    """The end of a command, and its largest memory.

    Attributes
    ----------
    exit_code : int
        Exit code of the command.
    MiB : float
        Largest sum of the resident memory of its processes. Memory that they share counts several times.
    processes : int
        Largest number of its processes.
    seconds : float
        Its time.
    """

    exit_code: int
    MiB: float
    processes: int
    seconds: float


def watch(command: Sequence[str]) -> Peak:
    """Run a command and look at its memory twenty times a second."""
    start = time.perf_counter()
    started = subprocess.Popen(command)
    process, most, processes = psutil.Process(started.pid), 0, 0
    while started.poll() is None:
        now, count = _tree(process)
        most, processes = max(most, now), max(processes, count)
        time.sleep(0.05)
    return Peak(started.returncode, most / 2**20, processes, time.perf_counter() - start)


def _tree(process: psutil.Process) -> tuple[int, int]:
    """Return the resident bytes of a process and its children, and their number."""
    total, count = 0, 0
    try:
        for member in [process, *process.children(recursive=True)]:
            total += member.memory_info().rss
            count += 1
    except psutil.NoSuchProcess:
        # A process that has just ended is left out, and so are those behind it, until the next look.
        pass
    return total, count
