"""Logs in tests: plain lines for people, or what a process would write, to be read by the test."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from kursi_chassis.logging import configure_logging


def plain_logs() -> None:
    """Lines for whoever reads why a test failed.

    structlog's own default renders an exception with all its local variables, for seconds, on the loop.
    """
    structlog.reset_defaults()
    structlog.configure(
        processors=[
            structlog.stdlib.add_log_level,
            structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
        ]
    )


@contextmanager
def logged(level: str = "INFO", log_format: str | None = "json") -> Iterator[io.StringIO]:
    """Everything that is logged while the block runs, as a process writes it."""
    output, root = io.StringIO(), logging.getLogger()
    handlers, before = root.handlers[:], root.level
    configure_logging("test", level, log_format, output)
    try:
        yield output
    finally:
        root.handlers[:] = handlers
        root.setLevel(before)
        plain_logs()
