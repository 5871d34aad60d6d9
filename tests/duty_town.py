"""A small duty plan and a registry that runs on it, with a clock set by hand: for the tests of duty."""

from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import httpx
from fastapi.testclient import TestClient

from gateway.database import Database, sqlite_url
from gateway.registry import api, city, standard, tables
from gateway.registry.cases import Rules as CaseRules
from gateway.registry.clocks import BEIJING
from gateway.registry.duty import office as offices
from gateway.registry.duty.plan import Crew, Leader, Person, Plan, Shift
from gateway.registry.duty.round import Rounds
from gateway.registry.migrations import MIGRATIONS
from gateway.registry.store import Registry

CITY = city.synthetic()
STANDARD = standard.read()
CELL = CITY.cells[100]
SINCE = date(2026, 1, 5)
SHIFTS = [
    Shift(name="early", start=time(6), end=time(14)),
    Shift(name="late", start=time(14), end=time(22)),
    Shift(name="night", start=time(22), end=time(6)),
    Shift(name="office", start=time(8, 30), end=time(17, 30), days="work"),
    Shift(name="rest", start=time(9), end=time(12), days="rest"),
    Shift(name="all", start=time(0), end=time(0)),
]
DISTRICT = CELL.code[:6]


def crew(name: str, *cycle: str, areas: tuple[str, ...] = (CELL.patrol_area,), **values: Any) -> Crew:
    return Crew(name=name, areas=list(areas), cycle=list(cycle), since=SINCE, **values)


def leader(name: str = "leader-1", *cycle: str) -> Leader:
    return Leader(name=name, person="Ms Shen", cycle=list(cycle or ("all",)), since=SINCE)


def plan(*crews: Crew, **values: Any) -> Plan:
    people = [Person(name="Ms Shen", may=["approve", "handover", "callout", "joint", "lead"])]
    body: dict[str, Any] = {"shifts": SHIFTS, "leaders": [leader()], "people": people, **values}
    return Plan(version="t-1", city="synthetic", crews=list(crews), **body)


USUAL = (
    crew("early-1", "early"),
    crew("late-1", "late"),
    crew("police-1", "all", kind="police"),
    crew("helpers-1", "office", kind="volunteers", classes=["bike"]),
)


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BEIJING).astimezone(UTC)


class Town:
    """Registry, API and duty's timers on one plan; `reopen` is a restart."""

    def __init__(self, folder: Path, duty: Plan, now: str = "2026-11-24T10:00") -> None:
        self.folder, self.duty, self.now = folder, duty, local(now)
        self.number = 0
        self.open()

    def open(self) -> None:
        url = sqlite_url(self.folder / "r.sqlite3")
        self.database = Database(url, tables.metadata, tables.SCHEMA_VERSION, MIGRATIONS)
        office = offices.build(self.duty, CITY, STANDARD.work_time)
        self.registry = Registry(
            self.database, STANDARD, CaseRules(), frozenset({"stall"}), lambda: self.now, CITY, None, office
        )
        self.rounds = Rounds(self.registry, office)
        self.http = TestClient(api.build(self.registry))

    def reopen(self, duty: Plan | None = None) -> None:
        self.database.close()
        self.duty = duty or self.duty
        self.open()

    def at(self, text: str) -> None:
        """The clock moves on, and what is due happens."""
        self.now = local(text)
        self.registry.tick()
        self.rounds.tick()

    def post(self, path: str, **body: Any) -> httpx.Response:
        self.number += 1
        return self.http.post(path, json=body, headers={"Idempotency-Key": f"t-{self.number}"})

    def report(self, code: str = "04-10", kind: str = "bike", cell: city.Cell = CELL) -> str:
        self.number += 1
        body = {"incident_id": f"inc-{self.number}", "case_class": kind, "class_code": code, "label": kind}
        case = self.post("/reports", **body, lat=cell.south + 1e-4, lon=cell.west + 1e-4)
        case_id = str(case.raise_for_status().json()["case_id"])
        if case.json()["state"] == "reported":
            self.post(f"/cases/{case_id}/confirm", person="Ms Li").raise_for_status()
        return case_id

    def case(self, case_id: str) -> dict[str, Any]:
        return dict(self.http.get(f"/cases/{case_id}").json())

    def crew(self, case_id: str, kind: str, note: str = "", order_id: str = "", version: int = 0) -> httpx.Response:
        case = self.case(case_id)
        body = {"op_id": f"{kind}{self.number}", "order_id": order_id or f"wo-{case_id}-{case['order_no']}"}
        body |= {"kind": kind, "note": note, "actor": case["crew"] or "nobody"}
        return self.post(f"/cases/{case_id}/ops", **body, base_version=version or case["order_version"])

    def events(self, kind: str = "") -> list[dict[str, Any]]:
        found = self.http.get("/events", params={"limit": 5000}).json()["events"]
        return [event for event in found if not kind or event["kind"] == kind]
