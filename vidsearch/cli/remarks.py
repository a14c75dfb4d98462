"""Prints what the package says while it works: its log, as remarks and warnings on stderr."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from vidsearch.cli import console


class _Remarks(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        (console.warn if record.levelno >= logging.WARNING else console.note)(record.getMessage())


@contextmanager
def printed_remarks() -> Iterator[None]:
    """Print what is logged inside."""
    logger, handler = logging.getLogger("vidsearch"), _Remarks()
    level, propagate = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate = propagate
