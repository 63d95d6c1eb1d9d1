"""Logs of one process: structlog and the libraries' own logging, in one form, to stderr."""

import io
import logging
import sys
import textwrap
from collections.abc import MutableMapping
from datetime import UTC, datetime
from typing import Any, TextIO

import structlog

from runtime.clock import Clock
from runtime.settings import TelemetrySettings
from runtime.terminal import harmless, harmless_line


def set_up_logging(settings: TelemetrySettings, *, clock: Clock) -> None:
    """Send every log line of this process to stderr, for people or as JSON, from `settings.log_level` up.

    Tracebacks come without local variables: those hold cookies, passwords and what patients' records say.
    """

    def stamp(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event["at"] = datetime.fromtimestamp(clock.now_ms() / 1000, tz=UTC).isoformat(timespec="milliseconds")
        return event

    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    shared: list[structlog.typing.Processor] = [structlog.stdlib.add_log_level, stamp]
    if settings.log_format == "json":
        last: list[structlog.typing.Processor] = [
            structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False)),
            structlog.processors.JSONRenderer(),
        ]
    else:
        last = [
            _harmless_event,
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), timestamp_key="at", exception_formatter=_indented_traceback
            ),
        ]
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[_unwrap, *last]))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(level, logging.WARNING))


def _harmless_event(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Nothing that a terminal obeys or that begins a line of its own, in whatever field somebody's words stand."""
    for name, value in event.items():
        event[name] = harmless_line(value) if isinstance(value, str) else value
    return event


def _indented_traceback(stream: TextIO, exc_info: structlog.typing.ExcInfo) -> None:
    """Indented, and without what a terminal obeys: an exception that quotes what somebody sent forges no line of its own."""
    plain = io.StringIO()
    structlog.dev.plain_traceback(plain, exc_info)
    stream.write("\n" + textwrap.indent(harmless(plain.getvalue().strip("\n")), "    "))


def _unwrap(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    event.pop("_record", None)
    event.pop("_from_structlog", None)
    return event
