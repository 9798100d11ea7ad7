"""Parsers that log what they stumble over, kept quiet: what matters is raised."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from logging import LogRecord, getLogger


@contextmanager
def silence(name: str) -> Iterator[None]:
    """Drop what a logger is told inside the block.

    Parameters
    ----------
    name : str
        Name of the logger, which is that of the library.
    """

    def _drop(record: LogRecord) -> bool:  # noqa: ARG001 - whatever it says
        return False

    logger = getLogger(name)
    logger.addFilter(_drop)
    try:
        yield
    finally:
        logger.removeFilter(_drop)
