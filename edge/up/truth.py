"""The sample street's truth beside what the gateway made of it: which events became exactly one incident."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pymap3d
from scipy.optimize import linear_sum_assignment

from edge.watch.boxes import Box, area, iou, overlap

NEAR_M = 3.0
WITHIN_MIN = 0.5  # of the smaller box; places of the street share at most a tenth of the smaller one
UNLIKE = 1000.0  # dearer than any number of real pairs
CORNERS = ("x1", "y1", "x2", "y2")
SLACK = timedelta(seconds=3)
BEFORE = timedelta(seconds=30)
SETTLE_S = 12.0


@dataclass(frozen=True)
class Match:
    """`due`: events that stayed long enough before the end to be filed; `exact`: those with exactly one incident;
    `doubled`: events whose thing was filed more than once; `extra`: incidents that show no event's thing."""

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
    """Pair events and incidents one to one by class, time, ground place (NEAR_M) and the box in the picture.

    An incident that is left over is a double when it shows the very thing of an event that has its own; otherwise it is
    extra: another thing of that class called so, such as a heap taken for a bicycle, however near a real one.
    An event is due when the kiosk could see it for SETTLE_S between `began` and `ended`; one that could be seen for
    less may be filed or not. Incidents from long before `began` (a kept data folder) do not count.
    """
    should = [e for e in events if e["should_file"] and _until(e) > began and _since(e) < ended]
    made = [i for i in incidents if datetime.fromisoformat(i["first_seen"]) >= began - BEFORE]
    gaps = np.array([[_gap(e, i) for i in made] for e in should]).reshape(len(should), len(made))
    pairs = [(e, i) for e, i in zip(*linear_sum_assignment(gaps), strict=True) if gaps[e, i] < UNLIKE]
    left = set(range(len(made))) - {i for _, i in pairs}
    again = {i for i in left if len(should) and gaps[:, i].min() < UNLIKE}
    found = {should[e]["id"] for e, _ in pairs}
    twice = {should[int(gaps[:, i].argmin())]["id"] for i in again}
    due = [e["id"] for e in should if (min(_until(e), ended) - max(_since(e), began)).total_seconds() >= SETTLE_S]
    return Match(
        due=len(due),
        exact=sum(i in found and i not in twice for i in due),
        missed=[i for i in due if i not in found],
        doubled=[e["id"] for e in should if e["id"] in twice],
        extra=[str(made[i]["incident_id"]) for i in sorted(left - again)],
    )


def _gap(event: dict[str, Any], incident: dict[str, Any]) -> float:
    """How unlike the thing of an event an incident looks, 0 to 1; UNLIKE when it is not that thing."""
    first = datetime.fromisoformat(incident["first_seen"])
    in_time = _since(event) - SLACK <= first <= _until(event) + SLACK
    if not in_time or event["class"] != incident["case_class"] or _distance_m(event, incident) > NEAR_M:
        return UNLIKE
    there = _box(event["box"])
    return min((_unlike(there, _box(w[k] for k in CORNERS)) for w in incident["witnesses"]), default=UNLIKE)


def _unlike(there: Box, seen: Box) -> float:
    """1 - IoU, as long as one box lies mostly in the other: the umbrella alone is the stall too."""
    smaller = min(area(there), area(seen))
    return 1.0 - iou(there, seen) if overlap(there, seen) > WITHIN_MIN * smaller else UNLIKE


def _box(corners: Iterable[float]) -> Box:
    x1, y1, x2, y2 = corners
    return (x1, y1, x2, y2)


def _distance_m(event: dict[str, Any], incident: dict[str, Any]) -> float:
    east, north, _ = pymap3d.geodetic2enu(event["lat"], event["lon"], 0, incident["lat"], incident["lon"], 0)
    return float((east**2 + north**2) ** 0.5)


def _since(event: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(event["from_utc"])


def _until(event: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(event["to_utc"])
