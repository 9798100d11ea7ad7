"""Keep parsers quiet: errors that matter are raised."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from logging import LogRecord, getLogger


@contextmanager
def silence(name: str) -> Iterator[None]:
    """Drop the messages of a logger inside the block.

    Parameters
    ----------
    name : str
        Name of the logger, which is that of the library.
    """

    def _drop(record: LogRecord) -> bool:  # noqa: ARG001 - any record is dropped
        return False

    logger = getLogger(name)
    logger.addFilter(_drop)
    try:
        yield
    finally:
        logger.removeFilter(_drop)


@contextmanager
def silent_literals() -> Iterator[None]:
    r"""Drop the warnings of Python about a text that it reads as a literal, such as the header of a NumPy file.

    A text like ``'\X'`` has an escape that Python does not know. It warns of that by a SyntaxWarning, or, before Python
    3.12, a DeprecationWarning.
    """
    with warnings.catch_warnings():
        for category in (SyntaxWarning, DeprecationWarning):
            warnings.simplefilter("ignore", category)
        yield
