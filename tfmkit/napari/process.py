"""The process that computes previews: a batch of one frame, in the same way as `tfmkit batch` does it.

The window starts it (`tfmkit.napari.session`) and talks to it in lines of JSON. Its own process keeps the window free,
keeps threads of the window out of the numbers, and can be ended at any moment, as every batch can.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from tfmkit.batch import run
from tfmkit.processes import follow

_Tell = Callable[[str, str], None]


class _Steps(logging.Handler):
    """Hands on the steps of a batch."""

    def __init__(self, tell: _Tell) -> None:
        super().__init__()
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        """Hand on a step; the log calls this.

        Parameters
        ----------
        record : LogRecord
            The step.
        """
        self._tell("step", record.getMessage())


def serve(jobs: TextIO, answers: TextIO) -> None:
    """Do jobs until there are no more.

    Parameters
    ----------
    jobs : text file
        A JSON object in each line: ``config`` and ``results`` for a batch, or ``report`` and ``page`` for the report
        on the results in a folder.
    answers : text file
        A JSON object with ``kind`` and ``text`` in each line: any number of ``"step"``, then ``"done"`` or ``"error"``.
    """
    tell = partial(_tell, answers)
    log = logging.getLogger("tfmkit.batch")
    log.setLevel(logging.INFO)
    log.addHandler(_Steps(tell))
    log.propagate = False
    for line in jobs:
        try:
            _do(**json.loads(line))
        except Exception as error:  # noqa: BLE001 - the window shows every error, and the next job may go well
            tell("error", str(error) or type(error).__name__)
        else:
            tell("done", "")


def _tell(answers: TextIO, kind: str, text: str) -> None:
    answers.write(json.dumps({"kind": kind, "text": text}) + "\n")
    answers.flush()


def _do(**job: Any) -> None:
    if "report" in job:
        from tfmkit.report import write_report

        write_report(Path(job["report"]), Path(job["page"]))
    else:
        run(Path(job["config"]), results=Path(job["results"]), jobs=1)


def main() -> None:
    """Serve the standard streams; all that a library prints goes to standard error instead."""
    if os.name != "nt":
        # Elsewhere the process ends with the window even in the middle of a job.
        follow(os.getppid())
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    with answers:
        serve(sys.stdin, answers)


if __name__ == "__main__":
    main()
