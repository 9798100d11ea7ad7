"""Which files a command has read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path


def hash_files(paths: Iterable[Path]) -> dict[str, str]:
    """Return the SHA-256 of files, for the settings of a result.

    Parameters
    ----------
    paths : iterable of Path
        The files.

    Returns
    -------
    dict of str to str
        Hexadecimal digits for each path.
    """
    digests = {}
    for path in paths:
        with path.open("rb") as file:
            digests[str(path)] = hashlib.file_digest(file, "sha256").hexdigest()
    return digests
