"""A case (案件): its state, the commands that move it, and the events that tell of every step."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

import msgspec


class State(StrEnum):
    """Where a case (案件) stands."""

    REPORTED = "reported"
    FILED = "filed"
    REJECTED = "rejected"
    DISPATCHED = "dispatched"
    HANDLING = "handling"
    DISPOSED = "disposed"
    CHECKING = "checking"
    REWORK = "rework"
    NEEDS_PERSON = "needs_person"
    CLOSED = "closed"


class Refused(ValueError):
    """The command is not allowed in the case's present state; nothing has changed."""


class Case(msgspec.Struct, kw_only=True, frozen=True):
    """One case. `order_live`: the crew has a work order that was neither recalled nor closed.

    `due_kind`/`due_at`: the timer under way (dispatch, answer, recheck), kept with the case so that it survives.
    """

    case_id: str
    incident_id: str
    case_class: str
    class_code: str
    label: str
    lat: float
    lon: float
    reported_at: datetime
    limit_hours: float
    state: State = State.REPORTED
    deadline: datetime | None = None
    crew: str = ""
    order_no: int = 0
    order_version: int = 0
    order_live: bool = False
    attempt: int = 0
    check_no: int = 0
    misses: int = 0
    due_kind: Literal["", "dispatch", "answer", "recheck"] = ""
    due_at: datetime | None = None

    @property
    def order_id(self) -> str:
        """The present work order's id."""
        return f"wo-{self.case_id}-{self.order_no}"

    @property
    def check_id(self) -> str:
        """The present check's id; "" before the first."""
        return f"chk-{self.case_id}-{self.check_no}" if self.check_no else ""


@dataclass(frozen=True)
class Event:
    """One step for the immutable log."""

    kind: str
    actor: str
    reason: str = ""
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Rules:
    """The numbers that the machine works with."""

    crews: tuple[str, ...] = ()
    recheck_s: float = 10.0
    recheck_limit: int = 5
    check_timeout_s: float = 300.0
    no_crew_retry_s: float = 5.0


@dataclass(frozen=True)
class File:
    """File (立案): by a named person, or by a class that the city switched on."""

    actor: str
    reason: str = ""


@dataclass(frozen=True)
class Reject:
    """Do not file; a person says why. `cause`: whether the thing was there at all, which training data must know."""

    person: str
    reason: str
    cause: Literal["false_alarm", "permitted", "other"] = "false_alarm"


@dataclass(frozen=True)
class Dispatch:
    """Dispatch (派遣): `turn` is the round robin's next number."""

    turn: int


@dataclass(frozen=True)
class CrewStep:
    """What a crew did on its work order."""

    kind: Literal["accepted", "arrived", "disposed", "returned"]
    order_id: str
    base_version: int
    actor: str
    note: str = ""
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """A camera's verdict on a check (核查)."""

    check_id: str
    verdict: Literal["cleared", "still_there", "cannot_see"]
    actor: str
    reason: str = ""
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Due:
    """The timer of a case ran out."""


@dataclass(frozen=True)
class Decide:
    """A person's word on a case that waits for one: close it, work on it again, or look again."""

    person: str
    decision: Literal["close", "again", "check"]
    reason: str


Command = File | Reject | Dispatch | CrewStep | Answer | Due | Decide
