"""UTC instants as fixed-width text, so that they sort and compare alike in every database."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The present instant, aware, in UTC."""
    return datetime.now(UTC)


def to_text(instant: datetime) -> str:
    """Aware datetime -> `2026-11-22T10:00:00.000000Z`. Raises OverflowError at the ends of the calendar."""
    return instant.astimezone(UTC).isoformat(timespec="microseconds")[:26] + "Z"


def from_text(text: str) -> datetime:
    """Back from `to_text`."""
    return datetime.fromisoformat(text)
