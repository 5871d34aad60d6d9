"""The filing standard (立案标准) as executable data: one city's class tree in one version, read from a TOML file."""

from datetime import date, time
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from edge.link.settings import load
from edge.wire import CaseClass
from gateway.registry.clocks import Calendar, Limit, WorkTime

DEMO = Path(__file__).with_name("standard_demo.toml")  # configs/standard/demo.toml is a link to it
UNKNOWN_LIMIT = Limit(amount=24.0, unit="urgent_hour")

Code = Annotated[str, Meta(pattern=r"^\d{2}-\d{2}$")]
GroupCode = Annotated[str, Meta(pattern=r"^\d{2}$")]
Name = Annotated[str, Meta(min_length=1, max_length=200)]
Text = Annotated[str, Meta(max_length=2000)]


class ClockTable(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Working time: shifts (local), whether working hours run on every day, days that overrule the published list."""

    shifts: tuple[tuple[time, time], ...] = ((time(8), time(12)), (time(14), time(18)))
    hours_run_on: Literal["working_days", "every_day"] = "working_days"
    holidays: list[date] = []
    workdays: list[date] = []

    def work_time(self) -> WorkTime:
        """As the arithmetic of `clocks` takes it."""
        calendar = Calendar(frozenset(self.holidays), frozenset(self.workdays))
        return WorkTime(self.shifts, calendar, self.hours_run_on == "every_day")


class Stages(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Time limits of the centre's own steps: verify (核实) before filing, file (立案), dispatch (派遣), check (核查);
    and how long after closing an appeal (超时申诉) may be made."""

    verify: Limit = Limit(amount=1, unit="hour")
    file: Limit = Limit(amount=0.5, unit="urgent_hour")
    dispatch: Limit = Limit(amount=0.5, unit="urgent_hour")
    check: Limit = Limit(amount=2, unit="hour")
    appeal: Limit = Limit(amount=5, unit="day")


class Group(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A main class (大类): an event (事件) that happens, or a component (部件) that stands in the street."""

    code: GroupCode
    name_zh: Name
    name_en: Name
    kind: Literal["event", "component"] = "event"


class CaseType(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A class (小类). `case_class`: the detector that finds it; "" where only people do."""

    code: Code
    name_zh: Name
    name_en: Name
    filed_when: Text
    limit: Limit
    closed_when: Text
    responsible: Name
    case_class: CaseClass | Literal[""] = ""


class Party(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Who disposes (责任部门), with the peer group in which it is ranked."""

    code: Name
    name_zh: Name
    name_en: Name
    group: Literal["A", "B", "C"]


class Exemption(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A permitted form (morning market, breakfast cart) that makes cases of the classes `frees` legal in its place."""

    code: Code
    name_zh: Name
    name_en: Name
    when: Text
    frees: list[Code]


class Move(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A class of the version before (`follows`) that has another code here. Several new ones: a person must choose;
    none: the class is gone."""

    old: Code
    new: list[Code]


class Weight(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """One term of the published score: weight x rate, or weight x (1 - rate) when `inverse`."""

    indicator: Name
    weight: Annotated[int, Meta(ge=0, le=1000)]
    inverse: bool = False


class Standard(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, dict=True):
    """A city's table in one version."""

    version: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
    city: Name
    follows: str = ""
    clock: ClockTable = ClockTable()
    stages: Stages = Stages()
    groups: Annotated[list[Group], Meta(max_length=100)]
    classes: Annotated[list[CaseType], Meta(max_length=10_000)]
    parties: Annotated[list[Party], Meta(max_length=1000)]
    exemptions: list[Exemption] = []
    moves: list[Move] = []
    score: list[Weight] = []

    @cached_property
    def by_code(self) -> dict[str, CaseType]:
        """Classes by their code."""
        return {found.code: found for found in self.classes}

    @cached_property
    def work_time(self) -> WorkTime:
        """The city's working time."""
        return self.clock.work_time()

    def limit(self, code: str) -> Limit:
        """How long a case of this class may take; UNKNOWN_LIMIT for a code that is not in the table."""
        found = self.by_code.get(code)
        return found.limit if found else UNKNOWN_LIMIT

    def responsible(self, code: str) -> str:
        """The code of the party that disposes; "" for a code that is not in the table."""
        found = self.by_code.get(code)
        return found.responsible if found else ""

    def knows(self, code: str) -> bool:
        """Whether the table has the code."""
        return code in self.by_code

    def moved(self, code: str) -> list[str]:
        """A code of the version before, as codes of this one: one, several (a split), or none (gone)."""
        for move in self.moves:
            if move.old == code:
                return list(move.new)
        return [code] if self.knows(code) else []


def read(path: Path = DEMO) -> Standard:
    """A table without contradictions. Raises edge.link.settings.SettingsError with the first one."""
    from gateway.registry.standard_check import refuse  # reads this module

    return refuse(path, load(path, Standard))
