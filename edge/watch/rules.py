"""When a thing that stays becomes a candidate: class x zone x time x permit x dwell, as versioned data (TOML)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct
from shapely.geometry import Point, Polygon

from edge.watch.boxes import area, foot
from edge.watch.daytime import ALL_DAY, GRACE_S_MAX, LOCAL_TIME, Calendar, Day, Hours, holds
from edge.watch.places import Spot
from edge.watch.standard import Standard
from edge.wire import Candidate, CaseClass

EDGE_SHARE = 0.015  # of the picture: boxes are not exact, and between two zones there is a kerb
# Street classes as cities grade their streets: main_street 主干道, strictly_banned 严禁区, strictly_controlled 严控区,
# regulated 规范区, back_lane 背街小巷.
StreetClass = Literal["", "main_street", "strictly_banned", "strictly_controlled", "regulated", "back_lane"]
Confirmed = Callable[[float], int]


class Zone(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A part of one camera's picture. `polygon`: corners as shares of width and height, 0 to 1; `street`: how the city
    grades the street there, "" where it does not matter."""

    name: str
    kind: str
    polygon: Annotated[list[tuple[float, float]], Meta(min_length=3, max_length=100)]
    street: StreetClass = ""


class DrawnZone(Zone, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """A zone that the rule file draws for one camera; it takes the place of the kiosk's zone of the same name."""

    camera: str


class Permit(Struct, frozen=True, forbid_unknown_fields=True):
    """What is legal in a kind of zone, and during which local hours (a span may pass midnight).

    `places`: names of the zones for which it was given, an empty list means every zone of that kind; `grace_s`: time to
    clear up after the hours; `since`, `until`: first and last local day.
    """

    name: str
    case_class: CaseClass
    zone: str
    hours: Hours = ALL_DAY
    days: list[Day] = []
    places: list[str] = []
    grace_s: Annotated[float, Meta(ge=0, le=GRACE_S_MAX)] = 0.0
    since: date | None = None
    until: date | None = None


class Rule(Struct, frozen=True, forbid_unknown_fields=True):
    """One line of the law in terms that a camera can check. `zones`: kinds, `streets`: classes, `hours` and `days`:
    when it holds; an empty list means anywhere, always.

    `area_share_min`: of the picture. `confirmations_min`: so many sightings, each at least `confirm_every_s` after the
    one that counted before it.
    """

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
    area_share_min: Annotated[float, Meta(ge=0, le=1)] = 0.0
    streets: list[StreetClass] = []
    hours: list[Hours] = []
    days: list[Day] = []
    confirmations_min: Annotated[int, Meta(ge=1, le=1000)] = 1
    confirm_every_s: Annotated[float, Meta(ge=0, le=86400)] = 60.0


class RuleBook(Struct, frozen=True, forbid_unknown_fields=True):
    """A version of the rules. The first rule that fits a thing's label, zone and the time decides.

    `standard`: path of the city's table, beside the rule file; who reads the file fills in `table`. `holidays` and
    `workdays` overrule the published calendar.
    """

    version: Annotated[str, Meta(min_length=1, max_length=64)]
    rule: Annotated[list[Rule], Meta(min_length=1, max_length=1000)]
    permit: Annotated[list[Permit], Meta(max_length=1000)] = []
    standard: str = ""
    zone: Annotated[list[DrawnZone], Meta(max_length=10_000)] = []
    holidays: list[date] = []
    workdays: list[date] = []
    table: Standard | None = None

    @property
    def calendar(self) -> Calendar:
        """Which days are worked."""
        return Calendar(frozenset(self.holidays), frozenset(self.workdays))

    def zones_of(self, camera: str, drawn: list[Zone]) -> list[Zone]:
        """The zones of a camera: those of the kiosk's file, and this file's own over them, by name."""
        own: list[Zone] = [zone for zone in self.zone if zone.camera == camera]
        names = {zone.name for zone in own}
        return [zone for zone in drawn if zone.name not in names] + own if own else drawn


@dataclass(frozen=True)
class Decision:
    """`file`: a candidate is due. `why` names the rule's clause that decided, in words."""

    file: bool
    why: str
    rule: Rule | None = None
    zone: str = ""


def once(every_s: float) -> int:
    """How often a thing was confirmed, for those who count no confirmations: it is seen now."""
    return 1


def decide(book: RuleBook, spot: Spot, zones: list[Zone], now: datetime, confirmed: Confirmed = once) -> Decision:
    """Whether this thing in this place is a candidate now. Pure; `now` is aware. A camera for which no zones are drawn
    is one zone that fits every rule. `confirmed`: how often it was seen at least so many seconds apart, with now."""
    zones = book.zones_of(spot.camera, zones)
    inside = [z for z in zones if _contains(z, spot)]
    permit = _permit(book, spot, inside, now)
    if permit is not None:
        return Decision(False, f"permitted by {permit.name}", zone=permit.zone)
    at_this_time = ""
    for rule in book.rule:
        if spot.case_class != rule.case_class or spot.label not in rule.labels:
            continue
        zone = _zone_for(rule, inside) if zones else "anywhere"
        if zone is None:
            continue
        if _in_time(rule, book, now):
            return _clauses(rule, spot, zone, confirmed)
        at_this_time = " at this time"
    return Decision(False, f"no rule for this label in this zone{at_this_time}")


def under_standard(candidate: Candidate, book: RuleBook) -> Candidate:
    """The candidate with its class's filing condition, time limit and deadline, where the city's table is given."""
    table = book.table
    found = table.find(candidate.class_code) if table is not None else None
    if table is None or found is None:
        return candidate
    return msgspec.structs.replace(
        candidate,
        standard=f"{table.city} {table.version}",
        filing_condition=found.condition,
        limit=found.limit_words,
        deadline=found.deadline(candidate.last_seen),
    )


def _clauses(rule: Rule, spot: Spot, zone: str, confirmed: Confirmed) -> Decision:
    share = area(spot.box) / (spot.frame_width * spot.frame_height)
    times = confirmed(rule.confirm_every_s) if rule.confirmations_min > 1 else 1
    checks = (
        (spot.dwell_s >= rule.dwell_s, f"dwell {spot.dwell_s:.1f} s of {rule.dwell_s:g} s"),
        (spot.hits >= rule.sightings_min, f"{spot.hits} of {rule.sightings_min} sightings"),
        (spot.score >= rule.score_min, f"score {spot.score:.2f} under {rule.score_min:g}"),
        (spot.presence >= rule.presence_min, f"presence {spot.presence:.2f} under {rule.presence_min:g}"),
        (spot.box[3] - spot.box[1] >= rule.height_px_min, f"lower than {rule.height_px_min:g} px"),
        (share >= rule.area_share_min, f"smaller than {rule.area_share_min:g} of the picture"),
        (times >= rule.confirmations_min, f"confirmed {times} of {rule.confirmations_min} times"),
    )
    for passed, words in checks:
        if not passed:
            return Decision(False, words, rule, zone)
    return Decision(True, f"{rule.name}: {spot.dwell_s:.1f} s in {zone}", rule, zone)


def _zone_for(rule: Rule, inside: list[Zone]) -> str | None:
    graded = [z for z in inside if not rule.streets or z.street in rule.streets]
    if not rule.zones:
        return graded[0].kind if graded else (None if rule.streets else "anywhere")
    return next((z.kind for z in graded if z.kind in rule.zones), None)


def _in_time(rule: Rule, book: RuleBook, now: datetime) -> bool:
    return not (rule.hours or rule.days) or holds(rule.hours, rule.days, book.calendar, now)


def _permit(book: RuleBook, spot: Spot, inside: list[Zone], now: datetime) -> Permit | None:
    for permit in book.permit:
        if permit.case_class == spot.case_class and _given_for(permit, inside) and _valid(permit, book, now):
            return permit
    return None


def _given_for(permit: Permit, inside: list[Zone]) -> bool:
    return any(z.kind == permit.zone and (not permit.places or z.name in permit.places) for z in inside)


def _valid(permit: Permit, book: RuleBook, now: datetime) -> bool:
    today = now.astimezone(LOCAL_TIME).date()
    if (permit.since and today < permit.since) or (permit.until and today > permit.until):
        return False
    return holds([permit.hours], permit.days, book.calendar, now, permit.grace_s)


def _contains(zone: Zone, spot: Spot) -> bool:
    """A poster hangs: its middle counts. Everything else stands: its foot counts, give or take EDGE_SHARE."""
    x1, y1, x2, y2 = spot.box
    x, y = ((x1 + x2) / 2, (y1 + y2) / 2) if spot.case_class == "poster" else foot(spot.box)
    return bool(Polygon(zone.polygon).distance(Point(x / spot.frame_width, y / spot.frame_height)) <= EDGE_SHARE)
