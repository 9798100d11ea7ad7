"""Processes that end in order: at a signal, and with the process that started them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from types import FrameType

_LOOKS_PER_SECOND = 4


class Stop(SystemExit):
    """The end of a command by a signal; its code is 128 and the number of the signal, as shells count."""


@contextmanager
def stopping() -> Iterator[None]:
    """Turn Ctrl-C and SIGTERM into `Stop` inside the block, so that unfinished files are removed.

    A second signal ends the process at once. In a thread other than the main one, signals stay as they are.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # A command that was started in the background of a shell ignores Ctrl-C.
    numbers = [number for number in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, _stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the form of a handler
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_DFL)
    raise Stop(128 + number)


@contextmanager
def deaf_children() -> Iterator[None]:
    """Start the processes of the block so that they never see Ctrl-C; this one sees it when the block is done."""
    if os.name == "nt":
        yield
        return
    # Python lets Ctrl-C through again after it started this helper of multiprocessing. So it is started first.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def follow(parent: int) -> None:
    """End this process soon after the one that started it, however that ended. Ignore Ctrl-C.

    Parameters
    ----------
    parent : int
        Number of the process that started this one.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    ancestor = multiprocessing.parent_process()
    if os.name == "nt" and ancestor is not None:
        # Windows does not tell by the number whether the parent still runs.
        ancestor.join()
    while os.name != "nt" and os.getppid() == parent:
        time.sleep(1 / _LOOKS_PER_SECOND)
    # Nobody waits for results any more, and files appear complete or not at all.
    os._exit(1)
