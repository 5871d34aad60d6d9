"""Contractors (承包单位): who cleans and who collects information (信息采集市场化) where, for which classes.

They stand in the city's file. A contract that ends gets `until` and a new row follows it, so that a past month counts
for those who served then.
"""

from datetime import date
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Kind = Literal["cleaning", "collection"]
KINDS: tuple[Kind, ...] = ("cleaning", "collection")
Code = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
ClassOrGroup = Annotated[str, Meta(pattern=r"^\d{2}(-\d{2})?$")]


class Contract(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """One contractor's work. It serves a case in one of its `patrol_areas` or `cells`, of one of its `classes` (a code,
    `01-10`, or a main class, `01`; empty: all), reported from `since` until the day before `until` (local days).

    `devices`: handsets of its own people, who get no reward for what they find.
    """

    code: Code
    name: Annotated[str, Meta(min_length=1, max_length=200)]
    kind: Kind
    patrol_areas: list[str] = []
    cells: list[str] = []
    classes: list[ClassOrGroup] = []
    since: date = date(2000, 1, 1)
    until: date | None = None
    devices: list[str] = []

    def runs(self, day: date) -> bool:
        """Whether it is in force on a local day."""
        return self.since <= day and (self.until is None or day < self.until)


class Contracts:
    """Looks up who serves a place; what was asked once is remembered."""

    def __init__(self, rows: list[Contract]) -> None:
        self._by_place: dict[str, list[Contract]] = {}
        for row in rows:
            for place in dict.fromkeys((*row.patrol_areas, *row.cells)):
                self._by_place.setdefault(place, []).append(row)
        self._known: dict[tuple[str, str, str], list[Contract]] = {}
        self.kinds: dict[str, str] = {row.code: row.kind for row in rows}
        self.names: dict[str, str] = {row.code: row.name for row in rows}
        ends = [day for row in rows for day in (row.since, row.until) if day is not None]
        self.changes = sorted(set(ends))  # days between two of which the same contracts run
        self.cells = sorted({cell for row in rows for cell in row.cells})
        self.devices = frozenset(device for row in rows for device in row.devices)

    def serving(self, cell: str, patrol_area: str, class_code: str, day: date) -> list[Contract]:
        """The contracts that a case counts for, cleaning before collection, each contractor once."""
        key = (cell, patrol_area, class_code)
        if key not in self._known:
            places = dict.fromkeys(place for place in (patrol_area, cell) if place)
            rows = [row for place in places for row in self._by_place.get(place, ()) if _takes(row, class_code)]
            self._known[key] = sorted(rows, key=lambda row: (KINDS.index(row.kind), row.code))
        found: dict[str, Contract] = {}
        for row in self._known[key]:
            if row.runs(day):
                found.setdefault(row.code, row)
        return list(found.values())


def problems(rows: list[Contract], areas: set[str], cells: set[str]) -> list[str]:
    """Places that are not in the city, and codes with two names or kinds; one line for each."""
    found: list[str] = []
    first: dict[str, Contract] = {}
    for row in rows:
        found += [f"contract {row.code}: no patrol area '{area}'" for area in row.patrol_areas if area not in areas]
        found += [f"contract {row.code}: no cell '{cell}'" for cell in row.cells if cell not in cells]
        if row.until is not None and row.until <= row.since:
            found.append(f"contract {row.code}: until {row.until} is not after since {row.since}")
        same = first.setdefault(row.code, row)
        if (same.name, same.kind) != (row.name, row.kind):
            found.append(f"contract {row.code}: has two names or kinds; a contractor is one of both")
    return found


def _takes(row: Contract, class_code: str) -> bool:
    return not row.classes or class_code in row.classes or class_code[:2] in row.classes
