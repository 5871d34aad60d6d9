"""Logs are events with fields: one JSON object a line on stderr, also of a library or of a thread that dies."""

import logging
import sys
import threading
from types import TracebackType

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger


def to_stderr(level: str = "info", **fields: str) -> None:
    """For a process's start; call it again to add `fields` (the device's name) to every line. An unknown level is taken
    as info."""
    number = logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
    common: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _adding(fields),
        structlog.processors.format_exc_info,
    ]
    render = structlog.processors.JSONRenderer(ensure_ascii=False)
    structlog.configure(
        processors=[*common, render],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    _libraries(structlog.stdlib.ProcessorFormatter(processor=render, foreign_pre_chain=[*common, _named]))
    sys.excepthook = _uncaught
    threading.excepthook = lambda told: _died(told) if told.exc_type is not SystemExit else None


def _libraries(formatter: logging.Formatter) -> None:
    """What libraries log, from warnings up, in the same form."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)


def _adding(fields: dict[str, str]) -> Processor:
    def add(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        return {**fields, **event}

    return add


def _named(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """A library's record: its words are no event's name."""
    record = event.get("_record")
    return {**event, "event": "log", "text": event.get("event", ""), "logger": getattr(record, "name", "")}


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    structlog.get_logger().error("process.died", exc_info=(kind, error, trace))


def _died(told: threading.ExceptHookArgs) -> None:
    name = told.thread.name if told.thread is not None else ""
    structlog.get_logger().error("thread.died", thread=name, exc_info=told.exc_value)
