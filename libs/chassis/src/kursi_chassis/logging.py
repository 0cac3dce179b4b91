"""Logs: one event per fact, fields instead of prose, one shape for our records and everybody else's.

    log = get_logger()
    log.info("booking_cancelled", booking=booking.id, by=caller.actor)

Lines are JSON unless the output is a terminal. Each carries the time, and within a request its id, its caller
and the trace. Everything passes `redaction` last, tracebacks included.
"""

import logging
import sys
from collections.abc import Sequence
from typing import TextIO

import structlog
from opentelemetry import trace
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

from kursi_chassis.caller import current_caller
from kursi_chassis.redaction import redact_fields, redact_text

_OWN_FIELDS = frozenset({"timestamp", "level", "logger", "service", "request_id", "trace_id", "caller"})
"""What is written here or made of ids alone, so that nothing in it has to be looked for."""


def get_logger() -> FilteringBoundLogger:
    """A logger; cheap, made once per module."""
    logger: FilteringBoundLogger = structlog.get_logger()
    return logger


def configure_logging(
    service: str, level: str, log_format: str | None = None, output: TextIO | None = None
) -> None:
    """Set up this process's logs; called once, by `process.main` or a test.

    `log_format` is `json`, `console` or None for JSON unless `output` (the standard error stream) is a
    terminal.
    """
    stream = output or sys.stderr
    plain = log_format == "json" or (log_format is None and not stream.isatty())
    enrich = [_named(service), *_ENRICH]
    render = _renderers(plain=plain)
    structlog.configure(
        processors=[*enrich, *render],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *enrich],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for chatty in ("httpx", "httpcore"):  # they log whole addresses, with whatever the query carries
        logging.getLogger(chatty).setLevel(logging.WARNING)
    logging.getLogger("grpc._cython.cygrpc").addFilter(_is_worth_a_line)


def _is_worth_a_line(record: logging.LogRecord) -> bool:
    """All but what gRPC logs of a header that is not UTF-8: all of it, with a traceback, whoever sent it."""
    return not str(record.msg).startswith("Invalid encoding on")


def _named(service: str) -> Processor:
    def add(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        event["service"] = service
        return event

    return add


def _add_request(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    try:
        caller = current_caller()
    except LookupError:
        caller = None
    if caller is not None:
        event.setdefault("request_id", caller.request_id)
        event.setdefault("caller", caller.actor)
    span = trace.get_current_span().get_span_context()
    if span.is_valid:
        event["trace_id"] = f"{span.trace_id:032x}"
    return event


def _redact_event(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    own = {name: event.pop(name) for name in _OWN_FIELDS & event.keys()}
    name = redact_text(str(event.pop("event", "")))
    return {**own, "event": name, **redact_fields(event)}


_ENRICH: Sequence[Processor] = (
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    _add_request,
)


def _renderers(*, plain: bool) -> list[Processor]:
    last: Processor = structlog.processors.JSONRenderer(ensure_ascii=False, default=str)
    if not plain:
        last = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    return [structlog.processors.format_exc_info, _redact_event, last]
