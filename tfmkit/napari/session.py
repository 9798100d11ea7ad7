"""Previews without a window: a folder of one frame, and the process that runs a batch in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Generator, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
from numpy.typing import NDArray

from tfmkit.batch import find_doubtful, read_results, write_config
from tfmkit.napari.frame import Frame, ImageFolder, save_frame, with_files

# Names of the steps of a preview, in their order.
STEPS = ("displacement", "images", "traction", "error bars")


class Cancelled(Exception):  # noqa: N818 - not an error
    """The work was ended by the user."""


class PreviewError(ValueError):
    """The frame has no result; the message is the reason."""


@dataclass(frozen=True, eq=False)
class Preview:
    """Results of one frame.

    Attributes
    ----------
    maps : dict of str to ndarray of shape (height, width)
        Maps on the grid, as `tfmkit.batch.ItemResult.fields` returns them.
    record : dict
        Numbers and choices of the frame.
    table : DataFrame
        The table of the batch: one row for each cell.
    remarks : list of str
        Reasons to doubt the result, and remarks on images and cells.
    folder : Path
        Folder of the results.
    """

    maps: dict[str, NDArray[Any]]
    record: dict[str, Any]
    table: pd.DataFrame
    remarks: list[str]
    folder: Path


class Session:
    """One window's work: its temporary folder and its process.

    The process starts with the session, so that the first preview does not wait for imports.
    """

    def __init__(self) -> None:
        # A file that the process has just left open must not keep the folder from going.
        self._home = TemporaryDirectory(prefix="tfmkit-preview-", ignore_cleanup_errors=True)
        self.folder = Path(self._home.name)
        self._images = ImageFolder(self.folder)
        self._process = self._start()
        self._ended: subprocess.Popen[str] | None = None

    def preview(self, frame: Frame, sections: Mapping[str, Mapping[str, Any]]) -> Generator[str, None, Preview]:
        """Run a batch of one frame. The displacement is kept as long as images and its settings stay the same.

        Parameters
        ----------
        frame : Frame
            The frame.
        sections : mapping of str to mapping
            The settings, without the files.

        Returns
        -------
        Preview
            The results.

        Yields
        ------
        str
            Name of the step that begins, one of `STEPS`.

        Raises
        ------
        PreviewError
            If the settings are refused or the images do not fit.
        Cancelled
            If `cancel` was called meanwhile.
        """
        config, results = self.folder / "preview.toml", self.folder / "results"
        write_config(config, with_files(sections, save_frame(frame, self._images)))
        yield from self._ask(config=str(config), results=str(results))
        return read_preview(results)

    def report(self, page: Path) -> Generator[str, None, None]:
        """Write the report on the last preview.

        Parameters
        ----------
        page : Path
            The ``.html`` file.

        Yields
        ------
        str
            Names of steps; there are none.

        Raises
        ------
        PreviewError
            If there is no preview yet.
        """
        yield from self._ask(report=str(self.folder / "results"), page=str(page))

    def cancel(self) -> None:
        """End the work at once, and make a new process ready for the next."""
        self._end()
        self._process = self._start()

    def close(self) -> None:
        """End the process and remove the folder."""
        self._end()
        self._home.cleanup()

    @property
    def process_id(self) -> int:
        """Return the number of the process.

        Returns
        -------
        int
            Its number in the system.
        """
        return self._process.pid

    def _start(self) -> subprocess.Popen[str]:
        with (self.folder / "process.log").open("w", encoding="utf-8") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "tfmkit.napari.process"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                encoding="utf-8",
            )

    def _end(self) -> None:
        process = self._ended = self._process
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()

    def _ask(self, **job: str) -> Iterator[str]:
        """Hand a job to the process and give its steps."""
        process = self._process
        assert process.stdin is not None  # noqa: S101 - a pipe
        with suppress(OSError, ValueError):
            process.stdin.write(json.dumps(job) + "\n")
            process.stdin.flush()
        while line := _next_line(process):
            answer = json.loads(line)
            if answer["kind"] == "done":
                return
            if answer["kind"] == "error":
                raise PreviewError(answer["text"].replace(f"{self.folder}{os.sep}", ""))
            yield answer["text"]
        if process is self._ended:
            raise Cancelled
        self.cancel()
        raise PreviewError("The process that computes previews was ended from outside. Perhaps the memory ran out.")


def _next_line(process: subprocess.Popen[str]) -> str:
    """Return the next line of a process; nothing if it has ended."""
    try:
        return "" if process.stdout is None else process.stdout.readline()
    except ValueError:
        # `cancel` has closed the stream.
        return ""


def read_preview(results: Path) -> Preview:
    """Read the results of a batch of one frame.

    Parameters
    ----------
    results : Path
        Folder of the results.

    Returns
    -------
    Preview
        The results.

    Raises
    ------
    PreviewError
        If the frame failed.
    """
    found = read_results(results)
    if len(found.failures):
        raise PreviewError(str(found.failures["error"].iloc[0]))
    item = next(found.items(), None)
    if item is None:
        raise PreviewError("There is no cell in the mask: draw one, or choose no mask.")
    remarks = [*find_doubtful(found.table)["reason"], *found.remarks["remark"]]
    return Preview(item.fields(), item.record, found.table, remarks, found.folder)
