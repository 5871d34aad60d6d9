"""A city's duty plan as data (TOML or JSON): shifts, crews, leaders on duty, people with a say, rules."""

from datetime import date, time
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from edge.link.settings import SettingsError, load

Name = Annotated[str, Meta(min_length=1, max_length=128)]
Names = Annotated[list[str], Meta(min_length=1, max_length=1000)]
Kind = Literal["city", "police", "volunteers"]
Right = Literal["approve", "handover", "callout", "joint", "lead"]
CENTRE = "centre"
ANY_CLASS = "*"

# What the handsets of a kind of crew may send beside attendance, track, read, signatures and answers to a call-out.
RIGHTS: dict[str, frozenset[str]] = {
    "city": frozenset({"accepted", "arrived", "disposed", "returned", "extend", "suspend", "photo", "report"}),
    "police": frozenset({"accepted", "arrived", "disposed", "returned", "photo", "report"}),
    "volunteers": frozenset({"accepted", "arrived", "photo", "report"}),
}


class Shift(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A shift (班次), local time, from `start` up to but not including `end`; one that ends no later than it starts
    ends on the next day. `days`: of the calendar on which it starts: every one, working days, or days off."""

    name: Name
    start: time
    end: time
    days: Literal["every", "work", "rest"] = "every"


class Turn(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """`cycle`: a shift's name (or several, joined by +) for each day, "" for a day off, over and over from `since`
    on; before `since` there is no duty."""

    name: Name
    cycle: Annotated[list[str], Meta(min_length=1, max_length=366)]
    since: date


class Crew(Turn, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A crew (班组) and the log that its handsets share. `classes`: what it may do: a detector's class (stall), a code
    of the standard (04-01), or * for all. Police and volunteers are second parties only: an order is never routed to
    them, a person asks them to join."""

    kind: Kind = "city"
    areas: Names
    classes: Names = msgspec.field(default_factory=lambda: [ANY_CLASS])

    def may(self, case_class: str, class_code: str) -> bool:
        """Whether the crew may do this class of case."""
        return any(one in (ANY_CLASS, case_class, class_code) for one in self.classes)


class Leader(Turn, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A leader on duty (值班领导): a person with a log of the leader's own, for these districts (none: all)."""

    person: Name
    districts: list[str] = []


class Person(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Somebody at the centre, and what this person may do."""

    name: Name
    may: list[Right]


class Swap(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """One day on which a crew or leader works other shifts than its turn says ("": none)."""

    who: Name
    day: date
    shifts: str


class Rules(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The city's numbers.

    `shares`: of the time limit, after which crew, leader and centre are urged (催办). `load_max`: a crew with that
    load is passed over as long as another one can be found (0: no such limit). `urgent_h`: an order with less than
    that to its deadline weighs 2, one that is overdue or came back as rework 3, others 1. `approve`: what a handset
    asks for and a person must grant. `ack_min`: a handover that nobody has taken by then is told to the leader.
    """

    shares: tuple[float, float, float] = (0.5, 0.75, 0.9)
    load_max: Annotated[int, Meta(ge=0, le=10_000)] = 0
    urgent_h: Annotated[float, Meta(gt=0, le=240)] = 2.0
    approve: list[Literal["extend", "suspend"]] = []
    ack_min: Annotated[float, Meta(gt=0, le=1440)] = 15.0


class Plan(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, dict=True):
    """The whole file."""

    version: Name
    city: Name
    rules: Rules = Rules()
    shifts: list[Shift]
    crews: Annotated[list[Crew], Meta(max_length=5000)]
    leaders: list[Leader] = []
    people: list[Person] = []
    swaps: list[Swap] = []

    @cached_property
    def by_name(self) -> dict[str, Crew]:
        """Crews by their names."""
        return {crew.name: crew for crew in self.crews}

    @cached_property
    def shift_by_name(self) -> dict[str, Shift]:
        """Shifts by their names."""
        return {shift.name: shift for shift in self.shifts}

    @cached_property
    def swapped(self) -> dict[tuple[str, date], str]:
        """(who, day) -> the shifts of that day."""
        return {(swap.who, swap.day): swap.shifts for swap in self.swaps}

    def may(self, person: str, right: Right) -> bool:
        """Whether a person has a right; one whom the plan does not name has none."""
        return any(one.name == person and right in one.may for one in self.people)


def read(path: Path) -> Plan:
    """A plan as it is written (TOML, or JSON by its suffix), unchecked (see `check.read`). Raises SettingsError."""
    if path.suffix != ".json":
        return load(path, Plan)
    try:
        return msgspec.json.decode(path.read_bytes(), type=Plan)
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror}); mend the path") from error
    except msgspec.DecodeError as error:
        raise SettingsError(f"{path}: {error}; compare with `zhuomu registry duty sample`") from error
