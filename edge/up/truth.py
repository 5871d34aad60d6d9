"""The sample street's truth beside what the gateway made of it: which events became exactly one incident."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pymap3d

NEAR_M = 3.0
SLACK = timedelta(seconds=3)
BEFORE = timedelta(seconds=30)
SETTLE_S = 12.0


@dataclass(frozen=True)
class Match:
    """`due`: events that stayed long enough before the end to be filed; `exact`: those with exactly one incident;
    `extra`: incidents that belong to no event that should be filed."""

    due: int
    exact: int
    missed: list[str]
    doubled: list[str]
    extra: list[str]

    def to_dict(self) -> dict[str, Any]:
        """For the JSON summary."""
        return {
            "due": self.due,
            "exactly_one": self.exact,
            "missed": self.missed,
            "doubled": self.doubled,
            "extra": self.extra,
        }


def read_truth(path: Path) -> list[dict[str, Any]]:
    """The event lines of a truth file, in time order."""
    return [line for line in _lines(path) if line.get("type") == "event"]


def read_header(path: Path) -> dict[str, Any]:
    """The first line: size, camera, calibration points, zones."""
    return _lines(path)[0]


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def match(
    events: Iterable[dict[str, Any]], incidents: Iterable[dict[str, Any]], began: datetime, ended: datetime
) -> Match:
    """Pair events and incidents by class, ground distance (NEAR_M) and time.

    An event is due when the kiosk could see it for SETTLE_S between `began` and `ended`; one that could be seen for
    less may be filed or not. Incidents from long before `began` (a kept data folder) do not count.
    """
    should = [e for e in events if e["should_file"] and _until(e) > began and _since(e) < ended]
    found: dict[str, list[str]] = {e["id"]: [] for e in should}
    extra: list[str] = []
    for incident in incidents:
        if datetime.fromisoformat(incident["first_seen"]) < began - BEFORE:
            continue
        near = [e for e in should if _same(e, incident)]
        if near:
            found[min(near, key=lambda e: _distance_m(e, incident))["id"]].append(incident["incident_id"])
        else:
            extra.append(str(incident["incident_id"]))
    due = [e["id"] for e in should if (min(_until(e), ended) - max(_since(e), began)).total_seconds() >= SETTLE_S]
    return Match(
        due=len(due),
        exact=sum(len(found[i]) == 1 for i in due),
        missed=[i for i in due if not found[i]],
        doubled=[i for i, names in found.items() if len(names) > 1],
        extra=extra,
    )


def _same(event: dict[str, Any], incident: dict[str, Any]) -> bool:
    if event["class"] != incident["case_class"] or _distance_m(event, incident) > NEAR_M:
        return False
    first = datetime.fromisoformat(incident["first_seen"])
    return _since(event) - SLACK <= first <= _until(event) + SLACK


def _distance_m(event: dict[str, Any], incident: dict[str, Any]) -> float:
    east, north, _ = pymap3d.geodetic2enu(event["lat"], event["lon"], 0, incident["lat"], incident["lon"], 0)
    return float((east**2 + north**2) ** 0.5)


def _since(event: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(event["from_utc"])


def _until(event: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(event["to_utc"])
