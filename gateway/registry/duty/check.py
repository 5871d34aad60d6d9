"""What is wrong with a duty plan: one clear line for each fault, with what to do."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from edge.link.settings import SettingsError
from gateway.registry.city import City
from gateway.registry.clocks import BEIJING, Calendar
from gateway.registry.duty.plan import ANY_CLASS, CENTRE, Crew, Plan, Turn
from gateway.registry.duty.plan import read as read_file
from gateway.registry.duty.roster import Roster, names
from gateway.registry.standard import Standard

FAULTS_MAX = 200
WEEK_STEPS = 7 * 48


def read(path: Path, city: City | None, standard: Standard) -> Plan:
    """A plan without faults. Raises SettingsError with the first fault and how many there are."""
    plan = read_file(path)
    found = problems(plan, city, standard)
    if found:
        more = f" (and {len(found) - 1} more: `zhuomu registry duty check {path}`)" if len(found) > 1 else ""
        raise SettingsError(f"{path}: {found[0]}{more}")
    return plan


def problems(plan: Plan, city: City | None, standard: Standard) -> list[str]:
    """At most FAULTS_MAX lines."""
    found = [*_doubles(plan), *_turns(plan), *_swaps(plan), *_rules(plan), *_classes(plan, standard)]
    found += _places(plan, city) if city else []
    if not found:
        found += _leaderless(plan, standard.work_time.calendar)
    return found[:FAULTS_MAX]


def gaps(plan: Plan, calendar: Calendar) -> list[str]:
    """Patrol areas without a crew of their own at some hour of a week: allowed (the next ring has it), but shown."""
    roster, start = Roster(plan, calendar), _start(plan)
    hours: Counter[str] = Counter()
    areas = {area for crew in plan.crews if crew.kind == "city" for area in crew.areas}
    for step in range(7 * 24):
        there = {area for crew in roster.crews(start + timedelta(hours=step)) for area in crew.areas}
        hours.update(areas - there)
    return [f"area {area}: {many} of 168 hours without a crew of its own" for area, many in sorted(hours.items())]


def _doubles(plan: Plan) -> Iterator[str]:
    logs = [who.name for who in (*plan.crews, *plan.leaders)] + [CENTRE]
    lists = {"crews and leaders": logs, "shifts": [s.name for s in plan.shifts]}
    lists["people"] = [person.name for person in plan.people]
    for what, given in lists.items():
        for name, many in Counter(given).items():
            if many > 1:
                hint = " ('centre' is the centre's own log)" if name == CENTRE else ""
                yield f"{what}: '{name}' stands there {many} times{hint}; give each its own name"
    for shift in plan.shifts:
        if "+" in shift.name:
            yield f"shift '{shift.name}': + joins two shifts of a day; choose another name"


def _turns(plan: Plan) -> Iterator[str]:
    everyone: list[Turn] = [*plan.crews, *plan.leaders]
    for who in everyone:
        known = plan.shift_by_name
        unknown = sorted({name for day in who.cycle for name in names(day) if name not in known})
        for name in unknown:
            yield f"{_what(who)} '{who.name}': no shift '{name}'; name one of [[shifts]]"
        if not any(who.cycle):
            yield f"{_what(who)} '{who.name}': its cycle has no shift at all; add one or leave it out"


def _swaps(plan: Plan) -> Iterator[str]:
    known = {who.name for who in (*plan.crews, *plan.leaders)}
    for swap in plan.swaps:
        if swap.who not in known:
            yield f"swap of {swap.day}: no crew or leader '{swap.who}'; mend the name"
        for name in names(swap.shifts):
            if name not in plan.shift_by_name:
                yield f"swap of {swap.day}: no shift '{name}'; name one of [[shifts]]"
    for (who, day), many in Counter((swap.who, swap.day) for swap in plan.swaps).items():
        if many > 1:
            yield f"swap of {day}: '{who}' stands there {many} times; join its shifts with +"


def _rules(plan: Plan) -> Iterator[str]:
    crew, leader, centre = plan.rules.shares
    if not 0 < crew < leader < centre < 1:
        yield f"rules: shares {crew:g}, {leader:g}, {centre:g} must rise between 0 and 1: crew, leader, centre"
    if plan.rules.approve and not any("approve" in person.may for person in plan.people):
        yield 'rules: approve names what a person must grant, but nobody may: give one of [[people]] may = ["approve"]'


def _classes(plan: Plan, standard: Standard) -> Iterator[str]:
    known = {ANY_CLASS, *(c.code for c in standard.classes), *(c.case_class for c in standard.classes)} - {""}
    for crew in plan.crews:
        for one in crew.classes:
            if one not in known:
                yield f"crew '{crew.name}': no class '{one}' in standard {standard.version}; see its table"


def _places(plan: Plan, city: City) -> Iterator[str]:
    areas, districts = set(city.patrol_areas), {d.code for d in city.districts}
    for crew in plan.crews:
        for area in crew.areas:
            if area not in areas:
                yield f"crew '{crew.name}': no patrol area '{area}' in {city.name}; see the city's file"
    for leader in plan.leaders:
        for district in leader.districts:
            if district not in districts:
                yield f"leader '{leader.name}': no district '{district}' in {city.name}; see the city's file"
    covered = {area for crew in plan.crews if crew.kind == "city" for area in crew.areas}
    for area in sorted(areas - covered):
        yield f"patrol area '{area}': no crew has it; add it to one"


def _leaderless(plan: Plan, calendar: Calendar) -> Iterator[str]:
    """Half hours of a week in which nobody leads the city: there must always be somebody to tell."""
    roster, start, since = Roster(plan, calendar), _start(plan), ""
    for step in range(WEEK_STEPS + 1):
        at = start + timedelta(minutes=30 * step)
        covered = step == WEEK_STEPS or any(roster.until(leader, at) for leader in plan.leaders)
        if not covered and not since:
            since = f"{at:%Y-%m-%d %H:%M}"
        if covered and since:
            yield f"leaders: nobody on duty from {since} to {at:%Y-%m-%d %H:%M}; give a leader that shift"
            since = ""


def _start(plan: Plan) -> datetime:
    """The first day on which every turn has begun."""
    first = max((who.since for who in (*plan.crews, *plan.leaders)), default=None)
    return datetime.combine(first, datetime.min.time(), BEIJING) + timedelta(days=1) if first else _EPOCH


_EPOCH = datetime(2026, 1, 5, tzinfo=BEIJING)


def _what(who: Turn) -> str:
    return "crew" if isinstance(who, Crew) else "leader"
