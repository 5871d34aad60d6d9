"""When a thing that stays becomes a candidate: class x zone x permit x dwell, as versioned data (TOML)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from msgspec import Meta, Struct
from shapely.geometry import Point, Polygon

from edge.watch.boxes import foot
from edge.watch.places import Spot
from edge.wire import CaseClass

EDGE_SHARE = 0.015  # of the picture: boxes are not exact, and between two zones there is a kerb
LOCAL_TIME = ZoneInfo("Asia/Shanghai")
Hours = Annotated[str, Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)$")]


class Zone(Struct, frozen=True, forbid_unknown_fields=True):
    """A part of one camera's picture. `polygon`: corners as shares of width and height, 0 to 1."""

    name: str
    kind: str
    polygon: Annotated[list[tuple[float, float]], Meta(min_length=3)]


class Permit(Struct, frozen=True, forbid_unknown_fields=True):
    """What is legal in a kind of zone, and during which local hours (a span may pass midnight)."""

    name: str
    case_class: CaseClass
    zone: str
    hours: Hours = "00:00-24:00"


class Rule(Struct, frozen=True, forbid_unknown_fields=True):
    """One line of the law in terms that a camera can check. `zones`: kinds; an empty list means anywhere."""

    name: str
    case_class: CaseClass
    class_code: str
    labels: Annotated[list[str], Meta(min_length=1)]
    dwell_s: Annotated[float, Meta(ge=0)]
    zones: list[str] = []
    score_min: Annotated[float, Meta(ge=0, le=1)] = 0.35
    presence_min: Annotated[float, Meta(ge=0, le=1)] = 0.5
    sightings_min: Annotated[int, Meta(ge=1)] = 3
    height_px_min: Annotated[float, Meta(ge=0)] = 0.0


class RuleBook(Struct, frozen=True, forbid_unknown_fields=True):
    """A version of the rules. The first rule that fits a thing's label and zone decides."""

    version: Annotated[str, Meta(min_length=1, max_length=64)]
    rule: Annotated[list[Rule], Meta(min_length=1)]
    permit: list[Permit] = []


@dataclass(frozen=True)
class Decision:
    """`file`: a candidate is due. `why` names the rule's clause that decided, in words."""

    file: bool
    why: str
    rule: Rule | None = None
    zone: str = ""


def decide(book: RuleBook, spot: Spot, zones: list[Zone], now: datetime) -> Decision:
    """Whether this thing in this place is a candidate now. Pure; `now` is aware. A camera for which no zones are drawn
    is one zone that fits every rule."""
    inside = [z for z in zones if _contains(z, spot)]
    permit = _permit(book, spot, inside, now)
    if permit is not None:
        return Decision(False, f"permitted by {permit.name}", zone=permit.zone)
    for rule in book.rule:
        if spot.case_class == rule.case_class and spot.label in rule.labels:
            zone = _zone_for(rule, inside) if zones else "anywhere"
            if zone is not None:
                return _clauses(rule, spot, zone)
    return Decision(False, "no rule for this label in this zone")


def _clauses(rule: Rule, spot: Spot, zone: str) -> Decision:
    checks = (
        (spot.dwell_s >= rule.dwell_s, f"dwell {spot.dwell_s:.1f} s of {rule.dwell_s:g} s"),
        (spot.hits >= rule.sightings_min, f"{spot.hits} of {rule.sightings_min} sightings"),
        (spot.score >= rule.score_min, f"score {spot.score:.2f} under {rule.score_min:g}"),
        (spot.presence >= rule.presence_min, f"presence {spot.presence:.2f} under {rule.presence_min:g}"),
        (spot.box[3] - spot.box[1] >= rule.height_px_min, f"lower than {rule.height_px_min:g} px"),
    )
    for holds, words in checks:
        if not holds:
            return Decision(False, words, rule, zone)
    return Decision(True, f"{rule.name}: {spot.dwell_s:.1f} s in {zone}", rule, zone)


def _zone_for(rule: Rule, inside: list[Zone]) -> str | None:
    if not rule.zones:
        return inside[0].kind if inside else "anywhere"
    return next((z.kind for z in inside if z.kind in rule.zones), None)


def _permit(book: RuleBook, spot: Spot, inside: list[Zone], now: datetime) -> Permit | None:
    kinds = {z.kind for z in inside}
    minute = now.astimezone(LOCAL_TIME).strftime("%H:%M")
    for permit in book.permit:
        if permit.case_class == spot.case_class and permit.zone in kinds and _in_hours(permit.hours, minute):
            return permit
    return None


def _in_hours(hours: str, minute: str) -> bool:
    start, end = hours.split("-")
    return start <= minute < end if start <= end else minute >= start or minute < end


def _contains(zone: Zone, spot: Spot) -> bool:
    """A poster hangs: its middle counts. Everything else stands: its foot counts, give or take EDGE_SHARE."""
    x1, y1, x2, y2 = spot.box
    x, y = ((x1 + x2) / 2, (y1 + y2) / 2) if spot.case_class == "poster" else foot(spot.box)
    return bool(Polygon(zone.polygon).distance(Point(x / spot.frame_width, y / spot.frame_height)) <= EDGE_SHARE)
