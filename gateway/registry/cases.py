"""A case (案件): where it stands, the times that its evaluation needs, and the numbers that the machine works with."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

import msgspec

from gateway.registry.clocks import Unit, WorkTime
from gateway.registry.commands import (
    Answer,
    Appeal,
    AskVerify,
    Cancel,
    Command,
    CrewStep,
    Decide,
    Dispatch,
    Due,
    Extend,
    FeedBack,
    File,
    ForceClose,
    Reassign,
    Reject,
    Resume,
    Review,
    Suspend,
    Terms,
    Verified,
)
from gateway.registry.standard import Stages

__all__ = [
    "Answer",
    "Appeal",
    "AskVerify",
    "Cancel",
    "Case",
    "Command",
    "CrewStep",
    "Decide",
    "Dispatch",
    "Due",
    "Event",
    "Extend",
    "FeedBack",
    "File",
    "ForceClose",
    "Reassign",
    "Refused",
    "Reject",
    "Resume",
    "Review",
    "Rules",
    "State",
    "Suspend",
    "Terms",
    "Times",
    "Verified",
]


class State(StrEnum):
    """Where a case (案件) stands."""

    REPORTED = "reported"
    VERIFYING = "verifying"  # 待核实: a collector looks before anything is filed
    TO_FILE = "to_file"  # 待立案
    FILED = "filed"
    REJECTED = "rejected"
    DISPATCHED = "dispatched"
    HANDLING = "handling"
    SUSPENDED = "suspended"  # 挂账
    DISPOSED = "disposed"
    CHECKING = "checking"
    REWORK = "rework"
    NEEDS_PERSON = "needs_person"
    CLOSED = "closed"
    FORCE_CLOSED = "force_closed"  # 强制结案
    CANCELLED = "cancelled"  # 作废


OVER = frozenset({State.REJECTED, State.CLOSED, State.FORCE_CLOSED, State.CANCELLED})


class Refused(ValueError):
    """The command is not allowed in the case's present state; nothing has changed."""


class Times(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """What evaluation (综合评价) asks of a case: when each thing was due and when it was first done.

    What was done is written once and never again, and a due time moves only while it lies ahead: so a past month gives
    the same figures whenever it is reckoned. None: not yet, or its clock stands still.
    """

    verify_due: datetime | None = None
    verified: datetime | None = None
    file_due: datetime | None = None
    filed: datetime | None = None
    rejected: datetime | None = None
    dispatch_due: datetime | None = None
    dispatched: datetime | None = None
    returned: datetime | None = None
    dispose_due: datetime | None = None
    disposed: datetime | None = None
    extended: datetime | None = None
    reworked: datetime | None = None
    check_due: datetime | None = None
    checked: datetime | None = None
    close_due: datetime | None = None
    closed: datetime | None = None
    cancelled: datetime | None = None
    exempted: datetime | None = None


class Case(msgspec.Struct, kw_only=True, frozen=True):
    """One case. `order_live`: the crew has a work order that was neither recalled nor closed.

    `due_kind`/`due_at`: the timer under way (dispatch, answer, recheck), kept with the case so that it survives.
    `limit_hours` run on the clock `limit_unit` (a working day is 8 hours of it); `left_s`: what of them was left when
    the case was suspended. `returned`: the last order came back and no new one went out, so it may not be closed.
    `standard`: the version that it was filed under, which it keeps.
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
    limit_unit: Unit = "urgent_hour"
    standard: str = ""
    department: str = ""
    cell: str = ""
    patrol_area: str = ""
    state: State = State.REPORTED
    deadline: datetime | None = None
    left_s: float = 0.0
    extensions: int = 0
    verified: Literal["", "there", "not_there"] = ""
    returned: bool = False
    reject_cause: str = ""
    filed_by: str = ""
    appeal: Literal["", "asked", "passed_once", "granted", "refused"] = ""
    appeal_people: tuple[str, ...] = ()
    crew: str = ""
    order_no: int = 0
    order_version: int = 0
    order_live: bool = False
    attempt: int = 0
    check_no: int = 0
    misses: int = 0
    due_kind: Literal["", "dispatch", "answer", "recheck"] = ""
    due_at: datetime | None = None
    times: Times = Times()

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
    """The numbers that the machine works with. `feed_back_by_person`: a disposal waits for the department's word
    (反馈) before it is checked; without it the crew's own report is that word."""

    crews: tuple[str, ...] = ()
    recheck_s: float = 10.0
    recheck_limit: int = 5
    check_timeout_s: float = 300.0
    no_crew_retry_s: float = 5.0
    extensions_max: int = 1
    feed_back_by_person: bool = False
    work_time: WorkTime = field(default_factory=WorkTime)
    stages: Stages = field(default_factory=Stages)
