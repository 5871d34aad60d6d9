"""Logs of a device's process: one JSON object a line on stderr."""

import sys

import structlog


def configure() -> None:
    """Set structlog up for the whole process; stdout stays free for what the user asked for."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
