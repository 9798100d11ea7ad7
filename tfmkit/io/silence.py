"""Keep the loggers of parsers quiet: errors that matter are raised."""

from __future__ import annotations

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
