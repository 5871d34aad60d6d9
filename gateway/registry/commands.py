"""What can be asked of a case: one small class for each command of the loop."""

from dataclasses import dataclass, field
from typing import Any, Literal

from gateway.registry.clocks import Unit


@dataclass(frozen=True)
class Terms:
    """What the standard says of a class, in the version that a case is filed under."""

    standard: str
    class_code: str
    department: str
    limit_hours: float
    limit_unit: Unit


@dataclass(frozen=True)
class AskVerify:
    """Send a collector (采集员) to look before anything is filed (核实)."""

    person: str
    collector: str
    reason: str = ""


@dataclass(frozen=True)
class Verified:
    """What the collector found."""

    collector: str
    found: Literal["there", "not_there"]
    reason: str = ""
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class File:
    """File (立案): by a named person, or by a class that the city switched on. `terms`: the standard in force, set by
    the registry when it is another version than the one at the time of the report."""

    actor: str
    reason: str = ""
    terms: Terms | None = None


@dataclass(frozen=True)
class Reject:
    """Do not file; a person says why. `cause`: whether the thing was there at all, which training data must know; a
    duplicate is there, and another case has it."""

    person: str
    reason: str
    cause: Literal["false_alarm", "permitted", "other", "duplicate"] = "false_alarm"


@dataclass(frozen=True)
class Dispatch:
    """Dispatch (派遣): `turn` is the round robin's next number. `routed`: chosen by the duty plan, with the reason;
    then `crew` "" is nobody yet."""

    turn: int
    routed: bool = False
    crew: str = ""
    why: str = ""
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Reassign:
    """An open order passes on to another crew (改派, 交接班)."""

    actor: str
    crew: str
    why: str
    data: dict[str, Any] = field(default_factory=dict)


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
class FeedBack:
    """The department's word (反馈) that its crew is done, where the city asks for one."""

    person: str
    reason: str = ""


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


@dataclass(frozen=True)
class Suspend:
    """Suspend (挂账) what cannot be done now; its clock stands still."""

    person: str
    reason: str


@dataclass(frozen=True)
class Resume:
    """Take a suspended case up again; its clock goes on with what was left, and it is dispatched anew."""

    person: str
    reason: str


@dataclass(frozen=True)
class Extend:
    """Extend (延期) before the deadline, by hours of the case's own clock."""

    person: str
    hours: float
    reason: str


@dataclass(frozen=True)
class ForceClose:
    """Close by order (强制结案) what cannot be disposed of or checked."""

    person: str
    reason: str


@dataclass(frozen=True)
class Cancel:
    """Cancel (作废) a case that should not have been filed."""

    person: str
    reason: str


@dataclass(frozen=True)
class Appeal:
    """Appeal against a time-out (超时申诉), after closing."""

    person: str
    reason: str


@dataclass(frozen=True)
class Review:
    """One of the two reviews of an appeal; each by another person, none of them the appellant."""

    person: str
    grant: bool
    reason: str


ByPerson = Suspend | Resume | Extend | ForceClose | Cancel | Appeal | Review
Command = (
    AskVerify | Verified | File | Reject | Dispatch | Reassign | CrewStep | FeedBack | Answer | Due | Decide | ByPerson
)
