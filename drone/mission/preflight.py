"""May this plan be flown now? Every check with its answer in Chinese and English, every refusal with its reason.

The checks read the plan itself, not what planned it: a plan that came back from a file is checked the same way.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import shapely
from shapely.geometry import LineString, Polygon

from drone.mission.aircraft import Aircraft, Pace, Wind
from drone.mission.errors import PlanError
from drone.mission.frame import Frame, Point
from drone.mission.law import Law
from drone.mission.plan import Flight, Plan, Ring, frame_of, points_of, region_of

ROUNDING_M = 0.05
LOCAL = ZoneInfo("Asia/Shanghai")


class Permission(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An approval to fly: its number, from when to when (with an offset), how high, and over which ground (a ring of
    (latitude, longitude) in 1e-7 degrees; empty: where is not limited)."""

    number: str
    start: datetime
    end: datetime
    height_max_m: float = 120.0
    over: Ring = ()


class Conditions(msgspec.Struct, frozen=True):
    """What is so on the day. start: take-off of the first flight, UTC; swap_s: on the ground between flights."""

    start: datetime
    aircraft: Aircraft = Aircraft()
    wind: Wind = Wind()
    law: Law = Law()
    permission: Permission | None = None
    remote_id: bool = False
    swap_s: float = 300.0


class Finding(msgspec.Struct, frozen=True):
    """One check's answer. code: height, zones, battery, permission or remote_id."""

    code: str
    ok: bool
    zh: str
    en: str


def preflight(plan: Plan, on: Conditions) -> tuple[Finding, ...]:
    """All checks, in the order in which a pilot asks. An empty plan raises PlanError."""
    if not plan.flights or not all(f.waypoints for f in plan.flights):
        raise PlanError("the plan has no flight; plan again")
    return (_height(plan, on.law), _zones(plan, on.law), _battery(plan, on), _permission(plan, on), _remote_id(on))


def times_s(plan: Plan, on: Conditions) -> list[float]:
    """Seconds from take-off to landing of each flight. Raises PlanError when the wind is too strong."""
    frame = frame_of(plan)
    return [_time_s(flight, frame, on) for flight in plan.flights]


def _time_s(flight: Flight, frame: Frame, on: Conditions) -> float:
    pace = Pace(on.aircraft, on.wind, flight.speed_mps)
    holds = sum(w.hold_s for w in flight.waypoints)
    return pace.up_and_down_s(flight.height_m) + pace.way_s(_way(flight, frame)) + holds


def _way(flight: Flight, frame: Frame) -> list[Point]:
    """All of it: home, waypoints, home."""
    home = frame.of_e7([flight.home])
    return [*home, *points_of(flight, frame), *home]


def _height(plan: Plan, law: Law) -> Finding:
    top = max(max(w.height_m for w in f.waypoints) for f in plan.flights)
    top = max(top, *(f.height_m for f in plan.flights))
    if top > law.height_max_m:
        zh = f"拒绝:最高{top:g}米,超过真高上限{law.height_max_m:g}米({law.height_cite_zh})"
        en = f"refused: up to {top:g} m, above the limit of {law.height_max_m:g} m ({law.height_cite_en})"
        return Finding("height", False, zh, en)
    datum = all(f.above == "ground" for f in plan.flights)
    zh = f"最高{top:g}米,上限{law.height_max_m:g}米" + ("(随地形)" if datum else "(自起飞点起算,地形起伏须另行核对)")
    counted = "above the ground" if datum else "above the take-off place; check the terrain"
    return Finding("height", True, zh, f"up to {top:g} m of {law.height_max_m:g} m, counted {counted}")


def outside_m(plan: Plan) -> list[float]:
    """Metres of each flight that lie outside the fence or in a zone, rounding of 5 cm forgiven."""
    frame = frame_of(plan)
    region = region_of(plan.fence, frame).buffer(ROUNDING_M)
    return [float(LineString(_way(flight, frame)).difference(region).length) for flight in plan.flights]


def _zones(plan: Plan, law: Law) -> Finding:
    outside = outside_m(plan)
    if bad := [n for n, metres in enumerate(outside, start=1) if metres > 0]:
        total, which = sum(outside), ", ".join(map(str, bad))
        zh = f"拒绝:第{which}架次有{total:.0f}米航线在围栏外或禁飞区内({law.zones_cite_zh})"
        en = f"refused: {total:.0f} m of flight {which} lie outside the fence or in a no-fly zone ({law.zones_cite_en})"
        return Finding("zones", False, zh, en)
    return Finding("zones", True, "航线全部在围栏内、禁飞区外", "all of it inside the fence and outside no-fly zones")


def _battery(plan: Plan, on: Conditions) -> Finding:
    craft = on.aircraft
    try:
        times = times_s(plan, on)
    except PlanError as error:
        return Finding("battery", False, f"拒绝:风速{on.wind.speed_mps:g}米/秒过大,无法保证返航", f"refused: {error}")
    longest = max(times)
    left = 1 - longest / craft.endurance_s
    which = times.index(longest) + 1
    if longest > craft.usable_s:
        zh = f"拒绝:第{which}架次需{longest:.0f}秒,留余量{craft.reserve:.0%}后可用{craft.usable_s:.0f}秒"
        en = (
            f"refused: flight {which} takes {longest:.0f} s, {craft.usable_s:.0f} s are usable before the reserve of "
            f"{craft.reserve:.0%}"
        )
        return Finding("battery", False, zh, en)
    zh = f"最长架次{longest:.0f}秒,着陆余电{left:.0%}(要求{craft.reserve:.0%})"
    return Finding(
        "battery", True, zh, f"longest flight {longest:.0f} s, {left:.0%} left on landing (asked {craft.reserve:.0%})"
    )


def _permission(plan: Plan, on: Conditions) -> Finding:
    law, given = on.law, on.permission
    if not law.permission_needed:
        return Finding("permission", True, "无需批准", "no approval needed")
    if given is None:
        zh, en = f"拒绝:没有飞行批准({law.permission_cite_zh})", f"refused: no approval ({law.permission_cite_en})"
        return Finding("permission", False, zh, en)
    for zh, en in _against(plan, on, given):
        return Finding("permission", False, f"拒绝:{zh}", f"refused: {en}")
    window = f"{_clock(given.start)}–{_clock(given.end)}"
    return Finding("permission", True, f"批准{given.number},{window}", f"approval {given.number}, {window}")


def _airborne_s(plan: Plan, on: Conditions) -> float:
    """All flights together; in a wind too strong to fly, which the battery's check refuses, as if there were none."""
    try:
        return sum(times_s(plan, on))
    except PlanError:
        return sum(times_s(plan, msgspec.structs.replace(on, wind=Wind())))


def _against(plan: Plan, on: Conditions, given: Permission) -> Iterator[tuple[str, str]]:
    """Reasons why an approval does not hold for a plan."""
    if given.start.tzinfo is None or given.end.tzinfo is None:
        yield "批准时间未写时区", "the approval's times name no time zone"
        return
    end = on.start + timedelta(seconds=_airborne_s(plan, on) + on.swap_s * (len(plan.flights) - 1))
    window = f"{_clock(given.start)}–{_clock(given.end)}"
    if on.start < given.start or end > given.end:
        flown = f"{_clock(on.start)}–{_clock(end)}"
        yield (
            f"批准{given.number}有效期{window},计划飞行{flown}",
            f"approval {given.number} holds {window}, the plan takes {flown}",
        )
    top = max(w.height_m for f in plan.flights for w in f.waypoints)
    if top > given.height_max_m:
        yield (
            f"批准{given.number}限高{given.height_max_m:g}米,计划{top:g}米",
            f"approval {given.number} allows {given.height_max_m:g} m, the plan flies at {top:g} m",
        )
    frame = frame_of(plan)
    if given.over:
        ground = Polygon(frame.of_e7(given.over)).buffer(ROUNDING_M)
        if not all(shapely.covers(ground, LineString(_way(flight, frame))) for flight in plan.flights):
            yield f"航线超出批准{given.number}的范围", f"the plan leaves the ground of approval {given.number}"


def _clock(at: datetime) -> str:
    return at.astimezone(LOCAL).strftime("%Y-%m-%d %H:%M")


def _remote_id(on: Conditions) -> Finding:
    law = on.law
    if not law.remote_id_needed or on.remote_id:
        return Finding("remote_id", True, "识别信息发送已开启", "remote identification is on")
    zh = f"拒绝:识别信息发送未开启({law.remote_id_cite_zh})"
    return Finding("remote_id", False, zh, f"refused: remote identification is off ({law.remote_id_cite_en})")
