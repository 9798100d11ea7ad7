"""Tables, images and settings out. A file appears complete under its name or not at all."""

from __future__ import annotations

import csv
import glob
import json
import os
import platform
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from errno import EINVAL, ENOTSUP
from importlib.metadata import version
from os import PathLike
from pathlib import Path
from secrets import token_hex
from stat import S_IMODE
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import ArrayLike

from tfmkit import __version__
from tfmkit._validation import unmasked
from tfmkit.io.text import harmless_cell

# The random part of a temporary name, and the names that have one.
_RANDOM_BYTES = 8
_UNFINISHED = re.compile(rf"\.[0-9a-f]{{{2 * _RANDOM_BYTES}}}-(.+)", re.DOTALL)
# The file in a temporary folder that its process holds, and the file that makes a folder complete.
_LOCK, _SETTINGS = ".lock", "settings.json"
# Results depend on these.
_PACKAGES = ("numpy", "scipy", "scikit-learn", "torch")


@contextmanager
def writing(path: str | PathLike[str]) -> Iterator[Path]:
    """Give a temporary name to write to, and rename it to `path` once the block is done.

    Parameters
    ----------
    path : str or path-like
        Where the file is wanted; its folder is made where needed.

    Yields
    ------
    Path
        A name in the same folder with the same suffix; removed if the block raises.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     with writing(Path(folder) / "answer.txt") as temporary:
    ...         _ = temporary.write_text("42")
    ...     [file.name for file in Path(folder).iterdir()]
    ['answer.txt']
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    # Nobody can foresee the name, and a link that has it is refused: a shared folder may be full of traps.
    temporary = target.with_name(f".{token_hex(_RANDOM_BYTES)}-{target.name}")
    with temporary.open("xb") as empty:
        mode = S_IMODE(os.fstat(empty.fileno()).st_mode)
    try:
        yield temporary
        # Some libraries write files that only their owner may read.
        temporary.chmod(mode)
        _sync(temporary)
        temporary.replace(target)
        _sync(target.parent)
    finally:
        temporary.unlink(missing_ok=True)


def remove_unfinished(folder: Path, name: str | None = None) -> None:
    """Remove the files that killed processes had begun to write.

    Parameters
    ----------
    folder : Path
        The folder in which the files were wanted.
    name : str, optional
        Name of the only file that is meant; by default those of all files.
    """
    for path in folder.glob(".*"):
        unfinished = _UNFINISHED.fullmatch(path.name)
        if unfinished and name in (None, unfinished[1]):
            path.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """Wait until a file or folder is on the disk, so that no power cut undoes what counts as written."""
    if path.is_dir() and os.name == "nt":
        return
    number = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(number)
    except OSError as error:
        # Some network disks cannot do it for folders.
        if not path.is_dir() or error.errno not in (EINVAL, ENOTSUP):
            raise
    finally:
        os.close(number)


@contextmanager
def writing_folder(path: str | PathLike[str]) -> Iterator[Path]:
    """Give a temporary folder to write to, and move its files to `path` once the block is done.

    Parameters
    ----------
    path : str or path-like
        The folder in which the files are wanted; made if missing. Other files in it stay.

    Yields
    ------
    Path
        A folder on the same disk; removed with all it holds if the block raises. Those that killed processes left are
        removed at the next call.

    Notes
    -----
    ``settings.json`` is moved last, and an old one is removed first: a folder without it was cut off.
    """
    target = Path(path).absolute()
    place = target if target.is_dir() else target.parent
    place.mkdir(parents=True, exist_ok=True)
    for folder in {target, target.parent}:
        _remove_abandoned(folder, target.name)
    temporary, lock = _new_folder(place, target.name)
    try:
        yield temporary
        _move_files(temporary, target)
    finally:
        lock.release()
        shutil.rmtree(temporary, ignore_errors=True)


def _new_folder(place: Path, name: str) -> tuple[Path, FileLock]:
    """Make a temporary folder and hold its lock, by which others know that its process still runs."""
    while True:
        temporary = place / f".{token_hex(_RANDOM_BYTES)}-{name}"
        temporary.mkdir()
        lock = FileLock(temporary / _LOCK)
        # Another process may take the folder for abandoned before it is locked.
        with suppress(Timeout, FileNotFoundError):
            lock.acquire(timeout=0)
            if (temporary / _LOCK).exists():
                return temporary, lock


def _remove_abandoned(folder: Path, name: str) -> None:
    """Remove temporary folders whose process is gone."""
    for path in folder.glob(f".*-{glob.escape(name)}"):
        unfinished = _UNFINISHED.fullmatch(path.name)
        if unfinished and unfinished[1] == name and path.is_dir() and not path.is_symlink():
            with suppress(Timeout, OSError):
                with FileLock(path / _LOCK, timeout=0):
                    shutil.rmtree(path, ignore_errors=True)
                # Some systems keep a file that is locked until here.
                shutil.rmtree(path, ignore_errors=True)


def _move_files(source: Path, target: Path) -> None:
    files = sorted(
        (file for file in source.iterdir() if file.name != _LOCK), key=lambda file: (file.name == _SETTINGS, file)
    )
    for file in files:
        _sync(file)
    target.mkdir(parents=True, exist_ok=True)
    if (source / _SETTINGS).exists():
        (target / _SETTINGS).unlink(missing_ok=True)
    for file in files:
        file.replace(target / file.name)
    _sync(target)


def write_csv(path: str | PathLike[str], columns: Mapping[str, ArrayLike]) -> None:
    """Write columns of equal length, with their names in the first line.

    Parameters
    ----------
    path : str or path-like
        The `.csv` file.
    columns : mapping of str to array-like of shape (n_rows,)
        Name and values of every column; floats are written so that they read back as the same number. Texts that a
        spreadsheet would compute get an apostrophe in front.

    Raises
    ------
    ValueError
        If the columns differ in length.
    """
    values = [np.asarray(unmasked(column)) for column in columns.values()]
    if any(column.ndim != 1 for column in values) or len({column.size for column in values}) != 1:
        raise ValueError(f"Expected columns of one length, got shapes {[column.shape for column in values]}.")
    with writing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(map(harmless_cell, columns))
        writer.writerows(zip(*(map(harmless_cell, column.tolist()) for column in values), strict=True))


def write_json(path: str | PathLike[str], settings: Mapping[str, Any]) -> None:
    """Write settings as indented JSON.

    Parameters
    ----------
    path : str or path-like
        The `.json` file.
    settings : mapping of str to object
        Strings, numbers, lists and mappings of them.

    Raises
    ------
    ValueError
        If a number is not finite, which JSON cannot say.
    """
    text = json.dumps(settings, indent=2, allow_nan=False) + "\n"
    with writing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_settings(path: str | PathLike[str], settings: Mapping[str, Any]) -> None:
    """Write the settings behind results as JSON, with the versions of tfmkit and of the packages that it calls.

    Parameters
    ----------
    path : str or path-like
        The `.json` file.
    settings : mapping of str to object
        Strings, numbers, lists and mappings of them. The versions are added under ``"versions"``.

    Raises
    ------
    ValueError
        If a number is not finite, which JSON cannot say.
    """
    packages = {name: version(name) for name in _PACKAGES}
    versions = {"tfmkit": __version__, "python": platform.python_version(), **packages}
    write_json(path, {**settings, "versions": versions})
