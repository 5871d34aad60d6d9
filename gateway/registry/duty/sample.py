"""A duty plan for the synthetic city: 64 areas with staggered shifts, night crews, leaders, police, volunteers."""

from datetime import date, time

from gateway.registry.city import City
from gateway.registry.duty.plan import Crew, Leader, Person, Plan, Rules, Shift

SINCE = date(2026, 1, 5)  # a Monday
STAGGER_MIN = (0, 20, 40)
NIGHT_CREWS = 2


def plan(city: City) -> Plan:
    """The same every time. Early and late crews of an area change with one another; a third of the areas starts at
    06:00, a third 20 and a third 40 minutes later, so that never all crews change at once."""
    shifts = [*_staggered(), Shift(name="night", start=time(21, 30), end=time(6, 50))]
    shifts += [Shift(name="day", start=time(7), end=time(19)), Shift(name="dark", start=time(19), end=time(7))]
    shifts += [Shift(name="office", start=time(8, 30), end=time(17, 30), days="work")]
    shifts += [Shift(name="market", start=time(7), end=time(12), days="rest")]
    crews = [crew for n, area in enumerate(city.patrol_areas) for crew in _of_area(n, area)]
    leaders = [_leader("leader-city", "Ms Shen", [], ["day+dark"])]
    for number, district in enumerate(city.districts, 1):
        areas = sorted({c.patrol_area for c in city.cells if c.code[:6] == district.code})
        crews += _of_district(number, areas)
        leaders += [
            _leader(f"leader-{number}-{turn}", f"Leader {number}{turn}", [district.code], cycle)
            for turn, cycle in (("a", ["day", "dark", ""]), ("b", ["dark", "", "day"]), ("c", ["", "day", "dark"]))
        ]
    people = [Person(name="Ms Shen", may=["approve", "handover", "callout", "joint", "lead"])]
    people += [Person(name="Mr Qian", may=["approve"])]
    rules = Rules(load_max=60, approve=["extend", "suspend"])
    return Plan(
        version="sample-1", city=city.name, rules=rules, shifts=shifts, crews=crews, leaders=leaders, people=people
    )


def _staggered() -> list[Shift]:
    found = []
    for place, minutes in enumerate(STAGGER_MIN, 1):
        early, late = (time(6, minutes), time(14, minutes)), (time(14, minutes), time(22, minutes))
        found += [Shift(name=f"early-{place}", start=early[0], end=early[1])]
        found += [Shift(name=f"late-{place}", start=late[0], end=late[1])]
    return found


def _of_area(n: int, area: str) -> list[Crew]:
    place = n % len(STAGGER_MIN) + 1
    early, late = f"early-{place}", f"late-{place}"
    turns = {"a": [early, late], "b": [late, early]}
    return [Crew(name=f"crew-{area}-{name}", areas=[area], cycle=turn, since=SINCE) for name, turn in turns.items()]


def _of_district(number: int, areas: list[str]) -> list[Crew]:
    night = [
        Crew(name=f"night-{number}-{n}", areas=areas, cycle=["night"], since=SINCE) for n in range(1, NIGHT_CREWS + 1)
    ]
    police = Crew(name=f"police-{number}", kind="police", areas=areas, cycle=["day+dark"], since=SINCE)
    cycle = ["office", "office", "office", "office", "office", "market", "market"]
    helpers = Crew(
        name=f"volunteers-{number}",
        kind="volunteers",
        areas=areas,
        classes=["poster", "bike", "litter"],
        cycle=cycle,
        since=SINCE,
    )
    return [*night, police, helpers]


def _leader(name: str, person: str, districts: list[str], cycle: list[str]) -> Leader:
    return Leader(name=name, person=person, districts=districts, cycle=cycle, since=SINCE)
