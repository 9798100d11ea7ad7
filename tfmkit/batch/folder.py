"""The folder of the results during a run: one run at a time, and unfinished until its last file is written."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from tfmkit.batch.store import FOLDERS, ItemFiles
from tfmkit.io import remove_unfinished, writing

_LOCK, _UNFINISHED = ".lock", "unfinished.txt"
_NOTE = "A run writes into this folder, or was cut off. Run the batch again: it goes on from here.\n"


@contextmanager
def running(folder: Path) -> Iterator[None]:
    """Keep other runs out of a folder of results, and mark it as unfinished until the block is done.

    Parameters
    ----------
    folder : Path
        Folder of the results; made where needed.

    Yields
    ------
    None
        While this run alone may write.

    Raises
    ------
    ValueError
        If another run writes into the folder. The system frees the lock of a run that was killed.

    Notes
    -----
    Tables, settings and files of the items are one state. The mark is on the disk before the first of them changes,
    and goes once the last is written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / _LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise ValueError(
            f"Expected one run at a time in {folder}, but another one writes there: wait for its end, or give this "
            "run another folder."
        ) from None
    try:
        with writing(folder / _UNFINISHED) as temporary:
            temporary.write_text(_NOTE, encoding="utf-8")
        _tidy(folder)
        yield
        (folder / _UNFINISHED).unlink()
    finally:
        # Workers that were ended in the middle of a file leave it unfinished.
        _tidy(folder)
        lock.release()


def _tidy(folder: Path) -> None:
    for name in (".", *FOLDERS):
        remove_unfinished(folder / name)


def check_finished(folder: Path) -> None:
    """Refuse results of which some may be older than others.

    Parameters
    ----------
    folder : Path
        Folder of the results.

    Raises
    ------
    ValueError
        If a run writes into it, or was cut off.
    """
    if (folder / _UNFINISHED).exists():
        raise ValueError(
            f"Expected the results of a batch in {folder}, got those of a run that goes on or was cut off: its files "
            "may be of different runs. Wait for its end, or run the batch again."
        )


def remove_gone(folder: Path, keys: Collection[str]) -> None:
    """Remove the results of items that the batch no longer has.

    Parameters
    ----------
    folder : Path
        Folder of the results.
    keys : collection of str
        Keys of the items of this run.
    """
    known = {path.stem for name in ("items", "displacement") for path in (folder / name).glob("[!.]*.*")}
    for key in known - set(keys):
        ItemFiles(folder, key).remove()
